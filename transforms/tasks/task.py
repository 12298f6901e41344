"""A task: how objects become valid labels, and how labels are written as JSON and as Arrow columns.

A task is judged on all objects of a bucket at once (`judge`), then written for the images and objects that are left
(`json_labels`, `arrow_labels`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelbeam.schemas.reasons import Adjusted
from labelbeam.transforms.columns.arrays import Floats, Integers
from labelbeam.transforms.columns.objects import Objects
from labelbeam.transforms.geometry.boxes import Codes


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

    def of_images(self, start: int, end: int) -> Labels:
        """The objects to write of the images `start` to `end`."""
        offsets = self.offsets[start : end + 1]
        return replace(self, rows=self.rows[offsets[0] : offsets[-1]], offsets=offsets - offsets[0])

    def label_column(self) -> pa.Array:
        """The label of each row, as strings."""
        codes = pa.array(self.objects.label[self.rows], pa.int32())
        return pa.DictionaryArray.from_arrays(codes, pa.array(self.names, pa.string())).cast(pa.string())

    def crowd_column(self) -> pa.Array:
        """isCrowd of each row."""
        return pa.array(self.objects.crowd[self.rows], pa.int8())

    def id_column(self) -> pa.Array:
        """The source's own id of each row, or the row's place in it, as strings."""
        ids = self.objects.ids
        if isinstance(ids, np.ndarray):
            return pa.array(ids[self.rows]).cast(pa.string())
        return pa.array(list(map(str, map(ids.__getitem__, self.rows.tolist()))), pa.string())

    def area_column(self) -> pa.Array:
        """The area of each row as the source says it, null where it says none."""
        return pa.array(self.objects.area[self.rows], pa.float64(), from_pandas=True)

    def label_list(self) -> list[str]:
        """The label of each row, as Python strings that are shared."""
        return [self.names[label] for label in self.objects.label[self.rows].tolist()]

    def label_counts(self) -> dict[str, int]:
        """Counts of rows by label."""
        counts = np.bincount(self.objects.label[self.rows], minlength=len(self.names)).tolist()
        return {name: count for name, count in zip(self.names, counts, strict=True) if count}


class Task(Protocol):
    """Task: what it is called, and how its labels are judged and written."""

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


def per_image(items: list[Any], offsets: Integers) -> list[Any]:
    """Items in one list an image; image `i` has those from `offsets[i]` to `offsets[i + 1]`."""
    return [items[start:end] for start, end in pairwise(offsets.tolist())]


def offsets_of(lengths: Integers) -> pa.Array:
    """Offsets of an Arrow list array, one more than there are lengths."""
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
