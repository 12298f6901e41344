from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_mask

from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.geometry.rle import (
    LARGEST_MASK,
    GeometryError,
    box_of_runs,
    counts_from_string,
    counts_from_strings,
    counts_to_string,
    foreground,
    read_rle,
    runs_of_mask,
)

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12))
big_runs = st.lists(st.integers(0, 2**32 - 1), max_size=12)


def coco_rle(mask: np.ndarray) -> dict[str, Any]:
    return coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))


def rejection(size: object, counts: object, width: int = 4, height: int = 3) -> GeometryError:
    with pytest.raises(GeometryError) as caught:
        read_rle(size, counts, width, height)
    return caught.value


@settings(deadline=None)
@given(masks)
def test_runs_and_string_of_a_mask_are_those_of_pycocotools(mask: np.ndarray) -> None:
    runs = runs_of_mask(mask)
    assert runs.dtype == np.int64
    assert counts_to_string(runs) == coco_rle(mask)["counts"].decode()


@settings(deadline=None)
@given(masks)
def test_string_of_pycocotools_is_read_back_to_the_mask(mask: np.ndarray) -> None:
    runs = counts_from_string(coco_rle(mask)["counts"])
    pixels = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    assert (pixels.reshape(mask.shape, order="F") == mask).all()


@settings(deadline=None)
@given(big_runs)
def test_every_run_that_coco_can_hold_survives_the_string(runs: list[int]) -> None:
    assert counts_from_string(counts_to_string(runs)).tolist() == runs


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=12), max_size=12))
def test_texts_of_many_masks_are_read_as_each_by_itself(masks: list[list[int]]) -> None:
    runs, lengths = counts_from_strings([counts_to_string(each).encode() for each in masks])
    assert lengths.tolist() == list(map(len, masks))
    assert runs.tolist() == [run for each in masks for run in each]


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(lambda runs: sum(runs) > 0))
def test_string_of_listed_runs_is_that_of_pycocotools(runs: list[int]) -> None:
    rle = coco_mask.frPyObjects({"size": [1, sum(runs)], "counts": runs}, 1, sum(runs))
    assert counts_to_string(runs) == rle["counts"].decode()


@settings(deadline=None)
@given(masks)
def test_box_is_that_of_pycocotools_and_the_listed_counts_are_accepted(mask: np.ndarray) -> None:
    height, width = mask.shape
    counts = runs_of_mask(mask).tolist()
    if not mask.any():
        assert rejection([height, width], counts, width, height).code is Rejected.EMPTY_MASK
        return
    left, top, wide, tall = coco_mask.toBbox(coco_rle(mask)).tolist()
    runs = read_rle([height, width], counts, width, height)
    assert runs.tolist() == counts
    assert box_of_runs(runs, height) == (left, top, left + wide, top + tall)


def test_run_over_a_column_end_makes_the_box_full_height() -> None:
    # Rows 3 of column 1 and 0 of column 2: each run end alone would give a box from row 3 to row 1.
    assert box_of_runs(np.array([7, 2, 3]), 4) == (1.0, 0.0, 3.0, 4.0)


def test_box_of_an_empty_mask_is_an_error() -> None:
    with pytest.raises(GeometryError) as caught:
        box_of_runs(np.array([12]), 3)
    assert caught.value.code is Rejected.EMPTY_MASK


def test_runs_of_length_zero_neither_split_nor_make_foreground() -> None:
    starts, stops = foreground(np.array([3, 1, 0, 2, 1, 0, 0, 4, 2, 0, 3, 0]))
    assert list(zip(starts.tolist(), stops.tolist(), strict=True)) == [(3, 6), (7, 11)]


def test_foreground_from_the_first_pixel_to_the_last() -> None:
    starts, stops = foreground(np.array([0, 12]))
    assert (starts.tolist(), stops.tolist()) == ([0], [12])


