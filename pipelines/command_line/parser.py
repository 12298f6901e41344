"""The parsers of the command line: every command with its help; what they return says which function runs.

Nothing here imports Beam, numpy or rich: help and wrong options answer at once.
"""

from __future__ import annotations

import argparse
import re
import shutil
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn

from labelbeam.pipelines.command_line.options import FIELDS, add_options
from labelbeam.pipelines.runners.options import BEAM_OPTIONS
from labelbeam.pipelines.schema import NAMES
from labelbeam.pipelines.score_options import add_score_options
from labelbeam.pipelines.version import VERSION
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.evaluation.gates import GATES

EXIT_STATUS = """\
exit status:
  0  done, or nothing to do
  1  the run failed
  2  the command line or the config is wrong
  3  too much was rejected or has changed, a difference found, a figure too low

environment:
  LABELBEAM_DEBUG=1  show tracebacks and the logs of Beam
  NO_COLOR=1         show no colours
"""

CONVERT_NOTES = """\
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

SCORE_NOTES = """\
The key is read by each process that asks, and stands in no file and no job.
Beam pipeline options may follow, as for convert.

examples:
  LABELBEAM_ENDPOINT_KEY=… labelbeam score built --split test \\
      --endpoint https://HOST/score --output predicted
  labelbeam score 'photos/*.jpg' --task image_object_detection \\
      --endpoint https://HOST/score --key-file key.txt --output predicted

"""

_OF_CONVERT_ONLY = ("source", "output", "copy_images", "if_changed", "max_change", "accept_change", "shared_paths")
"""What `inspect` takes as an argument, or has no use for, since it publishes nothing."""


_ARGPARSE_WORDS = {
    r"^the following arguments are required": "missing",
    r"expected one argument": "found no value, expected one",
    r"ignored explicit argument .*": "found a value, expected none",
}


class Parser(argparse.ArgumentParser):
    """A parser whose errors are messages like all others, without the usage in front."""

    def error(self, message: str) -> NoReturn:
        """Say what was found and expected, and where to read more."""
        message = message.removeprefix("argument ")
        for found, words in _ARGPARSE_WORDS.items():
            message = re.sub(found, words, message)
        raise UsageError(f"{message}; see {self.prog} --help")

    def options(self) -> list[str]:
        """Every option that the help lists."""
        return [name for action in self._actions if action.help != argparse.SUPPRESS for name in action.option_strings]


class _BeamAction(argparse.Action):
    """Keep an option of Beam's with its value as they were typed, in order."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Add the pair to `beam`."""
        value = values if isinstance(values, str) else None
        namespace.beam = [*namespace.beam, (str(option_string).removeprefix("--"), value)]


def _formatter(prog: str) -> argparse.HelpFormatter:
    width = min(shutil.get_terminal_size().columns, 100) - 2
    return argparse.RawDescriptionHelpFormatter(prog, width=width, max_help_position=26)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number from 1 up")
    return int(text)


