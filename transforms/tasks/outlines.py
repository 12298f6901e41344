"""Instance segmentation: outlines, united where their parts overlap."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelbeam.transforms.columns.arrays import Floats, Integers, ranges
from labelbeam.transforms.columns.objects import Objects
from labelbeam.transforms.geometry.boxes import STEPS, Millionths
from labelbeam.transforms.geometry.polygons import NormalizedPolygons, normalize_polygons
from labelbeam.transforms.tasks.task import Judged, Labels, offsets_of

_NEXT_RING, _NEXT, _LAST = b"],[", b"]]},", b"]]}"
"""What stands between two rings of an object, between the last ring of one object and the next one, and behind the last."""


_COORDINATE = np.dtype([("number", np.uint64), ("comma", np.uint8)])


@cache
def _digits() -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """The eight bytes of `0.000000` with each thousand of millionths in them, 0 to 1,000, and the bytes that what is left of a thousand adds.

    Of numbers of eight bytes, as no byte carries into the next.
    """
    digits = (np.arange(1000)[:, None] // [100, 10, 1] % 10).astype(np.uint8)
    thousands, rest = np.zeros((1001, 8), np.uint8), np.zeros((1000, 8), np.uint8)
    thousands[:] = np.frombuffer(b"0.000000", np.uint8)
    thousands[1000, 0] += 1
    thousands[:1000, 2:5] += digits
    rest[:, 5:8] = digits
    return thousands.view(np.uint64).ravel(), rest.view(np.uint64).ravel()


def _coordinate_texts(coordinates: Millionths) -> bytes:
    """The JSON of coordinates, each with a comma: nine bytes, from `0.000000,` to `1.000000,`.

    Looking digits up costs a tenth of formatting numbers, and polygons are made of little else.
    """
    thousands, rest = _digits()
    whole = coordinates // 1000
    texts = np.empty(len(coordinates), _COORDINATE)
    texts["number"] = thousands.take(whole) + rest.take(coordinates - whole * 1000)
    texts["comma"] = ord(",")
    return texts.tobytes()


def _polygons(labels: Labels) -> tuple[Integers, Integers, Millionths]:
    """The number of rings of each of n labels, (n,), how many corners each of these, and x, y, x, y, … of all, one after the other."""
    polygons: NormalizedPolygons = labels.judged.geometry
    counts = polygons.ring_count[labels.rows]
    rings = ranges(polygons.ring_start[labels.rows], counts)
    starts = polygons.offsets[rings]
    lengths = polygons.offsets[rings + 1] - starts
    # Two coordinates are moved as one 64-bit number.
    pairs = polygons.corners.view(np.int64).reshape(-1)[ranges(starts, lengths)]
    return counts, lengths, pairs.view(np.int32)


def _heads(labels: Labels) -> list[bytes]:
    """The JSON of each row before its first ring, with the end of the row before where that is of the same image."""
    follows = np.ones(len(labels.rows), np.int64)
    follows[labels.offsets[:-1][np.diff(labels.offsets) > 0]] = 0
    kinds = labels.objects.label[labels.rows] * 4 + labels.objects.crowd[labels.rows] * 2 + follows
    # Of those alone that are written: what no row is called may be no text.
    heads = {
        kind: b'%b{"label":%b,"isCrowd":%d,"polygon":[['
        % (_NEXT if kind % 2 else b"", msgspec.json.encode(labels.names[kind // 4]), kind // 2 % 2)
        for kind in np.unique(kinds).tolist()
    }
    return list(map(heads.__getitem__, kinds.tolist()))


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
        """A list of labelled polygons an image, as JSON: an object of `schemas.records.Mask` for each would take twice the time."""
        counts, lengths, coordinates = _polygons(labels)
        text = _coordinate_texts(coordinates)
        ends = np.cumsum(lengths * 18).tolist()
        # Before each ring, and in it.
        pieces: list[bytes] = [_NEXT_RING] * (2 * len(ends))
        firsts = (2 * (np.cumsum(counts) - counts)).tolist()
        for first, head in zip(firsts, _heads(labels), strict=True):
            pieces[first] = head
        pieces[1::2] = [text[start : end - 1] for start, end in pairwise([0, *ends])]
        bounds = np.array([*firsts, len(pieces)])[labels.offsets].tolist()
        return [
            msgspec.Raw(b"[%b%b]" % (b"".join(pieces[start:end]), _LAST) if end > start else b"[]")
            for start, end in pairwise(bounds)
        ]

    def arrow_labels(self, labels: Labels) -> pa.Array:
        """A list of labelled polygons an image."""
        counts, lengths, coordinates = _polygons(labels)
        parts = pa.ListArray.from_arrays(offsets_of(lengths * 2), pa.array(coordinates / STEPS))
        masks = pa.StructArray.from_arrays(
            [labels.label_column(), labels.crowd_column(), pa.ListArray.from_arrays(offsets_of(counts), parts)],
            fields=list(self.arrow_type.value_type),
        )
        return pa.ListArray.from_arrays(pa.array(labels.offsets, pa.int32()), masks)
