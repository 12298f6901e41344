"""Polygons in pixels to polygons in fractions of the image, all objects of a shard at once.

What the trainer makes of a polygon decides what is valid: it combines an object's parts by XOR, drops a part that has fewer
than three corners or any coordinate outside [0, 1], and drops the object when its first part is gone. So parts that overlap
are united, parts that leave the image are cut at its border, and parts without an area are left out, before it sees them.
Nearly all polygons need none of this: the few that do are found with array operations and treated one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from labelbeam.schemas.neutral import Ring
from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.columns.arrays import Integers, ranges
from labelbeam.transforms.columns.objects import AS_DRAWN, Objects, Rings, join_rings, make_rings
from labelbeam.transforms.geometry.boxes import OK, STEPS, TOLERANCE, Codes, Floats, Millionths, code_of, to_millionths
from labelbeam.transforms.geometry.rings import LEAST_AREA, boxes_overlap, clip_ring, ring_boxes, simplify_rings
from labelbeam.transforms.geometry.rle import GeometryError
from labelbeam.transforms.geometry.unite import unite_many

Flags = npt.NDArray[np.bool_]

_AT_ONCE = 1024
"""Rings whose corners are divided together."""

_FEW_PARTS = 64
"""Rings of an object that are compared with each other; objects of more are rare, and looked at one by one."""


@dataclass(slots=True)
class NormalizedPolygons:
    """For n objects: object i has `ring_count[i]` rings from `ring_start[i]` on; ring j has the corners offsets[j] to
    offsets[j + 1] of `corners` (m, 2), in millionths, and `boxes[j]` around them: left, top, right, bottom. codes (n,): `OK` where
    an object has a valid polygon. adjusted: for each adjustment, (n,) where it was made.
    """

    ring_start: Integers
    ring_count: Integers
    offsets: Integers
    corners: Millionths
    boxes: Millionths
    codes: Codes
    adjusted: dict[Adjusted, Flags]


def normalize_polygons(objects: Objects, sizes: Floats, clip: bool, max_points: int | None) -> NormalizedPolygons:
    """Make the rings of `objects` valid for the trainer and divide them by their image's size.

    Args:
        objects: n objects with rings in pixels.
        sizes: (n, 2) width and height of each object's image in pixels.
        clip: cut a ring that leaves its image; otherwise its object gets the code OUT_OF_BOUNDS.
        max_points: simplify an object with more corners than this; None keeps every corner.
    """
    codes = np.full(len(objects), OK, np.int8)
    codes[objects.ring_count == 0] = code_of(Rejected.MISSING_SEGMENTATION)
    traced = (objects.mask_size != 0).any(axis=1)
    as_drawn = (objects.mask_size == AS_DRAWN).all(axis=1)
    adjusted = {Adjusted.MASK_TO_POLYGON: traced & ~as_drawn & (codes == OK)}
    mismatched = traced & (objects.mask_size > 0).all(axis=1) & (objects.mask_size != sizes[:, ::-1]).any(axis=1)
    codes[mismatched & (codes == OK)] = code_of(Rejected.RLE_SIZE_MISMATCH)

    owner = _owners(objects)
    starts, counts, rings = objects.ring_start, objects.ring_count, objects.rings
    boxes = ring_boxes(rings.offsets, rings.corners)
    wanted, solid = _special(objects, owner, boxes, sizes, traced, max_points)
    special = np.flatnonzero(wanted & (codes == OK))
    if len(special):
        repaired = _repair_all(objects, special, solid, sizes, traced, clip, max_points, codes, adjusted)
        lengths = np.array([len(parts) for parts in repaired], np.int64)
        starts, counts = starts.copy(), counts.copy()
        starts[special] = len(rings) + np.cumsum(lengths) - lengths
        counts[special] = lengths
        added = make_rings(list(chain.from_iterable(repaired)))
        rings = join_rings([rings, added])
        boxes = np.concatenate([boxes, ring_boxes(added.offsets, added.corners)])
        owner = np.concatenate([owner, np.repeat(special, lengths)])
    if not np.isfinite(boxes).all():
        rings.corners, boxes = np.nan_to_num(rings.corners), np.nan_to_num(boxes)
    of_pixel = (STEPS / sizes)[owner]
    with np.errstate(invalid="ignore", over="ignore"):
        corners = _corners_to_millionths(rings, of_pixel)
        # The largest number is still the largest one when all are scaled and rounded.
        boxes = to_millionths(boxes, np.tile(of_pixel, 2))
    return NormalizedPolygons(starts, counts, rings.offsets, corners, boxes, codes, adjusted)


def _owners(objects: Objects) -> Integers:
    """The object of each ring; 0 for rings of no object."""
    owner = np.zeros(len(objects.rings), np.int64)
    owner[ranges(objects.ring_start, objects.ring_count)] = np.repeat(np.arange(len(objects)), objects.ring_count)
    return owner


def _corners_to_millionths(rings: Rings, of_pixel: Floats) -> Millionths:
    """The corners of n rings; `of_pixel` (n, 2) is how many millionths a pixel is, across and down.

    Some rings at a time, so that what it takes meanwhile stays in a core's cache.
    """
    corners = np.empty(rings.corners.shape, np.int32)
    for first in range(0, len(rings), _AT_ONCE):
        offsets = rings.offsets[first : first + _AT_ONCE + 1]
        part = slice(offsets[0], offsets[-1])
        factors = np.repeat(of_pixel[first : first + _AT_ONCE], np.diff(offsets), axis=0)
        corners[part] = to_millionths(rings.corners[part], factors)
    return corners


def _special(
    objects: Objects, owner: Integers, boxes: Floats, sizes: Floats, traced: Flags, max_points: int | None
) -> tuple[Flags, Flags]:
    """Objects that need a look of their own, (n,), and those each of whose rings is beyond doubt, (n,).

    `owner` and `boxes` are the object of each ring and the box around it.
    """
    special, solid = np.zeros(len(objects), bool), np.ones(len(objects), bool)
    rings = objects.rings
    if not len(rings):
        return special, solid
    low, high = boxes[:, :2], boxes[:, 2:]
    with np.errstate(invalid="ignore", over="ignore"):
        limits = sizes[owner]
        odd = ~((low >= 0).all(axis=1) & (high <= limits).all(axis=1))
        areas = _areas(rings)
        odd |= ~(areas > LEAST_AREA)
        # Only what is about a millionth across may collapse when it is rounded to millionths.
        odd |= ((high - low) * (STEPS / 2) < limits).any(axis=1)
    special[owner[odd]] = True
    # Of what has a pixel's area, no way of summing it up finds none.
    solid[owner[odd | ~(areas > 1)]] = False
    special |= ~traced & boxes_overlap(boxes, objects.ring_start, objects.ring_count, _FEW_PARTS)
    if max_points is not None:
        special |= np.bincount(owner, np.diff(rings.offsets), minlength=len(objects)) > max_points
    return special, solid


def _areas(rings: Rings) -> Floats:
    """Area of each ring by the shoelace formula; some rings at a time, as in `_corners_to_millionths`."""
    areas = np.empty(len(rings))
    for start in range(0, len(rings), _AT_ONCE):
        offsets = rings.offsets[start : start + _AT_ONCE + 1]
        x, y = np.ascontiguousarray(rings.corners[offsets[0] : offsets[-1]].T)
        first, last = offsets[:-1] - offsets[0], offsets[1:] - offsets[0] - 1
        cross = np.empty(len(x))
        np.multiply(x[:-1], y[1:], out=cross[:-1])
        cross[:-1] -= x[1:] * y[:-1]
        cross[last] = x[last] * y[first] - x[first] * y[last]
        areas[start : start + _AT_ONCE] = np.abs(np.add.reduceat(cross, first)) / 2
    return areas


def _repair_all(
    objects: Objects,
    rows: Integers,
    solid: Flags,
    sizes: Floats,
    traced: Any,
    clip: bool,
    max_points: int | None,
    codes: Codes,
    adjusted: dict[Adjusted, Flags],
) -> list[list[Ring]]:
    """The rings of the objects at `rows`, made valid; codes and adjustments are noted where they apply.

    Of `solid` ones, no ring has to be cut or dropped.
    """
    repairs = [
        _Repair(rings, _side_lengths(size)) if is_solid else _solid_rings(rings, size, clip)
        for rings, size, is_solid in zip(map(objects.rings_of, rows.tolist()), sizes[rows], solid[rows], strict=True)
    ]
    several = [
        repair for repair, row in zip(repairs, rows.tolist(), strict=True) if len(repair.rings) > 1 and not traced[row]
    ]
    united = unite_many([repair.rings for repair in several], [repair.size for repair in several])
    for repair, rings in zip(several, united, strict=True):
        if isinstance(rings, GeometryError):
            repair.rings, repair.code = [], rings.code
        elif rings is not repair.rings:
            repair.rings = rings
            repair.reasons.add(Adjusted.POLYGON_PARTS_UNITED)
    for repair, row in zip(repairs, rows.tolist(), strict=True):
        if repair.code is not None:
            codes[row] = code_of(repair.code)
        elif repair.dropped:
            repair.reasons.add(Adjusted.POLYGON_PART_DROPPED)
        if max_points is not None and sum(map(len, repair.rings)) > max_points:
            repair.rings = simplify_rings(repair.rings, max_points)
            repair.reasons.add(Adjusted.POLYGON_SIMPLIFIED)
        for reason in repair.reasons:
            adjusted.setdefault(reason, np.zeros(len(objects), bool))[row] = True
    return [repair.rings for repair in repairs]


@dataclass(slots=True)
class _Repair:
    """The rings of one object inside its image of `size`, width and height, or none and why; what was done to it, and whether parts of it
    were dropped.
    """

    rings: list[Ring]
    size: tuple[int, int]
    code: Rejected | None = None
    reasons: set[Adjusted] = field(default_factory=set)
    dropped: bool = False


def _side_lengths(size: Floats) -> tuple[int, int]:
    """Width and height as whole pixels."""
    width, height = size.tolist()
    return int(width), int(height)


def _solid_rings(rings: list[Ring], size: Floats, clip: bool) -> _Repair:
    """The rings of one object that are left with an area inside its image of `size` (2,), width and height."""
    width, height = size.tolist()
    repair = _Repair([], _side_lengths(size))
    sound = [ring for ring in rings if len(ring) >= 3 and np.isfinite(ring).all()]
    if not sound:
        repair.code = Rejected.INVALID_POLYGON
        return repair
    slack = size * TOLERANCE
    if any(((ring < -slack) | (ring > size + slack)).any() for ring in sound):
        if not clip:
            repair.code = Rejected.OUT_OF_BOUNDS
            return repair
        repair.reasons.add(Adjusted.POLYGON_CLIPPED)
    try:
        inside = [clip_ring(ring, *repair.size) for ring in sound]
    except GeometryError as error:
        repair.code = error.code
        return repair
    repair.rings = [ring for ring in inside if ring is not None and not _collapses(ring, width, height)]
    repair.dropped = len(repair.rings) < len(rings)
    repair.code = None if repair.rings else Rejected.EMPTY_POLYGON
    return repair


def _collapses(ring: Ring, width: float, height: float) -> bool:
    """Tell whether a ring inside its image is left without width or height when it is rounded to millionths."""
    left, top = ring.min(axis=0).tolist()
    right, bottom = ring.max(axis=0).tolist()
    across, down = STEPS / width, STEPS / height
    flat: bool = round(right * across) <= round(left * across) or round(bottom * down) <= round(top * down)
    return flat