def _fraction(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number from 0 to 1")
    return number


def _add_beam_options(parser: argparse.ArgumentParser) -> None:
    """Know Beam's options, and which of them have a value, so that none is taken for the config's path."""
    parser.set_defaults(beam=[])
    for name, option in BEAM_OPTIONS.items():
        parser.add_argument(
            f"--{name}",
            action=_BeamAction,
            nargs=0 if option.kind == "flag" else "?" if option.kind == "optional" else None,
            help=argparse.SUPPRESS,
            dest="beam",
            default=argparse.SUPPRESS,
        )


def make_parsers() -> tuple[Parser, dict[str, Parser]]:
    """The parser of the whole command line, and that of each command."""
    parser = Parser(
        prog="labelbeam",
        usage="labelbeam COMMAND [options]",
        description="Turn COCO, Pascal VOC and folder datasets into training data\nfor Azure AutoML for Images.",
        epilog=f"labelbeam COMMAND --help shows the options of a command.\nA newcomer runs: labelbeam demo\n\n{EXIT_STATUS}",
        formatter_class=_formatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"labelbeam {VERSION}", help="show the version and exit")
    group = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", prog="labelbeam")
    commands: dict[str, Parser] = {}
    for name, (text, usage, notes, add_arguments) in _COMMANDS.items():
        commands[name] = group.add_parser(
            name,
            help=text,
            usage=f"labelbeam {name} {usage}",
            description=textwrap.fill(f"{text[0].upper()}{text[1:]}.", 78),
            epilog=f"{notes}{EXIT_STATUS}",
            formatter_class=_formatter,
            allow_abbrev=False,
        )
        add_arguments(commands[name])
    return parser, commands


def _convert(parser: Parser) -> None:
    parser.add_argument("config", nargs="?", metavar="CONFIG.yaml", help="a file with options; a flag wins over it")
    add_options(parser, FIELDS)
    _add_beam_options(parser)


def _inspect(parser: Parser) -> None:
    parser.add_argument("source_url", metavar="SOURCE", help="fsspec URL of the dataset: COCO file, VOC tree or folder")
    add_options(parser, [name for name in FIELDS if name not in _OF_CONVERT_ONLY])


def _output(parser: Parser) -> None:
    parser.add_argument("output", metavar="OUTPUT", help="fsspec URL of the directory where builds are published")


def _verify(parser: Parser) -> None:
    _output(parser)
    parser.add_argument(
        "--copy-images",
        metavar="URL",
        help="where the images that the build copied lie (default: where its manifest says)",
    )
    add_options(parser, ["storage_options", "json"])


def _report(parser: Parser) -> None:
    _output(parser)
    parser.add_argument(
        "--images", metavar="URL", help="where the images of the build lie (default: where its manifest says)"
    )
    parser.add_argument("--evaluation", metavar="FILE", help="show an evaluation of the build as well")
    parser.add_argument("--no-images", action="store_true", help="show no pictures, and read nothing but the build")
    add_options(parser, ["storage_options"])


def _clean(parser: Parser) -> None:
    _output(parser)
    parser.add_argument(
        "--keep",
        type=_count,
        default=3,
        metavar="N",
        help="how many builds stay, with that in force (default: %(default)s)",
    )
    parser.add_argument("--dry-run", action="store_true", help="remove nothing, say what would be removed")
    add_options(parser, ["storage_options", "json"])


def _score(parser: Parser) -> None:
    text = "OUTPUT of a build, or a directory or glob of images; an fsspec URL"
    parser.add_argument("source_url", metavar="SOURCE", help=text)
    add_score_options(parser)
    add_options(parser, ["storage_options", "shared_paths", "json"])
    _add_beam_options(parser)


def _evaluate(parser: Parser) -> None:
    _output(parser)
    group = parser.add_argument_group("what to compare")
    group.add_argument(
        "--predictions",
        required=True,
        metavar="URL",
        help="what labelbeam score or Azure's batch scoring wrote, predictions as JSON lines, or COCO results; a directory, a "
        "file or a glob",
    )
    group.add_argument("--split", metavar="NAME", help="the split to compare (default: all of them)")
    group.add_argument("--coco", metavar="FILE", help="the COCO dataset that says what the ids in COCO results mean")
    group.add_argument(
        "--threshold",
        type=_fraction,
        metavar="X",
        help="the probability from which on a label counts, for multi-label (default: 0.5)",
    )
    group = parser.add_argument_group("what to write")
    group.add_argument(
        "--output", dest="result", metavar="URL", help="a directory for evaluation.json, or a .json file"
    )
    group.add_argument("--coco-results", metavar="URL", help="the predictions as COCO results, for pycocotools")
    group.add_argument("--coco-truth", metavar="URL", help="the truth as a COCO dataset with the same ids")
    group = parser.add_argument_group("gates, below which the exit status is 3")
    for name, (metric, _) in GATES.items():
        group.add_argument(
            f"--{name.replace('_', '-')}",
            type=_fraction,
            default=argparse.SUPPRESS,
            metavar="X",
            help=f"the least that {metric} may be",
        )
    add_options(parser, ["storage_options", "json"])


def _schema(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help=f"one of {', '.join(NAMES)}")


def _demo(parser: Parser) -> None:
    parser.add_argument(
        "dir", nargs="?", default="labelbeam-demo", metavar="DIR", help="where to (default: %(default)s)"
    )


class _Command(NamedTuple):
    """A command: what it does, how it is called, notes below its options, and what adds those."""

    text: str
    usage: str
    notes: str
    add_arguments: Callable[[Parser], None]


_COMMANDS = {
    "convert": _Command(
        "build a dataset and publish it",
        "[CONFIG.yaml] [options] [Beam pipeline options]",
        CONVERT_NOTES,
        _convert,
    ),
    "inspect": _Command(
        "show what is in a raw dataset, and what a build would reject or adjust; writes nothing",
        "SOURCE [options]",
        "",
        _inspect,
    ),
    "verify": _Command(
        "re-check a published build: hashes, counts, schema, JSONL against Parquet", "OUTPUT [options]", "", _verify
    ),
    "report": _Command(
        "write the report of a published build again, a page to look at", "OUTPUT [options]", "", _report
    ),
    "clean": _Command(
        "remove old builds and what killed runs left, never the build in force or one that is being made",
        "OUTPUT [options]",
        "",
        _clean,
    ),
    "score": _Command(
        "ask a deployed endpoint for predictions of many images, and publish them",
        "SOURCE --endpoint URL --output URL [options] [Beam pipeline options]",
        SCORE_NOTES,
        _score,
    ),
    "evaluate": _Command(
        "compare predictions with the truth of a published build", "OUTPUT --predictions URL [options]", "", _evaluate
    ),
    "schema": _Command("print the JSON Schema of a record or document", "NAME", "", _schema),
    "demo": _Command(
        "make a small dataset and build it, without a network: what a newcomer runs first", "[DIR]", "", _demo
    ),
}
