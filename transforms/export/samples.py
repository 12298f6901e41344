"""Samples: the labels of an image as one JSON object, as readers of image datasets expect them.

Boxes are [left, top, width, height] in pixels. Objects are lists that run side by side, which is what tables have columns for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from labelbeam.transforms.evaluation.pixels import length
from labelbeam.transforms.export.batch import Batch, Image


def samples(batch: Batch, task: str) -> Iterator[tuple[Image, dict[str, Any]]]:
    """Each image with its `width`, `height`, and `label`, `labels` or `objects`.

    `objects` has `bbox`, `category` and `iscrowd`; for outlines also `segmentation`, of each object a list of rings, which combine by
    XOR: x1, y1, x2, y2, … in pixels.
    """
    if task == "image_object_detection":
        for image, boxes in batch.boxes():
            edges = [(box.left, box.top, box.right, box.bottom) for box in boxes]
            yield image, _sample(image, {"objects": _objects(boxes, edges)})
    elif task == "image_instance_segmentation":
        for image, masks in batch.masks():
            rings = [[ring.ravel().tolist() for ring in mask.rings] for mask in masks]
            objects = _objects(masks, [_extent(parts) for parts in rings])
            yield image, _sample(image, {"objects": objects | {"segmentation": rings}})
    else:
        for image, labels in batch.labels():
            yield image, _sample(image, {"label": labels[0]} if task == "image_classification" else {"labels": labels})


def _sample(image: Image, labels: dict[str, Any]) -> dict[str, Any]:
    return {"width": image.width, "height": image.height, **labels}


def _objects(items: Any, edges: list[tuple[float, float, float, float]]) -> dict[str, Any]:
    return {
        "bbox": [[left, top, length(left, right), length(top, bottom)] for left, top, right, bottom in edges],
        "category": [item.label for item in items],
        "iscrowd": [item.crowd for item in items],
    }


def _extent(rings: list[list[float]]) -> tuple[float, float, float, float]:
    xs, ys = ([number for ring in rings for number in ring[axis::2]] for axis in (0, 1))
    return min(xs), min(ys), max(xs), max(ys)
