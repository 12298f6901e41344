"""The files of one unit of predictions: lines, their Parquet copy, what failed, and a receipt that says so."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelbeam.schemas.predictions import LabelsPrediction, ObjectsPrediction, PredictedObject, Prediction, Sides
from labelbeam.schemas.scores import Failed, FailedImage, ScoreCounts
from labelbeam.transforms.builds.shards import SAMPLES
from labelbeam.transforms.score.shards import encode_predictions, predictions_parquet, scores_name, write_scores
from labelbeam.transforms.stores.locate import locate

LABELS: list[Prediction] = [LabelsPrediction(image_url="https://h/1.jpg", probs=[0.25, 0.75], labels=["cat", "dog"])]
OBJECTS: list[Prediction] = [
    ObjectsPrediction(
        image_url="https://h/1.jpg",
        boxes=[
            PredictedObject(box=Sides(topX=0.0, topY=0.25, bottomX=0.5, bottomY=1.0), label="cat", score=0.5),
            PredictedObject(
                box=Sides(topX=0.0, topY=0.25, bottomX=0.5, bottomY=1.0),
                label="dog",
                score=0.25,
                polygon=[[0.0, 0.0, 0.5, 0.0, 0.5, 0.5]],
            ),
        ],
    ),
    ObjectsPrediction(image_url="https://h/2.jpg", boxes=[]),
]


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("predictions", "predictions/predictions-00003-of-00012.jsonl"),
        ("failed", "failed/failed-00003-of-00012.jsonl"),
        ("parquet", "parquet/predictions-00003-of-00012.parquet"),
    ],
)
def test_files_are_called_after_what_they_hold(kind: str, path: str) -> None:
    assert scores_name(kind, 3, 12) == path


@pytest.mark.parametrize(
    ("predictions", "task"), [(LABELS, "image_classification_multilabel"), (OBJECTS, "image_instance_segmentation")]
)
def test_the_parquet_copy_holds_what_the_lines_do(predictions: list[Prediction], task: str) -> None:
    lines = [json.loads(line) for line in encode_predictions(predictions).splitlines()]
    file = pq.ParquetFile(pa.BufferReader(predictions_parquet(predictions, task)))
    rows = file.read().to_pylist()
    for row in rows:
        for item in row.get("boxes", []):
            if item["polygon"] is None:
                del item["polygon"]
    assert rows == lines
    assert file.num_row_groups == 1


@pytest.mark.parametrize("task", ["image_classification", "image_object_detection"])
def test_a_unit_without_predictions_has_the_columns_all_the_same(task: str) -> None:
    table = pq.ParquetFile(pa.BufferReader(predictions_parquet([], task))).read()
    some = pq.ParquetFile(pa.BufferReader(predictions_parquet(OBJECTS if "object" in task else LABELS, task))).read()
    assert len(table) == 0 and table.schema == some.schema


def test_a_receipt_counts_what_was_written(tmp_path: Path) -> None:
    failed = [
        FailedImage(f"https://h/{n}.jpg", Failed.REFUSED if n else Failed.EMPTY_IMAGE, 400, "no") for n in range(7)
    ]
    receipt = write_scores(LABELS, failed, "image_classification", 1, 2, locate(str(tmp_path), {}))
    assert receipt.counts == ScoreCounts(8, 1, 7) and receipt.counts.balanced
    assert receipt.failed_by_code == {"empty_image": 1, "refused": 6}
    assert receipt.samples == failed[:SAMPLES]
    assert [entry.records for entry in receipt.files()] == [1, 1, 7]
    for entry in receipt.files():
        data = (tmp_path / entry.path).read_bytes()
        assert (entry.bytes, entry.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_where_nothing_failed_there_is_no_file_of_it(tmp_path: Path) -> None:
    receipt = write_scores(LABELS, [], "image_classification", 0, 1, locate(str(tmp_path), {}))
    assert receipt.failed is None and len(receipt.files()) == 2
    assert not (tmp_path / "failed").exists()
