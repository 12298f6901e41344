"""Rings cut at the image's border, and simplified.

Rings combine by XOR (even-odd) everywhere downstream, so each function says what it does to that reading.
"""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
import numpy.typing as npt

from labelbeam.schemas.neutral import Box, Ring
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.columns.arrays import Integers
from labelbeam.transforms.geometry.rle import GeometryError

LEAST_AREA = 1e-6
"""Square pixels; a ring with no more than that encloses nothing, and may collapse when it is written."""

_FARTHEST = 2.0**53  # Beyond it float64 no longer tells neighbouring pixels apart.


def ring_area(ring: Ring) -> float:
    """Absolute area by the shoelace formula, in square pixels; lobes of opposite direction cancel."""
    if len(ring) < 3:
        return 0.0
    # Seen from its first corner: far from the origin no digits are lost, and the two edges there add nothing.
    x, y = (ring[1:] - ring[0]).T
    return 0.5 * abs(float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])))


def clip_ring(ring: Ring, width: int, height: int) -> Ring | None:
    """Intersect a ring with the image: Sutherland-Hodgman against the four borders.

    Under even-odd filling the result covers exactly what the ring covers inside the image; pieces that leave and come
    back are joined along the border. Edges inside keep their slope (corners are cut off, not moved to the border). A
    ring inside the image is returned as it is. None where no area over `LEAST_AREA` is left.

    Raises GeometryError (INVALID_POLYGON) for coordinates that are not finite, or beyond 2**53 pixels.
    """
    if len(ring) < 3:
        return None
    if not _lies_inside(_box(ring), width, height):
        check_corners(ring, np.abs(ring) <= _FARTHEST, "finite numbers up to 2**53")
        for axis, limit in enumerate((width, height)):
            ring = _cut(_cut(ring, axis, 0.0, 1.0), axis, float(limit), -1.0)
        ring = ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)]
    return ring if _encloses_area(ring) else None


