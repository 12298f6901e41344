"""Columns of images and objects against lists of records, and their way through bytes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from labelbeam.schemas.neutral import Rejection, SourceImage, SourceObject
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from labelbeam.transforms.columns.arrays import ranges
from labelbeam.transforms.columns.fragments import Fragment, decode, fragments_of
from labelbeam.transforms.columns.hashes import bucket_of, draw_split, stable_hash
from labelbeam.transforms.columns.images import Images, join_images, no_images
from labelbeam.transforms.columns.objects import Objects, Rings, join_objects, join_rings, make_rings, no_objects

# Whatever a coordinate may be: pixels, two decimals as COCO writes them, and what no packing may touch.
whole = st.integers(-(2**33), 2**33).map(float)
decimal = st.integers(-(10**7), 10**7).map(lambda number: number / 100)
coordinate = st.one_of(
    whole, decimal, st.floats(), st.sampled_from([math.nan, math.inf, -math.inf, 1e300, 2.0**31, -0.0])
)
ring = st.one_of(
    *(
        arrays(np.float64, st.tuples(st.integers(1, 9), st.just(2)), elements=each)
        for each in (whole, decimal, coordinate)
    )
)
label = st.sampled_from(["cat", "dog", "日本", ""])
item = st.builds(
    SourceObject,
    label=label,
    locator=st.sampled_from(["object[0]", "a.xml object[1]", ""]),
    bbox=st.none() | st.tuples(coordinate, coordinate, coordinate, coordinate),
    rings=st.none() | st.lists(ring, max_size=3),
    crowd=st.booleans(),
    from_mask=st.booleans(),
)
side = st.none() | st.integers(1, 2**31 - 1)
image = st.builds(
    SourceImage,
    path=st.sampled_from(["a.jpg", "b/ü.png", "\udc80.jpg", "https://x/1.jpg"]),
    source=st.just("file:///s"),
    locator=st.sampled_from(["a.xml", "images id=1"]),
    width=side,
    height=side,
    split=st.sampled_from([None, "train", "test"]),
    objects=st.lists(item, max_size=4),
    skipped=st.lists(st.sampled_from(Skipped), max_size=2),
    adjusted=st.lists(st.sampled_from(Adjusted), max_size=2),
)
sources = st.lists(image, max_size=5)
quick = settings(deadline=None, max_examples=30)


def fragment_of(images: list[SourceImage], first_key: int = 0) -> Fragment:
    """Return all images as one fragment."""
    return next((fragment for _, fragment in fragments_of(images, 1, first_key)), Fragment())


def told(value: Any) -> str:
    """Return a text in which NaN is like NaN, and -0.0 like 0.0, which packing does not tell apart."""
    return repr(np.asarray(value).tolist()).replace("-0.0,", "0.0,").replace("-0.0]", "0.0]")


def image_rows(images: Images) -> list[tuple[Any, ...]]:
    return [(images.row(row), images.splits[row], images.notes.get(row)) for row in range(len(images))]


def object_rows(objects: Objects) -> list[tuple[Any, ...]]:
    return [
        (
            int(objects.image[row]),
            int(objects.order[row]),
            int(objects.label[row]),
            int(objects.crowd[row]),
            told(objects.bbox[row]),
            objects.mask_size[row].tolist(),
            [told(ring) for ring in objects.rings_of(row)],
            objects.ids[row],
        )
        for row in range(len(objects))
    ]


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


@quick
@given(st.lists(sources, max_size=4))
def test_joined_columns_are_the_lists_one_after_the_other(groups: list[list[SourceImage]]) -> None:
    parts = [fragment_of(images, 100 * number) for number, images in enumerate(groups)]
    joined = join_images([part.images for part in parts])
    assert image_rows(joined) == [row for part in parts for row in image_rows(part.images)]
    expected = [row for part in parts for row in object_rows(part.objects)]
    assert object_rows(join_objects([part.objects for part in parts])) == expected


@quick
@given(sources, st.data())
def test_taken_rows_are_those_of_the_list(images: list[SourceImage], data: st.DataObject) -> None:
    fragment = fragment_of(images)
    picked = data.draw(st.permutations(range(len(fragment.images))))[: data.draw(st.integers(0, 5))]
    rows = image_rows(fragment.images)
    assert image_rows(fragment.images.take(picked)) == [rows[row] for row in picked]
    objects = object_rows(fragment.objects)
    chosen = data.draw(st.lists(st.sampled_from(range(len(objects))), max_size=6)) if objects else []
    assert object_rows(fragment.objects.take(np.array(chosen, np.int64))) == [objects[row] for row in chosen]


@quick
@given(sources, st.data())
def test_a_slice_is_that_of_the_list_and_carries_no_ring_of_others(
    images: list[SourceImage], data: st.DataObject
) -> None:
    objects = fragment_of(images).objects
    start = data.draw(st.integers(0, len(objects)))
    end = data.draw(st.integers(start, len(objects)))
    part = objects.slice(start, end)
    assert object_rows(part) == object_rows(objects)[start:end]
    assert len(part.rings) == int(objects.ring_count[start:end].sum())
    assert len(part.rings.corners) == part.rings.offsets[-1]


def test_slices_joined_are_the_whole() -> None:
    rings = [np.full((corners, 2), corners, float) for corners in (3, 4, 5, 6)]
    items = [SourceObject("cat", str(number), rings=rings[:number]) for number in range(5)]
    objects = fragment_of([SourceImage("a.jpg", "s", "a", objects=items)]).objects
    parts = [objects.slice(start, end) for start, end in ((0, 2), (2, 2), (2, 5))]
    assert object_rows(join_objects(parts)) == object_rows(objects)


def test_whole_number_ids_stay_an_array_unless_texts_join_them() -> None:
    numbers, texts = no_objects(), no_objects()
    numbers.ids, texts.ids = np.array([1, 2]), ["a", None]
    assert isinstance(join_objects([numbers, numbers]).ids, np.ndarray)
    assert join_objects([numbers, texts]).ids == [1, 2, "a", None]


def test_nothing_joined_is_columns_without_a_row() -> None:
    assert (len(join_images([])), len(no_images()), len(join_objects([])), len(join_rings([]))) == (0, 0, 0, 0)
    assert join_rings([]).corners.shape == (0, 2)
    assert no_images().take([]).sizes.shape == (0, 2)


@quick
@given(st.lists(st.lists(ring, max_size=3), max_size=4))
def test_rings_joined_are_the_lists_one_after_the_other(groups: list[list[np.ndarray]]) -> None:
    joined: Rings = join_rings([make_rings(group) for group in groups])
    expected = [ring for group in groups for ring in group]
    assert [told(joined.ring(number)) for number in range(len(joined))] == [told(ring) for ring in expected]


@quick
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), max_size=8))
def test_ranges_are_those_of_python(pairs: list[tuple[int, int]]) -> None:
    starts, counts = (np.array([pair[at] for pair in pairs], np.int64) for at in (0, 1))
    assert ranges(starts, counts).tolist() == [
        number for start, count in pairs for number in range(start, start + count)
    ]


# Hashes, buckets, splits.


def test_hashes_are_those_of_every_version() -> None:
    """A change here moves images to other shards and splits in every build."""
    assert stable_hash("a.jpg") == 18322877502207469449
    assert stable_hash("") == 16476032584258269876
    assert stable_hash("日本/1.jpg") == 10718485145022114144
    assert [bucket_of(f"{number}.jpg", 16) for number in range(8)] == [2, 9, 0, 2, 12, 0, 4, 10]
    halves = {"train": 0.5, "test": 0.5}
    assert [draw_split(f"{number}.jpg", halves) for number in range(4)] == ["train", "test", "test", "test"]


def test_a_name_that_is_no_unicode_has_a_hash_too() -> None:
    assert stable_hash("\udc80.jpg") != stable_hash("\udc81.jpg")


@quick
@given(st.text(), st.integers(1, 99_999))
def test_a_bucket_is_one_of_those_there_are(path: str, buckets: int) -> None:
    assert 0 <= bucket_of(path, buckets) < buckets


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


def test_splits_are_drawn_in_the_shares_asked_for() -> None:
    shares = {"train": 0.7, "validation": 0.2, "test": 0.1}
    drawn = [draw_split(f"images/{number}.jpg", shares) for number in range(20_000)]
    for split, share in shares.items():
        assert drawn.count(split) / len(drawn) == pytest.approx(share, abs=0.012)


def test_a_split_does_not_depend_on_the_shard() -> None:
    paths = [f"{number}.jpg" for number in range(4000)]
    in_one_shard = [draw_split(path, {"train": 0.5, "test": 0.5}) for path in paths if bucket_of(path, 4) == 0]
    assert in_one_shard.count("train") / len(in_one_shard) == pytest.approx(0.5, abs=0.06)


def test_moving_the_border_of_two_splits_moves_no_image_across_another() -> None:
    small, large = ({"train": share, "test": 1 - share} for share in (0.6, 0.7))
    for path in (f"{number}.jpg" for number in range(500)):
        if draw_split(path, small) == "train":
            assert draw_split(path, large) == "train"


# Records to columns.


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
