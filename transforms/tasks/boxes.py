"""Object detection: one box an object."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from labelbeam.schemas.reasons import Adjusted
from labelbeam.schemas.records import Box
from labelbeam.transforms.columns.arrays import Floats
from labelbeam.transforms.columns.objects import Objects
from labelbeam.transforms.geometry.boxes import OK, STEPS, normalize_boxes
from labelbeam.transforms.tasks.task import Judged, Labels, per_image


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
        with np.errstate(invalid="ignore"):
            swapped = (boxes[:, 2:] < boxes[:, :2]).any(axis=1)
        if swapped.any():
            boxes = boxes.copy()
            low, high = boxes[swapped, :2], boxes[swapped, 2:]
            boxes[swapped] = np.concatenate([np.minimum(low, high), np.maximum(low, high)], axis=1)
        normal = normalize_boxes(boxes, sizes, clip)
        adjusted = {
            Adjusted.BBOX_CLIPPED: normal.clipped,
            Adjusted.BBOX_CORNERS_SWAPPED: swapped & (normal.codes == OK),
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
        return per_image(boxes, labels.offsets)

    def arrow_labels(self, labels: Labels) -> pa.Array:
        """A list of boxes an image."""
        sides = [pa.array(side) for side in self._sides(labels)]
        boxes = pa.StructArray.from_arrays(
            [labels.label_column(), *sides, labels.crowd_column()], fields=list(self.arrow_type.value_type)
        )
        return pa.ListArray.from_arrays(pa.array(labels.offsets, pa.int32()), boxes)
