"""What stands out in the objects of a bucket, of which each by itself is as it should be: a build counts it, and tells where it is much.

Here all is known that decides it: the size that an image really has, and all objects of an image side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from labelbeam.schemas.manifest import Oddity
from labelbeam.transforms.columns.arrays import Floats, Integers, ranges
from labelbeam.transforms.columns.objects import Objects
from labelbeam.transforms.geometry.boxes import SLACK
from labelbeam.transforms.geometry.polygons import NormalizedPolygons
from labelbeam.transforms.images.facts import TURNED, UNTURNED
from labelbeam.transforms.images.urls import misread
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.tasks.records import SplitRecords
from labelbeam.transforms.tasks.statistics import extents
from labelbeam.transforms.write.percent import ODDS, PERCENT, odds_of, of_percent

LEAVING, CROWDS, TWICE, MISREAD, TINY, CORNER = "leaving", "crowds", "twice", "misread", "tiny", "corner"

EXCHANGED = "leaving_exchanged"
"""Those that would leave their image if x and y were exchanged."""

LEAVING_AS_SIZES = "leaving_as_sizes"
"""Those that leave their image, and would not if what was read as their width and height were their other corner."""

BACKWARDS, HUNDREDTH = "backwards", "in_a_hundredth"
"""Boxes that end before they begin; and those in the first hundredth of their image, as fractions that are read as percent are."""

COPIED, ALIGNED = "sides_copied", "sides_aligned"
"""Boxes whose bottom has the number of their left side, or whose right side that of their top; and those whose top has that of their left
side, as the former have once they are put in order.
"""

_ROUNDING = 1e-6

_HUNDREDTH = 0.0105

_PIXEL = 0.99
"""Pixels of a side up to which nobody can have drawn an object."""


def of_places(
    objects: Objects, sizes: Floats, at: Integers, paths: Sequence[str], in_pixels: npt.NDArray[np.bool_]
) -> dict[str, Oddity]:
    """Boxes, and outlines without one, that leave their image by more than drawing and rounding explain, cut or rejected, as they
    stand or if x and y were exchanged, and those of them that would not if their sizes were corners; those that end before they begin; those that are smaller than a pixel; those in the upper left
    quarter, or the first hundredth, of their image; and what speaks for percent.

    Args:
        objects: n objects in pixels.
        sizes: (n, 2) width and height of each object's image; less than 2 where it is unknown.
        at: (n,) each object's image, as an index into `paths`.
        in_pixels: (n,) where the source has them in pixels.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        places, sizes = np.asfortranarray(_places(objects)), np.asfortranarray(sizes)
        known = np.isfinite(places).all(axis=1) & (sizes > 1).all(axis=1)
        slack = sizes * SLACK + 1
        left, top, right, bottom = places.T
        spans = places[:, 2:] - places[:, :2]
        below, limits = places[:, :2] < -slack, sizes + slack
        beyond, exchanged = below | (places[:, 2:] > limits), below | (places[:, 2:] > limits[:, ::-1])
        where = {
            LEAVING: known & beyond.any(axis=1),
            EXCHANGED: known & exchanged.any(axis=1),
            LEAVING_AS_SIZES: known
            & beyond.any(axis=1)
            & (spans > places[:, :2]).all(axis=1)
            & (spans <= limits).all(axis=1),
            TINY: known & (spans > 0).all(axis=1) & (spans < _PIXEL).all(axis=1),
            BACKWARDS: known & (objects.bbox[:, 2:] < objects.bbox[:, :2]).any(axis=1),
            HUNDREDTH: known & (places[:, 2:] <= sizes * _HUNDREDTH).all(axis=1),
            CORNER: known & (places[:, 2:] < sizes / 2).all(axis=1),
            COPIED: known & (_alike(left, bottom) | _alike(right, top)),
            ALIGNED: known & _alike(left, top),
        }
        signs = of_percent(places, sizes, known & in_pixels)
    count = int(known.sum())
    found = {name: _oddity(np.asarray(rows), count, at, paths) for name, rows in where.items()}
    found |= {name: _oddity(rows, of, at, paths) for name, (rows, of) in signs.items()}
    found[ODDS] = Oddity(odds_of(signs[PERCENT][0], sizes, at), found[PERCENT].of)
    return found


def _alike(across: Floats, down: Floats) -> npt.NDArray[np.bool_]:
    """Where a side across and one down have one number, give or take the pixel that counting from 1 shifts them by; none that lies at 0."""
    return (abs(across - down) <= 1 + _ROUNDING) & (across > 1 + _ROUNDING) & (down > 1 + _ROUNDING)


