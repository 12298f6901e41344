"""Outlines of COCO annotations as rings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.neutral import SourceImage, SourceObject
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.columns.fragments import fragments_of
from labelbeam.transforms.columns.objects import Objects
from labelbeam.transforms.formats.coco.outlines import LaidMasks, lay_masks, lay_polygons
from labelbeam.transforms.formats.coco.values import Rle

SQUARE = [0.0, 0.0, 4.0, 0.0, 4.0, 4.0, 0.0, 4.0]
TRIANGLE = [1.0, 1.0, 2.0, 1.0, 2.0, 2.0]


def objects(count: int) -> Objects:
    image = SourceImage("1.jpg", "s", "1", 6, 4, objects=[SourceObject("a", str(at)) for at in range(count)])
    ((_, fragment),) = fragments_of([image], 1, 0)
    return fragment.objects


def rings(of: Objects) -> list[list[list[float]]]:
    return [[ring.ravel().tolist() for ring in of.rings_of(at)] for at in range(len(of))]


def mask(*rows: str) -> Rle:
    """A mask drawn with #, run down its columns."""
    drawn = np.array([[letter == "#" for letter in row] for row in rows])
    flat = np.concatenate([[False], drawn.ravel(order="F"), [False]])
    ends = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]), [drawn.size]])
    return Rle(size=list(drawn.shape), counts=np.diff(ends).tolist())


@pytest.mark.parametrize(
    ("polygons", "expected"),
    [
        ([[SQUARE], [], [TRIANGLE, SQUARE]], [[SQUARE], [], [TRIANGLE, SQUARE]]),
        (
            [[[0.0, 0.0, 4.0, 0.0]], [TRIANGLE]],
            [[[0.0, 0.0]], [TRIANGLE]],
        ),  # A line is no ring: one corner stands for it.
        ([[[*SQUARE, 7.0]]], [[[0.0, 0.0]]]),
        ([[[0.0, 0.0], [4.0, 0.0], [4.0, 4.0]]], [[[0.0, 0.0, 4.0, 0.0, 4.0, 4.0]]]),  # Pairs of one part.
        ([[], []], [[], []]),
    ],
)
def test_polygons_are_laid_one_after_the_other(
    polygons: list[list[list[float]]], expected: list[list[list[float]]]
) -> None:
    of = objects(len(polygons))
    lay_polygons(of, polygons)
    assert rings(of) == expected


NONE_FAILED = LaidMasks([], [])


def test_rings_of_masks_lie_between_those_of_polygons_in_the_order_of_their_objects() -> None:
    of = objects(4)
    lay_polygons(of, [[SQUARE], [], [TRIANGLE], []])
    drawn = mask("......", ".##...", ".##...", "......")
    assert lay_masks(of, {1: drawn, 3: drawn}, np.array([[6, 4]] * 4, np.int32)) == NONE_FAILED
    laid = rings(of)
    assert (laid[0], laid[2]) == ([SQUARE], [TRIANGLE])
    assert laid[1] == laid[3] != []
    assert of.ring_start.tolist() == [0, 1, 2, 3]
    assert of.mask_size.tolist() == [[0, 0], [4, 6], [0, 0], [4, 6]]


@pytest.mark.parametrize(
    ("size", "counts", "code"),
    [
        ([4, 6], [1, 2], Rejected.INVALID_RLE),  # They do not add up.
        ([5, 6], [30], Rejected.RLE_SIZE_MISMATCH),
    ],
)
def test_a_mask_that_is_none_is_given_back_and_leaves_the_others(
    size: list[int], counts: list[int], code: Rejected
) -> None:
    of = objects(2)
    lay_polygons(of, [[], []])
    failed, _ = lay_masks(
        of,
        {0: Rle(size=size, counts=counts), 1: mask("#.....", "......", "......", "......")},
        np.array([[6, 4]] * 2, np.int32),
    )
    assert [(at, error.code) for at, error in failed] == [(0, code)]
    assert len(rings(of)[1]) == 1


def test_where_no_size_is_declared_it_is_the_masks_own() -> None:
    of = objects(1)
    lay_polygons(of, [[]])
    assert lay_masks(of, {0: mask("##", "..", "..")}, np.zeros((1, 2), np.int32)) == NONE_FAILED
    assert of.mask_size.tolist() == [[3, 2]]


@given(
    st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=4, max_size=4).filter(
        lambda rows: any(map(any, rows))
    )
)
def test_a_mask_is_filled_by_its_rings(rows: Sequence[Sequence[bool]]) -> None:
    drawn = np.array(rows)
    of = objects(1)
    lay_polygons(of, [[]])
    rle = mask(*("".join(".#"[cell] for cell in row) for row in rows))
    assert lay_masks(of, {0: rle}, np.array([[6, 4]], np.int32)).failed == []
    filled = np.zeros((4, 6), bool)
    x, y = np.meshgrid(np.arange(6) + 0.5, np.arange(4) + 0.5)
    for ring in of.rings_of(0):
        for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            if y0 != y1:
                filled ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    assert (filled == drawn).all()
