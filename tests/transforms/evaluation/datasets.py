"""Random truth and predictions, twice: as records and predictions, and as COCO's JSON, written here and by nothing that is tested."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

LABELS = ["cat", "dog", "emu", "fox"]
WIDTH, HEIGHT = 640, 480


@dataclass
class Both:
    """The same dataset in the two forms."""

    task: str
    records: list[dict[str, Any]] = field(default_factory=list)
    predictions: list[dict[str, Any]] = field(default_factory=list)
    truth: dict[str, Any] = field(default_factory=dict)
    results: list[dict[str, Any]] = field(default_factory=list)


def draw(seed: int, segmentation: bool, images: int = 12) -> Both:
    """Images with none to seven objects: all sizes, crowds, holes, ties of scores, wrong labels, and none predicted at all."""
    random = np.random.default_rng(seed)
    both = Both("image_instance_segmentation" if segmentation else "image_object_detection")
    both.truth = {
        "images": [],
        "annotations": [],
        "categories": [{"id": number, "name": label} for number, label in enumerate(LABELS, 1)],
    }
    for image in range(1, images + 1):
        url = f"https://images.example.org/c/{image:04}.jpg"
        both.truth["images"].append({"id": image, "file_name": f"{image:04}.jpg", "width": WIDTH, "height": HEIGHT})
        true, found = [], []
        for _ in range(int(random.integers(0, 8))):
            label = LABELS[int(random.integers(0, 3))]
            box = _box(random)
            crowd = int(random.random() < 0.15)
            true.append(_true(both, image, label, box, crowd))
            for _ in range(int(random.integers(0, 3))):
                said = label if random.random() < 0.8 else LABELS[int(random.integers(0, 4))]
                moved = _moved(random, box)
                score = round(float(random.random()), 1)  # Of ten values: many are equal.
                found.append(_found(both, image, said, moved, score))
        both.records.append(
            {
                "image_url": url,
                "image_details": {"format": "jpg", "width": WIDTH, "height": HEIGHT},
                "label": true,
            }
        )
        if image % 5:
            both.predictions.append({"image_url": url, "boxes": found})
        else:
            both.results = [result for result in both.results if result["image_id"] != image]
    return both


def _box(random: Any) -> list[float]:
    """Edges in pixels of an object that is small, medium or large."""
    low, high = ((6, 30), (36, 90), (110, 400))[int(random.integers(0, 3))]
    width, height = random.uniform(low, high, 2)
    left, top = random.uniform(0, WIDTH - width), random.uniform(0, HEIGHT - height)
    return [left / WIDTH, top / HEIGHT, (left + width) / WIDTH, (top + height) / HEIGHT]


def _moved(random: Any, box: Sequence[float]) -> list[float]:
    left, top, right, bottom = box
    size = np.array([right - left, bottom - top] * 2)
    moved = np.clip(np.array(box) + random.normal(0, 0.06, 4) * size, 0, 1)
    return [min(moved[0], moved[2]), min(moved[1], moved[3]), max(moved[0], moved[2]), max(moved[1], moved[3])]


def _polygon(box: Sequence[float]) -> list[list[float]]:
    """An octagon in the box, with a hole."""
    left, top, right, bottom = map(float, box)
    x, y = (right - left) / 4, (bottom - top) / 4
    outer = [left + x, top, right - x, top, right, top + y, right, bottom - y]
    outer += [right - x, bottom, left + x, bottom, left, bottom - y, left, top + y]
    return [outer, [left + 1.5 * x, top + y, right - 1.5 * x, top + y, left + 1.5 * x, bottom - y]]


def _mask(polygon: list[list[float]]) -> dict[str, Any]:
    """Each ring in pixels, decoded, and combined by XOR."""
    rings = [(np.array(ring).reshape(-1, 2) * (WIDTH, HEIGHT)).ravel().tolist() for ring in polygon]
    layers = [coco_mask.decode(coco_mask.frPyObjects([ring], HEIGHT, WIDTH)[0]) for ring in rings]
    mask = coco_mask.encode(np.asfortranarray(np.bitwise_xor.reduce(layers)))
    return {"size": mask["size"], "counts": mask["counts"].decode()}


def _pixels(box: Sequence[float]) -> list[float]:
    left, top, right, bottom = map(float, box)
    return [left * WIDTH, top * HEIGHT, right * WIDTH - left * WIDTH, bottom * HEIGHT - top * HEIGHT]


def _true(both: Both, image: int, label: str, box: list[float], crowd: int) -> dict[str, Any]:
    annotation = {
        "id": len(both.truth["annotations"]) + 1,
        "image_id": image,
        "category_id": LABELS.index(label) + 1,
        "bbox": _pixels(box),
        "area": _pixels(box)[2] * _pixels(box)[3],
        "iscrowd": crowd,
    }
    both.truth["annotations"].append(annotation)
    if both.task == "image_object_detection":
        sides = dict(zip(("topX", "topY", "bottomX", "bottomY"), map(float, box), strict=True))
        return {"label": label, **sides, "isCrowd": crowd}
    polygon = _polygon(box)
    annotation["segmentation"] = _mask(polygon)
    annotation["area"] = float(coco_mask.area(annotation["segmentation"]))
    return {"label": label, "isCrowd": crowd, "polygon": polygon}


def _found(both: Both, image: int, label: str, box: list[float], score: float) -> dict[str, Any]:
    result = {"image_id": image, "category_id": LABELS.index(label) + 1, "bbox": _pixels(box), "score": score}
    sides = dict(zip(("topX", "topY", "bottomX", "bottomY"), map(float, box), strict=True))
    found = {"box": sides, "label": label, "score": score}
    if both.task == "image_instance_segmentation":
        found["polygon"] = _polygon(box)
        result["segmentation"] = _mask(found["polygon"])
    both.results.append(result)
    return found


def by_pycocotools(truth: dict[str, Any], results: list[dict[str, Any]], kind: str) -> list[float]:
    """The 12 figures of COCO, as a person computes them who has the two files.

    For masks the boxes are left out of the results, so that pycocotools measures objects by their masks.
    """
    results = json.loads(json.dumps(results))
    if kind == "segm":
        for result in results:
            del result["bbox"]
    with contextlib.redirect_stdout(io.StringIO()):
        dataset = COCO()
        dataset.dataset = json.loads(json.dumps(truth))
        dataset.createIndex()
        evaluated = COCOeval(dataset, dataset.loadRes(results), kind)
        evaluated.evaluate()
        evaluated.accumulate()
        evaluated.summarize()
    figures: list[float] = evaluated.stats.tolist()
    return figures
