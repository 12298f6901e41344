"""Records as JSON Lines and as Parquet."""

from __future__ import annotations

import io

import numpy as np
import pyarrow.parquet as pq
import pytest

from labelbeam.schemas.neutral import SourceImage, SourceObject
from labelbeam.transforms.tasks.records import arrow_schema, encode_jsonl, encode_parquet
from labelbeam.transforms.tasks.registry import TASKS
from tests.transforms.tasks.drawn import json_lines, records_of


def test_sizes_may_be_text_with_px() -> None:
    records = records_of([SourceImage("a.jpg", "s", "1", 640, 480)], "image_object_detection")
    assert records is not None
    (line,) = json_lines(records, "image_object_detection", px=True)
    assert line["image_details"] == {"format": "jpg", "width": "640px", "height": "480px"}


@pytest.mark.parametrize("task", TASKS)
def test_a_file_without_rows_has_the_columns_and_one_with_rows_one_group_of_them(task: str) -> None:
    box = SourceObject("cat", "1", bbox=(0, 0, 4, 4))
    images = [SourceImage(f"{number}.jpg", "s", "1", 9, 9, objects=[box]) for number in range(3)]
    empty = pq.ParquetFile(io.BytesIO(encode_parquet(None, TASKS[task])))
    assert (empty.read().num_rows, empty.schema_arrow.remove_metadata()) == (0, arrow_schema(TASKS[task]))
    if (records := records_of(images, task)) is not None:
        full = pq.ParquetFile(io.BytesIO(encode_parquet(records, TASKS[task])))
        assert (full.num_row_groups, full.read().num_rows) == (1, 3)
        assert encode_jsonl(records, TASKS[task], False).count(b"\n") == 3


@pytest.mark.parametrize("task", TASKS)
def test_lines_are_the_same_however_many_images_are_encoded_together(
    task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rings = [np.array([(0, 0), (number + 1, 0), (number + 1, 4.0)]) for number in range(3)]
    images = [
        SourceImage(
            f"{number}.jpg",
            "s",
            "1",
            9,
            9,
            objects=[
                SourceObject(f"label {number}", "1", bbox=(0, 0, at + 1, 4), rings=rings[: at + 1], by_xor=True)
                for at in range(1 if task == "image_classification" else number % 3)
            ],
        )
        for number in range(7)
    ]
    records = records_of(images, task)
    assert records is not None
    together = encode_jsonl(records, TASKS[task], False)
    monkeypatch.setattr("labelbeam.transforms.tasks.records._AT_ONCE", 2)
    assert encode_jsonl(records, TASKS[task], False) == together
    assert together.count(b"\n") == 7


def test_the_parquet_copy_keeps_sizes_as_numbers_where_the_lines_have_text() -> None:
    records = records_of([SourceImage("a.jpg", "s", "1", 640, 480)], "image_object_detection")
    assert records is not None
    (row,) = pq.read_table(io.BytesIO(encode_parquet(records, TASKS["image_object_detection"]))).to_pylist()
    assert row["image_details"] == {"format": "jpg", "width": 640, "height": 480}
