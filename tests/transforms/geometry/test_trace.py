from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_mask

from labelbeam.schemas.neutral import Ring
from labelbeam.transforms.geometry.rle import runs_of_mask
from labelbeam.transforms.geometry.trace import trace, trace_many

# pycocotools 2.0.11 predates numpy 2's __array__(copy=...).
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def rings_of(mask: np.ndarray) -> list[Ring]:
    return trace(runs_of_mask(mask), *mask.shape)


def xor_of(rings: list[Ring], height: int, width: int) -> np.ndarray:
    raster = np.zeros((height, width), bool)
    if rings:
        for rle in coco_mask.frPyObjects([ring.ravel() for ring in rings], height, width):
            raster ^= coco_mask.decode(rle).astype(bool)
    return raster


def signed_area(ring: Ring) -> float:
    x, y = ring.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def shape(rows: str) -> np.ndarray:
    return np.array([[pixel == "#" for pixel in row] for row in rows.split()])


def check(mask: np.ndarray) -> list[Ring]:
    rings = rings_of(mask)
    assert (xor_of(rings, *mask.shape) == mask).all()
    for ring in rings:
        assert ring.dtype == np.float64
        steps = np.roll(ring, -1, axis=0) - ring
        # Across and down in turn, never standing still: no corner lies on a straight line.
        assert (steps[0::2, 1] == 0).all() and (steps[0::2, 0] != 0).all()
        assert (steps[1::2, 0] == 0).all() and (steps[1::2, 1] != 0).all()
    assert sum(map(signed_area, rings)) == mask.sum()
    return rings


@settings(deadline=None, max_examples=200)
@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_xor_of_the_rings_is_the_mask(mask: np.ndarray) -> None:
    check(mask)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 60), st.floats(0.02, 0.98))
def test_xor_of_the_rings_is_the_mask_for_noise(seed: int, height: int, width: int, share: float) -> None:
    check(np.random.default_rng(seed).random((height, width)) < share)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (9, 1), (7, 5)])
def test_full_mask_is_the_image_border(height: int, width: int) -> None:
    (ring,) = check(np.ones((height, width), bool))
    assert ring.tolist() == [[0, 0], [width, 0], [width, height], [0, height]]


@pytest.mark.parametrize(("height", "width"), [(1, 8), (8, 1), (7, 5), (6, 6)])
@pytest.mark.parametrize("phase", [0, 1])
def test_checkerboard_is_one_square_a_pixel(height: int, width: int, phase: int) -> None:
    mask = np.indices((height, width)).sum(axis=0) % 2 == phase
    rings = check(mask)
    assert len(rings) == mask.sum()
    assert {len(ring) for ring in rings} == {4}


def test_one_pixel_becomes_its_square() -> None:
    (ring,) = check(shape("... ..# ..."))
    assert ring.tolist() == [[2, 1], [3, 1], [3, 2], [2, 2]]


def test_empty_mask_has_no_ring() -> None:
    assert rings_of(np.zeros((4, 3), bool)) == []


def test_hole_is_a_ring_of_the_other_direction() -> None:
    outer, hole = check(shape("##### #...# #.### #####"))
    assert (signed_area(outer), signed_area(hole)) == (20, -4)
    assert outer.tolist() == [[0, 0], [5, 0], [5, 4], [0, 4]]
    assert hole.tolist() == [[4, 1], [1, 1], [1, 3], [2, 3], [2, 2], [4, 2]]


def test_pixels_that_meet_diagonally_become_rings_of_their_own() -> None:
    for rows in ("#. .#", ".# #."):
        assert [len(ring) for ring in check(shape(rows))] == [4, 4]


def test_hole_that_meets_the_outside_diagonally_is_still_open() -> None:
    # Pixels kept apart at a diagonal let the background through: one ring that touches itself at (1, 1).
    (ring,) = check(shape(".### #.## ####"))
    assert ring.tolist().count([1, 1]) == 2


def test_object_inside_a_hole() -> None:
    rings = check(shape("##### #...# #.#.# #...# #####"))
    assert [signed_area(ring) for ring in rings] == [25, -9, 1]


