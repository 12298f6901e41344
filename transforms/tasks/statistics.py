"""The histograms of a bucket, from columns that its writer holds anyway; those of a build are their sums.

So the report of a build needs to read no records, however many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelbeam.schemas.statistics import GRID, IMAGE_EDGES, OBJECT_EDGES, RATIO_EDGES, SIDE_EDGES, SplitStatistics
from labelbeam.transforms.columns.arrays import Integers, ranges
from labelbeam.transforms.geometry.boxes import STEPS, Millionths
from labelbeam.transforms.geometry.polygons import NormalizedPolygons
from labelbeam.transforms.geometry.rings import ring_boxes

if TYPE_CHECKING:
    from labelbeam.schemas.manifest import Receipt
    from labelbeam.transforms.tasks.task import Labels


def statistics_of(labels: Labels, sizes: npt.NDArray[np.int32]) -> SplitStatistics:
    """The histograms of a split's records: `labels` of n images, whose widths and heights in pixels are `sizes` (n, 2)."""
    geometry = labels.judged.geometry
    boxes: Millionths | None = None
    if isinstance(geometry, NormalizedPolygons):
        boxes = extents(geometry, labels.rows)
    elif geometry is not None:
        boxes = geometry[labels.rows]
    return histograms(labels.names, labels.objects.label[labels.rows], labels.offsets, sizes, boxes)


