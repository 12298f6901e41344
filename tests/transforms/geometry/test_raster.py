from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from labelbeam.schemas.neutral import Ring
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.geometry.raster import check_mask_size, encode, rasterise, take_out, unite
from labelbeam.transforms.geometry.rle import GeometryError, runs_of_mask

# pycocotools 2.0.11 predates numpy 2's __array__(copy=...).
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

WIDTH, HEIGHT = 17, 12

coordinates = st.floats(-4, 20, width=32)
rings = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=7).map(
    lambda ring: np.array(ring, np.float64)
)


def rasters(many: list[Ring]) -> np.ndarray:
    """Each ring by itself, as pycocotools rasterises it: (n, height, width)."""
    masks = [coco_mask.frPyObjects([ring.ravel().tolist()], HEIGHT, WIDTH)[0] for ring in many]
    return np.array([coco_mask.decode(mask) for mask in masks]).astype(bool).reshape(-1, HEIGHT, WIDTH)


@settings(deadline=None)
@given(st.lists(rings, max_size=5))
def test_rings_combine_by_xor(many: list[Ring]) -> None:
    mask = rasterise(many, WIDTH, HEIGHT)
    assert mask["size"] == [HEIGHT, WIDTH]
    expected = np.bitwise_xor.reduce(rasters(many), axis=0) if many else np.zeros((HEIGHT, WIDTH), bool)
    assert np.array_equal(coco_mask.decode(mask).astype(bool), expected)


@settings(deadline=None)
@given(st.lists(rings, max_size=5))
def test_rings_unite_as_cocos_parts_do(many: list[Ring]) -> None:
    expected = np.bitwise_or.reduce(rasters(many), axis=0) if many else np.zeros((HEIGHT, WIDTH), bool)
    assert np.array_equal(coco_mask.decode(unite(many, WIDTH, HEIGHT)).astype(bool), expected)


@settings(deadline=None)
@given(st.lists(rings, min_size=1, max_size=3))
def test_run_lengths_become_the_mask_that_they_are_of(many: list[Ring]) -> None:
    mask = rasters(many)[0]
    assert np.array_equal(coco_mask.decode(encode(runs_of_mask(mask), WIDTH, HEIGHT)).astype(bool), mask)


def test_a_hole_stays_one() -> None:
    outer, inner = (np.array([[a, a], [b, a], [b, b], [a, b]], float) for a, b in ((1, 11), (4, 8)))
    assert coco_mask.area(rasterise([outer, inner], WIDTH, HEIGHT)) == 100 - 16
    assert coco_mask.area(unite([outer, inner], WIDTH, HEIGHT)) == 100


@pytest.mark.parametrize("make", [rasterise, unite])
@pytest.mark.parametrize(
    ("ring", "told"),
    [
        ([[0, 0], [1, 1]], "a ring has 2 corners"),
        ([[0, 0], [np.nan, 1], [1, 0]], "not finite"),
        ([[0, 0], [np.inf, 1], [1, 0]], "not finite"),
        ([[0, 0], [2.0**21, 1], [1, 0]], "beyond 1048576 pixels"),
        ([[0, 0], [2.0**20, 1], [0, 1]] * 3, "outline is"),
    ],
)
def test_what_would_crash_pycocotools_does_not_reach_it(make: object, ring: list[list[float]], told: str) -> None:
    with pytest.raises(GeometryError, match=told):
        make([np.array(ring, np.float64)], WIDTH, HEIGHT)  # type: ignore[operator]


def test_an_image_too_large_for_a_mask_gets_none() -> None:
    check_mask_size(2**14, 2**14)
    with pytest.raises(GeometryError) as caught:
        rasterise([np.array([[0, 0], [1, 0], [0, 1]], float)], 2**14, 2**14 + 1)
    assert caught.value.code is Rejected.MASK_TOO_LARGE


def square(left: float, top: float, side: float) -> Ring:
    return np.array([[left, top], [left + side, top], [left + side, top + side], [left, top + side]], float)


@pytest.mark.parametrize("at", [0, 1000])
@pytest.mark.parametrize(
    ("polygons", "covered"),
    [
        ([[square(0, 0, 10)]], None),
        ([[square(0, 0, 10), square(2, 2, 3), square(6, 6, 2)]], None),
        ([[square(0, 0, 10), square(2, 2, 6)], [square(4, 4, 2)]], None),
        ([[square(0, 0, 10), square(2, 2, 3), square(4, 4, 2)]], 100 - 9 - 4 + 1),
        ([[square(0, 0, 10), square(8, 8, 4)]], 100 - 4),
        ([[square(0, 0, 10), square(2, 2, 2)], [square(8, 8, 4)]], 100 - 4 + 16 - 4),
        ([[square(0, 0, 10), square(0, 0, 10)]], None),
        ([[square(0, 0, 4), square(-1, -1, 9)]], 0),
    ],
)
def test_holes_are_taken_out_of_their_polygons_alone(
    polygons: list[list[Ring]], covered: int | None, at: float
) -> None:
    found = take_out([[ring + at for ring in polygon] for polygon in polygons])
    if covered is None:
        assert found is None
    else:
        assert found is not None
        mask = rasterise([ring - at + 2 for ring in found], 30, 30)
        assert int(coco_mask.area(mask)) == covered


@pytest.mark.parametrize(
    ("ring", "code"),
    [
        (square(-1e308, 0, 1e308), Rejected.INVALID_POLYGON),
        (square(0, 0, 2**17), Rejected.MASK_TOO_LARGE),
        (square(0, 0, 9)[:2], Rejected.INVALID_POLYGON),
    ],
)
def test_polygons_with_holes_that_are_too_large_are_not_compared(ring: Ring, code: Rejected) -> None:
    with pytest.raises(GeometryError) as caught:
        take_out([[square(0, 0, 5), ring]])
    assert caught.value.code is code
