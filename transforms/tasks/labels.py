"""Classification: one label an image, or several."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from labelbeam.transforms.columns.arrays import Floats
from labelbeam.transforms.columns.objects import Objects
from labelbeam.transforms.geometry.boxes import OK
from labelbeam.transforms.tasks.task import Judged, Labels, per_image


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
        return per_image(labels.label_list(), labels.offsets)

    def arrow_labels(self, labels: Labels) -> pa.Array:
        """A list of strings an image."""
        return pa.ListArray.from_arrays(pa.array(labels.offsets, pa.int32()), labels.label_column())
