"""Columns of images and objects against lists of records, and their way through bytes."""

from __future__ import annotations

import math
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.neutral import Rejection, SourceImage, SourceObject
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from labelbeam.transforms.columns.fragments import BoxColumns, Fragment, decode, fragments_of, fragments_of_boxes
from labelbeam.transforms.columns.hashes import bucket_of
from labelbeam.transforms.columns.objects import Objects, make_rings, no_objects
from tests.transforms.columns.drawn import (
    fragment_of,
    image_rows,
    object_rows,
    quick,
    ring,
    sources,
)

# Bytes.


@quick
@given(sources)
def test_a_fragment_survives_its_bytes(images: list[SourceImage]) -> None:
    fragment = fragment_of(images, 1 << 40)
    fragment.rejected_of, fragment.adjusted = {7: 2}, {Adjusted.NUMBER_FROM_TEXT: 3}
    fragment.skipped = {Skipped.BACKGROUND: 1}
    rows, objects = image_rows(fragment.images), object_rows(fragment.objects)
    back = decode(fragment.encode())
    assert (image_rows(back.images), object_rows(back.objects)) == (rows, objects)
    assert (back.labels, back.rejections) == (fragment.labels, fragment.rejections)
    assert (back.rejected_of, back.adjusted, back.skipped) == (
        fragment.rejected_of,
        fragment.adjusted,
        fragment.skipped,
    )
    assert back.records == fragment.records


@quick
@given(st.lists(ring, max_size=4))
def test_corners_survive_exactly(rings: list[np.ndarray]) -> None:
    fragment = Fragment()
    fragment.objects.rings = make_rings(rings)
    corners = fragment.objects.rings.corners.copy()
    back = decode(fragment.encode()).objects.rings
    np.testing.assert_array_equal(back.corners, corners)
    assert back.corners.dtype == np.float64
    assert [len(back.ring(number)) for number in range(len(back))] == [len(ring) for ring in rings]


@pytest.mark.parametrize("odd", [1 / 3, 2.0**31, math.nan])
def test_one_odd_corner_among_many_survives(odd: float) -> None:
    corners = np.arange(400.0).reshape(-1, 2)
    corners[150, 1] = odd
    fragment = Fragment()
    fragment.objects.rings = make_rings([corners.copy()])
    np.testing.assert_array_equal(decode(fragment.encode()).objects.rings.corners, corners)


@pytest.mark.parametrize("scale", [1, 100])
def test_corners_of_two_decimals_take_half_the_bytes(scale: int) -> None:
    def size(corners: np.ndarray) -> int:
        return len(Fragment(objects=Objects(*_fields(no_objects(), rings=make_rings([corners])))).encode())

    corners = np.arange(20_000).reshape(-1, 2) / scale
    assert size(corners) - size(corners[:0]) == pytest.approx(size(corners + 1 / 3) / 2, rel=0.02)


def _fields(objects: Objects, **changed: Any) -> list[Any]:
    return [changed.get(name, getattr(objects, name)) for name in Objects.__slots__]


def test_decoded_corners_may_be_written_to() -> None:
    for corners in ([[0.5, 1 / 3]], [[1.0, 2.0]]):
        fragment = Fragment()
        fragment.objects.rings = make_rings([np.array(corners)])
        decode(fragment.encode()).objects.rings.corners[:] = 0


# Columns.


# Hashes, buckets, splits.


@quick
@given(sources, st.integers(1, 4))
def test_an_image_goes_to_the_bucket_of_its_path_under_a_key_of_its_own(
    images: list[SourceImage], buckets: int
) -> None:
    seen = {}
    for bucket, fragment in fragments_of(images, buckets, 1000):
        for row, path in enumerate(fragment.images.paths):
            assert bucket_of(path, buckets) == bucket
            seen[int(fragment.images.keys[row])] = path
    assert seen == {1000 + number: image.path for number, image in enumerate(images)}


# Records to columns.


