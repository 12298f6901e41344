"""The four tasks: how objects become valid labels, and how labels are written as JSON and as Arrow columns.

A task is judged on all objects of a bucket at once (`judge`), then written for the images and objects that are left
(`json_labels`, `arrow_labels`). Adding a task is adding a class here and its record in `schemas.records`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any, Protocol

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.reasons import Adjusted
from schemas.records import Box
from transforms.fragments import Floats, Integers, Objects, ranges
from transforms.geometry.boxes import OK, STEPS, Codes, normalize_boxes
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

    def label_counts(self) -> dict[str, int]:
        """How many rows have each label, by label."""
        counts = np.bincount(self.objects.label[self.rows], minlength=len(self.names)).tolist()
        return {name: count for name, count in zip(self.names, counts, strict=True) if count}


class Task(Protocol):
    """What a task knows."""

    arrow_type: pa.DataType
    float_columns: tuple[str, ...]
    """Parquet columns of coordinates, which compress best with their bytes split."""
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
    return [items[start:end] for start, end in pairwise(offsets.tolist())]


class Classification:
    """One label an image."""

    arrow_type = pa.string()
    float_columns: tuple[str, ...] = ()
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
    float_columns: tuple[str, ...] = tuple(
        f"label.list.element.{side}" for side in ("topX", "topY", "bottomX", "bottomY")
    )
    single_label = False
    needs_object = False

    def judge(self, objects: Objects, sizes: Floats, clip: bool, max_points: int | None) -> Judged:
        """Cut boxes at the border; where a source has an outline and no box, the outline's extent is the box."""
        derived = np.isnan(objects.bbox).all(axis=1) & (objects.ring_count > 0)
        boxes = objects.bbox
        if derived.any():
            boxes = boxes.copy()
            for row in np.flatnonzero(derived).tolist():
                rings = [ring for ring in objects.rings_of(row) if len(ring) >= 3]
                if rings:
                    corners = np.concatenate(rings)
                    boxes[row] = [*corners.min(axis=0), *corners.max(axis=0)]
        normal = normalize_boxes(boxes, sizes, clip)
        adjusted = {
            Adjusted.BBOX_CLIPPED: normal.clipped,
            Adjusted.BBOX_FROM_SEGMENTATION: derived & (normal.codes == OK),
        }
        return Judged(normal.codes, adjusted, normal.millionths)

    def _sides(self, labels: Labels) -> Floats:
        """Left, top, right and bottom of each row, (4, rows)."""
        return np.ascontiguousarray(labels.judged.geometry[labels.rows].T) / STEPS

    def json_labels(self, labels: Labels) -> list[Any]:
        """A list of boxes an image."""
        crowd = labels.objects.crowd[labels.rows].tolist()
        boxes = list(map(Box, labels.label_list(), *self._sides(labels).tolist(), crowd))
        return _per_image(boxes, labels.offsets)

    def arrow_labels(self, labels: Labels) -> pa.Array:
        """A list of boxes an image."""
        sides = [pa.array(side) for side in self._sides(labels)]
        boxes = pa.StructArray.from_arrays(
            [labels.label_column(), *sides, labels.crowd_column()], fields=list(self.arrow_type.value_type)
        )
        return pa.ListArray.from_arrays(pa.array(labels.offsets, pa.int32()), boxes)


class _Mask(msgspec.Struct, gc=False):
    """`schemas.records.Mask` with a polygon that is JSON already."""

    label: str
    isCrowd: int  # noqa: N815  # the trainer's name
    polygon: msgspec.Raw


@cache
def _coordinate_texts() -> npt.NDArray[np.void]:
    """The JSON of every coordinate, with a comma: nine bytes each, from 0.000000 to 1.000000.

    Looking a text up costs a tenth of formatting it, and polygons are made of little else.
    """
    numbers = np.arange(STEPS + 1)
    table = np.empty((len(numbers), 9), np.uint8)
    table[:] = np.frombuffer(b"0.000000,", np.uint8)
    table[-1, 0] += 1
    for digit in range(6):
        table[:, 7 - digit] += (numbers // 10**digit % 10).astype(np.uint8)
    return table.view("V9").ravel()


class Segmentation:
    """Polygons."""

    arrow_type = pa.list_(
        pa.struct([("label", pa.string()), ("isCrowd", pa.int8()), ("polygon", pa.list_(pa.list_(pa.float64())))])
    )
    float_columns: tuple[str, ...] = ("label.list.element.polygon.list.element.list.element",)
    single_label = False
    needs_object = False

    def judge(self, objects: Objects, sizes: Floats, clip: bool, max_points: int | None) -> Judged:
        """Make polygons such as the trainer takes; boxes do not count."""
        polygons = normalize_polygons(objects, sizes, clip, max_points)
        return Judged(polygons.codes, polygons.adjusted, polygons)

    def json_labels(self, labels: Labels) -> list[Any]:
        """A list of labelled polygons an image."""
        polygons: NormalizedPolygons = labels.judged.geometry
        text = _coordinate_texts().take(polygons.corners.reshape(-1)).tobytes()
        at = (polygons.offsets * 18).tolist()
        outlines: list[msgspec.Raw] = []
        starts, counts = polygons.ring_start[labels.rows].tolist(), polygons.ring_count[labels.rows].tolist()
        for start, count in zip(starts, counts, strict=True):
            if count == 1:
                outlines.append(msgspec.Raw(b"[[%b]]" % text[at[start] : at[start + 1] - 1]))
            else:
                parts = [text[at[ring] : at[ring + 1] - 1] for ring in range(start, start + count)]
                outlines.append(msgspec.Raw(b"[[%b]]" % b"],[".join(parts)))
        crowd = labels.objects.crowd[labels.rows].tolist()
        return _per_image(list(map(_Mask, labels.label_list(), crowd, outlines)), labels.offsets)

    def arrow_labels(self, labels: Labels) -> pa.Array:
        """A list of labelled polygons an image."""
        polygons: NormalizedPolygons = labels.judged.geometry
        counts = polygons.ring_count[labels.rows]
        rings = ranges(polygons.ring_start[labels.rows], counts)
        lengths = np.diff(polygons.offsets)[rings]
        # Two coordinates are moved as one 64-bit number.
        pairs = polygons.corners.view(np.int64).reshape(-1)[ranges(polygons.offsets[rings], lengths)]
        numbers = pairs.view(np.int32) / STEPS
        parts = pa.ListArray.from_arrays(_offsets(lengths * 2), pa.array(numbers))
        masks = pa.StructArray.from_arrays(
            [labels.label_column(), labels.crowd_column(), pa.ListArray.from_arrays(_offsets(counts), parts)],
            fields=list(self.arrow_type.value_type),
        )
        return pa.ListArray.from_arrays(pa.array(labels.offsets, pa.int32()), masks)


def _offsets(lengths: Integers) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())


TASKS: dict[str, Task] = {
    "image_classification": Classification(),
    "image_classification_multilabel": Multilabel(),
    "image_object_detection": Detection(),
    "image_instance_segmentation": Segmentation(),
}
