"""Objects and rings in columns, against lists of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.neutral import SourceImage, SourceObject
from labelbeam.transforms.columns.objects import Rings, join_objects, join_rings, make_rings, no_objects
from tests.transforms.columns.drawn import (
    fragment_of,
    object_rows,
    quick,
    ring,
    sources,
    told,
)


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


@quick
@given(sources, st.data())
def test_some_alone_are_those_of_the_list_with_no_ring_of_others(
    images: list[SourceImage], data: st.DataObject
) -> None:
    objects = fragment_of(images).objects
    rows = data.draw(st.lists(st.integers(0, len(objects) - 1), unique=True) if len(objects) else st.just([]))
    part = objects.alone(np.array(rows, np.int64))
    assert object_rows(part) == [object_rows(objects)[row] for row in rows]
    assert (len(part.rings), len(part.rings.corners)) == (int(part.ring_count.sum()), part.rings.offsets[-1])


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


@quick
@given(st.lists(st.lists(ring, max_size=3), max_size=4))
def test_rings_joined_are_the_lists_one_after_the_other(groups: list[list[np.ndarray]]) -> None:
    joined: Rings = join_rings([make_rings(group) for group in groups])
    expected = [ring for group in groups for ring in group]
    assert [told(joined.ring(number)) for number in range(len(joined))] == [told(ring) for ring in expected]


@quick
@given(st.lists(sources, max_size=4))
def test_joined_objects_are_the_lists_one_after_the_other(groups: list[list[SourceImage]]) -> None:
    parts = [fragment_of(images, 100 * number).objects for number, images in enumerate(groups)]
    assert object_rows(join_objects(parts)) == [row for part in parts for row in object_rows(part)]


@quick
@given(sources, st.data())
def test_taken_rows_are_those_of_the_list(images: list[SourceImage], data: st.DataObject) -> None:
    columns = fragment_of(images).objects
    rows = object_rows(columns)
    chosen = data.draw(st.lists(st.sampled_from(range(len(rows))), max_size=6)) if rows else []
    assert object_rows(columns.take(np.array(chosen, np.int64))) == [rows[row] for row in chosen]


def test_nothing_joined_is_columns_without_a_row() -> None:
    assert (len(join_objects([])), len(join_rings([])), len(no_objects())) == (0, 0, 0)
    assert join_rings([]).corners.shape == (0, 2)