def _places(objects: Objects) -> Floats:
    """Each object's box, or what its outline extends over where it has none: left, top, right, bottom, NaN where it has neither."""
    low, high = objects.bbox[:, :2], objects.bbox[:, 2:]
    places = np.concatenate([np.minimum(low, high), np.maximum(low, high)], axis=1)
    rows = np.flatnonzero(np.isnan(places).all(axis=1) & (objects.ring_count > 0))
    rings = ranges(objects.ring_start[rows], objects.ring_count[rows])
    lengths = np.diff(objects.rings.offsets)[rings]
    corners = objects.rings.corners[ranges(objects.rings.offsets[rings], lengths)]
    # Corners lie object by object: those of one are between its first and the next one's.
    owners = np.repeat(np.repeat(np.arange(len(rows)), objects.ring_count[rows]), lengths)
    drawn, firsts = np.unique(owners, return_index=True)
    if len(drawn):
        ends = [np.minimum.reduceat(corners, firsts), np.maximum.reduceat(corners, firsts)]
        places[rows[drawn]] = np.concatenate(ends, axis=1)
    return places


def of_records(splits: Iterable[SplitRecords]) -> dict[str, Oddity]:
    """Crowds, and objects that stand twice in an image with one label and one place, among the records with boxes or polygons."""
    found: dict[str, Oddity] = {}
    for records in splits:
        labels = records.labels
        geometry, rows = labels.judged.geometry, labels.rows
        if geometry is None:
            continue
        at = np.repeat(np.arange(len(records.paths)), np.diff(labels.offsets))
        crowds = labels.objects.crowd[rows] > 0
        if isinstance(geometry, NormalizedPolygons):
            places = np.concatenate([extents(geometry, rows), _sums(geometry, rows)], axis=1)
        else:
            places = geometry[rows].astype(np.int64)
        twice = _repeated(np.concatenate([at[:, None], labels.objects.label[rows][:, None], places], axis=1))
        for name, where in ((CROWDS, crowds), (TWICE, twice)):
            found.setdefault(name, Oddity()).add(_oddity(where, len(rows), at, records.paths))
    return found


def of_images(splits: Iterable[SplitRecords], remarks: Mapping[str, str]) -> dict[str, Oddity]:
    """Images by what the trainer may make of them, where that is known by path; and those whose URLs it reads as others.

    How images are turned matters to those alone that have boxes or outlines.
    """
    found: dict[str, list[str]] = {}
    total = 0
    for records in splits:
        total += len(records.paths)
        has_places = records.labels.judged.geometry is not None
        for path in records.paths if remarks else ():
            if (remark := remarks.get(path)) and (has_places or remark not in (TURNED, UNTURNED)):
                found.setdefault(remark, []).append(path)
        if odd := misread(records.urls):
            found.setdefault(MISREAD, []).extend(map(redact, odd))
    return {name: Oddity(len(images), total, min(images)) for name, images in found.items()}


def _oddity(where: npt.NDArray[np.bool_], of: int, at: Integers, paths: Sequence[str]) -> Oddity:
    found = at[where]
    return Oddity(len(found), of, paths[int(found.min())] if len(found) else "")


def _sums(polygons: NormalizedPolygons, rows: Integers) -> npt.NDArray[np.int64]:
    """The number of corners of each object at `rows`, and the sum of its coordinates, (rows, 2)."""
    start = polygons.ring_start[rows]
    first, end = polygons.offsets[start], polygons.offsets[start + polygons.ring_count[rows]]
    of_rings = np.add.reduceat(polygons.corners.reshape(-1), 2 * polygons.offsets[:-1], dtype=np.int64)
    sums = np.concatenate([[0], np.cumsum(of_rings)])
    return np.stack([end - first, sums[start + polygons.ring_count[rows]] - sums[start]], axis=1)


def _repeated(rows: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Mask of the rows that stand among those before them already."""
    mixed = np.zeros(len(rows), np.uint64)
    for column in rows.astype(np.uint64).T:
        mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    order = np.argsort(mixed, kind="stable")
    same = np.flatnonzero(mixed[order][1:] == mixed[order][:-1])
    repeated = np.zeros(len(rows), bool)
    # Numbers that are alike once mixed are looked at themselves.
    repeated[order[same + 1][(rows[order[same + 1]] == rows[order[same]]).all(axis=1)]] = True
    return repeated
