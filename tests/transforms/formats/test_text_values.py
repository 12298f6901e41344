"""Lists and objects in text: as JSON and Python write them, within the memory that there is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labelbeam.transforms.formats.text_values import LONGEST_LITERAL, list_in_text, value_in_text
from labelbeam.transforms.stores.errors import ShortageError
from labelbeam.transforms.workers import budget


@pytest.mark.parametrize("text", ['["a", 1.5]', "['a', 1.5]", " ['a', 1.5] "])
def test_lists_are_read_as_json_and_python_write_them(text: str) -> None:
    assert value_in_text(text, "label") == ["a", 1.5]


def test_json_may_be_longer_than_what_python_writes() -> None:
    assert len(value_in_text(f"[{'1,' * LONGEST_LITERAL}1]", "label")) == LONGEST_LITERAL + 1
    with pytest.raises(ValueError, match=rf"label has {LONGEST_LITERAL + 4} characters and is no JSON"):
        value_in_text(f"['{'a' * LONGEST_LITERAL}']", "label")


@pytest.mark.parametrize(
    "text", ["", "cat", "__import__('os')", "[" * 10_000, "[0.5 0.5]", "{[]: 1}", "['\\d'", "\ud800", "['\ud800"]
)
def test_what_is_no_list_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"label is .*expected a list"):
        value_in_text(text, "label")


def test_memory_for_python_s_parser_is_asked_for_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "memory_left", lambda: 0)
    assert value_in_text("['a']", "label") == ["a"]
    with pytest.raises(ShortageError, match="label: needs"):
        value_in_text(str(["a"] * 100_000), "label")


@pytest.mark.parametrize(
    "items", [[], ["can"], ["can", "it's, a jar"], [{"label": "can", "topX": 0.1, "isCrowd": None}, {}]]
)
@pytest.mark.parametrize("encode", [json.dumps, str])
def test_lists_of_names_or_objects_are_read(items: list[Any], encode: Any) -> None:
    assert list_in_text(f" {encode(items)} ") == items


@pytest.mark.parametrize(
    "text",
    ["", "can", "[", "[]x", "[sic]", "[1, 2]", "[1.5]", '["a", {}]', "[['a']]", "[None]", "['a' 'b'", "[" * 5000 + "]"],
)
def test_all_else_is_a_name(text: str) -> None:
    assert list_in_text(text) is None


def test_what_is_too_long_to_be_decoded_is_a_name() -> None:
    assert list_in_text(str(["a"] * LONGEST_LITERAL)) is None
    assert list_in_text("[" + "{}," * 4_000_000 + "{}]") is None
