"""The labels of each task: JSON that decodes strictly into its record, and Parquet that says the same, value for value."""

from __future__ import annotations

import io

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelbeam.schemas.neutral import SourceImage, SourceObject
from labelbeam.schemas.records import RECORDS, check_record
from labelbeam.transforms.columns.fragments import fragments_of
from labelbeam.transforms.geometry.boxes import OK
from labelbeam.transforms.tasks.records import arrow_schema, encode_jsonl, encode_parquet, record_schema
from labelbeam.transforms.tasks.registry import TASKS
from labelbeam.transforms.tasks.task import Labels
from tests.transforms.tasks.drawn import image, json_lines, records_of


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


# Coordinates as text.


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
        written = msgspec.json.decode(msgspec.json.encode(TASKS[task].json_labels(labels)))
        assert written == TASKS[task].arrow_labels(labels).to_pylist() == [[]]
