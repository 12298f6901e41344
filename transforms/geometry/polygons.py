"""Polygons in pixels to polygons in fractions of the image, all objects of a shard at once.

What the trainer makes of a polygon decides what is valid: it combines an object's parts by XOR, drops a part that has fewer
than three corners or any coordinate outside [0, 1], and drops the object when its first part is gone. So parts that overlap
are united, parts that leave the image are cut at its border, and parts without an area are left out, before it sees them.
Nearly all polygons need none of this: the few that do are found with array operations and treated one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.neutral import Ring
from schemas.reasons import Adjusted, Rejected
from transforms.fragments import Integers, Objects, concatenate
from transforms.geometry.boxes import DECIMALS, OK, TOLERANCE, Codes, Floats, code_of
from transforms.geometry.rings import LEAST_AREA, clip_ring, simplify_rings, unite_rings
from transforms.geometry.rle import GeometryError


@dataclass(slots=True)
class NormalizedPolygons:
    """Rings of the n objects as in `Objects`, in fractions; codes (n,), `OK` where an object has a valid polygon."""

    rings_of: Integers
    corners_of: Integers
    fractions: Floats
    codes: Codes
    adjusted: dict[Adjusted, npt.NDArray[np.bool_]]
    """For each adjustment, (n,) where it was made."""


def normalize_polygons(objects: Objects, sizes: Floats, clip: bool, max_points: int | None) -> NormalizedPolygons:
    """Make the rings of `objects` valid for the trainer and divide them by their image's size.

    Args:
        objects: n objects with rings in pixels.
        sizes: (n, 2) width and height of each object's image in pixels.
        clip: cut a ring that leaves its image; otherwise its object gets the code OUT_OF_BOUNDS.
        max_points: simplify an object with more corners than this; None keeps every corner.
    """
    codes = np.full(len(objects), OK, np.int8)
    codes[np.diff(objects.rings_of) == 0] = code_of(Rejected.MISSING_SEGMENTATION)
    traced = (objects.mask_size != 0).any(axis=1)
    adjusted = {Adjusted.MASK_TO_POLYGON: traced & (codes == OK)}
    mismatched = traced & (objects.mask_size > 0).all(axis=1) & (objects.mask_size != sizes[:, ::-1]).any(axis=1)
    codes[mismatched & (codes == OK)] = code_of(Rejected.RLE_SIZE_MISMATCH)

    special = _special(objects, sizes, traced, max_points) & (codes == OK)
    if special.any():
        rows = np.flatnonzero(special)
        repaired = _repair_all(objects, rows, sizes, traced, clip, max_points, codes, adjusted)
        order = np.concatenate([np.flatnonzero(~special), rows])
        objects = concatenate([objects.take(np.flatnonzero(~special)), repaired]).take(np.argsort(order))
    per_corner = np.diff(objects.corners_of[objects.rings_of])
    scale = np.repeat(sizes, per_corner, axis=0)
    fractions = np.clip(objects.corners / scale, 0, 1)
    return NormalizedPolygons(
        objects.rings_of, objects.corners_of, np.round(fractions, DECIMALS, out=fractions), codes, adjusted
    )


def _special(objects: Objects, sizes: Floats, traced: Any, max_points: int | None) -> npt.NDArray[np.bool_]:
    """Which objects need a look of their own: (n,) booleans."""
    special = np.zeros(len(objects), bool)
    if not len(objects.corners):
        return special
    rings = np.diff(objects.rings_of)
    owner = np.repeat(np.arange(len(objects)), rings)
    starts = objects.corners_of[:-1]
    with np.errstate(invalid="ignore", over="ignore"):
        low = np.minimum.reduceat(objects.corners, starts, axis=0)
        high = np.maximum.reduceat(objects.corners, starts, axis=0)
        odd = ~((low >= 0).all(axis=1) & (high <= sizes[owner]).all(axis=1))
        odd |= ~(_areas(objects.corners, objects.corners_of) > LEAST_AREA)
    special[owner[odd]] = True
    special |= ~traced & _boxes_overlap(low, high, objects.rings_of)
    if max_points is not None:
        special |= np.diff(objects.corners_of[objects.rings_of]) > max_points
    return special


def _areas(corners: Floats, corners_of: Integers) -> Floats:
    """Area of each ring by the shoelace formula."""
    x, y = corners[:, 0], corners[:, 1]
    cross = np.empty(len(corners))
    np.multiply(x[:-1], y[1:], out=cross[:-1])
    cross[:-1] -= x[1:] * y[:-1]
    first, last = corners_of[:-1], corners_of[1:] - 1
    cross[last] = x[last] * y[first] - x[first] * y[last]
    areas: Floats = np.abs(np.add.reduceat(cross, first)) / 2
    return areas


def _boxes_overlap(low: Floats, high: Floats, rings_of: Integers) -> npt.NDArray[np.bool_]:
    """Objects two of whose rings have bounding boxes that overlap: the only ones whose rings can."""
    counts = np.diff(rings_of)
    overlap = np.zeros(len(counts), bool)
    for count in np.unique(counts[counts > 1]).tolist():
        rows = np.flatnonzero(counts == count)
        if count > 64:
            # Pairs grow with the square; so many parts are rare, and looked at one by one.
            overlap[rows] = True
            continue
        index = rings_of[rows][:, None] + np.arange(count)
        first, second = np.triu_indices(count, 1)
        a, b = index[:, first], index[:, second]
        meet = np.minimum(high[a], high[b]) > np.maximum(low[a], low[b])
        overlap[rows] = np.any(np.all(meet, axis=2), axis=1)
    return overlap


def _repair_all(
    objects: Objects,
    rows: Integers,
    sizes: Floats,
    traced: Any,
    clip: bool,
    max_points: int | None,
    codes: Codes,
    adjusted: dict[Adjusted, npt.NDArray[np.bool_]],
) -> Objects:
    """The objects at `rows` with rings that are valid; codes and adjustments are noted where they apply."""
    kept: list[list[Ring]] = []
    for row in rows.tolist():
        reasons: set[Adjusted] = set()
        width, height = sizes[row].tolist()
        rings, code = repair(objects.rings(row), width, height, bool(traced[row]), clip, max_points, reasons)
        if code is not None:
            codes[row] = code_of(code)
        for reason in reasons:
            adjusted.setdefault(reason, np.zeros(len(objects), bool))[row] = True
        kept.append(rings)
    flat = list(chain.from_iterable(kept))
    taken = objects.take(rows)
    taken.rings_of = np.cumsum([0, *map(len, kept)], dtype=np.int64)
    taken.corners_of = np.cumsum([0, *map(len, flat)], dtype=np.int64)
    taken.corners = np.concatenate(flat) if flat else np.empty((0, 2))
    return taken


def repair(
    rings: list[Ring],
    width: float,
    height: float,
    traced: bool,
    clip: bool,
    max_points: int | None,
    reasons: set[Adjusted],
) -> tuple[list[Ring], Rejected | None]:
    """The rings of one object made valid, or none and why; what was done is added to `reasons`."""
    sound = [ring for ring in rings if np.isfinite(ring).all()]
    if not sound:
        return [], Rejected.INVALID_POLYGON
    size = np.array([width, height])
    slack = size * TOLERANCE
    if any(((ring < -slack) | (ring > size + slack)).any() for ring in sound):
        if not clip:
            return [], Rejected.OUT_OF_BOUNDS
        reasons.add(Adjusted.POLYGON_CLIPPED)
    try:
        inside = [clip_ring(ring, int(width), int(height)) for ring in sound]
        solid = [ring for ring in inside if ring is not None]
        if not solid:
            return [], Rejected.EMPTY_POLYGON
        united = solid if traced or len(solid) == 1 else unite_rings(solid, int(width), int(height))
    except GeometryError as error:
        return [], error.code
    if len(solid) < len(rings):
        reasons.add(Adjusted.POLYGON_PART_DROPPED)
    if united is not solid:
        reasons.add(Adjusted.POLYGON_PARTS_UNITED)
    if max_points is not None and sum(map(len, united)) > max_points:
        united = simplify_rings(united, max_points)
        reasons.add(Adjusted.POLYGON_SIMPLIFIED)
    return united, None
