from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from labelbeam.schemas.neutral import Ring
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.geometry.rings import ring_area
from labelbeam.transforms.geometry.rle import GeometryError, runs_of_mask
from labelbeam.transforms.geometry.trace import trace
from labelbeam.transforms.geometry.unite import parts_overlap, unite_many, unite_rings
from tests.transforms.geometry.test_rings import HEIGHT, WIDTH, as_lists, coco_rasters, inner_rings, ring, square

# pycocotools 2.0.11 predates numpy 2's __array__(copy=...).
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@settings(deadline=None, max_examples=200)
@given(st.lists(inner_rings, min_size=1, max_size=5))
def test_xor_of_united_rings_is_the_union_of_coco(rings: list[Ring]) -> None:
    rasters = coco_rasters(rings)
    united = unite_rings(rings, WIDTH, HEIGHT)
    overlap = bool((rasters.sum(axis=0) > 1).any())
    assert parts_overlap(rings, WIDTH, HEIGHT) == overlap
    assert (united is not rings) == overlap
    assert (np.logical_xor.reduce(coco_rasters(united)) == rasters.any(axis=0)).all()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 65), st.integers(0, 45), st.integers(1, 14)), min_size=2, max_size=6))
def test_boxes_that_touch_in_fractions_of_a_pixel_are_united_as_coco_does(squares: list[tuple[int, int, int]]) -> None:
    rings = [square(left / 5, top / 5, side / 5) for left, top, side in squares]
    united = unite_rings(rings, WIDTH, HEIGHT)
    assert (np.logical_xor.reduce(coco_rasters(united)) == coco_rasters(rings).any(axis=0)).all()


def test_part_inside_another_is_no_hole() -> None:
    united = unite_rings([square(1, 1, 9), square(3, 3, 4)], WIDTH, HEIGHT)
    assert as_lists(united) == as_lists([square(1, 1, 9)])


def test_only_the_rings_that_overlap_are_traced_and_stand_at_the_first_ones_place() -> None:
    slanted, other = ring((0.5, 9.5), (3.5, 11.5), (0.5, 11.5)), ring((12.5, 9.5), (15.5, 9.5), (15.5, 11.5))
    # The second and the last meet through the fourth only.
    rings = [slanted, square(2, 2, 3), other, square(4, 4, 3), square(6, 6, 3)]
    united = unite_rings(rings, WIDTH, HEIGHT)
    assert united[0] is slanted and united[2] is other
    assert len(united) == 3
    assert ring_area(united[1]) == 9 + 8 + 8


def test_rings_too_small_for_any_pixel_are_kept_beside_united_ones() -> None:
    specks = [square(1.1, 9.1, 0.1), square(2.1, 9.1, 0.1)]
    united = unite_rings([*specks, square(2, 2, 3), square(4, 4, 3)], WIDTH, HEIGHT)
    assert not coco_rasters(specks).any()
    assert united[0] is specks[0] and united[1] is specks[1]


def test_rings_of_overlapping_boxes_that_share_no_pixel_are_kept() -> None:
    rings = [ring((0, 0), (11, 0), (0, 11)), ring((12, 1), (12, 12), (1, 12))]
    assert not parts_overlap(rings, WIDTH, HEIGHT)
    assert unite_rings(rings, WIDTH, HEIGHT) is rings


@pytest.mark.parametrize("rings", [[], [square(1, 1, 3)], [square(1, 1, 3), square(4, 1, 3), square(1, 4, 3)]])
def test_rings_with_nothing_to_unite_are_returned_as_they_are(rings: list[Ring]) -> None:
    assert unite_rings(rings, WIDTH, HEIGHT) is rings


def test_hundreds_of_overlapping_rings_are_united() -> None:
    rings = [square(left / 40, 2, 3) for left in range(400)]
    (united,) = unite_rings(rings, WIDTH, HEIGHT)
    assert (coco_rasters([united])[0] == coco_rasters(rings).any(axis=0)).all()


@pytest.mark.parametrize(
    ("corners", "told"),
    [
        (ring((1, 1), (3, float("nan")), (5, 5)), r"corner 1 of a ring of 3 is \(3\.0, nan\)"),
        (ring((1, 1), (float("inf"), 3), (5, 5)), r"is \(inf, 3\.0\)"),
        (ring((1, 1), (3, 3), (1e30, 5)), "corner 2 "),
        (ring((-0.001, 1), (3, 3), (1, 5)), "corner 0 .* inside 16 x 12"),
        (ring((1, 1), (3, 3), (1, 12.001)), "corner 2 "),
        (ring((1, 1), (3, 3)), "a ring has 2 corners"),
        (ring(), "a ring has 0 corners"),
    ],
)
def test_what_would_crash_pycocotools_does_not_reach_it(corners: Ring, told: str) -> None:
    for function in (parts_overlap, unite_rings):
        with pytest.raises(GeometryError, match=told) as caught:
            function([square(1, 1, 3), corners], WIDTH, HEIGHT)
        assert caught.value.code is Rejected.INVALID_POLYGON


