"""The tables and charts of a report say what its manifest says."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from labelbeam.schemas.manifest import Counts, Manifest, Source, SplitCounts
from labelbeam.schemas.statistics import GRID, SIDE_EDGES, SplitStatistics
from labelbeam.transforms.report.figures import (
    HEAD,
    MOST_LABELS,
    charts,
    in_order,
    labels_table,
    maps,
    missing_labels,
    sizes_table,
)


def manifest(**changes: Any) -> Manifest:
    values: dict[str, Any] = {
        "label_counts": {"test": {"cat": 1}, "train": {"cat": 30, "dog": 10}},
        "labels": ["cat", "dog"],
        "splits": {"test": SplitCounts(1, 1), "train": SplitCounts(20, 40), "validation": SplitCounts()},
        "statistics": {"test": statistics(40), "train": statistics(5, 100)},
    }
    plain: dict[str, Any] = dict.fromkeys(("build", "labelbeam_version", "created"), "x") | {"format_version": 1}
    plain |= {"task": "image_object_detection", "config": {}, "source": Source("f", {}, "coco", ""), "counts": Counts()}
    plain |= {key: {} for key in ("rejected_by_reason", "skipped_by_reason", "adjusted_by_reason")}
    return in_order(Manifest(**plain, parquet=[], rejected=[], **values | changes))


def statistics(*sides: int) -> SplitStatistics:
    counts = [0] * (len(SIDE_EDGES) + 1)
    for side in sides:
        counts[sum(edge <= side for edge in SIDE_EDGES)] += 1
    return SplitStatistics(
        [0] * 16, [0] * 15, {"cat": len(sides)}, counts, [0] * 15, [len(sides)] + [0] * (GRID**2 - 1)
    )


def test_a_split_has_one_colour_everywhere_also_beside_one_without_images() -> None:
    found = manifest()
    assert list(found.splits) == ["train", "validation", "test"]
    (sizes,) = (chart for chart in charts(found) if chart.title.startswith("Size of boxes"))
    classes = {rect.attrib["class"] for rect in ElementTree.fromstring(sizes.svg).iter("rect")}
    assert classes == {"s0", "s2"}
    rects = [ElementTree.fromstring(bar).find("rect") for _, _, bar in labels_table(found).rows[0].shares]
    assert [rect.attrib["class"] for rect in rects if rect is not None] == ["s0", "s1", "s2"]


def test_labels_stand_side_by_side_with_their_share_of_each_split() -> None:
    cat, dog = labels_table(manifest()).rows
    assert (cat.name, cat.objects, cat.images) == ("cat", 31, 3)
    assert [(count, share) for count, share, _ in cat.shares] == [(30, 0.75), (0, 0), (1, 1)]
    assert [(count, share) for count, share, _ in dog.shares] == [(10, 0.25), (0, 0), (0, 0)]
    assert missing_labels(manifest()) == [("test", ["dog"])]


def test_boxes_are_small_medium_and_large_as_they_are_for_coco() -> None:
    found = manifest(statistics={"train": statistics(31, 32, 95, 96, 96, 4000)})
    ((split, cells),) = [row for row in sizes_table(found) if row[0] == "train"]
    assert [count for count, _ in cells] == [1, 2, 3] and sum(share for _, share in cells) == pytest.approx(1)
    assert [chart.title for chart in maps(found)] == [split]


def test_of_thousands_of_labels_the_table_holds_some_and_says_how_many_are_left() -> None:
    names = {f"label {number}": number + 1 for number in range(MOST_LABELS + 7)}
    table = labels_table(manifest(labels=sorted(names), label_counts={"train": names}))
    assert len(table.rows) == MOST_LABELS > HEAD and table.left_out == 7
    assert table.rows[0].objects == MOST_LABELS + 7 and "the rarest 1." in table.tail


def test_a_manifest_without_statistics_has_labels_and_no_charts() -> None:
    found = manifest(statistics=None)
    assert charts(found) == sizes_table(found) == maps(found) == []
    assert labels_table(found).rows[0].images is None