@pytest.mark.parametrize(
    ("counts", "runs"),
    [
        ([3, 2, 7], [3, 2, 7]),
        ((3, 2, 7), [3, 2, 7]),
        ([3.0, 2, 7.0], [3, 2, 7]),
        ([3, 0, 0, 2, 7], [3, 0, 0, 2, 7]),
        ([0, 12], [0, 12]),
        ("327", [3, 2, 7]),
        (b"327", [3, 2, 7]),
    ],
)
def test_counts_that_are_accepted(counts: object, runs: list[int]) -> None:
    assert read_rle([3, 4], counts, 4, 3).tolist() == runs


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ([], "add up to 0 pixels, the mask has 3 x 4 = 12"),
        ("", "add up to 0 pixels"),
        ([3, 2], "add up to 5 pixels, the mask has 3 x 4 = 12"),
        ([3, 2, 8], "add up to 13 pixels"),
        ([3, -2, 11], "run 1 of 3 is -2"),
        ([3.0, -2.0, 11], "run 1 of 3 is -2"),
        ([3, 13], "run 1 of 2 is 13, expected 0 to 12"),
        # Four times 2**62, and 2**63 + 2**63, are 0 in 64 bits.
        ([2**62, 2**62, 2**62, 2**62, 12], "run 0 of 5 is 4611686018427387904"),
        ([3, 2**63, 7, 2**63], "over 64 bits"),
        ([3, 2.0, 10**400], "over 64 bits"),
        ([3, 10**300, 1.0], "counts holds 1e+300"),
        ([3, 2.5, 6.5], "counts holds 2.5"),
        ([3, float("nan"), 7], "counts holds nan"),
        ([3, float("inf"), 7], "counts holds inf"),
        ([3, True, 8], "counts holds True"),
        ([3, "2", 7], "counts holds '2'"),
        ([3, None, 7], "counts holds None"),
        ([[3, 2, 7]], "counts holds [3, 2, 7]"),
        (None, "counts is None"),
        (12, "counts is 12"),
        ({"3": 2}, "counts is {'3': 2}"),
        ("32 7", "' ' at position 2"),
        ("32p", "'p' at position 2"),
        ("3é7", "'é' at position 1"),
        ("32\ud800", "position 2"),
        ("3\x0027", "position 1"),
        ("32W", "ends inside a number"),
        ("PPP", "ends inside a number"),
        ("3oooooooo0", "a number of 9 characters"),
        ("32N", "run 2 of 3 is -2"),
        ("327L", "run 3 of 4 is -2"),
        (counts_to_string([2**32]), "run 0 of 1 is 4294967296"),
    ],
)
def test_counts_that_are_not_runs_are_invalid(counts: object, told: str) -> None:
    error = rejection([3, 4], counts)
    assert error.code is Rejected.INVALID_RLE
    assert told in str(error)


@pytest.mark.parametrize(
    "size",
    [
        [4, 3],
        [3],
        [3, 4, 1],
        [],
        None,
        12,
        "34",
        {"h": 3},
        ["3", "4"],
        [3, None],
        [3, 4.5],
        [[3], [4]],
        [100000, 100000],
    ],
)
def test_size_other_than_the_images_height_and_width_is_a_mismatch(size: object) -> None:
    error = rejection(size, [3, 2, 7])
    assert error.code is Rejected.RLE_SIZE_MISMATCH
    assert "the image's [3, 4]" in str(error)


def test_truth_values_are_no_size() -> None:
    assert rejection([True, True], [0, 1], 1, 1).code is Rejected.RLE_SIZE_MISMATCH


def test_whole_floats_are_a_size() -> None:
    assert read_rle([3.0, 4], [3, 2, 7], 4, 3).tolist() == [3, 2, 7]


def test_huge_mask_is_refused_before_its_runs_are_read() -> None:
    error = rejection([100000, 100000], "not runs at all", 100000, 100000)
    assert error.code is Rejected.MASK_TOO_LARGE
    assert "10000000000" in str(error)


def test_largest_mask_costs_no_memory_of_its_size() -> None:
    side = 2**14
    assert side * side == LARGEST_MASK
    tracemalloc.start()
    try:
        runs = read_rle([side, side], [5, LARGEST_MASK - 5], side, side)
        box = box_of_runs(runs, side)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert box == (0.0, 0.0, side, side)
    assert peak < 100_000


@pytest.mark.parametrize("counts", [[12], [5, 0, 7], "<", [12, 0]])
def test_mask_without_foreground_is_empty(counts: object) -> None:
    assert rejection([3, 4], counts).code is Rejected.EMPTY_MASK