def ring_boxes(offsets: Integers, corners: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The box around each ring, (rings, 4): left, top, right and bottom of its corners offsets[j] to offsets[j + 1], of which it has some."""
    if len(offsets) < 2:
        return np.empty((0, 4), corners.dtype)
    starts = offsets[:-1]
    axes = [np.ascontiguousarray(corners[:, axis]) for axis in (0, 1)]  # Axis by axis, this takes a third of the time.
    return np.stack([end.reduceat(axis, starts) for end in (np.minimum, np.maximum) for axis in axes], axis=1)


def boxes_overlap(boxes: npt.NDArray[Any], starts: Integers, counts: Integers, most: int) -> npt.NDArray[np.bool_]:
    """Tell of n objects whether two of their rings have boxes that overlap: the only ones whose rings can.

    Args:
        boxes: the box around each ring, (rings, 4).
        starts, counts: (n,) the first ring of each object, and how many it has.
        most: rings of an object that are compared. Pairs grow with the square; of more it is taken for granted.
    """
    overlap = counts > most
    for count in np.unique(counts[(counts > 1) & (counts <= most)]).tolist():
        rows = np.flatnonzero(counts == count)
        first, second = np.triu_indices(count, 1)
        at_once = max(1, _PAIRS // len(first))
        for block in (rows[start : start + at_once] for start in range(0, len(rows), at_once)):
            index = starts[block][:, None] + np.arange(count)
            a, b = boxes[index[:, first]], boxes[index[:, second]]
            meet = np.minimum(a[..., 2:], b[..., 2:]) > np.maximum(a[..., :2], b[..., :2])
            overlap[block] = np.any(np.all(meet, axis=2), axis=1)
    return overlap


_PAIRS = 2**18
"""Pairs of rings that are compared at once, at 64 bytes and more."""


def simplify_rings(rings: list[Ring], max_points: int) -> list[Ring]:
    """Remove corners until all rings together have at most `max_points` (4 or more).

    Visvalingam-Whyatt over all rings at once: the corner whose triangle with its neighbours is smallest goes first,
    the earlier one of equals, and every ring keeps three. Where even three each are too many, the rings of the
    smallest area are dropped (a hole therefore before its outer ring). Self-intersection is
    ignored: a simplified outline may cross itself or another ring, and even-odd filling then flips the sliver between.
    """
    if sum(map(len, rings)) <= max_points:
        return rings
    rings = _largest(rings, max_points // 3)
    corners = np.concatenate(rings)
    sizes = [len(ring) for ring in rings]
    ends = np.cumsum(sizes)
    numbers = np.arange(len(corners))
    before, after = numbers - 1, numbers + 1
    before[ends - sizes], after[ends - 1] = ends - 1, ends - sizes
    kept = _visvalingam(corners, before, after, np.repeat(np.arange(len(rings)), sizes), sizes, max_points)
    return [corners[start:end][kept[start:end]] for start, end in zip(ends - sizes, ends, strict=True)]


def _cut(ring: Ring, axis: int, border: float, side: float) -> Ring:
    """Keep what lies above (side 1) or below (side -1) the border: one half-plane of Sutherland-Hodgman."""
    depth = side * (ring[:, axis] - border)
    inside = depth >= 0
    if inside.all():
        return ring
    leaving = np.flatnonzero(inside != np.roll(inside, -1))
    entering = (leaving + 1) % len(ring)
    # From the inner end, so that an edge is cut at the same point in both directions. With a share of at most 1, and
    # borders that are whole numbers, rounding does not carry a crossing past a border that both ends keep to.
    inner = np.where(inside[leaving], leaving, entering)
    outer = np.where(inside[leaving], entering, leaving)
    share = depth[inner] / (depth[inner] - depth[outer])
    crossings = ring[inner] + share[:, None] * (ring[outer] - ring[inner])
    crossings[:, axis] = border
    order = np.argsort(np.concatenate((2 * np.flatnonzero(inside), 2 * leaving + 1)))
    return np.concatenate((ring[inside], crossings))[order]


def _encloses_area(ring: Ring) -> bool:
    """Tell a ring from a line; also where its lobes cancel in the shoelace sum, as those of a bow tie do."""
    if ring_area(ring) > LEAST_AREA:
        return True
    if len(ring) < 4:
        return False
    lowest, highest = ring.min(axis=0), ring.max(axis=0)
    # One quarter of it, by a proportion at which no symmetry of a drawn shape cancels again.
    x, y = lowest + 0.382 * (highest - lowest)
    return ring_area(_cut(_cut(ring, 0, x, -1.0), 1, y, -1.0)) > LEAST_AREA


def _box(ring: Ring) -> Box:
    left, top = ring.min(axis=0).tolist()
    right, bottom = ring.max(axis=0).tolist()
    return left, top, right, bottom


def _lies_inside(box: Box, width: int, height: int) -> bool:
    """False also where a corner is NaN, which min and max pass on."""
    left, top, right, bottom = box
    return left >= 0 and top >= 0 and right <= width and bottom <= height


def check_corners(ring: Ring, sound: npt.NDArray[np.bool_], expected: str) -> None:
    """Check the corners of a ring, (m, 2), by these marks.

    Raises GeometryError (INVALID_POLYGON): one of them is not sound.
    """
    if not sound.all():
        at = int(np.argmin(sound.all(axis=1)))
        x, y = ring[at].tolist()
        raise GeometryError(
            Rejected.INVALID_POLYGON, f"corner {at} of a ring of {len(ring)} is ({x}, {y}), expected {expected}"
        )


def _largest(rings: list[Ring], most: int) -> list[Ring]:
    by_area = sorted(range(len(rings)), key=lambda number: -ring_area(rings[number]))
    return [rings[number] for number in sorted(by_area[:most])]


def _visvalingam(
    corners: Ring,
    before: npt.NDArray[np.int64],
    after: npt.NDArray[np.int64],
    ring_of: npt.NDArray[np.int64],
    sizes: list[int],
    max_points: int,
) -> npt.NDArray[np.bool_]:
    """Mask of corners that stay; `before` and `after` are each corner's neighbours, `sizes` the corners of each ring."""
    x: list[float] = corners[:, 0].tolist()
    y: list[float] = corners[:, 1].tolist()
    previous: list[int] = before.tolist()
    following: list[int] = after.tolist()
    owner: list[int] = ring_of.tolist()
    left = list(sizes)

    def triangle(corner: int) -> float:
        a, b = previous[corner], following[corner]
        ax, ay = x[a], y[a]
        return abs((x[corner] - ax) * (y[b] - ay) - (x[b] - ax) * (y[corner] - ay))

    cost = [triangle(corner) for corner in range(len(x))]
    heap = [(area, corner) for corner, area in enumerate(cost)]
    heapq.heapify(heap)
    surplus = len(x) - max_points
    while surplus > 0:
        area, corner = heapq.heappop(heap)
        # A corner that has gone costs -1; one whose neighbour has gone stands in the heap again.
        if area != cost[corner] or left[owner[corner]] == 3:
            continue
        a, b = previous[corner], following[corner]
        following[a], previous[b] = b, a
        cost[corner] = -1.0
        left[owner[corner]] -= 1
        surplus -= 1
        for neighbour in (a, b):
            # Never less than what has gone: a long shallow curve is not eaten corner by corner.
            cost[neighbour] = max(area, triangle(neighbour))
            heapq.heappush(heap, (cost[neighbour], neighbour))
    return np.array(cost) >= 0
