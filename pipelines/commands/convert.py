"""`labelbeam convert`: build a dataset and publish it."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import json

from labelbeam.pipelines.command_line.options import FIELDS, add_options, make_config, storage_options
from labelbeam.pipelines.command_line.parser import Parser, add_beam_options
from labelbeam.pipelines.commands.command import Command
from labelbeam.pipelines.runners.options import beam_arguments
from labelbeam.pipelines.terminal.streams import LOG, require_stdout, set_up_logging, write_stdout
from labelbeam.schemas.config import ConvertConfig

if TYPE_CHECKING:
    from labelbeam.pipelines.runners.requirements import PreparedJob
    from labelbeam.pipelines.runs.convert import Outcome
    from labelbeam.pipelines.terminal.display import Display
    from labelbeam.transforms.stores.location import StorageOptions

NOTES = """\
Options may also stand in a YAML config, as keys with _ for -; a flag wins over
the file, and --no-json and the like over a `true` there. Local paths are
relative to the directory in which the command runs, in the file as well.

Beam pipeline options may follow, or be keys of the config, as Beam spells them
(with _): --runner=FlinkRunner --flink_master=HOST:8081. Without --runner the
build runs in this process. What follows -- goes to the runner unchecked.

examples:
  labelbeam convert --task image_object_detection \\
      --source annotations/instances_train.json --images images \\
      --output built --split train=0.8,validation=0.2
  labelbeam convert labelbeam.yaml --if-changed --json
  labelbeam convert labelbeam.yaml --source s3://bucket/coco/*.json \\
      --storage-options @storage.json --runner=FlinkRunner

"""


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("config", nargs="?", metavar="CONFIG.yaml", help="a file with options; a flag wins over it")
    add_options(parser, FIELDS)
    add_beam_options(parser, FIELDS)


def _run(known: argparse.Namespace) -> int:
    from labelbeam.pipelines.command_line.config_file import ConfigFile, read_config  # It loads YAML.

    file = read_config(known.config, FIELDS) if known.config is not None else ConfigFile()
    config = make_config(flags_of(known), file)
    arguments = beam_arguments(file.beam, known.beam, known.runner_options)
    known.storage = storage_options(config.storage_options)
    return build(config, known.storage, arguments)


def flags_of(known: argparse.Namespace) -> dict[str, Any]:
    """The options of a build that were given on the command line."""
    return {name: value for name, value in vars(known).items() if name in FIELDS}


def build(config: ConvertConfig, storage: StorageOptions, arguments: Sequence[str]) -> int:
    """Build what a config says, on the runner that Beam's `arguments` name, and show what came of it; the exit status."""
    from labelbeam.pipelines.runners.clusters import check_endpoints
    from labelbeam.pipelines.runners.flags import is_dry_run
    from labelbeam.pipelines.runners.requirements import check_runner

    check_runner(config, arguments)
    check_endpoints(arguments)
    set_up_logging(config.json, storage)
    from labelbeam.pipelines.runs.convert import convert, rehearse

    if is_dry_run(arguments):
        return _rehearse(config, lambda display: rehearse(config, storage, arguments, display))
    return show_run(config, lambda display: convert(config, storage, arguments, display))


def _rehearse(config: ConvertConfig, run: Callable[[Display], PreparedJob]) -> int:
    """Have a job built and not submitted, and show what it is made of: on stdout as JSON where that is asked for."""
    from labelbeam.pipelines.terminal.display import Display

    with contextlib.redirect_stdout(sys.stderr), Display(config.json) as display:
        job = run(display)
    if config.json:
        write_stdout(json.encode(job).decode())
    else:
        LOG.info(
            "dry run: the job was built and not submitted: %d steps, %d bytes, container image %s, staged: %s",
            len(job.steps),
            job.bytes,
            job.container_image,
            ", ".join(job.staged) or "nothing",
        )
    return 0


def show_run(config: ConvertConfig, run: Callable[[Display], Outcome]) -> int:
    """Run, and show what came of it: on stdout as JSON where that is asked for, else on stderr for people; the exit status."""
    from labelbeam.pipelines.runs.summary import as_json, show
    from labelbeam.pipelines.terminal.display import Display

    if config.json:
        require_stdout()
    # Whatever a library prints is not what was asked for.
    with contextlib.redirect_stdout(sys.stderr), Display(config.json) as display:
        outcome = run(display)
        if not config.json:
            show(outcome, config, display)
    if config.json:
        write_stdout(json.encode(as_json(outcome, display)).decode())
    return 3 if outcome.refusal else 0


COMMAND = Command(
    "convert",
    "build a dataset and publish it",
    "[CONFIG.yaml] [options] [Beam pipeline options]",
    _add_arguments,
    _run,
    NOTES,
)
