"""COCO: files that are cut into ranges, their records, whole files, and masks by their runs."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
from targets.target import SOURCES, Target, writable

from labelbeam.transforms.formats.coco.annotations import read_annotations
from labelbeam.transforms.formats.coco.cut import plan_ranges
from labelbeam.transforms.formats.coco.index import IndexBuilder
from labelbeam.transforms.formats.coco.records import Boxed, CocoCategory, CocoImage, LabelOnly, Outlined, decode_range
from labelbeam.transforms.formats.coco.scan import SECTIONS, ElementRange, MalformedJsonError, UnsafeSplitError
from labelbeam.transforms.geometry.rle import GeometryError, box_of_runs, counts_from_string, counts_to_string, read_rle
from labelbeam.transforms.geometry.trace import trace

_COCO = (
    {
        "info": {"description": 'a "quoted" \\ text'},
        "images": [{"id": 1, "file_name": "a/b.jpg", "width": 6, "height": 4}, {"id": "2", "file_name": "ü.png"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 0, "bbox": [0, 1, 2.5, 3], "iscrowd": 0, "segmentation": [[0, 0, 5, 0, 5, 3]]},
            {"id": 2, "image_id": "2", "category_id": 0, "bbox": [0, 0, 1, 1], "segmentation": {"size": [4, 6], "counts": [3, 21]}},
            {"id": 3, "image_id": 1, "category_id": 5, "segmentation": {"size": [4, 6], "counts": "3e0"}, "iscrowd": 1},
        ],
        "categories": [{"id": 0, "name": "cat"}, {"id": 5, "name": "dog", "supercategory": "pet"}],
    },
    {"categories": [], "annotations": [{"image_id": 7, "category_id": 1}] * 9, "images": [{"id": 7, "file_name": "x"}] * 5},
)  # fmt: skip
COCO = tuple(
    json.dumps(document, indent=indent, separators=separators).encode()
    for document in _COCO
    for indent, separators in ((None, (",", ":")), (1, (" ,", " : ")))
)

COCO_RANGES = tuple(
    json.dumps(members)[1:-1].encode()
    for document in _COCO
    for members in document.values()
    if isinstance(members, list)
)
COCO_TOKENS = (
    *(b"},{", b'},{"image_id":1', b"}, {", b"]", b"[", b"{", b"}", b'"', b"\\", b'\\"', b",", b":", b'"images":[', b"null"),
    *(b'],"annotations":[', b'"bbox":', b'"segmentation":', b'"size":', b'"counts":', b'"width":', b"NaN", b"\xef\xbb\xbf"),
    *(b"\\ud800", b"\xed\xa0\x80", b"\xff", b"\0", b"\n", b'"id":', b'"name":', b'"file_name":', b'"../x"', b"[" * 2000),
    *(b'"https://a/b.jpg"', b'"C:\\\\a"', b'"iscrowd":'),
)  # fmt: skip

RLE = (
    b"[[4, 6], [3, 5, 16], 6, 4]",
    b'[[4, 6], "35", 6, 4]',
    b'[[2.0, 3], [0, 1.0, 0, 2, 3], 3, 2]',
    b"0X1",
    b"o" * 6 + b"?0",
    counts_to_string([3, 30, 2, 4, 0, 1]).encode(),
)  # fmt: skip
RLE_TOKENS = (b"o", b"?", b"P", b"0", b"[", b"]", b", ", b"1.0", b"4294967295", b"-", b"1e300", b'"', b"NaN", b"18446744073709551616")  # fmt: skip


class _Anything(msgspec.Struct):
    """A record that every JSON object is."""


def _pairs_of_file(content: bytes) -> list[tuple[str, Any]] | None:
    """Return the keys and values of a JSON object, keys that stand twice included; None where it is none."""
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    try:
        value = json.loads(text, object_pairs_hook=tuple, parse_int=str)
    except (ValueError, RecursionError):
        return None
    return list(value) if isinstance(value, tuple) else None


def split_coco(content: bytes) -> None:
    """Plans hold what the json module reads, and are refused only where it refuses, or where a key occurs twice."""
    target, window = 1 + len(content) % 97, 1 + len(content) // 50 + zlib.crc32(content) % 61
    pairs = _pairs_of_file(content)
    read = _reader(content)
    try:
        ranges = plan_ranges(read, len(content), target, window)
        if not _prove(content, ranges, pairs):
            ranges = plan_ranges(read, len(content), target, window, exact=True)
            assert _prove(content, ranges, pairs) or pairs is None, "elements of a scanned file were cut"
    except MalformedJsonError:
        assert pairs is None or _is_ambiguous(pairs), "a valid file was refused"


def _is_ambiguous(pairs: list[tuple[str, Any]]) -> bool:
    """Whether a section is no list, or occurs twice."""
    keys = [key for key, _ in pairs if key in SECTIONS]
    odd = [value for key, value in pairs if key in SECTIONS and not isinstance(value, list | None)]
    return bool(odd) or len(keys) > len(set(keys))


def _prove(content: bytes, ranges: Sequence[ElementRange], pairs: list[tuple[str, Any]] | None) -> bool:
    """Decode the ranges that are read; False where a cut was wrong."""
    found = dict.fromkeys(SECTIONS, 0)
    try:
        for part in ranges:
            if part.section in SECTIONS:
                decoded = decode_range(content[part.start : part.end], _Anything)
                found[part.section] += len(decoded.records) + len(decoded.bad)
    except UnsafeSplitError:
        return False
    if pairs is not None:
        assert found == {key: len(dict(pairs).get(key) or ()) for key in SECTIONS}, "elements were lost"
    return True


def _reader(content: bytes) -> Callable[[int, int], bytes]:
    def read(start: int, end: int) -> bytes:
        assert 0 <= start < end <= len(content), "read outside the file"
        return content[start:end]

    return read


def read_coco_records(block: bytes) -> None:
    """Every element is a record or is bad, whatever record is wanted; what is kept of it can be written."""
    counts = set()
    for record in (CocoImage, CocoCategory, LabelOnly, Boxed, Outlined):
        try:
            decoded = decode_range(block, record)
        except UnsafeSplitError:
            counts.add(-1)
            continue
        counts.add(len(decoded.records) + len(decoded.bad))
        for bad in decoded.bad:
            assert 0 <= bad.offset < len(block)
            writable(bad.message)
            writable(bad.raw)
        for item in decoded.records:
            for numbers in [getattr(item, "bbox", None) or [], *_polygon(item)]:
                assert all(map(math.isfinite, numbers)), "a coordinate is not finite"
    assert len(counts) == 1, f"records of {counts} elements"


def _polygon(item: Any) -> list[list[float]]:
    found = getattr(item, "segmentation", None)
    return found if isinstance(found, list) else []


def build_coco(content: bytes) -> None:
    """Index and read a whole file, as a build does; every record ends in a fragment that can be sent on."""
    try:
        ranges = plan_ranges(_reader(content), len(content), exact=True)
    except MalformedJsonError:
        return
    for task in ("image_classification", "image_object_detection", "image_instance_segmentation"):
        builder = IndexBuilder("file:///a.json", 0, "", None, 3)
        try:
            for part in ranges:
                if part.section == "images":
                    builder.add_images(content[part.start : part.end])
                elif part.section == "categories":
                    builder.categories.add(content[part.start : part.end])
            repeated = builder.repeated()
            images = [content[part.start : part.end] for part in ranges if part.section == "images"]
            builder.tell_apart(repeated, images)
            fragments = [fragment for _, fragment in builder.finish()]
            for part in ranges:
                if part.section == "annotations":
                    block = content[part.start : part.end]
                    read, _, _ = read_annotations(block, part.start, builder.index, task, 3)
                    fragments += read.values()
        except UnsafeSplitError:
            continue
        for fragment in fragments:
            fragment.encode()
            for rejection in fragment.rejections:
                msgspec.json.encode(rejection)


def read_rle_json(data: bytes) -> None:
    """Runs add up to the mask, survive COCO's text, and can be traced."""
    try:
        size, counts, width, height = json.loads(data)
        width, height = min(abs(int(width)), 2**31), min(abs(int(height)), 2**31)
    except (ValueError, TypeError, OverflowError, RecursionError):
        # Not an input of the reader: take the bytes as text of a mask that is one pixel high.
        size, counts, width, height = [1, 40], data.decode("latin-1"), 40, 1
    try:
        runs = read_rle(size, counts, width, height)
    except GeometryError as error:
        writable(str(error))
        return
    assert int(runs.sum()) == width * height
    assert (runs >= 0).all()
    assert counts_from_string(counts_to_string(runs)).tolist() == runs.tolist()
    left, top, right, bottom = box_of_runs(runs, height)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    if width * height <= 10_000:
        rings = trace(runs, height, width)
        corners = np.concatenate(rings)
        assert (corners.min(0) == (left, top)).all()
        assert (corners.max(0) == (right, bottom)).all()


TARGETS = {
    "coco-split": Target(split_coco, COCO, COCO_TOKENS, SOURCES),
    "coco-records": Target(read_coco_records, COCO_RANGES, COCO_TOKENS, SOURCES),
    "coco-build": Target(build_coco, COCO, COCO_TOKENS, SOURCES),
    "rle": Target(read_rle_json, RLE, RLE_TOKENS, SOURCES),
}
