"""The parser that all commands share: messages instead of argparse's own, Beam's options, and arguments that several commands have.

Nothing here imports Beam, numpy, pyarrow or rich: help and wrong options answer at once.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import shutil
from collections.abc import Collection, Sequence
from typing import Any, NoReturn

from labelbeam.pipelines.runners.options import BEAM_OPTIONS
from labelbeam.schemas.errors import UsageError

EXIT_STATUS = """\
exit status:
  0  done, or nothing to do
  1  the run failed
  2  the command line or the config is wrong
  3  refused: too much rejected or changed, a difference found, a metric too low

environment:
  LABELBEAM_DEBUG=1  show tracebacks and the logs of Beam
  NO_COLOR=1         show no colours
"""

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

    def _print_message(self, message: str, file: Any = None) -> None:
        # As of Python 3.11.3, and so in all that are supported: of help whose reader has gone there is nothing to say.
        with contextlib.suppress(OSError):
            super()._print_message(message, file)

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


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help that breaks a long list of choices at its commas, which argparse never does."""

    def _format_action_invocation(self, action: argparse.Action) -> str:
        lines = [""]
        for part in re.findall(r"[^,]*,|[^,]+$", super()._format_action_invocation(action)):
            if lines[-1] and self._current_indent + len(lines[-1]) + len(part) > self._width:
                lines.append(" " * 2 * self._indent_increment)
            lines[-1] += part
        return f"\n{' ' * self._current_indent}".join(lines)


def formatter(prog: str) -> argparse.HelpFormatter:
    """The help as wide as the terminal, up to 98 columns."""
    width = min(shutil.get_terminal_size().columns, 100) - 2
    return _Formatter(prog, width=width, max_help_position=26)


def count(text: str) -> int:
    """A whole number from 1 up, as argparse reads one."""
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number from 1 up")
    return int(text)


def fraction(text: str) -> float:
    """A number from 0 to 1, as argparse reads one."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number from 0 to 1")
    return number


def add_beam_options(parser: argparse.ArgumentParser, ours: Collection[str] = ()) -> None:
    """Add Beam's options, which the help does not list; the parser must know which have a value, so that none is taken for a path.

    A name that is one of `ours` is no longer Beam's: `--labels`, which Beam knows as `--label` too.
    """
    parser.set_defaults(beam=[])
    # For each option that does not go to a group, argparse makes a formatter of the help, and so asks how wide the terminal is.
    group = parser.add_argument_group()
    for name, option in BEAM_OPTIONS.items():
        if name in ours:
            continue
        group.add_argument(
            f"--{name}",
            action=_BeamAction,
            nargs=0 if option.kind == "flag" else "?" if option.kind == "optional" else None,
            help=argparse.SUPPRESS,
            dest="beam",
            default=argparse.SUPPRESS,
        )


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add OUTPUT, the place of published builds."""
    parser.add_argument("output", metavar="OUTPUT", help="fsspec URL of the directory where builds are published")
