"""Scanning a COCO file: its lists by their keys, what is malformed by its place, and elements by their bounds."""

from __future__ import annotations

import tracemalloc

import pytest

from labelbeam.transforms.formats.coco.cut import plan_exact
from labelbeam.transforms.formats.coco.scan import (
    SECTIONS,
    ElementRange,
    MalformedJsonError,
    UnsafeSplitError,
    as_list,
    split_elements,
)
from tests.transforms.formats.coco.files_made import File, elements, lists_of, malformed, plan


@pytest.mark.parametrize("content", [b"", b" \n", b"null", b"12", b'"images"', b"\xef\xbb\xbf"])
def test_a_file_without_an_object_is_refused(content: bytes) -> None:
    assert "expected a JSON object with images" in malformed(content)


@pytest.mark.parametrize("content", [b"[]", b'[{"id": 1}]', b"[[[]]]", b"[" + b'{"image_id":1},' * 99 + b"{}]"])
def test_a_file_that_is_a_list_is_refused(content: bytes) -> None:
    assert "the file holds a list, expected an object" in malformed(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"images": [{}]}}', "bracket at byte 16, after the end"),
        (b'{"images": [{}]]}', "']' at byte 15, which does not close the JSON object"),
        (b'{"images": [{}]}{"annotations": [{}]}', "bracket at byte 16, after the end"),
        (b'{"images": [{}]}\n{"images": [{}]}\n', "bracket at byte 17, after the end"),
        (b'{"images": [{}]} x', "found 'x' after the end"),
        (b'{"images": [{}}, "annotations": []}', "'}' at byte 14, which does not close 'images'"),
        (b'{"info": {"a": 1], "annotations": []}', "']' at byte 16, which does not close 'info'"),
        (b"]", "bracket at byte 0, after the end"),
        (b'x = {"images": [{}]}', "found 'x =', expected a JSON object"),
        (b"{[]}", "found nothing before the bracket at byte 1, expected a key and a colon"),
        (b'{"images" []}', "expected a key and a colon"),
        (b'{"images": [] "annotations": []}', "expected a key and a colon"),
        (b'{"images": [],}', "expected a key and a colon"),
    ],
)
def test_a_wrong_bracket_or_key_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(MalformedJsonError) as caught:
        plan_exact(File(content).read, len(content))
    assert message in str(caught.value)


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("second", ["[{}]", "[]", "null", "3"])
def test_a_list_whose_key_stands_twice_is_refused(section: str, second: str) -> None:
    for content in (f'{{"{section}": [{{}}], "{section}": {second}}}', f'{{"{section}": null, "{section}": [{{}}]}}'):
        assert f"the key '{section}' occurs twice" in malformed(content.encode())


def test_a_key_with_escapes_is_the_key_that_json_reads() -> None:
    content = b'{"\\u0069mages": [{}], "a\\"images": [], "annotations\\\\": [{}]}'
    assert elements(content, plan(content)) == lists_of(content) == {"images": [{}], "annotations\\": [{}]}


@pytest.mark.parametrize(
    ("value", "message"),
    [("{}", "an object"), ('{"1": {}}', "an object"), ('"null"', "'null'"), ("7", "'7'"), ("true", "True")],
)
def test_a_section_that_is_no_list_is_refused_lest_its_objects_be_lost(value: str, message: str) -> None:
    content = f'{{"images": [{{}}], "annotations": {value}}}'.encode()
    assert f"'annotations' is {message}, expected a list" in malformed(content)


def test_a_section_may_be_null_or_empty_or_missing() -> None:
    content = b'{"images": [ {"id": 1} ], "annotations": null, "categories": []}'
    assert plan(content) == [ElementRange("images", 12, 23)]
    assert plan(b"{}") == []


@pytest.mark.parametrize("value", ["1" * 5000, "1e999", "NaN", '"\t\\ud800"', '"' + "x" * 3000 + '"', " " * 3000 + "1"])
def test_odd_plain_values_beside_the_lists_do_no_harm(value: str) -> None:
    content = f'{{"extra": {value}, "images": [{{}}], "more": {value}}}'.encode()
    assert [part.section for part in plan(content)] == ["images"]


def test_a_wrong_charset_in_a_plain_value_beside_the_lists_does_no_harm() -> None:
    assert [part.section for part in plan(b'{"by": "Andr\xe9", "images": [{}]}')] == ["images"]


def test_a_long_text_at_top_level_ends_the_scan_before_memory_does() -> None:
    content = b'{"images": [{}], "blob": "' + b"x" * 17 * 2**20 + b'"}'
    with pytest.raises(MalformedJsonError, match="found over 16777216 bytes without a list"):
        plan_exact(File(content).read, len(content))


def test_bare_values_between_elements_stay_in_their_range() -> None:
    content = b'{"annotations": [1, "}, {", {"id": 1}, null, {"id": 2}, true]}'
    for target in (1, 10, 1000):
        assert elements(content, plan(content, target, 3)) == lists_of(content)


@pytest.mark.parametrize("block", [b'{"a": 1', b'{"a": "}', b"}, {", b'{"a": 1}, {"b": [1}', b']}, {"a": 1}, [{'])
def test_a_block_of_broken_elements_is_unsafe(block: bytes) -> None:
    with pytest.raises(UnsafeSplitError):
        split_elements(block)


def test_elements_of_a_block_are_found_with_their_bounds() -> None:
    assert split_elements(b' {"a": [{}]} ,[1],{}') == [(1, 12), (14, 17), (18, 20)]
    assert split_elements(b"1, 2") == split_elements(b"") == []


def test_elements_are_found_wherever_they_begin_and_in_little_memory() -> None:
    deep = b"[" * 1_000_000 + b"]" * 1_000_000
    block = b'{"a":1},' * 60_000 + b'{"b":' + deep + b"}"
    tracemalloc.start()
    try:
        found = split_elements(block)
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
    assert len(found) == 60_001
    assert {block[start:end] for start, end in found[:-1]} == {b'{"a":1}'}
    assert found[-1] == (480_000, len(block))


@pytest.mark.parametrize("inside", [b"", b"{}", b'{"a": [1, 2]},\n{"b": ", "}'])
@pytest.mark.parametrize(("before", "after"), [(b"", b""), (b" ,\r\n", b"\t, ,")])
def test_a_range_is_the_list_of_what_stands_between_commas_and_white_space(
    before: bytes, inside: bytes, after: bytes
) -> None:
    assert as_list(before + inside + after) == b"[" + inside + b"]"
