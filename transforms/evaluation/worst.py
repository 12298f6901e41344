"""The images that were predicted worst, and what is wrong with each, in words."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from pycocotools import mask as coco_mask

from labelbeam.schemas.evaluation import WorstImage
from labelbeam.schemas.predictions import LabelsPrediction, ObjectsPrediction
from labelbeam.schemas.records import Record
from labelbeam.transforms.evaluation.detection import SHOWN_FROM, ImageOutcome
from labelbeam.transforms.evaluation.objects import PixelObject
from labelbeam.transforms.evaluation.predictions.read import Said

MOST = 24
"""Images that are told of."""

_LABELS_SHOWN = 5

_SIDES = ("topX", "topY", "bottomX", "bottomY")


class _Bad(NamedTuple):
    """An image by how bad it is: the lowest score first, then the most mistakes, then its URL."""

    score: float
    mistakes: float
    image_url: str
    number: int


def worst_objects(
    records: Sequence[Record],
    sizes: Sequence[tuple[int, int]],
    said: Sequence[Said | None],
    truth: Sequence[Sequence[PixelObject]],
    predicted: Sequence[Sequence[PixelObject]],
    outcomes: Sequence[ImageOutcome],
) -> list[WorstImage]:
    """Images by F1 of their objects at an IoU of 0.5 and a score from `SHOWN_FROM` on, lowest first; only those with mistakes.

    Args:
        records: the truth.
        sizes: width and height of each image in pixels.
        said: what was said of each, or None.
        truth: the objects of each.
        predicted: the objects that were predicted for each.
        outcomes: how each came out.
    """
    bad = (
        _Bad(outcome.score, -len(outcome.missed) - len(outcome.wrong), record.image_url, number)
        for number, (record, outcome) in enumerate(zip(records, outcomes, strict=True))
        if outcome.missed or outcome.wrong
    )
    found: list[WorstImage] = []
    for score, _, image_url, number in heapq.nsmallest(MOST, bad):
        why = _why(truth[number], predicted[number], outcomes[number])
        if said[number] is None:
            why = f"no prediction: {why}"
        shown = _shown(said[number], predicted[number], *sizes[number])
        found.append(
            WorstImage(image_url, score, why, msgspec.to_builtins(records[number].label), shown, *sizes[number])
        )
    return found


def _why(truth: Sequence[PixelObject], predicted: Sequence[PixelObject], outcome: ImageOutcome) -> str:
    """Words for what is wrong; one that was missed and one of another label at its place are one mistake together."""
    pairs = _mislabelled([truth[number] for number in outcome.missed], [predicted[number] for number in outcome.wrong])
    missed, wrong = len(outcome.missed) - pairs, len(outcome.wrong) - pairs
    parts = [
        f"{missed} of {outcome.true} objects missed" if missed else "",
        f"{pairs} wrong label{'s' if pairs > 1 else ''}" if pairs else "",
        f"{wrong} found where {'none is' if wrong == 1 else 'none are'}" if wrong else "",
    ]
    return ", ".join(filter(None, parts))


def _mislabelled(missed: Sequence[PixelObject], wrong: Sequence[PixelObject]) -> int:
    """Number of `wrong` that lie where one of `missed` is, each of which counts once; of the same label, they would have matched."""
    if not missed or not wrong:
        return 0
    with_masks = missed[0].mask is not None
    first, second = ([item.mask if with_masks else list(item.box) for item in items] for items in (wrong, missed))
    overlaps = np.array(coco_mask.iou(first, second, [0] * len(second)))
    pairs = 0
    taken: set[tuple[int, int]] = set()
    for row, column in np.argwhere(overlaps >= 0.5).tolist():
        if not {(0, row), (1, column)} & taken:
            taken |= {(0, row), (1, column)}
            pairs += 1
    return pairs


def _shown(said: Said | None, predicted: Sequence[PixelObject], width: int, height: int) -> list[Any]:
    """The objects as their prediction holds them; those of COCO results without outlines, as boxes in fractions of the image."""
    if said is not None and isinstance(said.value, ObjectsPrediction):
        return [msgspec.to_builtins(item) for item in said.value.boxes if item.score >= SHOWN_FROM]
    scale = (width, height, width, height)
    return [
        {
            "box": {
                side: min(1.0, max(0.0, edge / of)) for side, edge, of in zip(_SIDES, _edges(item), scale, strict=True)
            },
            "label": item.label,
            "score": item.score,
        }
        for item in predicted
        if item.score >= SHOWN_FROM
    ]


def _edges(item: PixelObject) -> tuple[float, float, float, float]:
    left, top, across, down = item.box
    return left, top, left + across, top + down


def worst_labels(
    records: Sequence[Record],
    sizes: Sequence[tuple[int, int]],
    truth: Sequence[Sequence[str]],
    predictions: Sequence[LabelsPrediction | None],
    answers: Sequence[Sequence[str]],
    threshold: float | None,
) -> list[WorstImage]:
    """Images whose labels are not those predicted: by the probability given to the right label, or for multi-label by the
    share of common labels among all of both, lowest first.

    Args:
        records: the truth.
        sizes: width and height of each image in pixels.
        truth: the labels of each image.
        predictions: what was said of each.
        answers: the labels that count as predicted.
        threshold: as for `evaluate_labels`.
    """

    def bad() -> Iterable[_Bad]:
        for number, (record, names, given) in enumerate(zip(records, truth, answers, strict=True)):
            if set(names) == set(given):
                continue
            probs = _probs(predictions[number])
            if threshold is None:
                score, mistakes = probs.get(names[0], 0.0), max(probs.values(), default=0.0)
            else:
                score = len({*names} & {*given}) / len({*names, *given})
                mistakes = len({*names} ^ {*given})
            yield _Bad(score, -mistakes, record.image_url, number)

    found: list[WorstImage] = []
    for score, _, image_url, number in heapq.nsmallest(MOST, bad()):
        probs = _probs(predictions[number])
        first = sorted(probs, key=lambda label: -probs[label])
        kept = [label for label in first if label in answers[number]] + [
            label for label in first if label not in answers[number]
        ][:_LABELS_SHOWN]
        why = _why_labels(truth[number], answers[number], probs, predictions[number] is None, threshold)
        label = msgspec.to_builtins(records[number].label)
        found.append(WorstImage(image_url, score, why, label, {name: probs[name] for name in kept}, *sizes[number]))
    return found


def _probs(prediction: LabelsPrediction | None) -> dict[str, float]:
    return {} if prediction is None else dict(zip(prediction.labels, prediction.probs, strict=True))


def _why_labels(
    names: Sequence[str], given: Sequence[str], probs: dict[str, float], unpredicted: bool, threshold: float | None
) -> str:
    if unpredicted:
        return "no prediction"
    if threshold is None:
        said = f"{given[0]} ({probs[given[0]]:.2f})" if given else "nothing"
        return f"{names[0]} predicted as {said}"
    missed = sorted({*names} - {*given})
    wrong = sorted({*given} - {*names})
    parts = [
        f"{len(missed)} of {len(names)} labels missed: {', '.join(missed)}" if missed else "",
        f"{len(wrong)} predicted that it does not have: {', '.join(wrong)}" if wrong else "",
    ]
    return "; ".join(filter(None, parts))
