"""`labelbeam inspect`: read a raw dataset as a build would, count, and write nothing."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from msgspec import structs

from labelbeam.pipelines.command_line.options import FIELDS, add_options, make_config, storage_options
from labelbeam.pipelines.command_line.parser import Parser
from labelbeam.pipelines.commands.command import Command
from labelbeam.pipelines.commands.convert import flags_of, show_run
from labelbeam.pipelines.terminal.streams import LOG, set_up_logging
from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.tasks import TASKS
from labelbeam.transforms.stores.small_files import read_small

if TYPE_CHECKING:
    from labelbeam.transforms.stores.location import StorageOptions

OF_CONVERT_ONLY = ("output", "copy_images", "if_changed", "max_change", "accept_change", "shared_paths")
"""Options that have no effect where nothing is published."""


def _add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="fsspec URL of the dataset: COCO file, JSON Lines, VOC tree, YOLO tree or folder; several as for convert; or a YAML config",
    )
    parser.add_argument(
        "--config", metavar="FILE", help="a YAML config of convert; a flag wins over it, and SOURCE over its sources"
    )
    add_options(parser, [name for name in FIELDS if name not in OF_CONVERT_ONLY])


def _run(known: argparse.Namespace) -> int:
    from labelbeam.pipelines.command_line.config_file import ConfigFile, read_config  # It loads YAML.

    flags = flags_of(known)
    path, sources = known.config, known.sources
    if path is None and len(sources) == 1 and _is_config(sources[0]):
        path, sources = sources[0], []
    file = read_config(path, FIELDS) if path is not None else ConfigFile()
    if sources:
        flags["source"] = [*sources, *flags.get("source", [])]
    elif "source" not in {*file.values, *flags}:
        where = f", neither here nor in {path}" if path is not None else ""
        raise UsageError(f"missing: SOURCE{where}; see labelbeam inspect --help")
    has_task = "task" in {*file.values, *flags}
    file = ConfigFile(file.path, {"task": TASKS[0], "output": "nowhere"} | file.values)
    config = make_config(flags, file)
    storage = known.storage = storage_options(config.storage_options)
    set_up_logging(config.json, storage)
    if not has_task:
        config = with_usual_task(config, storage)
    from labelbeam.pipelines.runs.convert import inspect

    return show_run(config, lambda display: inspect(config, storage, display))


def _is_config(source: str) -> bool:
    """Tell whether a source is a config of `convert`: a YAML file on this machine that says what is built, or from what."""
    if not source.lower().endswith((".yaml", ".yml")) or "://" in source:
        return False
    try:
        return re.search(rb"(?m)^\W{0,3}(?:task|source)[\"']?\s*:", read_small(source)) is not None
    except (OSError, ValueError):
        return False


def with_usual_task(config: ConvertConfig, storage: StorageOptions) -> ConvertConfig:
    """The config with the task that the source says, or that is built most often from its format, to inspect it without a --task."""
    from labelbeam.transforms.plan.recognise import recognise

    found = recognise(config, storage)
    task = found.claim.task or found.format.usual_task
    LOG.info("no --task given, so it is inspected for %s", task)
    return structs.replace(config, task=task)


COMMAND = Command(
    "inspect",
    "report what is in a raw dataset, and what a build would reject or adjust; writes nothing",
    "SOURCE... [options]",
    _add_arguments,
    _run,
)
