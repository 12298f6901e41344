"""Boxes against exact fractions, and each way in which one can be unusable."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.geometry.boxes import (
    OK,
    REASONS,
    STEPS,
    NormalizedBoxes,
    code_of,
    normalize_boxes,
    to_millionths,
)

MILLIONTH = Fraction(1, 10**6)

Quad = tuple[float, float, float, float]

number = st.one_of(
    st.floats(-50, 700),
    st.integers(-3, 70_000).map(float),
    st.integers(-300, 70_000).map(lambda number: number / 100),
    st.floats(),
    st.sampled_from([math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, -0.0]),
)
side = st.one_of(st.integers(1, 9), st.integers(1, 5000), st.sampled_from([2**31 - 1, 999_999, 1_000_001]))


def normalize(box: Quad, width: int = 100, height: int = 80, clip: bool = True) -> NormalizedBoxes:
    return normalize_boxes(np.array([box], np.float64), np.array([[width, height]], np.float64), clip)


def verdict(box: Quad, width: int = 100, height: int = 80, clip: bool = True) -> tuple[str | list[float], bool]:
    """Return the reason, or the box in fractions, and whether it was cut."""
    normal = normalize(box, width, height, clip)
    clipped = bool(normal.clipped[0])
    if normal.codes[0] != OK:
        return REASONS[normal.codes[0]], clipped
    return (normal.millionths[0] / STEPS).tolist(), clipped


def by_hand(box: Quad, width: int, height: int, clip: bool) -> tuple[Rejected | None, bool, list[Fraction]]:
    """Return why a box is rejected, whether it leaves the image, and the exact fractions of what is inside."""
    if all(map(math.isnan, box)):
        return Rejected.MISSING_BBOX, False, []
    if not all(map(math.isfinite, box)):
        return Rejected.INVALID_BBOX, False, []
    exact = [Fraction(value) for value in box]
    sizes = [Fraction(width), Fraction(height)] * 2
    if exact[2] <= exact[0] or exact[3] <= exact[1]:
        return Rejected.EMPTY_BBOX, False, []
    if any(exact[at] >= sizes[at] or exact[at + 2] <= 0 for at in (0, 1)):
        return Rejected.BBOX_OUTSIDE, False, []
    slack = [value * MILLIONTH for value in sizes]
    leaves = any(exact[at] < -slack[at] or exact[at + 2] > sizes[at] + slack[at] for at in (0, 1))
    if leaves and not clip:
        return Rejected.OUT_OF_BOUNDS, False, []
    inside = [min(max(value, Fraction(0)), size) / size for value, size in zip(exact, sizes, strict=True)]
    return None, leaves, inside


@settings(deadline=None, max_examples=400)
@given(st.tuples(number, number, number, number), side, side, st.booleans())
@example((-1e-5, 0.0, 100.00005, 80.0), 100, 80, False)
@example((0.1, 0.1, 0.30000000000000004, 0.7), 1, 1, True)
def test_a_box_is_within_a_millionth_of_the_exact_one_or_has_its_reason(
    box: Quad, width: int, height: int, clip: bool
) -> None:
    normal = normalize(box, width, height, clip)
    reason, leaves, exact = by_hand(box, width, height, clip)
    found = [Fraction(value, STEPS) for value in normal.millionths[0].tolist()]
    if normal.codes[0] == OK:
        assert reason is None
        assert all(abs(a - b) <= MILLIONTH for a, b in zip(found, exact, strict=True))
        assert 0 <= found[0] < found[2] <= 1
        assert 0 <= found[1] < found[3] <= 1
        assert bool(normal.clipped[0]) == leaves
    else:
        assert not normal.clipped[0]
        # An exact box may be too thin for millionths: that is the one thing that rounding decides.
        thin = reason is None and min(exact[2] - exact[0], exact[3] - exact[1]) <= MILLIONTH
        assert REASONS[normal.codes[0]] == (Rejected.EMPTY_BBOX if thin else reason)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.tuples(number, number, number, number), side, side), max_size=6), st.booleans())
def test_a_box_does_not_depend_on_the_others(rows: list[tuple[Quad, int, int]], clip: bool) -> None:
    boxes = np.array([box for box, _, _ in rows], np.float64).reshape(-1, 4)
    together = normalize_boxes(boxes, np.array([size for _, *size in rows], np.float64).reshape(-1, 2), clip)
    for row, (box, width, height) in enumerate(rows):
        alone = normalize(box, width, height, clip)
        assert together.millionths[row].tolist() == alone.millionths[0].tolist()
        assert (together.codes[row], together.clipped[row]) == (alone.codes[0], alone.clipped[0])


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((math.nan,) * 4, "missing_bbox"),
        ((math.nan, 1, 2, 3), "invalid_bbox"),
        ((1, 1, math.inf, 3), "invalid_bbox"),
        ((-math.inf, 1, 2, 3), "invalid_bbox"),
        ((5, 5, 5, 9), "empty_bbox"),
        ((5, 5, 9, 5), "empty_bbox"),
        ((9, 5, 5, 9), "empty_bbox"),
        ((100, 5, 120, 9), "bbox_outside"),
        ((5, 80, 9, 81), "bbox_outside"),
        ((-9, 5, 0, 9), "bbox_outside"),
        ((-9, -9, -3, -3), "bbox_outside"),
        ((1e300, 1e300, 1e308, 1e308), "bbox_outside"),
        ((99.99999, 5, 200, 9), "empty_bbox"),
    ],
)
@pytest.mark.parametrize("clip", [True, False])
def test_unusable_boxes_have_their_reason(box: Quad, reason: str, clip: bool) -> None:
    expected = "out_of_bounds" if box[2] == 200 and not clip else reason
    assert verdict(box, clip=clip) == (expected, False)


def test_a_box_that_leaves_the_image_is_cut_or_rejected() -> None:
    assert verdict((-10, 40, 50, 90)) == ([0, 0.5, 0.5, 1], True)
    assert verdict((-10, 40, 50, 90), clip=False) == ("out_of_bounds", False)


@pytest.mark.parametrize("clip", [True, False])
def test_a_millionth_of_the_image_outside_is_rounding_noise(clip: bool) -> None:
    assert verdict((-0.00009, -0.00007, 100.00009, 80.00007), clip=clip) == ([0, 0, 1, 1], False)
    assert verdict((-0.00011, 0, 100, 80), clip=clip) == (([0, 0, 1, 1], True) if clip else ("out_of_bounds", False))


def test_a_box_too_thin_for_millionths_has_no_width() -> None:
    assert verdict((1_000, 0, 1_000.5, 9), width=2**31 - 1, height=9) == ("empty_bbox", False)
    assert verdict((0, 0, 1, 1), width=1_000_000, height=1) == ([0, 0, 1e-6, 1], False)


def test_the_whole_image_is_0_to_1() -> None:
    assert verdict((0, 0, 100, 80)) == ([0, 0, 1, 1], False)
    assert verdict((-1e308, -1e308, 1e308, 1e308)) == ([0, 0, 1, 1], True)


def test_no_boxes_are_no_boxes() -> None:
    normal = normalize_boxes(np.empty((0, 4)), np.empty((0, 2)), True)
    assert (normal.millionths.shape, len(normal.codes), len(normal.clipped)) == ((0, 4), 0, 0)


def test_millionths_are_whole_and_inside() -> None:
    pixels = np.array([-1.0, 0.0, 1 / 3, 0.5, 1.0, 9.0])
    assert to_millionths(pixels, np.full(6, 1e6)).tolist() == [0, 0, 333333, 500000, 1000000, 1000000]


def test_every_reason_has_a_code_of_its_own() -> None:
    assert [REASONS[code_of(reason)] for reason in Rejected] == list(Rejected)
    assert OK not in map(code_of, Rejected)
    assert len(Rejected) < 128, "codes are kept in 8 bits"
