"""Accuracy, precision, recall, F1 and average precision of labels, defined as in scikit-learn.

Averages over classes ("macro") are over the labels that the truth or the predictions hold; what is undefined for one of them,
such as the precision of a label that was never predicted, counts as 0. By class it is None.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from labelbeam.schemas.evaluation import Confusion
from labelbeam.schemas.predictions import LabelsPrediction
from labelbeam.transforms.messages.words import counted
from labelbeam.transforms.workers.budget import check_room

Flags: TypeAlias = npt.NDArray[np.bool_]
Floats: TypeAlias = npt.NDArray[np.float64]

_PER_CELL = 3 * 8
"""Bytes of a cell of a table: a number, as numpy and as Python hold it, or a few flags and a probability."""


@dataclass(slots=True)
class LabelFigures:
    """Figures overall and by class, how often each label was taken for each, and what each image was predicted as."""

    metrics: dict[str, float | None]
    by_class: dict[str, dict[str, float | int | None]]
    confusion: Confusion | None
    answers: list[list[str]]
    warnings: list[str] = field(default_factory=list)


def answer(prediction: LabelsPrediction | None, threshold: float | None) -> list[str]:
    """The labels that count as predicted: all from `threshold` on, or without one the most probable, the first of equals."""
    if prediction is None or not prediction.labels:
        return []
    if threshold is None:
        return [prediction.labels[int(np.argmax(prediction.probs))]]
    return [label for label, prob in zip(prediction.labels, prediction.probs, strict=True) if prob >= threshold]


def evaluate_labels(
    truth: Sequence[Sequence[str]], predictions: Sequence[LabelsPrediction | None], threshold: float | None
) -> LabelFigures:
    """Compare the labels of n images.

    Args:
        truth: the labels of each image; one each where `threshold` is None.
        predictions: what was said of each, None for nothing.
        threshold: the probability from which on a label counts as predicted, for multi-label; None for one label an image.

    Raises:
        ShortageError: there is not memory enough for a number for each image and label, or for each two labels.
    """
    answers = [answer(prediction, threshold) for prediction in predictions]
    said = [prediction for prediction in predictions if prediction is not None]
    model = {label for prediction in said for label in prediction.labels}
    labels = sorted({*model, *(label for names in truth for label in names)})
    position = {label: number for number, label in enumerate(labels)}
    check_room(
        len(truth) * len(labels) * _PER_CELL, f"a table of {len(truth):,} images and {counted(len(labels), 'label')}"
    )
    true, predicted = _indicator(truth, position), _indicator(answers, position)
    scores = None
    if said and all(len(prediction.labels) == len(model) for prediction in said):
        scores = np.zeros((len(truth), len(labels)))
        for row, prediction in enumerate(predictions):
            if prediction is not None:
                scores[row, [position[label] for label in prediction.labels]] = prediction.probs
    held = np.flatnonzero(true.any(axis=0) | predicted.any(axis=0))
    figures = LabelFigures({}, {}, None, answers)
    _count(figures, true, predicted, scores, labels, held)
    if threshold is None:
        figures.confusion = _confusion(truth, answers, [labels[number] for number in held])
    if said and scores is None:
        figures.warnings.append(
            "the predictions do not give a probability to each label, without which there is no average precision"
        )
    return figures


def average_precision(true: Flags, scores: Floats) -> float | None:
    """The sum of the precision at each distinct score, times the recall that it adds; None where nothing is true.

    Args:
        true: (n,) whether each has the label.
        scores: (n,) the probability that it was given.

    >>> average_precision(np.array([True, False, True]), np.array([0.9, 0.8, 0.7]))
    0.8333333333333333
    """
    positives = int(np.count_nonzero(true))
    if not positives:
        return None
    order = np.argsort(-scores, kind="stable")
    found, ranked = np.cumsum(true[order]), scores[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    precision = found[last] / (last + 1)
    recall = found[last] / positives
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def _indicator(names: Sequence[Sequence[str]], position: dict[str, int]) -> Flags:
    flags = np.zeros((len(names), len(position)), bool)
    for row, labels in enumerate(names):
        flags[row, [position[label] for label in labels]] = True
    return flags


def _count(
    figures: LabelFigures,
    true: Flags,
    predicted: Flags,
    scores: Floats | None,
    labels: Sequence[str],
    held: npt.NDArray[np.int64],
) -> None:
    """Fill in the metrics, and the figures by class of the labels that are `held` by truth or answers."""
    correct = np.count_nonzero(true & predicted, axis=0)
    wanted, given = np.count_nonzero(true, axis=0), np.count_nonzero(predicted, axis=0)
    metrics = figures.metrics
    metrics["accuracy"] = float(np.mean((true == predicted).all(axis=1))) if len(true) else None
    columns = {
        "precision": _shares(correct, given),
        "recall": _shares(correct, wanted),
        "f1": _shares(2 * correct, given + wanted),
    }
    overall = {
        "precision": _shares(correct.sum(), given.sum()),
        "recall": _shares(correct.sum(), wanted.sum()),
        "f1": _shares(2 * correct.sum(), given.sum() + wanted.sum()),
    }
    for name, column in columns.items():
        values = np.nan_to_num(column[held])
        metrics[f"{name}_macro"] = float(values.mean()) if len(held) else None
        metrics[f"{name}_weighted"] = float(np.average(values, weights=wanted[held])) if wanted.any() else None
        metrics[f"{name}_micro"] = _known(float(overall[name]))
    ranked: dict[int, float | None] = {}
    if scores is not None:
        ranked = {number: average_precision(true[:, number], scores[:, number]) for number in range(len(labels))}
        known = [value for value in ranked.values() if value is not None]
        metrics["average_precision_macro"] = float(np.mean(known)) if known else None
        metrics["average_precision_micro"] = average_precision(true.ravel(), scores.ravel())
    else:
        metrics |= {"average_precision_macro": None, "average_precision_micro": None}
    for number in held.tolist():
        figures.by_class[labels[number]] = {
            **{name: _known(float(column[number])) for name, column in columns.items()},
            "average_precision": ranked.get(number),
            "truth": int(wanted[number]),
            "predicted": int(given[number]),
            "correct": int(correct[number]),
        }


def _shares(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> Floats:
    """part / whole, NaN where there is no whole."""
    with np.errstate(invalid="ignore", divide="ignore"):
        shares: Floats = np.asarray(part / np.asarray(whole, np.float64))
    return shares


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _confusion(truth: Sequence[Sequence[str]], answers: Sequence[Sequence[str]], labels: list[str]) -> Confusion:
    position = {label: number for number, label in enumerate(labels)}
    check_room(len(labels) ** 2 * _PER_CELL, f"how often each of {len(labels):,} labels was taken for each")
    matrix = np.zeros((len(labels), len(labels)), np.int64)
    for names, given in zip(truth, answers, strict=True):
        for label in given:
            matrix[position[names[0]], position[label]] += 1
    return Confusion(labels, matrix.tolist())
