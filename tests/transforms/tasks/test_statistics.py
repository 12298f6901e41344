"""The histograms of a build: each image and object is in one bin, whichever shard it is in, and in the bin that is its own."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelbeam.schemas.manifest import Receipt
from labelbeam.schemas.neutral import SourceImage, SourceObject
from labelbeam.schemas.statistics import GRID, IMAGE_EDGES, OBJECT_EDGES, RATIO_EDGES, SIDE_EDGES, SplitStatistics
from labelbeam.transforms.columns.fragments import fragments_of
from labelbeam.transforms.geometry.polygons import NormalizedPolygons
from labelbeam.transforms.tasks.records import encode_parquet
from labelbeam.transforms.tasks.registry import TASKS
from labelbeam.transforms.tasks.statistics import (
    boxes_of_rings,
    build_statistics,
    extents,
    histograms,
    merge_statistics,
    statistics_of,
    statistics_of_rows,
)
from labelbeam.transforms.write.assemble import assemble
from labelbeam.transforms.write.options import AssembleOptions
from tests.transforms.write.test_bucket import write

DETECTION = "image_object_detection"
SEGMENTATION = "image_instance_segmentation"
HISTOGRAMS = {
    "objects_an_image": OBJECT_EDGES,
    "image_sides": IMAGE_EDGES,
    "box_sides": SIDE_EDGES,
    "box_ratios": RATIO_EDGES,
}

at_leisure = settings(deadline=None, max_examples=40)

Box = tuple[float, float, float, float]


def image(number: int, size: tuple[int, int], boxes: Sequence[tuple[str, Box]], split: str = "train") -> SourceImage:
    """An image whose objects have the boxes as boxes and, going around them, as outlines."""
    items = [
        SourceObject(
            label, "1", bbox=box, rings=[np.array([(box[0], box[1]), (box[2], box[1]), box[2:], (box[0], box[3])])]
        )
        for label, box in boxes
    ]
    return SourceImage(f"{number}.jpg", "s", str(number), *size, split, items)


def statistics(images: Sequence[SourceImage], task: str = DETECTION, buckets: int = 1) -> dict[str, SplitStatistics]:
    found = build_statistics(write(images, None, task, buckets))
    assert found is not None
    return found


def bins(counts: Sequence[int]) -> dict[int, int]:
    return {number: count for number, count in enumerate(counts) if count}


@st.composite
def datasets(draw: st.DrawFn) -> list[SourceImage]:
    images = []
    for number in range(draw(st.integers(1, 12))):
        width, height = draw(st.tuples(st.integers(10, 3000), st.integers(10, 3000)))
        boxes = []
        for _ in range(draw(st.integers(0, 6))):
            left, top = draw(st.integers(0, width - 5)), draw(st.integers(0, height - 5))
            right, bottom = draw(st.integers(left + 2, width)), draw(st.integers(top + 2, height))
            boxes.append((draw(st.sampled_from("abc")), (left, top, right, bottom)))
        images.append(image(number, (width, height), boxes, draw(st.sampled_from(["train", "test"]))))
    return images


@at_leisure
@given(datasets(), st.sampled_from([DETECTION, SEGMENTATION]), st.integers(2, 5))
def test_the_sums_of_the_shards_are_the_histograms_of_the_whole(
    images: list[SourceImage], task: str, buckets: int
) -> None:
    assert statistics(images, task, buckets) == statistics(images, task)


@at_leisure
@given(datasets(), st.sampled_from([DETECTION, SEGMENTATION]))
def test_each_image_and_each_object_is_in_one_bin_of_each_histogram(images: list[SourceImage], task: str) -> None:
    for receipt in write(images, None, task):
        for split, counts in receipt.splits.items():
            found = receipt.statistics[split]
            assert sum(found.objects_an_image) == sum(found.image_sides) == counts.images
            assert sum(found.box_sides) == sum(found.box_ratios) == sum(found.positions) == counts.objects
            assert all(len(getattr(found, name)) == len(edges) + 1 for name, edges in HISTOGRAMS.items())
            assert len(found.positions) == GRID * GRID
            assert found.images_by_label.keys() == receipt.labels[split].keys()


@at_leisure
@given(datasets(), st.sampled_from([*TASKS]))
def test_the_rows_of_the_parquet_files_have_the_same_statistics(images: list[SourceImage], task: str) -> None:
    for _, fragment in fragments_of(images, 1, 0):
        options = AssembleOptions(task, "https://h/")
        assembled = assemble([fragment], options, {}, lambda rows: [None] * len(rows))
        for records in assembled.splits.values():
            rows = pq.read_table(io.BytesIO(encode_parquet(records, TASKS[task])))
            assert statistics_of_rows(rows) == statistics_of(records.labels, records.sizes)


def test_rows_that_lack_a_value_have_no_statistics() -> None:
    rows = pa.table({"label": ["a"], "image_details": [{"format": "jpg", "width": None, "height": 3}]})
    with pytest.raises(ValueError, match="missing"):
        statistics_of_rows(rows)


@pytest.mark.parametrize("side", [float("nan"), float("inf"), 1e300, 1.5, -2.0])
def test_rows_whose_coordinates_are_no_fractions_have_no_statistics(side: float) -> None:
    box = {"label": "a", "topX": 0.0, "topY": 0.0, "bottomX": side, "bottomY": 1.0, "isCrowd": 0}
    rows = pa.table({"label": [[box]], "image_details": [{"format": "jpg", "width": 4, "height": 3}]})
    with pytest.raises(ValueError, match="no fraction"):
        statistics_of_rows(rows)


@at_leisure
@given(datasets())
def test_an_outline_counts_as_the_box_around_it(images: list[SourceImage]) -> None:
    assert statistics(images, SEGMENTATION) == statistics(images, DETECTION)


def test_an_image_counts_once_for_a_label_however_often_it_shows_it() -> None:
    box = (0.0, 0.0, 9.0, 9.0)
    found = statistics([image(1, (20, 20), [("a", box), ("b", box), ("a", box)]), image(2, (20, 20), [("a", box)])])
    assert found["train"].images_by_label == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    ("side", "edge"), [(31.9, 24), (32, 32), (95.9, 64), (96, 96), (5000, 2048)], ids=lambda value: f"{value:g}"
)
def test_a_box_is_in_the_bin_of_its_size_in_pixels(side: float, edge: float) -> None:
    found = statistics([image(1, (10_000, 8_000), [("a", (0, 0, side, side))])])["train"]
    assert bins(found.box_sides) == {SIDE_EDGES.index(edge) + 1: 1}


@pytest.mark.parametrize(("box", "low"), [((0, 0, 300, 100), 3), ((0, 0, 100, 110), 4 / 5), ((0, 0, 50, 100), 1 / 2)])
def test_a_box_is_in_the_bin_of_its_shape_in_pixels_not_in_fractions(box: Box, low: float) -> None:
    found = statistics([image(1, (1000, 500), [("a", box)])])["train"]
    assert bins(found.box_ratios) == {RATIO_EDGES.index(low) + 1: 1}


def test_a_box_is_in_the_cell_of_its_centre_counted_from_the_top_left_corner() -> None:
    found = statistics([image(1, (1200, 600), [("a", (1100, 100, 1200, 150)), ("a", (1190, 590, 1200, 600))])])["train"]
    assert bins(found.positions) == {2 * GRID + 11: 1, GRID * GRID - 1: 1}


def test_images_of_a_classification_have_no_boxes() -> None:
    found = statistics([image(1, (20, 500), [("a", (0, 0, 9, 9))])], "image_classification")["train"]
    assert (found.box_sides, found.box_ratios, found.positions) == ([], [], [])
    assert bins(found.image_sides) == {IMAGE_EDGES.index(384) + 1: 1}
    assert found.images_by_label == {"a": 1}


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 4)), max_size=40))
def test_images_by_label_are_those_of_a_count_by_hand(objects: list[tuple[int, int]]) -> None:
    objects.sort()
    offsets = np.searchsorted([row for row, _ in objects], np.arange(9))
    codes = np.array([code for _, code in objects], np.int64)
    found = histograms(list("abcde"), codes, offsets, np.full((8, 2), 100, np.int32), None)
    assert found.images_by_label == Counter("abcde"[code] for _, code in set(objects))
    counts = Counter(row for row, _ in objects)
    assert bins(found.objects_an_image) == Counter(
        int(np.searchsorted(OBJECT_EDGES, counts[row], side="right")) for row in range(8)
    )


def test_the_extent_of_an_object_is_that_of_all_its_rings_and_of_no_others() -> None:
    corners = np.array([(1, 2), (3, 4), (5, 1), (0, 9), (2, 8), (7, 7), (8, 6)], np.int32)
    # A ring without corners, as rows of Parquet may hold one, stands among the others and at the end.
    offsets = np.array([0, 3, 3, 5, 7, 7, 7])
    polygons = NormalizedPolygons(
        np.array([0, 2, 3, 5]),
        np.array([2, 1, 1, 1]),
        offsets,
        corners,
        boxes_of_rings(offsets, corners),
        np.zeros(4, np.int8),
        {},
    )
    assert extents(polygons, np.array([2, 0, 1])).tolist() == [[7, 6, 8, 7], [1, 1, 5, 4], [0, 8, 2, 9]]
    assert extents(polygons, np.array([], np.int64)).shape == (0, 4)


def test_a_receipt_grows_by_two_kilobytes_at_most() -> None:
    rng = np.random.default_rng(0)
    boxes: list[Any] = [[("a", (x, y, x + 30, y + 40)) for x, y in rng.integers(0, 400, (8, 2))] for _ in range(500)]
    (receipt,) = write([image(number, (640, 480), each) for number, each in enumerate(boxes)], None)
    assert len(msgspec.json.encode(receipt.statistics)) < 2000


def test_a_build_with_a_receipt_of_a_version_without_statistics_has_none() -> None:
    receipts = write([image(number, (20, 20), []) for number in range(8)], None, buckets=2)
    assert build_statistics(receipts) is not None
    old: Receipt = msgspec.structs.replace(receipts[0], statistics={})
    assert build_statistics([old, receipts[1]]) is None


def test_nothing_merges_to_nothing() -> None:
    assert merge_statistics([]) == SplitStatistics()
    some = SplitStatistics([1], [2], {"a": 1})
    assert merge_statistics([SplitStatistics(), some]) == some
