"""Lines of a build, of records and of rejections, whose hashes and sizes are those that the manifest says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.transforms.verify.damaged import Build, Run, copy, spoil, told


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (b'"topX":0.', b'"topX":1000.', "Expected `float` <= 1.0"),
        (b'"topX":0.', b'"topX":-0.', "Expected `float` >= 0.0"),
        (b'"topX":0.', b'"topX":NaN, "topX":0.', "malformed"),
        (b'"topX":0.', b'"topX":1e999, "topX":0.', "out of range"),
        (b'"bottomX":', b'"bottomX":0, "bottomY":', "the key 'bottomY' occurs twice"),
        (b'"isCrowd":0', b'"isCrowd":0,"isCrowd":0', "the key 'isCrowd' occurs twice"),
        (b'"label":"', b'"label":"\\u003a","label":"', "the key 'label' occurs twice"),
        (b'{"image_url":', b'{"image\\u005furl":"x","image_url":', "the key 'image_url' occurs twice"),
        (b'"isCrowd":0', b'"isCrowd":0,"area":3', "unknown field `area`"),
        (b'"isCrowd":0', b'"isCrowd":2', "isCrowd"),
        (b'"isCrowd":0', b'"isCrowd":null', "isCrowd"),
        (b',"isCrowd":0', b"", "isCrowd"),
        (b'"format":"', b'"format":"\xff', "utf-8"),
        (b'"format":"', b'"format":"\xed\xa0\x80', "utf-8"),
        (b'"format":"', b'"format":"\\ud800', "surrogate"),
        (b'"format":"', b'"format":"x', "format"),
        (b'"height":80', b'"height":"80px"', "height '80px'"),
        (b'"height":80', b'"height":0', "height"),
        (b'"height":80', b'"height":80.0', "height"),
        (b'"height":80', b'"height":8000000000', "height 8000000000"),
        (b'"height":80', b'"height":' + b"9" * 5000, "out of range"),
        (b'{"image_url"', b'\xef\xbb\xbf{"image_url"', "malformed"),
        (b'{"image_url"', b'{}{"image_url"', "missing required field"),
        (b'"label":[', b'"label":[' + b"[" * 50_000, "Expected `object`"),
    ],
)
def test_a_line_that_is_no_record_is_told_by_its_number(
    old: bytes, new: bytes, found: str, build: Build, verify: Run
) -> None:
    path = build.first("train")
    lines = build.lines(path)
    number = next(number for number, line in enumerate(lines) if b"isCrowd" in line and number)
    lines[number] = spoil(lines[number], old, new)
    build.put_lines(path, lines)
    status, answer = verify(build)
    texts = [item["found"] for item in answer["differences"] if item["file"] == path and found in item["found"]]
    assert status == 3
    assert texts
    assert texts[0].startswith(f"line {number + 1}: ")


def test_a_box_without_area_is_a_difference(build: Build, verify: Run) -> None:
    path = build.first("train")
    lines = build.lines(path)
    number = next(number for number, line in enumerate(lines) if b"isCrowd" in line)
    record = json.loads(lines[number])
    record["label"][0]["bottomX"] = record["label"][0]["topX"]
    lines[number] = json.dumps(record).encode()
    build.put_lines(path, lines)
    assert told(verify(build), path, f"line {number + 1}: label[0] has no area")


def test_a_ring_of_an_odd_count_is_a_difference(published: dict[str, Path], tmp_path: Path, verify: Run) -> None:
    build = copy(published["image_instance_segmentation"], tmp_path / "copy")
    path = build.first("train")
    lines = build.lines(path)
    number = next(number for number, line in enumerate(lines) if b"isCrowd" in line)
    record = json.loads(lines[number])
    record["label"][0]["polygon"][1].append(0.5)
    lines[number] = json.dumps(record).encode()
    build.put_lines(path, lines)
    assert told(verify(build), path, f"line {number + 1}: label[0].polygon[1] has 7 numbers, expected pairs")


def test_sizes_are_text_throughout_where_the_config_says_so(
    published: dict[str, Path], tmp_path: Path, verify: Run
) -> None:
    build = copy(published["image_classification_multilabel"], tmp_path / "copy")
    path = build.first("train")
    lines = build.lines(path)
    for number, new in enumerate([b"80", b'"80px\\n"', b'"9999999999px"']):
        build.put_lines(path, [*lines[:number], spoil(lines[number], b'"80px"', new), *lines[number + 1 :]])
        assert told(verify(build), path, f"line {number + 1}: width ", 'text such as "640px"'), new


def test_lines_are_records_one_for_one_whatever_stands_between_them(build: Build, verify: Run) -> None:
    path = build.first("train")
    lines = build.lines(path)
    assert len(lines) > 2
    for changed in ([lines[0] + b" " + lines[1], b"", *lines[2:]], [*lines, b""], [b"", *lines]):
        build.put_lines(path, changed)
        assert told(verify(build), path, "the line is empty"), changed
    split = spoil(lines[1], b'"image_details":', b'"image_details":\n')
    build.put(path, b"\n".join([split + lines[0], *lines[2:], b""]))
    assert told(verify(build), path, "line 1: ")


def test_a_last_line_without_an_end_is_read_as_one(build: Build, verify: Run) -> None:
    path = build.first("train")
    build.put(path, build.read(path).removesuffix(b"\n"))
    assert verify(build)[0] == 0


def test_an_image_url_is_unique_within_a_shard_and_between_them(build: Build, verify: Run) -> None:
    path, other = build.first("train"), build.first("validation")
    lines, others = build.lines(path), build.lines(other)
    build.put_lines(path, [lines[0], lines[0], *lines[2:]])
    assert told(verify(build), path, f"line 2: the image_url of line 1 of {path}", "each image once")
    build.put_lines(path, lines)
    build.put_lines(other, [lines[-1], *others[1:]])
    assert told(verify(build), other, f"line 1: the image_url of line {len(lines)} of {path}")


def test_records_are_sorted_by_path(build: Build, verify: Run) -> None:
    path = build.first("train")
    lines = build.lines(path)
    build.put_lines(path, [*lines[1:], lines[0]])
    found = f"line {len(lines)}: {json.loads(lines[0])['image_url']!r} after "
    assert told(verify(build), path, found, "sorted by the image's path")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_byte_of_a_record_is_found_even_if_its_hash_was_changed_too(
    data: st.DataObject, build: Build, verify: Run
) -> None:
    path = build.first("train")
    published = build.read(path)
    # The end of the last line may be missing, and as well be a space.
    position = data.draw(st.integers(0, len(published) - 2))
    changed = bytearray(published)
    changed[position] = data.draw(st.integers(0, 255).filter(lambda byte: byte != published[position]))
    try:
        build.put(path, bytes(changed))
        assert verify(build)[0] == 3
    finally:
        build.put(path, published)


# Rejections.


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (b'"kind":"object"', b'"kind":"label"', "kind 'label'"),
        (b'"code":"', b'"code":"no_', "code"),
        (b'"kind":"object"', b'"kind":"object","kind":"object"', "the key 'kind' occurs twice"),
        (b'"kind"', b'"sort"', "kind"),
        (b'"message":"', b'"message":"\xff', "utf-8"),
        (b'{"source"', b'\n{"source"', "the line is empty"),
        (b'{"source"', b'{"x":' + b"[" * 9999 + b"]" * 9999 + b',"source"', "nested too deeply"),
    ],
)
def test_a_line_that_is_no_rejection_is_told_by_its_number(
    old: bytes, new: bytes, found: str, build: Build, verify: Run
) -> None:
    path = build.first("rejected")
    lines = build.lines(path)
    build.put_lines(path, [spoil(lines[0], old, new), *lines[1:]])
    answer = verify(build)
    assert any(item["found"].startswith("line 1: ") for item in answer[1]["differences"])
    assert told(answer, path, found)


def test_rejections_are_recounted_by_kind_and_code(build: Build, verify: Run) -> None:
    path = build.first("rejected")
    lines = build.lines(path)
    code = json.loads(lines[0])["code"].encode()
    changed = spoil(spoil(lines[0], b'"object"', b'"image"'), code, b"missing_bbox")
    build.put_lines(path, [changed, *lines[1:]])
    answer = verify(build)
    for name in ("images rejected 0", "objects rejected ", f"rejected_by_reason {code.decode()!r}"):
        assert told(answer, "manifest.json", name), name
    assert told(answer, "manifest.json", "rejected_by_reason 'missing_bbox' 0", "1, as its files hold")