def test_rings_come_from_top_to_bottom_each_from_its_topmost_leftmost_corner() -> None:
    rings = check(shape("...#. #...# #.#.# ....."))
    assert [ring[0].tolist() for ring in rings] == [[3, 0], [0, 1], [4, 1], [2, 2]]


def test_runs_of_length_zero_leave_no_edge_inside() -> None:
    mask = shape("##. ##. ...")
    assert runs_of_mask(mask).tolist() == [0, 2, 1, 2, 4]
    split = np.array([0, 1, 0, 1, 1, 2, 2, 0, 2])
    assert [ring.tolist() for ring in trace(split, 3, 3)] == [ring.tolist() for ring in rings_of(mask)]


def test_run_over_many_columns_is_cut_at_the_first_and_the_last() -> None:
    (ring,) = trace(np.array([2, 3 * 4 + 3, 3]), 4, 5)
    assert ring.tolist() == [[1, 0], [5, 0], [5, 1], [4, 1], [4, 4], [0, 4], [0, 2], [1, 2]]


def test_cost_follows_the_runs_not_the_columns() -> None:
    width = 2**28
    tracemalloc.start()
    try:
        (ring,) = trace(np.array([1, width - 2, 1]), 1, width)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert ring.tolist() == [[1, 0], [width - 1, 0], [width - 1, 1], [1, 1]]
    assert peak < 100_000


def test_noise_of_a_hundred_thousand_corners() -> None:
    mask = np.random.default_rng(5).random((320, 400)) < 0.5
    rings = rings_of(mask)
    assert sum(map(len, rings)) > 90_000
    # Corner by corner along each line, (x, y) toggles the pixels to its right and below: the mask's own 2-D difference.
    toggles = np.zeros((321, 401), int)
    for x, y in np.concatenate(rings).astype(int).tolist():
        toggles[y, x] += 1
    assert (toggles.cumsum(axis=0).cumsum(axis=1)[:320, :400] % 2 == mask).all()


def rings_of_each(masks: list[np.ndarray], heights: list[int], widths: list[int]) -> list[list[list[list[float]]]]:
    rings, counts = trace_many(masks, heights, widths)
    every = iter([rings.ring(number).tolist() for number in range(len(rings))])
    each = [[next(every) for _ in range(count)] for count in counts.tolist()]
    assert next(every, None) is None
    return each


def rings_alone(masks: list[np.ndarray], heights: list[int], widths: list[int]) -> list[list[list[list[float]]]]:
    each = zip(masks, heights, widths, strict=True)
    return [[ring.tolist() for ring in trace(runs, height, width)] for runs, height, width in each]


SIDES = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))


@pytest.mark.parametrize("at_once", [1, 40, 2**16])
@settings(deadline=None, max_examples=60)
@given(members=st.lists(SIDES, max_size=40))
def test_many_masks_traced_at_once_are_each_as_if_alone(at_once: int, members: list[tuple[int, int, int]]) -> None:
    heights, widths = [height for height, _, _ in members], [width for _, width, _ in members]
    runs = [
        runs_of_mask(np.random.default_rng(seed).random((height, width)) < seed % 5 / 4)
        for height, width, seed in members
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("labelbeam.transforms.geometry.trace._AT_ONCE", at_once)
        assert rings_of_each(runs, heights, widths) == rings_alone(runs, heights, widths)


def test_many_masks_may_have_runs_of_length_0() -> None:
    runs = [np.array([0, 2, 0, 1, 3]), np.array([6, 0]), np.array([1, 0, 2, 3]), np.array([0, 6])]
    assert rings_of_each(runs, [2] * 4, [3] * 4) == rings_alone(runs, [2] * 4, [3] * 4)


def test_the_longest_and_the_widest_masks_side_by_side() -> None:
    side = 2**28
    runs = [np.array([side - 1, 1]), np.array([1, side - 1])] * 3000
    heights, widths = [side, 1] * 3000, [1, side] * 3000
    assert (
        rings_of_each(runs, heights, widths)
        == [
            [[[0, side - 1], [1, side - 1], [1, side], [0, side]]],
            [[[1, 0], [side, 0], [side, 1], [1, 1]]],
        ]
        * 3000
    )
