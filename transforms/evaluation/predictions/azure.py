"""Predictions as Azure's own batch scoring writes them: rows of image_url, label_confidence and label, as JSON or in a CSV file.

For classification `label` is text and `label_confidence` a number, for multi-label both are lists; for the other two tasks
`label` is a list of objects with topX, topY, bottomX and bottomY, and polygon for segmentation. In a CSV file lists are written
as JSON or as Python writes them.
"""

from __future__ import annotations

import csv
import io
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from labelbeam.schemas.predictions import LabelsPrediction, ObjectsPrediction, PredictedObject
from labelbeam.schemas.records import Name
from labelbeam.transforms.evaluation.predictions.batch import BatchRow, columns_of_header, columns_of_row
from labelbeam.transforms.evaluation.predictions.checks import PredictionsError, check_prediction
from labelbeam.transforms.formats.text_values import value_in_text
from labelbeam.transforms.messages.words import counted

COLUMNS = ("image_url", "label_confidence", "label")

LONGEST_CELL = 2**24
"""Characters of a cell."""

_SIDES = ("topX", "topY", "bottomX", "bottomY")
_OBJECTS = ("image_object_detection", "image_instance_segmentation")


class CsvRow(NamedTuple):
    """A row of a CSV file, as text, and where it is."""

    place: str
    image_url: str
    label: str
    confidence: str


class _Row(msgspec.Struct):
    image_url: Name
    label: Any
    label_confidence: Any


def csv_rows(data: bytes, shown: str) -> list[CsvRow | BatchRow]:
    """The rows of a CSV file, all of one form; `shown` is its name for messages.

    Raises:
        PredictionsError: it is no CSV file in UTF-8 with the three columns, or with those of a batch endpoint, or a row has another number
            of cells.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise PredictionsError(f"{shown}: byte {error.start} is not UTF-8; expected JSON or CSV") from None
    if csv.field_size_limit() < LONGEST_CELL:
        csv.field_size_limit(LONGEST_CELL)
    delimiter = max(",;\t", key=text.partition("\n")[0].count) if _is_header(text) else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[CsvRow | BatchRow] = []
    try:
        first = next(reader, [])
        head = [cell.strip() for cell in first]
        named = all(head.count(name) == 1 for name in COLUMNS)
        url, confidence, label = (head.index(name) for name in COLUMNS) if named else (0, 0, 0)
        batch = None if named else columns_of_header(head) or columns_of_row(first)
        if not named and batch is None:
            found = ", ".join(repr(cell[:40]) for cell in head[:8])
            raise PredictionsError(
                f"{shown}, line 1: found {found}; expected JSON, or CSV with the columns {', '.join(COLUMNS)}, or as a batch endpoint "
                "writes it: a number, what was answered, and the name of the file"
            )
        for cells in chain([first] if columns_of_row(first) and not named else [], reader):
            if not cells:
                continue
            place = f"{shown}, line {reader.line_num}"
            if len(cells) != len(head):
                raise PredictionsError(
                    f"{place}: found {counted(len(cells), 'cell')}, expected {len(head)}, as in the first line"
                )
            if batch is None:
                rows.append(CsvRow(place, cells[url], cells[label], cells[confidence]))
            else:
                labels = None if batch.labels is None else cells[batch.labels]
                rows.append(BatchRow(place, cells[batch.name], cells[batch.said], labels))
    except csv.Error as error:
        raise PredictionsError(f"{shown}, line {reader.line_num}: not CSV: {error}") from None
    return rows


def _is_header(text: str) -> bool:
    """Tell whether the first line holds names alone: in a list there are commas, whatever is between cells."""
    return not any(mark in text.partition("\n")[0] for mark in "[{")


def prediction_of_row(row: CsvRow, task: str) -> tuple[str, str, LabelsPrediction | ObjectsPrediction]:
    """Prediction in a row of a CSV file: its image, where it stands, and the prediction.

    Raises:
        PredictionsError: it cannot be read.
    """
    label, confidence = row.label, row.confidence
    lists = task != "image_classification" or (label.lstrip()[:1], confidence.lstrip()[:1]) == ("[", "[")
    try:
        said = _Row(
            row.image_url,
            value_in_text(label, "label") if lists else label,
            value_in_text(confidence, "label_confidence") if lists else float(confidence),
        )
        return row.image_url, row.place, _prediction(said, task)
    except ValueError as error:
        raise PredictionsError(f"{row.place}: {error}") from None


def prediction_of_text(
    place: str, raw: bytes | msgspec.Raw, task: str
) -> tuple[str, str, LabelsPrediction | ObjectsPrediction]:
    """Prediction in a row written as JSON: its image, where it stands, and the prediction.

    Raises:
        PredictionsError: it cannot be read.
    """
    try:
        row = msgspec.json.decode(raw, type=_Row)
        return row.image_url, place, _prediction(row, task)
    except (ValueError, RecursionError) as error:
        raise PredictionsError(f"{place}: {error}") from None


def _prediction(row: _Row, task: str) -> LabelsPrediction | ObjectsPrediction:
    labels, scores = row.label, row.label_confidence
    if isinstance(labels, str):
        labels, scores = [labels], [scores]
    if not (isinstance(labels, list) and isinstance(scores, list) and len(labels) == len(scores)):
        sizes = " and ".join(f"{len(item)}" if isinstance(item, list) else repr(item)[:80] for item in (labels, scores))
        raise ValueError(f"found a label and a label_confidence of {sizes}; expected as many of each for {task}")
    prediction: LabelsPrediction | ObjectsPrediction
    if task in _OBJECTS:
        boxes = [
            _object(number, label, score) for number, (label, score) in enumerate(zip(labels, scores, strict=True))
        ]
        prediction = ObjectsPrediction(row.image_url, boxes)
    else:
        said = {"image_url": row.image_url, "labels": labels, "probs": scores}
        prediction = msgspec.convert(said, LabelsPrediction)
    check_prediction(prediction)
    return prediction


def _object(number: int, label: Any, score: Any) -> PredictedObject:
    if not isinstance(label, dict):
        raise ValueError(f"label[{number}] is {label!r:.80}; expected an object with label and {', '.join(_SIDES)}")
    polygon = label.get("polygon")
    box = {side: label[side] for side in _SIDES if side in label}
    if not box and isinstance(polygon, list) and polygon and all(isinstance(part, list) for part in polygon):
        numbers = [part for part in polygon if all(isinstance(each, int | float) for each in part) and len(part) > 1]
        xs = [x for part in numbers for x in part[0::2]]
        ys = [y for part in numbers for y in part[1::2]]
        if xs and ys:
            box = dict(zip(_SIDES, (min(xs), min(ys), max(xs), max(ys)), strict=True))
    said = {"box": box, "label": label.get("label"), "score": score, "polygon": polygon}
    try:
        return msgspec.convert(said, PredictedObject)
    except msgspec.ValidationError as error:
        raise ValueError(f"label[{number}]: {error}") from None
