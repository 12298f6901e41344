"""The labels of each task: JSON that decodes strictly into its record, and Parquet that says the same, value for value."""

from __future__ import annotations

import io
import json
import math
import random
from fractions import Fraction
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelbeam.schemas.neutral import SourceImage, SourceObject
from labelbeam.schemas.records import RECORDS, check_record
from labelbeam.transforms.columns.fragments import fragments_of
from labelbeam.transforms.geometry.boxes import OK, STEPS
from labelbeam.transforms.tasks.records import SplitRecords, arrow_schema, encode_jsonl, encode_parquet, record_schema
from labelbeam.transforms.tasks.registry import TASKS
from labelbeam.transforms.tasks.task import Labels
from labelbeam.transforms.write.assemble import AssembleOptions, assemble

# Names that JSON and Parquet have to carry unharmed.
label = st.sampled_from(["cat", 'a "b\\c\n', "日本", "\x7f", "\u2028", "--bg--", " "])
coordinate = st.one_of(st.floats(-50, 700), st.integers(-5, 70).map(float))
ring = st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=6).map(lambda corners: np.array(corners))
item = st.builds(
    SourceObject,
    label,
    st.just("1"),
    st.none() | st.tuples(coordinate, coordinate, coordinate, coordinate),
    st.none() | st.lists(ring, max_size=3),
    st.booleans(),
)
image = st.builds(
    SourceImage,
    path=st.integers(0, 10**6).map(lambda number: f"ü {number}.jpg"),
    source=st.just("s"),
    locator=st.just("1"),
    width=st.integers(1, 5000),
    height=st.integers(1, 5000),
    objects=st.lists(item, max_size=3),
)


def records_of(images: list[SourceImage], task: str) -> SplitRecords | None:
    parts = [fragment for _, fragment in fragments_of(images, 1, 0)]
    assembled = assemble(parts, AssembleOptions(task, "https://h/"), {}, lambda rows: [None] * len(rows))
    return assembled.splits.get("train")


def json_lines(records: SplitRecords, task: str, px: bool = False) -> list[Any]:
    return [json.loads(line) for line in encode_jsonl(records, TASKS[task], px).split(b"\n")[:-1]]


@settings(deadline=None, max_examples=40)
@pytest.mark.parametrize("task", TASKS)
@given(st.lists(image, max_size=4), st.booleans())
def test_every_line_is_a_record_of_its_task_and_every_row_says_the_same(
    task: str, images: list[SourceImage], px: bool
) -> None:
    records = records_of(images, task)
    if records is None:
        return
    *lines, rest = encode_jsonl(records, TASKS[task], px).split(b"\n")
    typed = [msgspec.json.decode(line, type=RECORDS[task], strict=True) for line in lines]
    assert [record.image_url for record in typed] == records.urls
    assert rest == b""
    assert [problem for record in typed for problem in check_record(record)] == []
    table = pq.read_table(io.BytesIO(encode_parquet(records, TASKS[task], "train")))
    assert table.schema.remove_metadata().equals(arrow_schema(TASKS[task]))
    columns = record_schema(TASKS[task]).names
    assert table.select(columns).to_pylist() == json_lines(records, task)
    counts = [len(line["label"]) if isinstance(line["label"], list) else 1 for line in json_lines(records, task)]
    assert table.column("label_count").to_pylist() == counts
    assert [len(ids) for ids in table.column("source_id").to_pylist()] == counts
    assert set(table.column("split").to_pylist()) == {"train"}


@settings(deadline=None, max_examples=60)
@given(st.lists(image, min_size=1, max_size=3))
def test_boxes_are_written_within_a_millionth_of_the_exact_ones(images: list[SourceImage]) -> None:
    records = records_of(images, "image_object_detection")
    if records is None:
        return
    rows, offsets = records.labels.rows, records.labels.offsets
    lines = json_lines(records, "image_object_detection")
    for line, (start, end), (width, height) in zip(lines, pairwise(offsets), records.sizes.tolist(), strict=True):
        for written, row in zip(line["label"], rows[start:end].tolist(), strict=True):
            pixels = records.labels.objects.bbox[row].tolist()
            if any(map(math.isnan, pixels)):
                continue  # Derived from the outline.
            (left, right), (top, bottom) = sorted(pixels[::2]), sorted(pixels[1::2])  # Any two opposite corners.
            for name, value, size in zip(
                ("topX", "topY", "bottomX", "bottomY"), (left, top, right, bottom), (width, height) * 2, strict=True
            ):
                exact = min(max(Fraction(value), Fraction(0)), Fraction(size)) / size
                assert abs(Fraction(repr(written[name])) - exact) <= Fraction(1, 10**6)


