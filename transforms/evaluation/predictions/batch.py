"""Predictions as the batch endpoints of Azure write them into predictions.csv: what a model answers to an image, and the name of its file.

The scoring script of an AutoML model appends rows of JSON, which are answers as an online endpoint gives them, with the path of the image on
the machine that read it as `filename`. What runs MLflow models appends rows of CSV without a header: the number of a row, a
cell for each column of the answer (boxes, or probabilities and labels), and the name of the file. Who has named these columns with pandas has
a header, and perhaps one more column of numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from labelbeam.schemas.predictions import PREDICTIONS, LabelsPrediction, ObjectsPrediction
from labelbeam.schemas.responses import LabelsAnswer, ObjectsAnswer, predictions_of
from labelbeam.transforms.evaluation.predictions.checks import PredictionsError, check_prediction
from labelbeam.transforms.formats.text_values import value_in_text

_NAMES = ("file_name", "filename", "file")
_BOXES = ("preds", "predictions", "boxes")
_PROBABILITIES = ("preds", "predictions", "probs")


class BatchColumns(NamedTuple):
    """The columns of a CSV file: the name of the image's file, what was answered, and its labels where they stand by themselves."""

    name: int
    said: int
    labels: int | None


class BatchRow(NamedTuple):
    """A row of a CSV file, as text, and where it is."""

    place: str
    name: str
    said: str
    labels: str | None


def columns_of_header(head: Sequence[str]) -> BatchColumns | None:
    """The columns that a header names; None where it is of something else.

    >>> columns_of_header(["", "row_number_per_file", "preds", "labels", "file_name"])
    BatchColumns(name=4, said=2, labels=3)
    """
    labels = head.index("labels") if head.count("labels") == 1 else None
    names = [head.index(name) for name in _NAMES if head.count(name) == 1]
    said = [head.index(name) for name in (_BOXES if labels is None else _PROBABILITIES) if head.count(name) == 1]
    return BatchColumns(names[0], said[0], labels) if names and said else None


def columns_of_row(cells: Sequence[str]) -> BatchColumns | None:
    """The columns of a file without a header, by its first row; None where that is none.

    >>> columns_of_row(["0", "[0.9, 0.1]", "['can', 'jar']", "1.jpg"]), columns_of_row(["0", "[]", "a/1.jpg"]), columns_of_row(["a", "b", "c"])
    (BatchColumns(name=3, said=1, labels=2), BatchColumns(name=2, said=1, labels=None), None)
    """
    if not (len(cells) in (3, 4) and cells[0].strip().isdecimal() and cells[-1].strip()):
        return None
    if not all(cell.lstrip()[:1] in ("[", "{") for cell in cells[1:-1]):
        return None
    return BatchColumns(len(cells) - 1, 1, 2 if len(cells) == 4 else None)


def prediction_of_batch_row(row: BatchRow, task: str) -> tuple[str, str, LabelsPrediction | ObjectsPrediction]:
    """Prediction in a row of a CSV file: the image's file, where it stands, and the prediction.

    Raises:
        PredictionsError: it cannot be read.
    """
    try:
        if not row.name.strip():
            raise ValueError("found no name of a file, expected that of the image")
        said = value_in_text(row.said, "the answer")
        if row.labels is not None:
            said = {"probs": said, "labels": value_in_text(row.labels, "labels")}
        elif isinstance(said, list):
            said = {"boxes": said}
        return row.name, row.place, _prediction(row.name, said, task)
    except ValueError as error:
        raise PredictionsError(f"{row.place}: {error}") from None


def prediction_of_answer(
    place: str, raw: bytes | msgspec.Raw, task: str
) -> tuple[str, str, LabelsPrediction | ObjectsPrediction]:
    """Prediction in an answer that names the file of its image: that name, where it stands, and the prediction.

    Raises:
        PredictionsError: it cannot be read, or has no name.
    """
    try:
        said = msgspec.json.decode(raw, type=dict[str, Any])
        name = said.get("filename")
        if not isinstance(name, str) or not name:
            raise ValueError("found no filename, expected the name of the image's file")
        return name, place, _prediction(name, said, task)
    except (ValueError, RecursionError) as error:
        raise PredictionsError(f"{place}: {error}") from None


def _prediction(name: str, said: Any, task: str) -> LabelsPrediction | ObjectsPrediction:
    if isinstance(said, dict):
        said = {key: value for key, value in said.items() if key not in ("visualizations", "attributions")}
    boxes = PREDICTIONS[task] is ObjectsPrediction
    answer = msgspec.convert(said, ObjectsAnswer) if boxes else msgspec.convert(said, LabelsAnswer)
    (prediction,) = predictions_of([answer], [name])
    check_prediction(prediction)
    return prediction
