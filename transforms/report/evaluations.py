"""An evaluation as the page shows it: tables, the confusion of labels, and the images that were predicted worst. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelbeam.schemas.evaluation import Confusion, Evaluation
from labelbeam.transforms.report.figures import MOST_LABELS
from labelbeam.transforms.report.overlays import Drawing, draw
from labelbeam.transforms.report.pictures import Picture

MOST_CONFUSED = 30
"""Labels of the confusion matrix that are shown: those with the most images."""

SHADES = 10
"""Shades of a cell, by its share of its row."""

MOST_GUESSES = 5
"""Labels of a classifier's prediction that are shown, the most probable first."""


@dataclass(frozen=True, slots=True)
class EvaluationFigures:
    """An evaluation with its tables: by class as a head and rows, confusion as labels and rows of (count, shade)."""

    evaluation: Evaluation
    head: list[str]
    rows: list[tuple[str, list[Any]]]
    labels: list[str]
    confusion: list[tuple[str, list[tuple[int, int]]]]
    left_out: int


@dataclass(frozen=True, slots=True)
class Worst:
    """An image that was predicted badly: its picture, truth and prediction drawn, or as texts where there are no boxes."""

    url: str
    score: float
    why: str
    picture: Picture
    truth: Drawing
    predicted: Drawing
    truth_text: str
    predicted_text: str


def evaluation_figures(
    evaluation: Evaluation, pictures: Sequence[Picture], colours: dict[str, int]
) -> tuple[EvaluationFigures, list[Worst]]:
    """Figures of an evaluation on the page; `pictures` are those of `evaluation.worst`."""
    head = list(dict.fromkeys(name for values in evaluation.by_class.values() for name in values))
    rows = [(label, [values.get(name) for name in head]) for label, values in evaluation.by_class.items()]
    labels, confusion = _confusion(evaluation.confusion) if evaluation.confusion is not None else ([], [])
    every = len(evaluation.confusion.labels) if evaluation.confusion is not None else 0
    worst = []
    for item, picture in zip(evaluation.worst, pictures, strict=True):
        # Without a picture any frame will do: coordinates are fractions.
        size = (picture.width or 400, picture.height or 300)
        worst.append(
            Worst(
                item.image_url,
                item.score,
                item.why,
                picture,
                draw(*size, _objects(item.truth), colours),
                draw(*size, _objects(item.predicted), colours),
                _text(item.truth),
                _text(item.predicted),
            )
        )
    return EvaluationFigures(evaluation, head, rows[:MOST_LABELS], labels, confusion, every - len(labels)), worst


def _confusion(confusion: Confusion) -> tuple[list[str], list[tuple[str, list[tuple[int, int]]]]]:
    sums = [sum(row) for row in confusion.matrix]
    kept = sorted(sorted(range(len(sums)), key=lambda row: -sums[row])[:MOST_CONFUSED])
    rows = []
    for row in kept:
        counts = [confusion.matrix[row][column] for column in kept]
        rows.append((confusion.labels[row], [(count, round(SHADES * count / max(sums[row], 1))) for count in counts]))
    return [confusion.labels[row] for row in kept], rows


def _objects(side: Any) -> list[Any]:
    """The boxes or outlines of a side; none where it is made of labels."""
    return [item for item in side if isinstance(item, Mapping) and "label" in item] if isinstance(side, list) else []


def _text(side: Any) -> str:
    """A side that is made of labels, in words; empty where it is made of objects."""
    if isinstance(side, str):
        return side
    if isinstance(side, Mapping) and {"labels", "probs"} <= side.keys():
        side = dict(zip(side["labels"], side["probs"], strict=False))
    if isinstance(side, Mapping):
        guesses = sorted(side.items(), key=lambda pair: -float(pair[1]))[:MOST_GUESSES]
        return ", ".join(f"{label} {float(score):.2f}" for label, score in guesses)
    if isinstance(side, list) and not _objects(side):
        return ", ".join(
            f"{item[0]} {float(item[1]):.2f}" if isinstance(item, list | tuple) and len(item) == 2 else str(item)
            for item in side
        )
    return ""
