"""The four tasks: how objects become valid labels, and how labels are written as JSON and as Arrow columns.

A task is judged on all objects of a bucket at once (`judge`), then written for the images and objects that are left
(`json_labels`, `arrow_labels`). Adding a task is adding a class here and its record in `schemas.records`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.reasons import Adjusted
from schemas.records import Box, Mask
from transforms.fragments import Floats, Integers, Objects, ranges
from transforms.geometry.boxes import OK, Codes, normalize_boxes
from transforms.geometry.polygons import NormalizedPolygons, normalize_polygons


@dataclass(slots=True)
class Judged:
    """For n objects: codes (n,), `OK` where valid; adjustments (n,) booleans; and the task's own normalised geometry."""

    codes: Codes
    adjusted: dict[Adjusted, npt.NDArray[np.bool_]] = field(default_factory=dict)
    geometry: Any = None


@dataclass(slots=True)
class Labels:
    """The objects to write, image by image: `rows` into the judged objects, `offsets` (images + 1,) into `rows`."""

    rows: Integers
    offsets: Integers
    objects: Objects
    names: Sequence[str]
    judged: Judged

    def label_column(self) -> pa.Array:
        """The label of each row, as strings."""
        codes = pa.array(self.objects.label[self.rows], pa.int32())
        return pa.DictionaryArray.from_arrays(codes, pa.array(self.names, pa.string())).cast(pa.string())

    def crowd_column(self) -> pa.Array:
        """isCrowd of each row."""
        return pa.array(self.objects.crowd[self.rows], pa.int8())

    def label_list(self) -> list[str]:
        """The label of each row, as Python strings that are shared."""
        return [self.names[label] for label in self.objects.label[self.rows].tolist()]


class Task(Protocol):
    """What a task knows."""

    arrow_type: pa.DataType
    single_label: bool
    """Exactly one label an image."""
    needs_object: bool
    """An image without a label cannot be written."""

    def judge(self, objects: Objects, sizes: Floats, clip: bool, max_points: int | None) -> Judged:
        """Normalise objects whose images have `sizes` (n, 2), width and height in pixels."""

    def json_labels(self, labels: Labels) -> list[Any]:
        """The value of `label` for each image."""

    def arrow_labels(self, labels: Labels) -> pa.Array:
        """The same as a column, one row an image."""


def _per_image(items: list[Any], offsets: Integers) -> list[Any]:
    bounds = offsets.tolist()
    return [items[start:end] for start, end in pairwise(bounds)]


class Classification:
    """One label an image."""

    arrow_type = pa.string()
    single_label = True
    needs_object = True

    def judge(self, objects: Objects, sizes: Floats, clip: bool, max_points: int | None) -> Judged:
        """A label is valid as it is."""
        return Judged(np.full(len(objects), OK, np.int8))

    def json_labels(self, labels: Labels) -> list[Any]:
        """A string an image."""
        return labels.label_list()

    def arrow_labels(self, labels: Labels) -> pa.Array:
        """A string an image."""
        return labels.label_column()


class Multilabel(Classification):
    """Any number of labels an image, also none."""

    arrow_type = pa.list_(pa.string())
    single_label = False
    needs_object = False

    def json_labels(self, labels: Labels) -> list[Any]:
        """A list of strings an image."""
        return _per_image(labels.label_list(), labels.offsets)

    def arrow_labels(self, labels: Labels) -> pa.Array:
        """A list of strings an image."""
        return pa.ListArray.from_arrays(pa.array(labels.offsets, pa.int32()), labels.label_column())


