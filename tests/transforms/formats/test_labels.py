"""Labels are written without what no eye can see."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.formats.labels import likely_label, normalized, unescaped


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


@pytest.mark.parametrize(
    ("label", "meant"),
    [
        ("R&amp;D", "R&D"),
        ("caf&eacute;", "caf\u00e9"),
        ("&#128008;", "\U0001f408"),
        ("hex%20bolt", "hex bolt"),
        ("caf%C3%A9", "caf\u00e9"),
        ("caf\\u00e9", "caf\u00e9"),
        ("caf\u00c3\u00a9", "caf\u00e9"),
        ("na\u00efve\ufffd", "na\u00efve"),
    ],
)
def test_what_an_exporter_has_escaped_is_known(label: str, meant: str) -> None:
    assert unescaped(label) == meant


@pytest.mark.parametrize(
    "label", ["", "R&D", "a & b;", "AT&T; Bell", "50 % off", "100%ab\ufb00", "caf\u00e9", "\u732b", "\U0001f408"]
)
def test_other_labels_are_as_they_should_be(label: str) -> None:
    assert unescaped(label) is None