# Coordinates as text.


def labels_with(corners: np.ndarray) -> tuple[Labels, Any]:
    """Return the labels of one object whose polygon has these corners, in millionths."""
    ring = np.array([(0, 0), (1, 0), (1, 1.0)])
    one = SourceImage("a.jpg", "s", "1", 2, 2, objects=[SourceObject("cat", "1", rings=[ring])])
    records = records_of([one], "image_instance_segmentation")
    assert records is not None
    polygons = records.labels.judged.geometry
    polygons.corners, polygons.offsets = corners, np.array([0, len(corners)])
    return records.labels, polygons


def test_every_coordinate_is_written_with_six_decimals_and_read_back_as_the_same_number() -> None:
    chance = random.Random(1)
    picked = [0, 1, 9, 10, 99_999, 100_000, 499_999, 500_000, 999_999, 1_000_000, *chance.sample(range(STEPS), 20_000)]
    labels, _ = labels_with(np.array(picked, np.int32).reshape(-1, 2))
    ((mask,),) = TASKS["image_instance_segmentation"].json_labels(labels)
    assert bytes(mask.polygon).decode() == f"[[{','.join(f'{number / 1e6:.6f}' for number in picked)}]]"
    assert msgspec.json.decode(mask.polygon) == [[number / STEPS for number in picked]]
    (row,) = TASKS["image_instance_segmentation"].arrow_labels(labels).to_pylist()
    assert row[0]["polygon"] == [[number / STEPS for number in picked]]


def test_a_polygon_keeps_its_parts() -> None:
    parts = [np.array([(0, 0), (2, 0), (2, 2.0)]), np.array([(4, 4), (8, 4), (8, 8), (4, 8.0)])]
    one = SourceImage("a.jpg", "s", "1", 8, 8, objects=[SourceObject("cat", "1", rings=parts, crowd=True)])
    records = records_of([one], "image_instance_segmentation")
    assert records is not None
    (line,) = json_lines(records, "image_instance_segmentation")
    assert line["label"] == [
        {
            "label": "cat",
            "isCrowd": 1,
            "polygon": [[0, 0, 0.25, 0, 0.25, 0.25], [0.5, 0.5, 1, 0.5, 1, 1, 0.5, 1]],
        }
    ]


def test_sizes_may_be_text_with_px() -> None:
    records = records_of([SourceImage("a.jpg", "s", "1", 640, 480)], "image_object_detection")
    assert records is not None
    (line,) = json_lines(records, "image_object_detection", px=True)
    assert line["image_details"] == {"format": "jpg", "width": "640px", "height": "480px"}


def test_labels_are_counted_by_name() -> None:
    items = [SourceObject(name, "1", bbox=(0, 0, 1, 1)) for name in ("dog", "cat", "dog")]
    bad = SourceObject("gone", "1", bbox=(9, 9, 9, 9))
    records = records_of([SourceImage("a.jpg", "s", "1", 9, 9, objects=[*items, bad])], "image_object_detection")
    assert records is not None
    assert records.labels.label_counts() == {"cat": 1, "dog": 2}


def test_segmentation_takes_no_box_and_detection_no_outline() -> None:
    boxed = SourceObject("box", "1", bbox=(0, 0, 4, 4))
    outlined = SourceObject("outline", "1", bbox=(0, 0, 0, 0), rings=[np.array([(0, 0), (4, 0), (4, 4.0)])])
    images = [SourceImage("a.jpg", "s", "1", 9, 9, objects=[boxed, outlined])]
    names = {}
    for task in ("image_object_detection", "image_instance_segmentation"):
        records = records_of(images, task)
        assert records is not None
        names[task] = [label["label"] for line in json_lines(records, task) for label in line["label"]]
    assert names == {"image_object_detection": ["box"], "image_instance_segmentation": ["outline"]}


@pytest.mark.parametrize("task", TASKS)
def test_no_objects_are_judged_as_none(task: str) -> None:
    ((_, fragment),) = fragments_of([SourceImage("a.jpg", "s", "1", 9, 9)], 1, 0)
    judged = TASKS[task].judge(fragment.objects, np.empty((0, 2)), True, None)
    assert (judged.codes == OK).all()
    labels = Labels(np.empty(0, np.int64), np.array([0, 0]), fragment.objects, [], judged)
    if not TASKS[task].single_label:
        assert TASKS[task].json_labels(labels) == TASKS[task].arrow_labels(labels).to_pylist() == [[]]
