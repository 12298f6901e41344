"""`labelbeam clean`: remove old builds, and what dead runs left."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from msgspec import json

from labelbeam.pipelines.command_line.options import add_options
from labelbeam.pipelines.command_line.parser import Parser, add_output, count
from labelbeam.pipelines.commands.command import Command
from labelbeam.pipelines.terminal.streams import set_up_logging, write_stdout
from labelbeam.transforms.messages.words import counted, plain

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
        help="how many builds stay, with that in force (default: %(default)s)",
    )
    parser.add_argument("--dry-run", action="store_true", help="remove nothing, say what would be removed")
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
            print(f"{verb}: {name} {plain(build)}", file=sys.stderr)
    if found.temporaries:
        print(f"{verb}: {len(found.temporaries)} files that were never finished", file=sys.stderr)
    if found.receipts:
        print(f"{verb}: receipts that {counted(len(found.receipts), 'finished build')} had left", file=sys.stderr)
    for path in found.foreign[:FOREIGN_SHOWN]:
        print(f"left: {plain(path)}, which no build is known to have written", file=sys.stderr)
    if len(found.foreign) > FOREIGN_SHOWN:
        print(f"left: {len(found.foreign) - FOREIGN_SHOWN} more such files and directories", file=sys.stderr)
    if cleaned.busy is not None:
        print(f"{cleaned.busy}. Unfinished builds and files were left alone", file=sys.stderr)
    if not found.any:
        print("nothing to remove", file=sys.stderr)
    print(f"kept: {len(found.kept)} builds, in force: {plain(found.current or 'none')}", file=sys.stderr)


COMMAND = Command(
    "clean",
    "remove old builds and what killed runs left, never the build in force or one that is being made",
    "OUTPUT [options]",
    _add_arguments,
    _run,
)
