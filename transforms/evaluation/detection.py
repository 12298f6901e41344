"""Average precision and recall of objects, by COCO's own evaluation: pycocotools' COCOeval.

What it is given can be written out as well, so that anybody can run it on the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from labelbeam.transforms.evaluation.engines import Accumulated, Document, Engine, Kind, accumulate
from labelbeam.transforms.evaluation.objects import PixelObject

Figures: TypeAlias = dict[str, float | None]

SHOWN_FROM = 0.3
"""The score from which on an object counts for a single image; average precision takes all of them."""

COCO_FIGURES = (
    "map",
    "map_50",
    "map_75",
    "map_small",
    "map_medium",
    "map_large",
    "mar_1",
    "mar_10",
    "mar_100",
    "mar_small",
    "mar_medium",
    "mar_large",
)
"""The figures that COCOeval summarises, in its order: sizes are those of COCO, below 32² and above 96² pixels of area."""


@dataclass(slots=True)
class ImageOutcome:
    """Outcome of one image at an IoU of 0.5: numbers of objects of the truth without crowds, of those that were found,
    and of predicted objects with a score from `SHOWN_FROM` on that match none. `missed` and `wrong` say which: positions in
    the image's objects.
    """

    true: int = 0
    found: int = 0
    missed: list[int] = field(default_factory=list)
    wrong: list[int] = field(default_factory=list)

    @property
    def score(self) -> float:
        """F1 of the image: 1 where everything was found and nothing else."""
        total = self.true + self.found + len(self.wrong)
        return 2 * self.found / total if total else 1.0


@dataclass(slots=True)
class ObjectFigures:
    """Figures of COCOeval: overall, by class, and how each image came out."""

    metrics: Figures
    by_class: dict[str, dict[str, float | int | None]]
    outcomes: list[ImageOutcome]


def truth_document(
    names: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    objects: Sequence[Sequence[PixelObject]],
    labels: Sequence[str],
) -> Document:
    """The truth as a COCO dataset; images and labels are numbered from 1 in their order.

    `area` is what the source says; where that is not known, that of the mask where there is one, else of the box.

    Args:
        names: the file_name of each image.
        sizes: width and height of each in pixels.
        objects: the objects of each.
        labels: all labels, also those that only predictions have.
    """
    categories = {label: number for number, label in enumerate(labels, 1)}
    annotations: list[Document] = []
    for image, items in enumerate(objects, 1):
        for item in items:
            annotation = {
                "id": len(annotations) + 1,
                "image_id": image,
                "category_id": categories[item.label],
                "bbox": list(item.box),
                "area": _area(item, "bbox" if item.mask is None else "segm") if item.area is None else item.area,
                "iscrowd": item.crowd,
            }
            annotations.append(annotation if item.mask is None else annotation | {"segmentation": item.mask})
    return {
        "images": [
            {"id": number, "file_name": name, "width": width, "height": height}
            for number, (name, (width, height)) in enumerate(zip(names, sizes, strict=True), 1)
        ],
        "annotations": annotations,
        "categories": [{"id": number, "name": label} for label, number in categories.items()],
    }


def result_documents(objects: Sequence[Sequence[PixelObject]], labels: Sequence[str]) -> list[Document]:
    """The predicted objects of each image as COCO results, with the numbers of `truth_document`."""
    categories = {label: number for number, label in enumerate(labels, 1)}
    results: list[Document] = []
    for image, items in enumerate(objects, 1):
        for item in items:
            result = {
                "image_id": image,
                "category_id": categories[item.label],
                "bbox": list(item.box),
                "score": item.score,
            }
            results.append(result if item.mask is None else result | {"segmentation": item.mask})
    return results


def evaluate_objects(
    sizes: Sequence[tuple[int, int]],
    truth: Sequence[Sequence[PixelObject]],
    predicted: Sequence[Sequence[PixelObject]],
    labels: Sequence[str],
    with_masks: bool,
    engine: Engine = "pycocotools",
) -> ObjectFigures:
    """Compare the objects of n images.

    Args:
        sizes: width and height of each image in pixels.
        truth: the objects that each shows.
        predicted: the objects that were predicted for it.
        labels: the labels of all of them.
        with_masks: whether masks decide what matches; boxes are compared as well then, as `bbox_…`.
        engine: what computes the figures.
    """
    names = [""] * len(sizes)
    evaluated = _run(names, sizes, truth, predicted, labels, "segm" if with_masks else "bbox", engine)
    metrics = _summary(evaluated)
    by_class = _by_class(evaluated, labels)
    true_counts = Counter(item.label for items in truth for item in items if not item.crowd)
    predicted_counts = Counter(item.label for items in predicted for item in items)
    if with_masks:
        boxes = _run(names, sizes, truth, predicted, labels, "bbox", engine)
        metrics |= {f"bbox_{name}": value for name, value in _summary(boxes).items()}
        for label, figures in _by_class(boxes, labels).items():
            by_class[label]["bbox_ap"] = figures["ap"]
    found: dict[str, dict[str, float | int | None]] = {
        label: {**by_class[label], "truth": true_counts[label], "predicted": predicted_counts[label]}
        for label in labels
        if true_counts[label] or predicted_counts[label]
    }
    return ObjectFigures(metrics, found, _outcomes(evaluated, len(truth)))


def _run(
    names: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    truth: Sequence[Sequence[PixelObject]],
    predicted: Sequence[Sequence[PixelObject]],
    labels: Sequence[str],
    kind: Kind,
    engine: Engine,
) -> Accumulated:
    document = truth_document(names, sizes, truth, labels)
    results = result_documents(predicted, labels)
    areas = [_area(item, kind) for items in predicted for item in items]
    for number, (result, area) in enumerate(zip(results, areas, strict=True), 1):
        result |= {"id": number, "area": area, "iscrowd": 0}
    return accumulate(engine, document, results, kind)


def _area(item: PixelObject, kind: Kind) -> float:
    """Square pixels of the mask for "segm", of the box for "bbox"."""
    if kind == "segm":
        return float(coco_mask.area(item.mask))
    return item.box[2] * item.box[3]


def _summary(evaluated: Accumulated) -> Figures:
    return {name: _known(value) for name, value in zip(COCO_FIGURES, evaluated.stats, strict=True)}


def _known(value: float) -> float | None:
    """COCOeval says -1 where there is nothing to find."""
    return value if value > -1 else None


def _mean(values: npt.NDArray[np.float64]) -> float | None:
    values = values[values > -1]
    return float(np.mean(values)) if values.size else None


def _by_class(evaluated: Accumulated, labels: Sequence[str]) -> dict[str, dict[str, float | int | None]]:
    """Figures of each label: of all sizes and up to 100 objects an image, unless the name says otherwise."""
    precision, recall = evaluated.precision, evaluated.recall
    return {
        label: {
            "ap": _mean(precision[:, :, k, 0, 2]),
            "ap_50": _mean(precision[0, :, k, 0, 2]),
            "ap_75": _mean(precision[5, :, k, 0, 2]),
            "ap_small": _mean(precision[:, :, k, 1, 2]),
            "ap_medium": _mean(precision[:, :, k, 2, 2]),
            "ap_large": _mean(precision[:, :, k, 3, 2]),
            "recall": _mean(recall[:, k, 0, 2]),
        }
        for k, label in enumerate(labels)
    }


def _outcomes(evaluated: Accumulated, images: int) -> list[ImageOutcome]:
    """Outcomes of each image, from its matches."""
    outcomes = [ImageOutcome() for _ in range(images)]
    first_true = _first_ids(evaluated.true)
    first_predicted = _first_ids(evaluated.found)
    for match in evaluated.matches:
        outcome = outcomes[match["image_id"] - 1]
        shown = np.array(match["dtScores"]) >= SHOWN_FROM
        hits = match["dtMatches"][0]
        counted = shown & ~match["dtIgnore"][0].astype(bool)
        start = first_predicted.get(match["image_id"], 0)
        ids = match["dtIds"]
        outcome.wrong += [ids[at] - start for at in np.flatnonzero(counted & (hits == 0)).tolist()]
        by = set(hits[counted & (hits > 0)].astype(int).tolist())
        start = first_true.get(match["image_id"], 0)
        for identity, ignored in zip(match["gtIds"], match["gtIgnore"], strict=True):
            if not ignored:
                outcome.true += 1
                if identity in by:
                    outcome.found += 1
                else:
                    outcome.missed.append(identity - start)
    return outcomes


def _first_ids(dataset: COCO) -> dict[int, int]:
    """The id of the first object of each image; those of an image follow each other."""
    return {image: items[0]["id"] for image, items in dataset.imgToAnns.items() if items}
