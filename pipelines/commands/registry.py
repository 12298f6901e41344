"""The list of commands, in the order of the help, and the parser of the whole command line."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from labelbeam.pipelines.command_line.parser import EXIT_STATUS, Parser, formatter
from labelbeam.pipelines.commands import (
    clean,
    convert,
    demo,
    evaluate,
    export,
    inspect,
    job,
    report,
    schema,
    score,
    verify,
)
from labelbeam.pipelines.commands.command import Command
from labelbeam.pipelines.version import VERSION

COMMANDS: dict[str, Command] = {
    module.COMMAND.name: module.COMMAND
    for module in (convert, inspect, verify, report, export, job, clean, score, evaluate, schema, demo)
}


def make_parsers(names: Iterable[str] = COMMANDS, options: bool = True) -> tuple[Parser, dict[str, Parser]]:
    """Make the parser of the whole command line, and that of each command; or of those in `names`, which is soon done.

    Without `options` the commands have none, which suffices for the help that lists them.
    """
    parser = Parser(
        prog="labelbeam",
        usage="labelbeam COMMAND [options]",
        description="Build training data for Azure AutoML for Images from COCO, Pascal VOC, YOLO,\nclass folders and a dozen other formats.",
        epilog=f"labelbeam COMMAND --help shows the options of a command.\nTo start: labelbeam demo\n\n{EXIT_STATUS}",
        formatter_class=formatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"labelbeam {VERSION}", help="show the version and exit")
    group = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", prog="labelbeam")
    commands: dict[str, Parser] = {}
    for name in names:
        command = COMMANDS[name]
        commands[name] = group.add_parser(
            name,
            help=command.text,
            usage=f"labelbeam {name} {command.usage}",
            description=textwrap.fill(f"{command.text[0].upper()}{command.text[1:]}.", 78),
            epilog=f"{command.notes}{EXIT_STATUS}",
            formatter_class=formatter,
            allow_abbrev=False,
        )
        if options:
            command.add_arguments(commands[name])
    return parser, commands
