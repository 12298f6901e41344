"""What a format cannot hold: words for each of its codes, and their counts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labelbeam.transforms.export.export import Exported
from labelbeam.transforms.export.exporter import LOST_TEXTS, Lost, Told

PAGE = Path(__file__).parents[3] / "docs/export.md"


def test_each_code_has_words_of_its_own() -> None:
    assert list(LOST_TEXTS) == list(Lost)
    assert len(set(LOST_TEXTS.values())) == len(Lost)


def test_the_page_of_exports_has_a_row_for_each_code() -> None:
    table = PAGE.read_text("utf-8").partition("| code | in |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.M) == [
        "background_images",
        "crowds",
        "crowds_as_difficult",
        "parts_bridged",
        "outlines_as_masks",
        "holes_filled",
        "boxes_under_a_pixel",
        "hidden_names",
    ]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.M)) == {code.value for code in Lost}


def test_what_is_told_is_counted_by_code() -> None:
    told = Told()
    told.add(Lost.CROWDS)
    told.add(Lost.CROWDS, 2)
    told.add(Lost.BACKGROUND)
    assert told.counts == {Lost.CROWDS: 3, Lost.BACKGROUND: 1}
    assert Told().counts == {}


@pytest.mark.parametrize("code", list(Lost))
def test_an_export_says_what_was_lost_with_its_count_and_its_code(code: Lost) -> None:
    (line,) = Exported("csv", "b", "out", {}, 1, 0, {code.value: 1234}).told()
    assert line == f"1,234 {LOST_TEXTS[code]} ({code.value})"
