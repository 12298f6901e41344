"""Outlines of COCO annotations: polygons, masks, what is neither, and whether they lie where their boxes do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from labelbeam.schemas.reasons import Adjusted
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.geometry.rle import counts_to_string, runs_of_mask
from tests.transforms.formats.coco.annotations_read import SEGMENTATION, SQUARE, Read, annotation

MASK = np.array([[0, 1, 1, 0, 0, 0], [0, 1, 0, 0, 0, 1], [0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0]], bool)
RUNS = runs_of_mask(MASK).tolist()


def outlined(*segmentations: Any, **fields: Any) -> Read:
    return Read([annotation(id=at, segmentation=item, **fields) for at, item in enumerate(segmentations)], SEGMENTATION)


def test_a_polygon_is_a_ring_a_part() -> None:
    assert outlined([SQUARE, [0, 0, 1, 0, 1, 1, 0, 1]]).rings == [
        [[[1, 1], [3, 1], [3, 3]], [[0, 0], [1, 0], [1, 1], [0, 1]]]
    ]


def test_numbers_alone_are_a_polygon_of_one_part() -> None:
    assert outlined(SQUARE).rings == outlined([SQUARE]).rings


@pytest.mark.parametrize("counts", [RUNS, [float(run) for run in RUNS], counts_to_string(RUNS)])
@pytest.mark.parametrize("crowd", [0, 1])
def test_a_mask_may_be_a_list_or_text_and_a_crowd_or_none(counts: Any, crowd: int) -> None:
    read = outlined({"size": [4, 6], "counts": counts}, iscrowd=crowd)
    ((rings),) = read.rings
    assert rings[0] == [[1, 0], [3, 0], [3, 1], [2, 1], [2, 2], [3, 2], [3, 3], [1, 3]]
    assert read.each(lambda fragment, row: fragment.objects.mask_size[row].tolist()) == [[4, 6]]


def test_masks_and_polygons_keep_their_order_and_their_rings() -> None:
    mask = {"size": [4, 6], "counts": RUNS}
    alone = [outlined(item).rings[0] for item in (mask, [SQUARE], None)]
    together = outlined([SQUARE], mask, None, mask, [SQUARE, SQUARE], mask)
    square, of_mask = alone[1], alone[0]
    assert together.rings == [square, of_mask, [], of_mask, square * 2, of_mask]
    (fragment,) = together.fragments.values()
    assert list(fragment.objects.ids) == list(range(6))


@pytest.mark.parametrize(
    ("mask", "code"),
    [
        ({"size": [4, 6], "counts": [1, 2]}, "invalid_rle"),
        ({"size": [4, 6], "counts": [-1, 25]}, "invalid_rle"),
        ({"size": [4, 6], "counts": [1.5, 22.5]}, "invalid_rle"),
        ({"size": [4, 6], "counts": "~~~"}, "invalid_rle"),
        ({"size": [4, 6], "counts": None}, "invalid_rle"),
        ({"size": [4, 6]}, "invalid_rle"),
        ({"size": [4, 6], "counts": [10**30]}, "invalid_rle"),
        ({"size": [4, 6], "counts": [24]}, "empty_mask"),
        ({"size": [6, 4], "counts": RUNS}, "rle_size_mismatch"),
        ({"size": None, "counts": RUNS}, "rle_size_mismatch"),
        ({"counts": RUNS}, "rle_size_mismatch"),
    ],
)
def test_a_malformed_mask_costs_no_neighbour(mask: Any, code: str) -> None:
    good = {"size": [4, 6], "counts": RUNS}
    read = outlined([SQUARE], mask, good, mask)
    assert read.codes == [code, code]
    assert [rejection.locator for rejection in read.rejected] == ["annotations id=1", "annotations id=3"]
    assert read.rings == [*outlined([SQUARE]).rings, *outlined(good).rings]
    (fragment,) = read.fragments.values()
    assert list(fragment.objects.ids) == [0, 2]


@pytest.mark.parametrize("size", [[-4, -6], [0, 0], [4], [4, 6, 1], ["4", "6"], [10**6, 10**6], [True, 24]])
def test_a_mask_of_an_image_of_unknown_size_has_to_have_a_size_of_its_own(size: Any) -> None:
    read = outlined({"size": size, "counts": [0, 24]}, [SQUARE], image_id=5)
    assert len(read.codes) == 1
    assert len(read.rings) == 1


def test_a_mask_of_an_image_of_unknown_size_is_traced_in_its_own() -> None:
    read = outlined({"size": [2, 2], "counts": [0, 4]}, image_id=5)
    assert read.rings == [[[[0, 0], [2, 0], [2, 2], [0, 2]]]]
    assert read.each(lambda fragment, row: fragment.objects.mask_size[row].tolist()) == [[2, 2]]


@pytest.mark.parametrize("none", [None, [], {}, "polygon", 5])
def test_a_segmentation_of_nothing_has_no_ring(none: Any) -> None:
    assert [len(rings) for rings in outlined(none, [SQUARE]).rings] == [0, 1]


@pytest.mark.parametrize(
    "part",
    [[], [1, 1], [1, 1, 2, 2], [1, 1, 2, 2, 3], [1, 1, 2, 2, 3, 3, 4], [1, 1, "x", 2, 3, 3], [1, 1, None, 2, 3, 3]],
)
def test_a_part_that_is_no_ring_is_left_for_whoever_repairs_polygons(part: list[Any]) -> None:
    read = outlined([part, SQUARE], [part])
    assert [[len(ring) for ring in rings] for rings in read.rings] == [[1, 3], [1]]
    assert read.fragments[0].adjusted == {}


def test_numbers_as_text_are_counted_once_an_object() -> None:
    read = outlined([[str(number) for number in SQUARE]], [SQUARE], bbox=["1", "1", "2", "2"])
    assert read.fragments[0].adjusted == {Adjusted.NUMBER_FROM_TEXT: 2}


# Masks that lie elsewhere than their boxes. -------------------------------------------------------------------------


def masks(*rows: str, box: list[float], order: str = "F") -> Evidence:
    """The evidence of a mask drawn with # of the image a.jpg, 6 x 4, counted down columns (F) or along rows (C)."""
    mask = np.array([[letter == "#" for letter in row] for row in rows])
    flat = np.concatenate([[False], mask.ravel(order="F" if order == "F" else "C"), [False]])
    ends = np.flatnonzero(flat[1:] != flat[:-1])
    counts = np.diff(np.concatenate([[0], ends, [mask.size]])).tolist()
    record = {"id": 1, "image_id": 1, "category_id": 3, "bbox": box, "segmentation": {"size": [4, 6], "counts": counts}}
    return Read([record], SEGMENTATION).evidence


