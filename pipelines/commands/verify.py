"""`labelbeam verify`: read a published build again and tell every way in which it is not as it was published."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from msgspec import json

from labelbeam.pipelines.command_line.options import add_options
from labelbeam.pipelines.command_line.parser import Parser, add_output
from labelbeam.pipelines.commands.command import Command
from labelbeam.pipelines.terminal.streams import say, set_up_logging, write_stdout
from labelbeam.transforms.messages.words import counted

if TYPE_CHECKING:
    from labelbeam.transforms.verify.check import Checked


def _add_arguments(parser: Parser) -> None:
    add_output(parser)
    parser.add_argument(
        "--copy-images",
        metavar="URL",
        help="URL of the images that the build copied (default: from its manifest)",
    )
    add_options(parser, ["storage_options", "json"])


def _run(known: argparse.Namespace) -> int:
    as_json = "json" in vars(known)
    set_up_logging(as_json, known.storage)
    from labelbeam.transforms.stores.locate import locate
    from labelbeam.transforms.verify.check import check

    output = locate(known.output, known.storage)
    checked = check(output, known.storage, known.copy_images)
    if as_json:
        _print_json(checked)
    else:
        _print(checked, output.shown)
    return 3 if len(checked.differences) else 0


def _print_json(checked: Checked) -> None:
    """Print the answer; `more` counts, by kind, the differences beyond those that are listed."""
    differences = checked.differences
    answer = {
        "status": "different" if len(differences) else "ok",
        "build": checked.build,
        "differences": differences.told,
        "more": differences.further,
        "files": checked.files,
        "records": checked.records,
    }
    write_stdout(json.encode(answer).decode())


def _print(checked: Checked, output: str) -> None:
    differences = checked.differences
    for item in differences.told:
        say(f"{item.file}: found {item.found}; expected {item.expected}")
    for kind, count in differences.further.items():
        say(f"… and {count} more of the kind: {kind}")
    looked_at = f"{counted(checked.files, 'file')} with {counted(checked.records, 'record')}"
    if checked.copies is not None:
        looked_at += f", {checked.copies} copied images"
    if not len(differences):
        say(f"ok: build {checked.build}, {looked_at}, is as it was published")
        return
    say(
        f"different: {counted(len(differences), 'difference')} in {looked_at} of {output}; build again with labelbeam convert, or put back "
        "the files from a copy"
    )


COMMAND = Command(
    "verify",
    "re-check a published build: hashes, counts, schema, JSONL against Parquet",
    "OUTPUT [options]",
    _add_arguments,
    _run,
)