def test_outlines_too_long_to_rasterise_are_refused() -> None:
    zigzag = ring(*[(4000 * (step % 2), step / 10) for step in range(1200)])
    with pytest.raises(GeometryError, match=r"outline is \d+ pixels long") as caught:
        unite_rings([zigzag, square(1, 1, 3)], 4000, 4000)
    assert caught.value.code is Rejected.MASK_TOO_LARGE


def test_image_too_large_to_rasterise_is_refused() -> None:
    with pytest.raises(GeometryError, match="the image has 536870912 pixels") as caught:
        unite_rings([square(1, 1, 3), square(2, 2, 3)], 2**15, 2**14)
    assert caught.value.code is Rejected.MASK_TOO_LARGE


def test_many_objects_are_united_as_each_by_itself() -> None:
    """Also in images of several sizes, of which those of one height are traced side by side."""
    pair = [square(1, 1, 4), square(3, 3, 4)]
    apart = [square(0, 0, 2), square(5, 5, 2)]
    mixed = [square(0, 0, 1), *pair, square(9, 8, 2), square(10, 8, 2)]
    line = [square(1, 1, 3), ring((0, 0), (1, 1))]
    objects, sizes = [pair, apart, line, mixed, pair], [(16, 12), (16, 12), (16, 12), (20, 12), (16, 14)]
    found = unite_many(objects, sizes)
    assert isinstance(found[2], GeometryError)
    assert found[1] is apart
    for at in (0, 3, 4):
        united = found[at]
        assert isinstance(united, list)
        assert as_lists(united) == as_lists(unite_rings(objects[at], *sizes[at]))
    assert unite_many([], []) == []


def masks_of(rings: list[Ring], width: int, height: int) -> list[np.ndarray]:
    return [coco_mask.decode(coco_mask.frPyObjects([each.ravel()], height, width))[..., 0] > 0 for each in rings]


def united_pixel_by_pixel(rings: list[Ring], width: int, height: int) -> list[Ring]:
    """Rings in groups by the pixels that they share, and each group of several as the outline of its pixels."""
    masks = masks_of(rings, width, height)
    leaders = list(range(len(rings)))
    for _ in rings:
        for one, other in np.ndindex(len(rings), len(rings)):
            if (masks[one] & masks[other]).any():
                leaders[one] = leaders[other] = min(leaders[one], leaders[other])
    united: list[Ring] = []
    for leader in sorted(set(leaders)):
        members = [at for at, each in enumerate(leaders) if each == leader]
        merged = np.logical_or.reduce([masks[at] for at in members])
        united += [rings[leader]] if len(members) == 1 else trace(runs_of_mask(merged), height, width)
    return united


@st.composite
def objects_in_images(draw: st.DrawFn) -> tuple[list[Ring], tuple[int, int]]:
    """Rings, also along the border, whose corners are hundredths, fifths or whole pixels, and their image."""
    width, height = draw(st.integers(1, 14)), draw(st.integers(1, 14))
    steps = draw(st.sampled_from([1, 5, 10, 100]))
    corners = st.tuples(st.integers(0, width * steps), st.integers(0, height * steps))
    rings = draw(st.lists(st.lists(corners, min_size=3, max_size=6), min_size=1, max_size=5))
    return [np.array(each, np.float64) / steps for each in rings], (width, height)


@pytest.mark.parametrize("at_once", [2, 1024])
@settings(deadline=None, max_examples=25)
@given(st.lists(objects_in_images(), max_size=8))
def test_many_objects_are_united_as_each_is_pixel_by_pixel(
    at_once: int, members: list[tuple[list[Ring], tuple[int, int]]]
) -> None:
    objects, sizes = [rings for rings, _ in members], [size for _, size in members]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("labelbeam.transforms.geometry.unite._AT_ONCE", at_once)
        found = unite_many(objects, sizes)
    for rings, size, united in zip(objects, sizes, found, strict=True):
        assert isinstance(united, list)
        assert as_lists(united) == as_lists(united_pixel_by_pixel(rings, *size))


def test_images_too_different_for_one_canvas_are_united_one_by_one() -> None:
    pair = [square(1, 1, 4), square(3, 3, 4)]
    found = unite_many([pair, pair, pair], [(2**20, 16), (12, 2**20), (12, 12)])
    assert [as_lists(united) for united in found] == [as_lists(unite_rings(pair, 12, 12))] * 3  # type: ignore[arg-type]


def test_what_lies_apart_may_be_as_large_as_it_likes() -> None:
    apart = [square(1, 1, 3), square(8, 1, 3)]
    assert unite_rings(apart, 2**15, 2**14) is apart
