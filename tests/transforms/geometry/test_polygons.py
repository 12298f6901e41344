"""Polygons made valid for a reader that combines parts by XOR, against COCO's own raster of their union."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_mask

from labelbeam.schemas.neutral import Ring, SourceImage, SourceObject
from labelbeam.schemas.reasons import Adjusted
from labelbeam.transforms.columns.fragments import decode, fragments_of
from labelbeam.transforms.columns.objects import Objects
from labelbeam.transforms.geometry.boxes import OK, REASONS, STEPS
from labelbeam.transforms.geometry.polygons import NormalizedPolygons, normalize_polygons
from labelbeam.transforms.geometry.rle import runs_of_mask
from labelbeam.transforms.geometry.trace import trace

# pycocotools 2.0.11 predates numpy 2's __array__(copy=...).
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

WIDTH, HEIGHT = 20, 16
Mask = npt.NDArray[np.bool_]
Parts = Sequence[Any]


def objects_of(*outlines: Parts, masks: bool = False) -> Objects:
    """Return one object an outline."""
    items = [
        SourceObject("cat", "1", rings=[np.asarray(part, float) for part in parts], from_mask=masks)
        for parts in outlines
    ]
    ((_, fragment),) = fragments_of([SourceImage("a.jpg", "s", "a", objects=items)], 1, 0)
    return decode(fragment.encode()).objects


def normalize(
    objects: Objects, width: int = WIDTH, height: int = HEIGHT, clip: bool = True, most: int | None = None
) -> NormalizedPolygons:
    return normalize_polygons(objects, np.tile([float(width), float(height)], (len(objects), 1)), clip, most)


def parts_of(polygons: NormalizedPolygons, row: int) -> list[Ring]:
    """Return the parts of an object as a reader of the record would, as fractions."""
    start = int(polygons.ring_start[row])
    rings = range(start, start + int(polygons.ring_count[row]))
    return [polygons.corners[polygons.offsets[ring] : polygons.offsets[ring + 1]] / STEPS for ring in rings]


def verdict(polygons: NormalizedPolygons, row: int = 0) -> tuple[str | list[Any], set[str]]:
    """Return the reason or the parts in fractions, and what was adjusted, of one object."""
    adjusted = {str(reason) for reason, where in polygons.adjusted.items() if where[row]}
    if polygons.codes[row] != OK:
        return str(REASONS[polygons.codes[row]]), adjusted
    return [part.tolist() for part in parts_of(polygons, row)], adjusted


def one(parts: Parts, **options: Any) -> tuple[str | list[Any], set[str]]:
    return verdict(normalize(objects_of(parts), **options))


def test_a_box_is_known_of_each_ring_as_it_is_written() -> None:
    outlines = [
        [rectangle(1.234, 2, 9.77, 11)],
        [rectangle(2, 2, 8, 8), rectangle(7, 1, 12, 12)],
        [rectangle(15, 3, 25, 9)],
    ]
    polygons = normalize(objects_of(*outlines))
    for ring, box in enumerate(polygons.boxes):
        corners = polygons.corners[polygons.offsets[ring] : polygons.offsets[ring + 1]]
        assert box.tolist() == [*corners.min(axis=0), *corners.max(axis=0)]


def rectangle(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def painted(part: Any, width: int = WIDTH, height: int = HEIGHT) -> Mask:
    """Return the pixels of one part as COCO paints them; the coordinates must be finite and near the image."""
    (rle,) = coco_mask.frPyObjects([np.asarray(part, float).ravel()], height, width)
    return coco_mask.decode(rle).astype(bool)


def xor(parts: Parts, width: int = WIDTH, height: int = HEIGHT) -> Mask:
    """Return what the trainer makes of parts."""
    raster = np.zeros((height, width), bool)
    for part in parts:
        raster ^= painted(np.asarray(part) * (width, height), width, height)
    return raster


def check_valid(polygons: NormalizedPolygons, row: int) -> None:
    """What the trainer asks of every polygon that is published."""
    parts = parts_of(polygons, row)
    assert parts
    for part in parts:
        assert len(part) >= 3
        assert ((part >= 0) & (part <= 1)).all()
        assert (part.max(axis=0) > part.min(axis=0)).all()


# Against the raster.

corner = st.tuples(st.integers(0, WIDTH), st.integers(0, HEIGHT))
drawn = st.lists(corner, min_size=3, max_size=6)
box = st.builds(
    lambda x, y, width, height: rectangle(x, y, x + width, y + height),
    st.integers(-8, WIDTH + 4),
    st.integers(-8, HEIGHT + 4),
    st.integers(0, 14),
    st.integers(0, 14),
)
slow = settings(deadline=None, max_examples=150)


@slow
@given(st.lists(drawn, min_size=1, max_size=4))
def test_parts_combine_to_the_union_that_coco_means(parts: list[list[tuple[int, int]]]) -> None:
    polygons = normalize(objects_of(parts))
    union = np.zeros((HEIGHT, WIDTH), bool)
    for part in parts:
        if verdict(normalize(objects_of([part])))[0] != "empty_polygon":
            union |= painted(part)
    if polygons.codes[0] == OK:
        check_valid(polygons, 0)
        assert (xor(parts_of(polygons, 0)) == union).all()
    else:
        assert verdict(polygons)[0] == "empty_polygon"
        assert not union.any()


@slow
@given(st.lists(box, min_size=1, max_size=5))
def test_boxes_across_the_border_combine_to_what_lies_inside(parts: list[list[tuple[int, int]]]) -> None:
    union = np.zeros((HEIGHT, WIDTH), bool)
    for (left, top), _, (right, bottom), _ in parts:
        union[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
    polygons = normalize(objects_of(parts))
    if not union.any():
        assert verdict(polygons)[0] == "empty_polygon"
        return
    check_valid(polygons, 0)
    assert (xor(parts_of(polygons, 0)) == union).all()


@slow
@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_a_mask_keeps_its_holes_and_every_pixel(mask: Mask) -> None:
    rings = trace(runs_of_mask(mask), *mask.shape)
    if not rings:
        return
    height, width = mask.shape
    polygons = normalize(objects_of(rings, masks=True), width, height)
    check_valid(polygons, 0)
    assert (xor(parts_of(polygons, 0), width, height) == mask).all()
    assert verdict(polygons)[1] == {"mask_to_polygon"}


@slow
@given(st.lists(st.one_of(st.lists(drawn, max_size=3), st.lists(box, max_size=2)), min_size=1, max_size=5), st.data())
def test_an_object_depends_on_neither_its_neighbours_nor_its_place(outlines: list[Any], data: st.DataObject) -> None:
    most = data.draw(st.none() | st.integers(4, 9))
    clip = data.draw(st.booleans())
    order = data.draw(st.permutations(range(len(outlines))))
    alone = [one(parts, clip=clip, most=most) for parts in outlines]
    together = normalize(objects_of(*outlines), clip=clip, most=most)
    assert [verdict(together, row) for row in range(len(outlines))] == alone
    taken = normalize(objects_of(*outlines).take(np.array(order)), clip=clip, most=most)
    assert [verdict(taken, row) for row in range(len(outlines))] == [alone[row] for row in order]


wild = st.one_of(st.floats(), st.floats(-30, 30), st.sampled_from([math.nan, math.inf, 1e308, 2.0**60, 1e-300]))


@slow
@given(
    st.lists(st.lists(st.tuples(wild, wild), min_size=1, max_size=5), max_size=3),
    st.sampled_from([(WIDTH, HEIGHT), (1, 1), (40_000, 3), (2**31 - 1, 2**31 - 1)]),
    st.booleans(),
    st.none() | st.integers(4, 8),
)
def test_whatever_the_coordinates_are_a_polygon_is_valid_or_has_a_reason(
    parts: list[Any], size: tuple[int, int], clip: bool, most: int | None
) -> None:
    polygons = normalize(objects_of(parts), *size, clip=clip, most=most)
    if polygons.codes[0] == OK:
        check_valid(polygons, 0)
        assert most is None or sum(map(len, parts_of(polygons, 0))) <= most


@slow
@given(st.lists(st.tuples(st.floats(0, WIDTH), st.floats(0, HEIGHT)), min_size=3, max_size=7))
def test_corners_inside_are_within_a_millionth_of_where_they_were(part: list[tuple[float, float]]) -> None:
    polygons = normalize(objects_of([part]))
    if polygons.codes[0] == OK:
        (found,) = parts_of(polygons, 0)
        assert np.abs(found - np.array(part) / (WIDTH, HEIGHT)).max() <= 1e-6


# One fact each.


def test_a_polygon_inside_is_only_divided() -> None:
    assert one([rectangle(2, 4, 10, 8)]) == ([[[0.1, 0.25], [0.5, 0.25], [0.5, 0.5], [0.1, 0.5]]], set())


def test_parts_that_are_apart_stay_parts() -> None:
    found, adjusted = one([rectangle(0, 0, 10, 8), rectangle(10, 8, 20, 16)])
    assert (len(found), adjusted) == (2, set())


def test_parts_that_overlap_become_one_outline() -> None:
    found, adjusted = one([rectangle(0, 0, 10, 8), rectangle(5, 0, 20, 8)])
    assert (found, adjusted) == ([[[0, 0], [1, 0], [1, 0.5], [0, 0.5]]], {"polygon_parts_united"})


def test_a_part_inside_another_is_no_hole_for_coco() -> None:
    polygons = normalize(objects_of([rectangle(0, 0, 10, 10), rectangle(2, 2, 8, 8)]))
    assert len(parts_of(polygons, 0)) == 1


def test_more_than_64_parts_are_united_as_well() -> None:
    parts = [rectangle(left, 0, left + 2, 9) for left in range(200)]
    found, adjusted = one(parts, width=201)
    assert (found, adjusted) == ([[[0, 0], [1, 0], [1, 9 / 16], [0, 9 / 16]]], {"polygon_parts_united"})


def test_a_polygon_that_leaves_the_image_is_cut_or_rejected() -> None:
    parts = [rectangle(-10, 8, 10, 30)]
    found, adjusted = one(parts)
    assert (sorted(found[0]), adjusted) == ([[0, 0.5], [0, 1], [0.5, 0.5], [0.5, 1]], {"polygon_clipped"})
    assert one(parts, clip=False) == ("out_of_bounds", set())


@pytest.mark.parametrize("clip", [True, False])
def test_a_millionth_outside_is_rounding_noise(clip: bool) -> None:
    found, adjusted = one([rectangle(-0.00001, -0.00001, 20.00001, 16.00001)], clip=clip)
    assert (sorted(found[0]), adjusted) == ([[0, 0], [0, 1], [1, 0], [1, 1]], set())


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([], "missing_segmentation"),
        ([[(1, 1), (5, 5)]], "invalid_polygon"),
        ([[(0, 0)]], "invalid_polygon"),
        ([[(1, 1), (5, 5), (math.nan, 3)]], "invalid_polygon"),
        ([[(1, 1), (5, 5), (math.inf, 3)]], "invalid_polygon"),
        ([[(1, 1), (2.0**60, 5), (3, 2.0**61)]], "invalid_polygon"),
        ([[(1, 1), (5, 5), (9, 9)]], "empty_polygon"),
        ([[(1, 1), (1, 1), (1, 1)]], "empty_polygon"),
        ([rectangle(30, 30, 40, 40)], "empty_polygon"),
        ([rectangle(-9, 2, 0, 5)], "empty_polygon"),
        ([rectangle(3, 2, 9, 2.000001)], "empty_polygon"),
    ],
)
def test_unusable_polygons_have_their_reason(parts: Parts, reason: str) -> None:
    assert one(parts)[0] == reason


def test_a_part_without_area_is_dropped_beside_a_good_one() -> None:
    good = rectangle(2, 4, 10, 8)
    for bad in ([(1, 1), (5, 5), (9, 9)], [(1, 1), (5, 5)], [(math.nan, 1), (2, 2), (3, 1)], rectangle(30, 30, 40, 40)):
        found, adjusted = one([bad, good])
        assert found == one([good])[0]
        assert "polygon_part_dropped" in adjusted


def test_a_ring_that_rounding_would_flatten_is_none() -> None:
    """It encloses 0.0024 square pixels, and all its corners would be written on one line."""
    assert one([rectangle(1, 100.00001, 241, 100.00002)], width=20_000, height=16_000)[0] == "empty_polygon"


def test_a_bow_tie_has_an_area_although_its_lobes_cancel() -> None:
    found, adjusted = one([[(2, 2), (10, 10), (10, 2), (2, 10)]])
    assert (len(found), len(found[0]), adjusted) == (1, 4, set())


def test_a_mask_of_another_size_than_its_image_is_none() -> None:
    objects = objects_of(*[[rectangle(1, 1, 3, 3)]] * 4)
    objects.mask_size[:] = [(HEIGHT, WIDTH), (WIDTH, HEIGHT), (-1, -1), (0, 0)]
    polygons = normalize(objects)
    reasons = [verdict(polygons, row)[0] for row in range(4)]
    assert [reason if isinstance(reason, str) else None for reason in reasons] == [
        None,
        "rle_size_mismatch",
        None,
        None,
    ]
    assert polygons.adjusted[Adjusted.MASK_TO_POLYGON].tolist() == [True, True, True, False]


def test_parts_of_a_mask_are_not_united() -> None:
    hole = [rectangle(0, 0, 10, 10), rectangle(2, 2, 8, 8)]
    for most, corners in ((None, 8), (7, 7)):
        polygons = normalize(objects_of(hole, masks=True), most=most)
        parts = parts_of(polygons, 0)
        assert (len(parts), sum(map(len, parts))) == (2, corners)
        assert "polygon_parts_united" not in verdict(polygons)[1]


def test_an_outline_of_too_many_corners_is_simplified() -> None:
    circle = [(10 + 5 * math.cos(turn / 10), 8 + 5 * math.sin(turn / 10)) for turn in range(63)]
    found, adjusted = one([circle], most=12)
    assert (len(found[0]), adjusted) == (12, {"polygon_simplified"})
    assert one([circle], most=63) == one([circle])


def test_an_image_too_large_to_paint_costs_only_what_overlaps() -> None:
    apart, across = [rectangle(0, 0, 9, 9), rectangle(20, 20, 30, 30)], [rectangle(0, 0, 9, 9), rectangle(5, 5, 30, 30)]
    polygons = normalize(objects_of(apart, across), 100_000, 100_000)
    assert polygons.codes[0] == OK
    assert verdict(polygons, 1)[0] == "mask_too_large"


def test_corners_may_lie_in_memory_in_any_order() -> None:
    columns = np.asfortranarray([(2.0, 4.0), (10.0, 4.0), (10.0, 8.0)])
    ((_, fragment),) = fragments_of(
        [SourceImage("a.jpg", "s", "a", objects=[SourceObject("cat", "1", rings=[columns])])], 1, 0
    )
    assert normalize(fragment.objects).corners.flags.c_contiguous


def test_no_objects_are_no_polygons() -> None:
    polygons = normalize(objects_of())
    assert (len(polygons.codes), len(polygons.corners), polygons.offsets.tolist()) == (0, 0, [0])