@pytest.mark.parametrize("buckets", [1, 3])
def test_boxes_in_columns_are_the_fragments_of_the_same_boxes_one_by_one(buckets: int) -> None:
    counts, labels = [2, 0, 3, 1], ["b", "a", "b", "c", "b", "a"]
    bbox = np.arange(24.0).reshape(-1, 4)
    images = [SourceImage(f"{n}.jpg", "s", f"a.xml {n}", 9, n or None, "train") for n in range(4)]
    places = [f"box[{n}]" for n in range(6)]
    found = list(
        fragments_of_boxes(images, BoxColumns(counts, labels, bbox, [f"a.xml {n}" for n in places]), buckets, 7)
    )
    given = zip(labels, places, bbox.tolist(), strict=True)
    for image, count in zip(images, counts, strict=True):
        image.locator = "a.xml"
        image.objects = [SourceObject(label, place, tuple(sides)) for label, place, sides in islice(given, count)]
    expected = list(fragments_of(images, buckets, 7))
    assert [bucket for bucket, _ in found] == [bucket for bucket, _ in expected]
    assert len(found) > 1 or buckets == 1
    for (_, one), (_, other) in zip(found, expected, strict=True):
        one.images.locators = other.images.locators
        assert (image_rows(one.images), object_rows(one.objects)) == (
            image_rows(other.images),
            object_rows(other.objects),
        )
        assert (one.labels, one.records) == (other.labels, other.records)


def test_objects_of_an_image_that_its_reader_rejected_follow_it() -> None:
    why = Rejection("s", "a.xml", "a.jpg", "image", Rejected.MISSING_IMAGE, "gone")
    bad = SourceImage(
        "a.jpg",
        "s",
        "a.xml",
        objects=[SourceObject("cat", "object[0]")],
        rejected=[why],
        skipped=[Skipped.DIFFICULT_ONLY],
    )
    fragment = fragment_of([bad, SourceImage("b.jpg", "s", "b.xml")])
    assert fragment.images.paths == ["b.jpg"]
    assert fragment.images.keys.tolist() == [1]
    assert [(item.kind, item.code, item.locator) for item in fragment.rejections] == [
        ("image", Rejected.MISSING_IMAGE, "a.xml"),
        ("object", Rejected.IMAGE_REJECTED, "a.xml object[0]"),
    ]
    assert fragment.skipped == {Skipped.DIFFICULT_ONLY: 1}
    assert fragment.records == 3


def test_rejected_objects_are_remembered_by_their_image() -> None:
    why = Rejection("s", "a.xml object[0]", "a.jpg", "object", Rejected.INVALID_BBOX, "no")
    fragment = fragment_of([SourceImage("a.jpg", "s", "a.xml", rejected=[why, why]), SourceImage("b.jpg", "s", "b")], 5)
    assert fragment.rejected_of == {5: 2}
    assert fragment.images.paths == ["a.jpg", "b.jpg"]


def test_only_images_with_something_to_note_have_a_note() -> None:
    fragment = fragment_of(
        [
            SourceImage("a.jpg", "s", "a"),
            SourceImage("b.jpg", "s", "b", left_out=Skipped.OUTSIDE_IMAGE_SETS),
            SourceImage("c.jpg", "s", "c", skipped=[Skipped.DIFFICULT_ONLY], adjusted=[Adjusted.XML_REPAIRED]),
        ]
    )
    assert sorted(fragment.images.notes) == [1, 2]
    assert fragment.images.notes[1].left_out is Skipped.OUTSIDE_IMAGE_SETS
    assert fragment.images.notes[2].skipped == (Skipped.DIFFICULT_ONLY,)
    assert fragment.images.notes[2].adjusted == (Adjusted.XML_REPAIRED,)


def test_a_locator_names_its_file_once() -> None:
    items = [SourceObject("cat", "a.xml object[0]"), SourceObject("cat", "object[1]")]
    fragment = fragment_of([SourceImage("a.jpg", "s", "a.xml", objects=items)])
    assert list(fragment.objects.ids) == ["a.xml object[0]", "a.xml object[1]"]


def test_a_label_from_another_line_of_a_table_is_known_by_that_line() -> None:
    fragment = fragment_of([SourceImage("a.jpg", "t.csv", "line 2", objects=[SourceObject("cat", "line 30")])])
    assert list(fragment.objects.ids) == ["line 30"]


def test_missing_sizes_and_boxes_are_0_and_nan() -> None:
    fragment = fragment_of([SourceImage("a.jpg", "s", "a", width=5, objects=[SourceObject("cat", "1")])])
    assert fragment.images.sizes.tolist() == [[5, 0]]
    row = fragment.images.row(0)
    assert (row.width, row.height) == (5, None)
    assert np.isnan(fragment.objects.bbox).all()