def test_a_mask_is_compared_with_its_box() -> None:
    small = ("......", ".####.", "......", "......")
    assert masks(*small, box=[1, 1, 4, 1]).count("outlined_boxes") == 1
    assert masks(*small, box=[1, 1, 4, 1]).count("outlines_elsewhere") == 0
    low = ("......", "......", "......", ".####.")
    assert masks(*low, box=[1, 3, 4, 1], order="C").count("outlines_elsewhere") == 1
    assert masks(*small, box=[0, 3, 4, 1]).count("outlines_elsewhere") == 1


def test_a_mask_without_a_box_or_of_nothing_says_nothing_of_boxes() -> None:
    assert masks("......", "......", "......", "......", box=[1, 1, 4, 1]).count("outlined_boxes") == 0
    assert masks("######", "######", "######", "######", box=[]).count("outlined_boxes") == 0


def test_a_mask_whose_runs_go_along_rows_is_known_without_a_box() -> None:
    rows = ("......", "..##..", "..##..", "..##..")
    assert masks(*rows, box=[], order="C").count("masks_by_rows") == 1
    assert masks(*rows, box=[], order="F").count("masks_by_rows") == 0
    for harmless in (
        ("######",) * 4,
        ("......", ".#....", "......", "......"),
        ("#.....", ".#....", "..#...", "...#.."),
    ):
        assert masks(*harmless, box=[]).count("masks_by_rows") == 0


@pytest.mark.parametrize(
    ("segmentation", "box", "count"),
    [
        ([[1, 3, 3, 1], [0, 0, 2, 2]], [1, 0, 2, 2], 1),
        ([[1, 3, 2], [0, 0, 2]], [1, 0, 2, 2], 1),
        ([[1, 3, 2], [0, 0, 2]], [0, 0, 6, 4], 0),
        ([[1, 3, 2], [0, 0, 2]], None, 0),
        ([[0, 0, 2, 0, 2, 2], [3, 0, 5, 0, 5, 2]], [0, 0, 5, 2], 0),
        ([[1, 3, 3, 1], [0, 0, 2]], [1, 0, 2, 2], 0),
    ],
)
def test_all_x_and_then_all_y_are_joined_where_the_box_proves_it(segmentation: Any, box: Any, count: int) -> None:
    read = outlined(segmentation, bbox=box)
    assert read.evidence.count("outlines_by_axis") == count
    if count:
        ((ring,),) = read.rings
        assert ring[:3] == [[1, 0], [3, 0], [segmentation[0][2], 2]]


@pytest.mark.parametrize(
    ("box", "elsewhere", "other"),
    [
        ([1, 1, 2, 1], False, None),
        ([2, 1.5, 2, 1], True, "centred"),
        ([1, 2, 2, 1], True, "flipped"),
        ([1, 1, 3, 2], False, "corners"),
        ([1, 1, 2, 2], False, None),
        ([1, 1, 1, 2], False, "exchanged"),
        ([4, 0, 1, 1], True, None),
    ],
)
def test_what_else_a_box_that_is_not_its_outlines_may_be_is_counted(
    box: list[float], elsewhere: bool, other: str | None
) -> None:
    found = outlined([[1, 1, 3, 1, 3, 2, 1, 2]], bbox=box).evidence
    assert found.count("outlines_elsewhere") == elsewhere
    told = [name for name in ("exchanged", "centred", "flipped", "corners") if found.count(f"outlines_{name}")]
    assert told == ([other] if other else [])
