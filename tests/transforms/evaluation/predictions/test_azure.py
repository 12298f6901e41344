from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.predictions import LabelsPrediction, ObjectsPrediction
from labelbeam.transforms.evaluation.predictions.azure import CsvRow, prediction_of_row
from labelbeam.transforms.evaluation.predictions.checks import PredictionsError
from labelbeam.transforms.evaluation.predictions.read import Form
from tests.transforms.evaluation.files import (
    DETECTION,
    MULTILABEL,
    RING,
    SEGMENTATION,
    SIDES,
    SINGLE,
    read,
    refused,
    write,
    write_csv,
)

AZURE_OBJECT = {"label": "cat", **SIDES, "isCrowd": 0}

ROWS: list[tuple[str, Any, Any, Any]] = [
    (SINGLE, 0.75, "cat", LabelsPrediction("a.jpg", [0.75], ["cat"])),
    (MULTILABEL, [0.75, 0.5], ["cat", "a, b"], LabelsPrediction("a.jpg", [0.75, 0.5], ["cat", "a, b"])),
    (MULTILABEL, [], [], LabelsPrediction("a.jpg", [], [])),
    (DETECTION, [0.75], [AZURE_OBJECT], None),
    (DETECTION, [], [], ObjectsPrediction("a.jpg", [])),
    (SEGMENTATION, [0.75], [AZURE_OBJECT | {"polygon": [RING]}], None),
]


@pytest.mark.parametrize(("task", "confidence", "label", "expected"), ROWS)
def test_azures_rows_are_read_in_all_ways_that_they_are_written(
    tmp_path: Path, task: str, confidence: Any, label: Any, expected: Any
) -> None:
    row = {"image_url": "a.jpg", "label_confidence": confidence, "label": label}
    cells = ["a.jpg", confidence, label]  # Lists as Python writes them, as pandas does.
    as_json = ["a.jpg", json.dumps(confidence), json.dumps(label) if isinstance(label, list) else label]
    turned = [["", *reversed(each)] for each in (cells, as_json)]
    found = [
        read(write(tmp_path / "labeled_dataset.json", row), task),
        read(write(tmp_path / "array.json", [row]), task),
        read(tmp_path, task),
        read(write_csv(tmp_path / "1.csv", cells), task),
        read(write_csv(tmp_path / "2.csv", as_json), task),
        *(
            read(write_csv(tmp_path / "3.csv", each, head=("", "label", "label_confidence", "image_url")), task)
            for each in turned
        ),
    ]
    assert [each.form for each in found] == [Form.AZURE_JSON] * 3 + [Form.AZURE_CSV] * 4
    for predictions in found:
        ((name, _, value),) = predictions.said
        assert name == "a.jpg"
        if expected is not None:
            assert value == expected
        else:
            assert isinstance(value, ObjectsPrediction)
            (item,) = value.boxes
            assert (item.label, item.score, item.box.bottomY) == ("cat", 0.75, 0.6)
            assert item.polygon == ([RING] if task == SEGMENTATION else None)


def test_an_outline_without_a_box_gets_the_one_around_it(tmp_path: Path) -> None:
    row = {"image_url": "a.jpg", "label_confidence": [0.5], "label": [{"label": "cat", "polygon": [RING]}]}
    ((_, _, value),) = read(write(tmp_path / "a", row), SEGMENTATION).said
    assert isinstance(value, ObjectsPrediction)
    sides = value.boxes[0].box
    assert (sides.topX, sides.topY, sides.bottomX, sides.bottomY) == (0.1, 0.2, 0.5, 0.6)


def test_azures_csv_is_found_in_its_directory(tmp_path: Path) -> None:
    write_csv(tmp_path / "predictions.csv", ["a.jpg", 0.5, "cat"])
    assert read(tmp_path, SINGLE).form == Form.AZURE_CSV


