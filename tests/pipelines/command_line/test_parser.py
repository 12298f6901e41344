"""The parser that all commands share: its words for what is wrong, and values that commands have in common."""

from __future__ import annotations

import argparse
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.pipelines.command_line.parser import Parser, add_beam_options, add_output, count, formatter, fraction
from labelbeam.pipelines.runners.options import BEAM_OPTIONS
from labelbeam.schemas.errors import UsageError


def parser() -> Parser:
    made = Parser(prog="labelbeam x", allow_abbrev=False)
    add_output(made)
    made.add_argument("--keep", type=count)
    made.add_argument("--json", action="store_true")
    made.add_argument("--hidden", help=argparse.SUPPRESS)
    return made


class Gone(io.StringIO):
    """A pipe that nobody reads any more."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_help_whose_reader_has_gone_is_no_failure() -> None:
    parser().print_help(Gone())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "missing: OUTPUT; see labelbeam x --help"),
        (["o", "--keep"], "--keep: found no value, expected one; see labelbeam x --help"),
        (["o", "--keep", "0"], "--keep: found '0', expected a whole number from 1 up; see labelbeam x --help"),
        (["o", "--json=1"], "--json: found a value, expected none; see labelbeam x --help"),
    ],
)
def test_what_is_wrong_is_said_as_everywhere(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parser().parse_args(words)
    assert str(caught.value) == message


def test_options_that_the_help_lists_are_known() -> None:
    assert parser().options() == ["-h", "--help", "--keep", "--json"]


@pytest.mark.parametrize("text", ["0", "-1", "1.0", "x", "", "\u0661", "\u00b2", " 1", "1e3"])
def test_a_count_is_written_in_digits_from_1_up(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a whole number from 1 up"):
        count(text)


@given(st.integers(1))
def test_a_count_is_read_as_it_is_written(number: int) -> None:
    if number < 10**4000:
        assert count(str(number)) == number


@given(st.floats())
def test_a_fraction_is_a_number_from_0_to_1(number: float) -> None:
    if 0 <= number <= 1:
        assert fraction(repr(number)) == number
    else:
        with pytest.raises(argparse.ArgumentTypeError, match="expected a number from 0 to 1"):
            fraction(repr(number))


def test_options_of_beam_are_kept_in_order_with_their_values_and_not_in_the_help() -> None:
    made = Parser(prog="labelbeam x", allow_abbrev=False)
    add_beam_options(made)
    flag = next(name for name, option in BEAM_OPTIONS.items() if option.kind == "flag")
    known = made.parse_args(["--runner", "FlinkRunner", f"--{flag}", "--experiments=a", "--experiments", "b"])
    assert known.beam == [("runner", "FlinkRunner"), (flag, None), ("experiments", "a"), ("experiments", "b")]
    assert "--runner" not in made.format_help()
    assert made.parse_args([]).beam == []


def test_an_option_of_ours_is_not_one_of_beam() -> None:
    made = Parser(prog="labelbeam x", allow_abbrev=False)
    made.add_argument("--labels")
    add_beam_options(made, ["labels"])
    known = made.parse_args(["--labels", "a.yaml", "--label", "team=vision"])
    assert (known.labels, known.beam) == ("a.yaml", [("label", "team=vision")])


def test_the_help_is_as_wide_as_the_terminal_and_no_wider_than_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    for columns, width in (("40", 38), ("500", 98)):
        monkeypatch.setenv("COLUMNS", columns)
        assert formatter("x")._width == width
