"""`labelbeam inspect`: read a raw dataset as a build would, count, and write nothing."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from msgspec import structs

from labelbeam.pipelines.command_line.options import FIELDS, add_options, make_config
from labelbeam.pipelines.command_line.parser import Parser
from labelbeam.pipelines.commands.command import Command
from labelbeam.pipelines.commands.convert import flags_of, show_run
from labelbeam.pipelines.terminal.streams import LOG, set_up_logging
from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.tasks import TASKS

if TYPE_CHECKING:
    from labelbeam.transforms.stores.location import StorageOptions

OF_CONVERT_ONLY = ("source", "output", "copy_images", "if_changed", "max_change", "accept_change", "shared_paths")
"""Options that `inspect` takes as an argument, or that have no effect where nothing is published."""


def _add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "sources",
        metavar="SOURCE",
        nargs="+",
        help="fsspec URL of the dataset: COCO file(s), JSON Lines, VOC tree or folder",
    )
    add_options(parser, [name for name in FIELDS if name not in OF_CONVERT_ONLY])


def _run(known: argparse.Namespace) -> int:
    flags = flags_of(known)
    config = make_config({"task": TASKS[0], **flags}, source=known.sources, output="nowhere")
    set_up_logging(config.json, known.storage)
    if "task" not in flags:
        config = with_usual_task(config, known.storage)
    from labelbeam.pipelines.runs.convert import inspect

    return show_run(config, lambda display: inspect(config, known.storage, display))


def with_usual_task(config: ConvertConfig, storage: StorageOptions) -> ConvertConfig:
    """The config with the task that the source says, or that is built most often from its format, to inspect it without a --task."""
    from labelbeam.transforms.plan.recognise import recognise

    found = recognise(config, storage)
    task = found.claim.task or found.format.usual_task
    LOG.info("no --task given, so it is inspected for %s", task)
    return structs.replace(config, task=task)


COMMAND = Command(
    "inspect",
    "show what is in a raw dataset, and what a build would reject or adjust; writes nothing",
    "SOURCE... [options]",
    _add_arguments,
    _run,
)
