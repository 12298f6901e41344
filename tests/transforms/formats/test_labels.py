"""Labels are written without what no eye can see."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.formats.labels import likely_label, normalized


def test_blanks_around_it_go_and_letters_are_composed() -> None:
    assert normalized("\t cafe\u0301 au lait\u00a0\n") == "caf\u00e9 au lait"
    assert normalized("  ") == ""


@given(st.text())
def test_a_label_is_normalised_once_and_for_all(label: str) -> None:
    found = normalized(label)
    assert found == normalized(found) == found.strip()
    assert unicodedata.is_normalized("NFC", found)


@pytest.mark.parametrize(
    ("names", "chosen", "others"),
    [
        (["note", "category", "Class Name", "class"], "class", ("note", "category", "Class Name")),
        (["note", "size"], "note", ("size",)),
        (["note"], "note", ()),
        ([], None, ()),
    ],
)
def test_of_several_fields_the_one_called_like_a_label_is_likely_one(
    names: list[str], chosen: str | None, others: tuple[str, ...]
) -> None:
    assert likely_label(names) == (chosen, others)
