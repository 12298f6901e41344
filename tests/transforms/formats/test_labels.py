"""Labels are written without what no eye can see."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.formats.labels import normalized


def test_blanks_around_it_go_and_letters_are_composed() -> None:
    assert normalized("\t cafe\u0301 au lait\u00a0\n") == "caf\u00e9 au lait"
    assert normalized("  ") == ""


@given(st.text())
def test_a_label_is_normalised_once_and_for_all(label: str) -> None:
    found = normalized(label)
    assert found == normalized(found) == found.strip()
    assert unicodedata.is_normalized("NFC", found)
