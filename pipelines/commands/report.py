"""`labelbeam report`: write the page of a published build for people, `report.html`."""

from __future__ import annotations

import argparse

from labelbeam.pipelines.command_line.options import add_options
from labelbeam.pipelines.command_line.parser import Parser, add_output
from labelbeam.pipelines.commands.command import Command
from labelbeam.pipelines.terminal.streams import say, set_up_logging


def _add_arguments(parser: Parser) -> None:
    add_output(parser)
    parser.add_argument("--images", metavar="URL", help="URL of the build's images (default: from its manifest)")
    parser.add_argument("--evaluation", metavar="FILE", help="also show this evaluation of the build")
    parser.add_argument("--no-images", action="store_true", help="show no images, and read nothing but the build")
    add_options(parser, ["storage_options"])


def _run(known: argparse.Namespace) -> int:
    set_up_logging(False, known.storage)
    from labelbeam.transforms.report.write import report_of_published

    place = report_of_published(known.output, known.storage, known.images, known.evaluation, not known.no_images)
    say(f"wrote {place}")
    return 0


COMMAND = Command(
    "report",
    "rewrite the HTML report of a published build",
    "OUTPUT [options]",
    _add_arguments,
    _run,
)