def histograms(
    names: Sequence[str],
    codes: Integers,
    offsets: Integers,
    sizes: npt.NDArray[np.int32],
    boxes: Millionths | None,
) -> SplitStatistics:
    """The histograms of n images with m objects.

    Args:
        names: what the labels are called.
        codes: (m,) each object's label, as an index into `names`.
        offsets: (n + 1,) where each image's objects begin.
        sizes: (n, 2) width and height of each image in pixels.
        boxes: (m, 4) left, top, right, bottom in millionths of the image, none of them without an area; None for labels of images.
    """
    counts = np.diff(offsets)
    images = np.repeat(np.arange(len(counts)), counts)
    # Sorted rather than hashed, as np.unique would do it in twenty times the time.
    shown = np.sort(images * max(len(names), 1) + codes)
    shown = shown[np.diff(shown, prepend=-1) > 0] % max(len(names), 1)
    by_label = np.bincount(shown, minlength=len(names)).tolist()
    found = SplitStatistics(
        _histogram(counts, OBJECT_EDGES),
        _histogram(sizes.max(axis=1, initial=0), IMAGE_EDGES),
        {name: count for name, count in zip(names, by_label, strict=True) if count},
    )
    if boxes is not None:
        left, top, right, bottom = boxes.T
        width = (right - left) * (sizes[:, 0] / STEPS)[images]
        height = (bottom - top) * (sizes[:, 1] / STEPS)[images]
        found.box_sides = _histogram(width * height, np.square(SIDE_EDGES))
        found.box_ratios = _histogram(width / height, RATIO_EDGES)
        column, row = (
            np.minimum((low + high) * GRID // (2 * STEPS), GRID - 1) for low, high in ((left, right), (top, bottom))
        )
        found.positions = np.bincount(row * GRID + column, minlength=GRID * GRID).tolist()
    return found


def statistics_of_rows(rows: pa.Table) -> SplitStatistics:
    """The same from rows of Parquet, as `transforms.write.arrow_schema` describes them.

    Raises:
        ValueError: a value is missing, a coordinate is no fraction, or a ring has half a corner.
    """
    details = rows.column("image_details").combine_chunks()
    sizes = np.stack([_numbers(details.field(side)) for side in ("width", "height")], axis=1)
    labels = rows.column("label").combine_chunks()
    offsets: Integers = np.arange(len(labels) + 1)
    boxes: Millionths | None = None
    if pa.types.is_list(labels.type):
        offsets, labels = _inside(labels)
    if pa.types.is_struct(labels.type):
        if labels.type.get_field_index("polygon") < 0:
            sides = [_numbers(labels.field(side)) for side in ("topX", "topY", "bottomX", "bottomY")]
            boxes = _millionths(np.stack(sides, axis=1))
        else:
            rings, parts = _inside(labels.field("polygon"))
            ends, numbers = _inside(parts)
            corners = _millionths(_numbers(numbers).reshape(-1, 2))
            around = boxes_of_rings(ends // 2, corners)
            codes = np.zeros(len(labels), np.int8)
            polygons = NormalizedPolygons(rings[:-1], np.diff(rings), ends // 2, corners, around, codes, {})
            boxes = extents(polygons, np.arange(len(labels)))
        labels = labels.field("label")
    encoded = labels.dictionary_encode()
    return histograms(encoded.dictionary.to_pylist(), _numbers(encoded.indices), offsets, sizes, boxes)


def boxes_of_rings(offsets: Integers, corners: Millionths) -> Millionths:
    """`ring_boxes`, also of rings without corners: these extend over nothing, whatever they are combined with."""
    boxes = np.tile(np.array([STEPS, STEPS, 0, 0], np.int32), (len(offsets) - 1, 1))
    filled = np.diff(offsets) > 0
    # Between the starts of rings that have corners lie the corners of one ring and no others.
    boxes[filled] = ring_boxes(np.append(offsets[:-1][filled], offsets[-1]), corners)
    return boxes


def _inside(lists: pa.ListArray) -> tuple[Integers, pa.Array]:
    """Offsets of each list, and all items."""
    offsets = lists.offsets.to_numpy()
    return offsets - offsets[0], lists.flatten()


def _millionths(fractions: npt.NDArray[Any]) -> Millionths:
    if not (np.abs(fractions) <= 1).all():
        raise ValueError("a coordinate is no fraction of an image")
    found: Millionths = np.rint(fractions * STEPS).astype(np.int32)
    return found


def _numbers(column: pa.Array) -> npt.NDArray[Any]:
    if column.null_count:
        raise ValueError("a value is missing")
    numbers: npt.NDArray[Any] = column.to_numpy()
    return numbers


def _histogram(values: npt.NDArray[np.number], edges: npt.ArrayLike) -> list[int]:
    bins = np.searchsorted(np.asarray(edges, np.float64), values, side="right")
    counts: list[int] = np.bincount(bins, minlength=np.size(edges) + 1).tolist()
    return counts


def extents(polygons: NormalizedPolygons, rows: Integers) -> Millionths:
    """The box around all rings of each object at `rows`, in millionths: left, top, right, bottom, (rows, 4)."""
    if not len(rows):
        return np.empty((0, 4), np.int32)
    counts = polygons.ring_count[rows]
    boxes = polygons.boxes[ranges(polygons.ring_start[rows], counts)]
    firsts = np.cumsum(counts) - counts
    ends = np.minimum.reduceat(boxes[:, :2], firsts), np.maximum.reduceat(boxes[:, 2:], firsts)
    return np.concatenate(ends, axis=1)


def merge_statistics(parts: Iterable[SplitStatistics]) -> SplitStatistics:
    """The histograms of all parts together."""
    total = SplitStatistics()
    labels: dict[str, int] = {}
    for part in parts:
        for name in ("objects_an_image", "image_sides", "box_sides", "box_ratios", "positions"):
            setattr(total, name, _added(getattr(total, name), getattr(part, name)))
        for label, count in part.images_by_label.items():
            labels[label] = labels.get(label, 0) + count
    total.images_by_label = dict(sorted(labels.items()))
    return total


def _added(one: list[int], other: list[int]) -> list[int]:
    return [a + b for a, b in zip(one, other, strict=True)] if one and other else one or other


def build_statistics(receipts: Sequence[Receipt]) -> dict[str, SplitStatistics] | None:
    """Those of a build by split; None where a receipt is of a version that kept none."""
    by_split: dict[str, list[SplitStatistics]] = {}
    for receipt in receipts:
        statistics: Mapping[str, SplitStatistics] = receipt.statistics
        if statistics.keys() != receipt.splits.keys():
            return None
        for split, part in statistics.items():
            by_split.setdefault(split, []).append(part)
    return {split: merge_statistics(parts) for split, parts in sorted(by_split.items())}
