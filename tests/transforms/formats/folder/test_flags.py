"""Cells that say whether a label holds, in every writing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.formats.folder.columns import TableError
from labelbeam.transforms.formats.folder.flags import FlagReader, look_at_flags, number
from tests.transforms.formats.folder.read_columns import codes, labels, read


@pytest.mark.parametrize(
    ("yes", "no", "told"),
    [
        *(("1", "-1", ["labels_absent"]), ("1.0", "-1.0", ["labels_absent"]), ("+1", "-1", ["labels_absent"])),
        *(("1", "0", []), ("1", "", []), ("1.00", "0.00", []), ("True", "false", []), ("YES", "no", [])),
        *(("y", "n", []), ("T", "F", []), ("x", "", []), ("1", "nan", []), ("✓", "", [])),
    ],
)
def test_flags_in_every_writing(yes: str, no: str, told: list[str]) -> None:
    content = read(f"filename,cat,dog\n1.jpg,{yes},{no}\n2.jpg,{no},{yes}\n3.jpg,{yes},{yes}\n")
    assert labels(content) == {"1.jpg": ["cat"], "2.jpg": ["dog"], "3.jpg": ["cat", "dog"]}
    assert codes(content) == told


@pytest.mark.parametrize("blank", ["", "0"])
def test_minus_one_beside_zero_may_mean_that_nobody_knows(blank: str) -> None:
    content = read(f"filename,cat,dog\n1.jpg,1,0\n2.jpg,-1,1\n3.jpg,{blank},-1\n")
    assert labels(content) == {"1.jpg": ["cat"], "2.jpg": ["dog"], "3.jpg": []}
    assert [(doubt.code, doubt.count) for doubt in content.doubts] == [("flags_uncertain", 2)]


@pytest.mark.parametrize("cells", ["0.8,0.2", "0.5,1", "0.01,0"])
def test_probabilities_are_refused_until_it_is_said_which_are_enough(cells: str) -> None:
    text = f"filename,cat,dog\n1.jpg,{cells}\n2.jpg,0.1,0.9\n"
    with pytest.raises(TableError, match="--min-confidence"):
        read(text)
    assert labels(read(text, min_confidence=0.7))["2.jpg"] == ["dog"]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("0.50", 0.5),
        ("-1", -1.0),
        (" 1 ", 1.0),
        ("1e3", 1000.0),
        ("nan", None),
        ("inf", None),
        ("1_000", None),
        ("x", None),
        ("", None),
    ],
)
def test_a_number_is_finite_and_written_as_one(cell: str, value: float | None) -> None:
    assert number(cell) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_back(value: float) -> None:
    assert number(repr(value)) == value and math.isfinite(value)


@pytest.mark.parametrize(
    ("cells", "present", "flags"),
    [
        (["1", "0", ""], 1, 2),
        (["True", "FALSE", "nan"], 1, 3),
        (["y", "N", "Y"], 2, 3),
        (["t", "f"], 1, 2),
        (["x", ""], 1, 1),
        (["+", "-"], 1, 2),
        (["1", "-1", "0"], 1, 3),
        (["0.5", "1"], 1, 1),
        (["y", "x"], 0, 0),
        (["2", "3"], 0, 0),
    ],
)
def test_flags_are_words_numbers_and_letters_of_one_kind(cells: list[str], present: int, flags: int) -> None:
    found = look_at_flags(cells)
    assert (found.present, found.flags) == (present, flags)
    assert found.filled == sum(bool(cell) for cell in cells)


def test_a_column_is_one_of_flags_by_more_than_half_of_what_is_filled() -> None:
    assert look_at_flags(["1", "0", "stray", ""]).is_flags
    assert not look_at_flags(["1", "stray"]).is_flags
    assert not look_at_flags([]).is_flags


def test_probabilities_are_numbers_from_0_to_1_some_of_them_between() -> None:
    assert look_at_flags(["0.5", "1", "0"]).is_probabilities
    assert not look_at_flags(["0", "1"]).is_probabilities
    assert not look_at_flags(["0.5", "2"]).is_probabilities
    assert not look_at_flags(["0.5", "x"]).is_probabilities


def test_a_number_counts_from_the_least_on_that_was_said() -> None:
    reader = FlagReader(least=0.5)
    assert [reader.read(cell) for cell in ("0.5", "0.49", "7", "yes", "x")] == [True, False, True, True, None]
