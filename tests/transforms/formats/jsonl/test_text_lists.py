from __future__ import annotations

import json
from typing import Any

import pytest

from labelbeam.transforms.formats.jsonl.text_lists import list_in_text


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


def test_what_would_take_the_memory_of_python_s_parser_is_a_name() -> None:
    assert list_in_text(str(["a"] * 20_000)) is None
    assert list_in_text(json.dumps(["a"] * 20_000)) == ["a"] * 20_000
    assert list_in_text("[" + ",".join(["{}"] * 400_000) + "]") is None
