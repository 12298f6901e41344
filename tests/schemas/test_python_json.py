"""What Python's `json` writes and JSON does not have is told as what it is."""

from __future__ import annotations

import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.python_json import oddity

VALUES = st.recursive(
    st.floats() | st.text(st.characters(exclude_categories=[]), max_size=3) | st.just("NaN") | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=10,
)


def numbers_of(value: object) -> list[float]:
    if isinstance(value, dict | list):
        return [
            number for item in (value.values() if isinstance(value, dict) else value) for number in numbers_of(item)
        ]
    return [value] if isinstance(value, float) else []


@given(VALUES)
def test_whatever_python_writes_is_json_or_told(value: object) -> None:
    body = json.dumps(value).encode()
    found = oddity(body)
    try:
        msgspec.json.decode(body)
    except msgspec.DecodeError:
        assert found is not None
        assert found.is_number == any(not math.isfinite(number) for number in numbers_of(value))
    else:
        assert found is None


@pytest.mark.parametrize("body", [b"", b"<p>it is NaN", b'[NaN, "\\ud800"', b'["\\ud83d', b"[nan] rest", b"\xff[NaN]"])
def test_where_more_is_wrong_nothing_is_told(body: bytes) -> None:
    assert oddity(body) is None


def test_a_number_is_told_by_its_place() -> None:
    found = oddity(b'["NaN", "\\\\ud800", -Infinity]')
    assert found is not None and found.words.startswith("found Infinity at byte 20,")
