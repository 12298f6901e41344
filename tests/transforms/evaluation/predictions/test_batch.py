"""Predictions of Azure's batch endpoints: what a model answers, beside the name of the image's file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.predictions import LabelsPrediction, ObjectsPrediction
from labelbeam.transforms.evaluation.predictions.read import Form
from tests.transforms.evaluation.files import (
    BOX,
    DETECTION,
    LABELS,
    MULTILABEL,
    RING,
    SEGMENTATION,
    SINGLE,
    read,
    refused,
    write,
    write_csv,
)

NAME = "/mnt/azureml/cr/j/1/exe/wd/a.jpg"
PROBS = {"probs": LABELS["probs"], "labels": LABELS["labels"]}


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        (SINGLE, PROBS),
        (MULTILABEL, PROBS | {"visualizations": None, "attributions": None}),
        (DETECTION, {"boxes": [BOX]}),
        (DETECTION, {"boxes": []}),
        (SEGMENTATION, {"boxes": [BOX | {"polygon": [RING]}]}),
    ],
)
def test_answers_with_the_name_of_a_file_are_read(tmp_path: Path, task: str, answer: dict[str, Any]) -> None:
    path = write(tmp_path / "predictions.csv", {"filename": NAME} | answer, {"filename": "b.jpg"} | answer)
    for found in (read(path, task), read(tmp_path, task)):
        assert (found.form, [item.name for item in found.said]) == (Form.BATCH, [NAME, "b.jpg"])
        value = found.said[0].value
        if isinstance(value, LabelsPrediction):
            assert (value.probs, value.labels) == (PROBS["probs"], PROBS["labels"])
        else:
            assert isinstance(value, ObjectsPrediction)
            assert [item.label for item in value.boxes] == [item["label"] for item in answer["boxes"]]


@pytest.mark.parametrize("encode", [str, json.dumps])
@pytest.mark.parametrize("head", [None, ["row_number_per_file", "preds", "file_name"]])
def test_rows_of_boxes_are_read_with_a_header_and_without(tmp_path: Path, encode: Any, head: list[str] | None) -> None:
    rows = [[0, encode([BOX]), "a.jpg"], [1, encode([]), "b.jpg"], [2, encode({"boxes": [BOX]}), "c.jpg"]]
    found = read(write_csv(tmp_path / "p.csv", *rows, head=head), DETECTION)
    assert (found.form, [item.name for item in found.said]) == (Form.BATCH, ["a.jpg", "b.jpg", "c.jpg"])
    assert [len(item.value.boxes) for item in found.said if isinstance(item.value, ObjectsPrediction)] == [1, 0, 1]
    assert found.said[0].place.endswith(f"line {2 if head else 1}")


@pytest.mark.parametrize("encode", [str, json.dumps])
@pytest.mark.parametrize("head", [None, ["", "row_number_per_file", "preds", "labels", "file_name"]])
def test_rows_of_labels_are_read_with_a_header_and_without(tmp_path: Path, encode: Any, head: list[str] | None) -> None:
    row = [0, encode(PROBS["probs"]), encode(PROBS["labels"]), "a.jpg"]
    found = read(write_csv(tmp_path / "p.csv", [0, *row] if head else row, head=head), SINGLE)
    assert [item.value for item in found.said] == [LabelsPrediction("a.jpg", [0.75, 0.25], ["cat", "dog"])]


def test_cells_may_be_divided_otherwise(tmp_path: Path) -> None:
    head, row = ["file_name", "preds"], ["a.jpg", json.dumps([BOX])]
    for delimiter in (";", "\t"):
        assert len(read(write_csv(tmp_path / "p.csv", row, head=head, delimiter=delimiter), DETECTION).said) == 1


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([1, "[np.float32(0.5)]", "a.jpg"], "line 2: the answer is '[np.float32(0.5)]'; expected a list"),
        ([1, json.dumps([BOX | {"score": 2}]), "a.jpg"], "line 2: Expected `float` <= 1.0"),
        ([1, json.dumps(PROBS), "a.jpg"], "line 2: Object missing required field `boxes`"),
        ([1, "[]", ""], "line 2: found no name of a file"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path: Path, cells: list[Any], words: str) -> None:
    refused(write_csv(tmp_path / "p.csv", [0, "[]", "b.jpg"], cells, head=None), DETECTION, "p.csv", words)


def test_an_answer_without_a_name_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "p", {"filename": "b.jpg", "boxes": []}, {"filename": None, "boxes": []})
    refused(path, DETECTION, "line 2: found no filename")
    refused(write(tmp_path / "p", {"boxes": []}), DETECTION, "line 1: found an object with boxes")


def test_other_rows_without_a_header_are_none(tmp_path: Path) -> None:
    for row in (["a.jpg", "[]", 0], [0, "cat", "a.jpg"], [0, "[]"]):
        refused(
            write_csv(tmp_path / "p.csv", row, head=None), DETECTION, "line 1: found ", "as a batch endpoint writes it"
        )