class Detection:
    """Boxes."""

    arrow_type = pa.list_(
        pa.struct(
            [
                ("label", pa.string()),
                ("topX", pa.float64()),
                ("topY", pa.float64()),
                ("bottomX", pa.float64()),
                ("bottomY", pa.float64()),
                ("isCrowd", pa.int8()),
            ]
        )
    )
    single_label = False
    needs_object = False

    def judge(self, objects: Objects, sizes: Floats, clip: bool, max_points: int | None) -> Judged:
        """Cut boxes at the border; where a source has an outline and no box, the outline's extent is the box."""
        derived = np.isnan(objects.bbox).all(axis=1) & (np.diff(objects.rings_of) > 0)
        boxes = objects.bbox
        if derived.any():
            boxes = boxes.copy()
            for row in np.flatnonzero(derived).tolist():
                corners = np.concatenate(objects.rings(row))
                boxes[row] = [*corners.min(axis=0), *corners.max(axis=0)]
        normal = normalize_boxes(boxes, sizes, clip)
        adjusted = {
            Adjusted.BBOX_CLIPPED: normal.clipped,
            Adjusted.BBOX_FROM_SEGMENTATION: derived & (normal.codes == OK),
        }
        return Judged(normal.codes, adjusted, normal.fractions)

    def json_labels(self, labels: Labels) -> list[Any]:
        """A list of boxes an image."""
        fractions = labels.judged.geometry[labels.rows]
        crowd = labels.objects.crowd[labels.rows].tolist()
        boxes = list(map(Box, labels.label_list(), *(fractions[:, side].tolist() for side in range(4)), crowd))
        return _per_image(boxes, labels.offsets)

    def arrow_labels(self, labels: Labels) -> pa.Array:
        """A list of boxes an image."""
        fractions = labels.judged.geometry[labels.rows]
        sides = [pa.array(np.ascontiguousarray(fractions[:, side])) for side in range(4)]
        boxes = pa.StructArray.from_arrays(
            [labels.label_column(), *sides, labels.crowd_column()], fields=list(self.arrow_type.value_type)
        )
        return pa.ListArray.from_arrays(pa.array(labels.offsets, pa.int32()), boxes)


class Segmentation:
    """Polygons."""

    arrow_type = pa.list_(
        pa.struct([("label", pa.string()), ("isCrowd", pa.int8()), ("polygon", pa.list_(pa.list_(pa.float64())))])
    )
    single_label = False
    needs_object = False

    def judge(self, objects: Objects, sizes: Floats, clip: bool, max_points: int | None) -> Judged:
        """Make polygons such as the trainer takes; boxes do not count."""
        polygons = normalize_polygons(objects, sizes, clip, max_points)
        return Judged(polygons.codes, polygons.adjusted, polygons)

    def _rings(self, labels: Labels) -> tuple[Integers, Integers, Floats]:
        """Offsets of the objects' rings, of the rings' numbers, and all numbers, for the rows to write."""
        polygons: NormalizedPolygons = labels.judged.geometry
        rings, rings_of = ranges(polygons.rings_of, labels.rows)
        corners, corners_of = ranges(polygons.corners_of, rings)
        return rings_of, corners_of * 2, polygons.fractions[corners].reshape(-1)

    def json_labels(self, labels: Labels) -> list[Any]:
        """A list of labelled polygons an image."""
        rings_of, numbers_of, numbers = self._rings(labels)
        parts = _per_image(numbers.tolist(), numbers_of)
        polygons = _per_image(parts, rings_of)
        crowd = labels.objects.crowd[labels.rows].tolist()
        return _per_image(list(map(Mask, labels.label_list(), crowd, polygons)), labels.offsets)

    def arrow_labels(self, labels: Labels) -> pa.Array:
        """A list of labelled polygons an image."""
        rings_of, numbers_of, numbers = self._rings(labels)
        parts = pa.ListArray.from_arrays(pa.array(numbers_of, pa.int32()), pa.array(numbers))
        polygons = pa.ListArray.from_arrays(pa.array(rings_of, pa.int32()), parts)
        masks = pa.StructArray.from_arrays(
            [labels.label_column(), labels.crowd_column(), polygons], fields=list(self.arrow_type.value_type)
        )
        return pa.ListArray.from_arrays(pa.array(labels.offsets, pa.int32()), masks)


TASKS: dict[str, Task] = {
    "image_classification": Classification(),
    "image_classification_multilabel": Multilabel(),
    "image_object_detection": Detection(),
    "image_instance_segmentation": Segmentation(),
}
