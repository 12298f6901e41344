"""Outlines of COCO records as real files have them: however they are nested, named or written, they are the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labelbeam.schemas.reasons import Adjusted
from labelbeam.transforms.formats.coco.segmentations import segmentation_of
from labelbeam.transforms.formats.coco.values import Rle

FLAT = [10.0, 20.0, 30.0, 20.0, 30.0, 40.0]
PAIRS = [[10, 20], [30, 20], [30, 40]]
XS, YS = FLAT[::2], FLAT[1::2]


@pytest.mark.parametrize(
    "value",
    [
        FLAT,
        [FLAT],
        [[FLAT]],
        PAIRS,
        [PAIRS],
        [[PAIRS]],
        [{"x": x, "y": y} for x, y in PAIRS],
        {"x": XS, "y": YS},
        {"all_points_x": XS, "all_points_y": YS, "name": "polygon"},
        [{"all_points_x": XS, "all_points_y": YS}],
        {"points": PAIRS},
        [{"points": FLAT}],
        {"polygon": [FLAT]},
        {"exterior": PAIRS},
        {"type": "Polygon", "coordinates": [PAIRS]},
        json.dumps([FLAT]),
        "10,20 30,20 30,40",
        "10, 20; 30, 20; 30, 40",
        "[(10, 20), (30, 20), (30, 40)]",
    ],
)
def test_an_outline_is_the_same_however_it_is_written(value: Any) -> None:
    assert segmentation_of(value, set()) == [FLAT]


@pytest.mark.parametrize("value", [None, "", {}, {"x": 1, "y": 2}, 5, "polygon", "1 3 10 5 20 6", "M 1,2 L 3,4 5,6"])
def test_what_is_no_outline_for_certain_is_none(value: Any) -> None:
    assert segmentation_of(value, set()) is None


@pytest.mark.parametrize(
    "value",
    [{"foo": 1}, {"type": "Polygon", "coordinates": [PAIRS, PAIRS]}, {"x": XS, "y": YS[:2]}, [{"foo": 1}], [["a"] * 6]],
)
def test_what_seems_to_be_an_outline_and_is_not_understood_is_an_empty_part(value: Any) -> None:
    assert segmentation_of(value, set()) == [[]]


@pytest.mark.parametrize("value", [{"counts": [1]}, {"size": [2, 3]}, [{"size": None, "counts": "0"}]])
def test_a_mask_is_read_by_whoever_reads_masks(value: Any) -> None:
    assert isinstance(segmentation_of(value, set()), Rle)


def test_corners_that_stand_as_text_are_counted() -> None:
    adjusted: set[Adjusted] = set()
    segmentation_of("10,20 30,20 30,40", adjusted)
    assert adjusted == {Adjusted.NUMBER_FROM_TEXT}
