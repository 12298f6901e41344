"""Cutting COCO files: whatever is in them, the ranges together hold each list's elements once and in order."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labelbeam.transforms.formats.coco.cut import plan_exact, plan_ranges
from labelbeam.transforms.formats.coco.scan import (
    SECTIONS,
    ElementRange,
    MalformedJsonError,
    UnsafeSplitError,
    split_elements,
)
from tests.transforms.formats.coco.files_made import File, elements, lists_of, malformed, plan, prove

ELEMENTS = (
    '{"image_id": 1, "id": 2}',
    '{"image_id":3,"segmentation":[[1,2.5,-3e2,4,5,6],[]]}',
    '{ "file_name" : "é/\\u0041 😀.jpg"\t, "id":7 }',
    '{"file_name": "}, {\\"image_id\\": 1}, {", "width": null}',
    '{"image_id": 1, "segments_info": [{"image_id": 2}, {"image_id": 2}, {"image_id": 2}, {"image_id": 2}]}',
    '{"image_id": 1, "note": "\\\\\\\\\\\\\\"},{", "\\\\": "\\\\"}',
    '{"image_id": 9, "},{": {"a": [{}, {}, [{}]]}, "\\"},{\\"": "\\"}]"}',
    "{}",
    "[]",
    '[{"image_id": 4},{"image_id": 4}]',
    '"},{"',
    '"\\\\"',
    "-1.5e3",
    "null",
)
KEYS = (*SECTIONS, "captions", "info", "", "},{", '\\"}],\\"images\\":[{', "\\\\", "\\u0069mage", "é")
BLANKS = ("", " ", "\r\n\t")


@st.composite
def coco_files(draw: st.DrawFn) -> bytes:
    """Files of lists of odd elements, many in a row alike, under odd keys in any order, with any white space."""
    blank = draw(st.sampled_from(BLANKS))
    comma = f"{blank},{blank}"
    runs = st.lists(st.tuples(st.sampled_from(ELEMENTS), st.integers(1, 9)), max_size=5)
    members = []
    for key in draw(st.lists(st.sampled_from(KEYS), unique=True, max_size=6)):
        listed = comma.join(element for element, count in draw(runs) for _ in range(count))
        plain = key not in SECTIONS and draw(st.booleans())
        value = draw(st.sampled_from(ELEMENTS)) if plain else f"[{blank}{listed}]"
        members.append(f'"{key}" :{blank}{value}')
    start, end = draw(st.sampled_from([("", ""), ("\ufeff", "\r\n "), (" \n", "")]))
    return f"{start}{{{comma.join(members)}{blank}}}{end}".encode()


@settings(deadline=None)
@given(coco_files(), st.integers(1, 200), st.integers(1, 64))
def test_exact_ranges_hold_what_json_reads(content: bytes, target: int, window: int) -> None:
    text = content.removeprefix(b"\xef\xbb\xbf")
    ranges = plan_exact(File(content).read, len(content), target, window)
    assert {key: found for key, found in elements(content, ranges).items() if found} == lists_of(text)
    for part in ranges:
        split_elements(content[part.start : part.end])
    assert [part.start for part in ranges] == sorted(part.start for part in ranges)


@settings(deadline=None, max_examples=300)
@given(coco_files(), st.integers(1, 60), st.integers(1, 64))
def test_guessed_ranges_hold_what_json_reads_or_are_found_out(content: bytes, target: int, window: int) -> None:
    ranges = plan(content, target, window)
    try:
        prove(content, ranges)
    except UnsafeSplitError:
        ranges = plan(content, target, window, exact=True)
    text = content.removeprefix(b"\xef\xbb\xbf")
    assert {key: found for key, found in elements(content, ranges).items() if found} == lists_of(text)


def coco(images: int = 300, annotations: int = 2000, **others: Any) -> dict[str, Any]:
    """Return a dataset of the usual shape; its JSON has about 60 bytes an element."""
    return {
        "info": {"year": 2017},
        "licenses": [{"id": 1}],
        "images": [{"id": number, "file_name": f"{number:012}.jpg", "width": 640} for number in range(images)],
        "annotations": [
            {"id": number, "image_id": number % images, "category_id": 1, "bbox": [1.5, 2, 3, 4]}
            for number in range(annotations)
        ],
        "categories": [{"id": 1, "name": "cat"}],
        **others,
    }


def guessed(content: bytes) -> list[ElementRange]:
    """Return the plan of a file, of which less than an eighth was read for it."""
    file = File(content)
    ranges = plan_ranges(file.read, len(content), target=16_384, window=256)
    assert file.bytes_read < len(content) / 8
    return ranges


@pytest.mark.parametrize("indent", [None, 2])
def test_a_large_file_is_cut_without_reading_most_of_it(indent: int | None) -> None:
    content = json.dumps(coco(), indent=indent).encode()
    ranges = guessed(content)
    prove(content, ranges)
    assert elements(content, ranges) == lists_of(content)
    assert all(part.end - part.start < 1.2 * 16_384 for part in ranges)
    assert len(ranges) < len(content) / 16_384 + 5


def test_annotations_may_stand_before_images() -> None:
    content = json.dumps(dict(reversed(coco().items()))).encode()
    ranges = guessed(content)
    assert list(dict.fromkeys(part.section for part in ranges)) == ["categories", "annotations", "images", "licenses"]
    assert elements(content, ranges) == lists_of(content)


def test_a_list_that_nobody_reads_is_never_guessed_as_nobody_would_notice() -> None:
    alike = {"captions": [{"image_id": 1, "caption": "a cat on a mat"}] * 1000}
    content = json.dumps({"info": {}, **alike, **dict(reversed(coco().items()))}).encode()
    ranges = plan(content, 16_384, 256)
    prove(content, ranges)
    assert elements(content, ranges) == lists_of(content)


def test_a_long_stretch_without_a_border_is_scanned_lest_its_range_be_too_large() -> None:
    document = coco()
    document["annotations"][500:500] = [{"id": number, "image": number} for number in range(8000)]
    content = json.dumps(document).encode()
    ranges = plan(content, 16_384, 256)
    assert elements(content, ranges) == lists_of(content)
    assert all(part.end - part.start < 4.2 * 16_384 for part in ranges)


def test_a_scan_that_comes_out_inside_an_element_is_no_plan() -> None:
    document = coco()
    document["images"][0]["crops"] = [{"image_id": 5, "area": 1}] * 4000
    content = json.dumps(document).encode()
    ranges = plan(content, 16_384, 256)
    prove(content, ranges)
    assert elements(content, ranges) == lists_of(content)


def test_a_guess_that_two_lists_are_one_is_found_out() -> None:
    alike = {"captions": [{"image_id": 1, "caption": "a cat on a mat"}] * 1000}
    content = json.dumps({"annotations": coco()["annotations"], **alike}).encode()
    with pytest.raises(UnsafeSplitError):
        prove(content, plan(content, 16_384, 256))


def test_a_text_that_looks_like_elements_is_not_cut_as_its_quotes_are_escaped() -> None:
    document = coco()
    document["annotations"][900]["note"] = '}, {"image_id": 1}' * 4000
    content = json.dumps(document).encode()
    ranges = plan(content, 16_384, 256)
    prove(content, ranges)
    assert elements(content, ranges) == lists_of(content)


def test_a_cut_between_objects_inside_an_annotation_is_found_out() -> None:
    document = coco()
    document["annotations"][900]["segments_info"] = [{"image_id": 5, "area": 1}] * 4000
    content = json.dumps(document).encode()
    with pytest.raises(UnsafeSplitError):
        prove(content, plan(content, 16_384, 256))
    ranges = plan(content, 16_384, 256, exact=True)
    prove(content, ranges)
    assert elements(content, ranges) == lists_of(content)


SMALL = json.dumps(
    {
        "info": {"a": '\\"}]'},
        "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b\\"}],
        "annotations": [{"id": 1, "image_id": 1, "segmentation": [[1, 2.5, 3]]}, {"id": 2, "image_id": 2}],
        "categories": [],
        "version": "1.0",
    }
).encode()


@pytest.mark.parametrize(("target", "window"), [(10, 4), (50, 100), (10**6, 10**6)])
def test_a_file_truncated_anywhere_is_refused(target: int, window: int) -> None:
    prove(SMALL, plan(SMALL, target, window))
    for length in range(len(SMALL)):
        for exact in (False, True):
            message = malformed(SMALL[:length], target=target, window=window, exact=exact)
            assert "truncated" in message or length == 0


def test_a_truncated_file_is_told_from_its_end_without_a_scan() -> None:
    content = json.dumps(coco()).encode()
    content = content[: content.rindex(b"category_id")]
    file = File(content)
    with pytest.raises(MalformedJsonError, match="looks truncated: fetch it again"):
        plan_ranges(file.read, len(content), target=16_384, window=256)
    assert file.bytes_read <= 4096


def test_a_truncated_file_that_ends_with_an_element_is_scanned_and_refused_with_its_place() -> None:
    content = json.dumps(coco()).encode()
    content = content[: content.index(b"}", len(content) // 2) + 1]
    message = malformed(content, target=16_384, window=256)
    assert f"the file ends inside 'annotations' at byte {len(content)}, where 2 brackets are still open" in message


def test_a_list_whose_key_stands_twice_in_a_large_file_is_refused() -> None:
    text = json.dumps(coco())
    twice = text[:-1] + ", " + json.dumps({"images": coco()["images"]})[1:]
    assert "the key 'images' occurs twice, for a list and for a list" in malformed(twice.encode(), target=16_384)


@pytest.mark.parametrize("exact", [False, True])
def test_nesting_of_a_hundred_thousand_is_cut_like_any_other(exact: bool) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    content = b'{"images": [{"id": 1, "a": %b}, {"id": 2}], "b": %b, "annotations": [{}]}' % (deep, deep)
    ranges = plan(content, 1000, 64, exact)
    assert [part.section for part in ranges if part.section != "b"] == ["images", "images", "annotations"]
    assert [len(split_elements(content[part.start : part.end])) for part in ranges if part.section != "b"] == [1, 1, 1]


def test_one_element_of_forty_megabytes_is_one_range() -> None:
    long = b'{"image_id": 1, "segmentation": [[%b1]]}' % (b"1234.5," * 6_000_000)
    content = b'{"images": [{"file_name": ""}], "annotations": [{"image_id": 0}, %b, {"image_id": 2}]}' % long
    ranges = plan_ranges(File(content).read, len(content), target=2**20)
    assert [part.section for part in ranges] == ["images", "annotations", "annotations"]
    assert [len(split_elements(content[part.start : part.end])) for part in ranges] == [1, 2, 1]


def test_brackets_that_never_close_are_not_looked_at_again_and_again() -> None:
    annotations = b'{"image_id": 1}, ' * 1000
    hostile = b"},{[" * 100_000
    content = b'{"images": [], "annotations": [%b{"a": "%b"}]}' % (annotations, hostile)
    ranges = plan(content, 1024, 64)
    prove(content, ranges)
    assert sum(len(split_elements(content[part.start : part.end])) for part in ranges) == 1001


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text('[]{}",:\\ images1\n', max_size=80).map(str.encode), st.integers(1, 20))
@example(b'{"images":[{"', 1)
def test_any_bytes_are_cut_or_refused(content: bytes, target: int) -> None:
    for exact in (False, True):
        try:
            ranges = plan(content, target, 5, exact)
        except MalformedJsonError:
            continue
        for part in ranges:
            assert 0 <= part.start < part.end <= len(content)


def test_a_damaged_file_gives_the_same_verdict_on_a_guess_as_on_a_scan() -> None:
    content = bytearray(json.dumps(coco(30, 200)).encode())
    generator = random.Random(7)
    for _ in range(60):
        at = generator.randrange(len(content))
        damaged = bytes(content[:at] + generator.choice([b"", b'"', b"}", b"[", b"\\"]) + content[at + 1 :])
        verdicts = []
        for exact in (False, True):
            try:
                prove(damaged, plan(damaged, 1024, 64, exact))
                verdicts.append("sound")
            except UnsafeSplitError:
                verdicts.append("unsafe")
            except MalformedJsonError:
                verdicts.append("malformed")
        assert verdicts[0] in (verdicts[1], "unsafe")
