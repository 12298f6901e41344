"""`labelbeam clean`: remove old builds, and what dead runs left."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from msgspec import json

from labelbeam.pipelines.command_line.options import add_options
from labelbeam.pipelines.command_line.parser import Parser, add_output, count
from labelbeam.pipelines.commands.command import Command
from labelbeam.pipelines.terminal.streams import say, set_up_logging, write_stdout
from labelbeam.transforms.messages.words import counted

if TYPE_CHECKING:
    from labelbeam.transforms.builds.clean import Cleaned

FOREIGN_SHOWN = 20
"""Files and directories that no build wrote, and that are named."""


def _add_arguments(parser: Parser) -> None:
    add_output(parser)
    parser.add_argument(
        "--keep",
        type=count,
        default=3,
        metavar="N",
        help="number of builds to keep, including the current one (default: %(default)s)",
    )
    parser.add_argument("--dry-run", action="store_true", help="remove nothing, report what would be removed")
    add_options(parser, ["storage_options", "json"])


def _run(known: argparse.Namespace) -> int:
    as_json = "json" in vars(known)
    set_up_logging(as_json, known.storage)
    from labelbeam.transforms.builds.clean import clean
    from labelbeam.transforms.stores.locate import locate_target

    cleaned = clean(locate_target("OUTPUT", known.output, known.storage), known.keep, known.dry_run)
    if as_json:
        _print_json(cleaned)
    else:
        _print(cleaned)
    return 0


def _print_json(cleaned: Cleaned) -> None:
    """Print the answer: names of builds, paths of temporary files, builds whose receipts went, paths of what no build wrote, and who is at work, if anybody is."""
    found = cleaned.found
    answer = {
        "status": "dry run" if cleaned.dry_run else "ok",
        "current": found.current,
        "kept": found.kept,
        "old": found.old,
        "unfinished": found.unfinished,
        "temporaries": found.temporaries,
        "receipts": found.receipts,
        "foreign": found.foreign,
        "busy": cleaned.busy,
    }
    write_stdout(json.encode(answer).decode())


def _print(cleaned: Cleaned) -> None:
    found = cleaned.found
    verb = "would be removed" if cleaned.dry_run else "removed"
    for name, builds in (("old build", found.old), ("unfinished build", found.unfinished)):
        for build in builds:
            say(f"{verb}: {name} {build}")
    if found.temporaries:
        say(f"{verb}: {counted(len(found.temporaries), 'file that was', 'files that were')} never finished")
    if found.receipts:
        say(f"{verb}: receipts that {counted(len(found.receipts), 'finished build')} had left")
    for path in found.foreign[:FOREIGN_SHOWN]:
        say(f"left: {path}, which no build is known to have written")
    if len(found.foreign) > FOREIGN_SHOWN:
        say(f"left: {len(found.foreign) - FOREIGN_SHOWN} more such files and directories")
    if cleaned.busy is not None:
        say(f"{cleaned.busy}. Unfinished builds and files were left alone")
    if not found.any:
        say("nothing to remove")
    say(f"kept: {counted(len(found.kept), 'build')}, current: {found.current or 'none'}")


COMMAND = Command(
    "clean",
    "remove old builds and the remains of killed runs; never the current build or one in progress",
    "OUTPUT [options]",
    _add_arguments,
    _run,
)