@pytest.mark.parametrize(
    ("task", "cells", "told"),
    [
        (SINGLE, ["a", "high", "cat"], "high"),
        (SINGLE, ["a", "nan", "cat"], "probs"),
        (SINGLE, ["a", "1.5", "cat"], "probs"),
        (SINGLE, ["a", "0.5", ""], "labels"),
        (SINGLE, ["", "0.5", "cat"], "image_url"),
        (SINGLE, ["a", "0.5"], "2 cells, expected 3"),
        (MULTILABEL, ["a", "[0.5, 0.5]", "['cat']"], "1 and 2"),
        (MULTILABEL, ["a", "[0.5", "['cat']"], "label_confidence is '[0.5'"),
        (MULTILABEL, ["a", "0.5", "cat"], "label is 'cat'"),
        (MULTILABEL, ["a", "[0.5]", "__import__('os')"], "label is"),
        (MULTILABEL, ["a", "[" * 5000, "['cat']"], "label_confidence is"),
        (MULTILABEL, ["a", "[0.5]", "{['cat']}"], "label is"),
        (DETECTION, ["a", "[0.5]", "['cat']"], "label[0] is 'cat'"),
        (DETECTION, ["a", "[0.5]", "[{'label': 'cat'}]"], "label[0]: "),
        (DETECTION, ["a", "[0.5]", str([AZURE_OBJECT | {"topX": 2}])], "label[0]: "),
        (DETECTION, ["a", "[0.5]", str([AZURE_OBJECT | {"topX": 0.55}])], "boxes[0] goes from"),
        (SEGMENTATION, ["a", "[0.5]", str([{"label": "cat", "polygon": [["x"] * 6]}])], "label[0]: "),
    ],
)
def test_a_row_of_azures_csv_that_cannot_be_read_is_named_by_its_line(
    tmp_path: Path, task: str, cells: list[str], told: str
) -> None:
    many = task != SINGLE
    good = ["b", "[]" if many else "0.5", "[]" if many else "dog"]
    refused(write_csv(tmp_path / "p.csv", good, cells), task, "p.csv, line 3: ", told)


def test_a_row_of_azures_json_that_cannot_be_read_is_named_by_its_line(tmp_path: Path) -> None:
    good = {"image_url": "a", "label_confidence": 0.5, "label": "cat"}
    refused(write(tmp_path / "p", good, {"image_url": "a", "label_confidence": 0.5}), SINGLE, "p, line 2: ", "label")
    refused(write(tmp_path / "p", good, good | {"label_confidence": "0.5"}), SINGLE, "p, line 2: ", "probs")


def test_csv_with_broken_quotes_is_named_by_its_line(tmp_path: Path) -> None:
    refused(write(tmp_path / "p.csv", "image_url,label_confidence,label", 'a,0.5,"cat"s'), SINGLE, "line 2: not CSV")


def test_only_line_ends_end_a_row(tmp_path: Path) -> None:
    label = "a\u2028b\x85c\x0cd"
    ((_, place, value),) = read(write_csv(tmp_path / "p.csv", ["a.jpg", 0.5, label]), SINGLE).said
    assert (value, place.rpartition(", ")[2]) == (LabelsPrediction("a.jpg", [0.5], [label]), "line 2")


def test_text_in_a_list_may_hold_what_would_be_an_odd_escape_in_a_program(tmp_path: Path) -> None:
    ((_, _, value),) = read(write_csv(tmp_path / "p.csv", ["a.jpg", "[0.5]", r"['a\d']"]), MULTILABEL).said
    assert value == LabelsPrediction("a.jpg", [0.5], [r"a\d"])


def test_a_cell_may_hold_a_large_mask(tmp_path: Path) -> None:
    label = [AZURE_OBJECT | {"polygon": [RING * 10_000]}]
    ((_, _, value),) = read(write_csv(tmp_path / "p.csv", ["a", [0.5], label]), SEGMENTATION).said
    assert isinstance(value, ObjectsPrediction) and value.boxes[0].polygon is not None
    assert len(value.boxes[0].polygon[0]) == 60_000


def test_a_list_as_python_writes_it_is_read_up_to_a_length() -> None:
    cell = str(["a"] * 2**18)
    with pytest.raises(PredictionsError, match=r"label has 1310720 characters and is no JSON"):
        prediction_of_row(CsvRow("p.csv, line 2", "u", cell, "[1.0]"), "image_classification_multilabel")
