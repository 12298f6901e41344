"""JSON objects say each thing once."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.formats.json_objects import (
    RepeatedKeyError,
    check_json_room,
    json_object,
    json_room,
    unique,
)
from labelbeam.transforms.stores.errors import ShortageError
from labelbeam.transforms.workers import budget

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), values, max_size=4))
def test_an_object_is_read_as_json_reads_it(record: dict[str, Any]) -> None:
    text = json.dumps(record)
    assert json_object(text) == json_object(text.encode()) == record


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '{"x": [{"a": 1, "\\u0061": 2}]}'])
def test_a_key_that_stands_twice_is_named_wherever_it_is(text: str) -> None:
    with pytest.raises(RepeatedKeyError, match=r"^the key 'a' occurs twice$"):
        json.loads(text, object_pairs_hook=unique)
    assert json_object(text) == "it cannot be read as JSON: the key 'a' occurs twice"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1, 2]", "it is a list of 2, expected a JSON object"),
        ("5", "it is 5, expected a JSON object"),
        ("{", "it cannot be read as JSON: "),
        (b"\xff{}", "it cannot be read as JSON: "),
        ("[" * 100_000, "it is nested too deeply"),
    ],
)
def test_what_is_no_object_is_told_in_words(text: str | bytes, words: str) -> None:
    found = json_object(text)
    assert isinstance(found, str) and found.startswith(words)


def test_what_is_no_number_costs_no_more_than_its_value() -> None:
    found = json_object('{"a": NaN, "b": 1}')
    assert isinstance(found, dict) and found["b"] == 1


@pytest.mark.parametrize("item", [b"[],", b"{},", b"1.5,", b'"ab",', b'{"a":1},', b'{"name":"rect","x":1,"y":2},'])
def test_json_takes_no_more_room_than_is_looked_for(item: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"[" + item * (2**21 // len(item)) + b"0]"
    tracemalloc.start()
    try:
        msgspec.json.decode(data)
        assert tracemalloc.get_traced_memory()[1] < 1.2 * json_room(data)
    finally:
        tracemalloc.stop()
    monkeypatch.setattr(budget, "memory_left", lambda: 0)
    check_json_room(data, "a file", len(data))
    with pytest.raises(ShortageError, match="a file: needs"):
        check_json_room(data, "a file")
