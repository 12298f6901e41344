"""Rings cut at the image's border, united where they overlap, and simplified.

Rings combine by XOR (even-odd) everywhere downstream, so each function says what it does to that reading.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import chain, count, islice
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from labelbeam.schemas.neutral import Box, Ring
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.geometry.rle import LARGEST_MASK, GeometryError, Runs, counts_from_string
from labelbeam.transforms.geometry.trace import trace_many

LEAST_AREA = 1e-6
"""Square pixels; a ring with no more than that encloses nothing, and may collapse when it is written."""

_FARTHEST = 2.0**53  # Beyond it float64 no longer tells neighbouring pixels apart.
_LONGEST_OUTLINE = 2**22  # Pixels; pycocotools needs about 80 bytes for each, at once.
_FEW_PARTS = 256  # Above it, comparing all pairs costs more than it saves.


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
        _check_corners(ring, np.abs(ring) <= _FARTHEST, "finite numbers up to 2**53")
        for axis, limit in enumerate((width, height)):
            ring = _cut(_cut(ring, axis, 0.0, 1.0), axis, float(limit), -1.0)
        ring = ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)]
    return ring if _encloses_area(ring) else None


def parts_overlap(rings: list[Ring], width: int, height: int) -> bool:
    """Tell whether two rings cover a pixel in common, as COCO rasterises them; see `unite_rings` for errors."""
    return _overlapping_masks(rings, width, height) is not None


def unite_rings(rings: list[Ring], width: int, height: int) -> list[Ring]:
    """Replace rings that overlap by the outline of their union.

    COCO's parts mean their union, downstream they are combined by XOR, in which overlaps cancel. Rings that share no
    pixel with another, as pycocotools rasterises them, are kept as they are; each group that does is replaced, at the
    place of its first ring, by the traced outline of its merged masks. The XOR of the result, rasterised, is COCO's
    own union. Where nothing overlaps, `rings` itself is returned.

    Raises GeometryError: INVALID_POLYGON where one of several rings has under three corners, or one that is not finite
    or outside the image (pycocotools would crash); MASK_TOO_LARGE where image or outlines are too large to rasterise.
    """
    (united,) = unite_many([rings], [(width, height)])
    if isinstance(united, GeometryError):
        raise united
    return united


def unite_many(objects: Sequence[list[Ring]], sizes: Sequence[tuple[int, int]]) -> list[list[Ring] | GeometryError]:
    """`unite_rings` for the rings of many objects, in images of these widths and heights: merged masks are traced side by side.

    In the place of an object whose rings cannot be united stands why.
    """
    found: list[list[Ring] | GeometryError] = []
    # Merged masks, the object that each is of, and its place among the rings of that.
    merged: list[tuple[Runs, int, int]] = []
    parts: list[list[list[Ring]]] = []
    for number, (rings, (width, height)) in enumerate(zip(objects, sizes, strict=True)):
        parts.append([])
        try:
            masks = _overlapping_masks(rings, width, height)
        except GeometryError as error:
            found.append(error)
            continue
        found.append(rings)
        groups = np.zeros(len(rings), np.int64) if masks is None or len(masks) == 2 else _groups(masks)
        for group in np.unique(groups) if masks is not None else ():
            members = np.flatnonzero(groups == group)
            parts[number].append([rings[members[0]]])
            if masks is not None and len(members) > 1:
                runs = counts_from_string(coco_mask.merge([masks[member] for member in members])["counts"])
                merged.append((runs, number, len(parts[number]) - 1))
    widths, heights = ([sizes[number][axis] for _, number, _ in merged] for axis in (0, 1))
    traced, counts = trace_many([runs for runs, _, _ in merged], heights, widths)
    outlines = map(traced.ring, count())
    for (_, number, place), each in zip(merged, counts.tolist(), strict=True):
        parts[number][place] = list(islice(outlines, each))
    return [list(chain.from_iterable(parts[at])) if parts[at] else each for at, each in enumerate(found)]


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


def _overlapping_masks(rings: list[Ring], width: int, height: int) -> list[Any] | None:
    """The rings as COCO RLE objects, or None where no two of them share a pixel."""
    if len(rings) < 2:
        return None
    boxes = []
    for ring in rings:
        if len(ring) < 3:
            raise GeometryError(Rejected.INVALID_POLYGON, f"a ring has {len(ring)} corners, expected three or more")
        box = _box(ring)
        if not _lies_inside(box, width, height):
            _check_corners(ring, (ring >= 0) & (ring <= (width, height)), f"corners inside {width} x {height} pixels")
        boxes.append(box)
    if len(rings) <= _FEW_PARTS and _are_apart(boxes):
        return None
    if width * height > LARGEST_MASK:
        raise GeometryError(
            Rejected.MASK_TOO_LARGE, f"the image has {width * height} pixels, at most {LARGEST_MASK} are rasterised"
        )
    outline = sum(float(np.abs(ring - np.roll(ring, 1, axis=0)).max(axis=1).sum()) for ring in rings)
    if outline > _LONGEST_OUTLINE:
        raise GeometryError(
            Rejected.MASK_TOO_LARGE,
            f"the polygon's outline is {outline:.0f} pixels long, at most {_LONGEST_OUTLINE} are rasterised",
        )
    masks: list[Any] = coco_mask.frPyObjects([ring.ravel() for ring in rings], height, width)
    # One call a mask: pycocotools 2.0.11 takes no more than 255 at once here.
    separate = sum(int(coco_mask.area(mask)) for mask in masks)
    return masks if separate > int(coco_mask.area(coco_mask.merge(masks))) else None


def _box(ring: Ring) -> Box:
    left, top = ring.min(axis=0).tolist()
    right, bottom = ring.max(axis=0).tolist()
    return left, top, right, bottom


def _lies_inside(box: Box, width: int, height: int) -> bool:
    """False also where a corner is NaN, which min and max pass on."""
    left, top, right, bottom = box
    return left >= 0 and top >= 0 and right <= width and bottom <= height


def _are_apart(boxes: list[Box]) -> bool:
    corners = np.array(boxes)
    reach = np.all(corners[:, None, :2] < corners[None, :, 2:], axis=2)
    return not np.triu(reach & reach.T, 1).any()


def _check_corners(ring: Ring, sound: npt.NDArray[np.bool_], expected: str) -> None:
    if not sound.all():
        at = int(np.argmin(sound.all(axis=1)))
        x, y = ring[at].tolist()
        raise GeometryError(
            Rejected.INVALID_POLYGON, f"corner {at} of a ring of {len(ring)} is ({x}, {y}), expected {expected}"
        )


def _groups(masks: list[Any]) -> npt.NDArray[np.int64]:
    """Number each mask by the first of those that it overlaps, directly or through others."""
    groups = np.zeros(len(masks), np.int64)
    if len(masks) > _FEW_PARTS:
        return groups
    overlaps = coco_mask.iou(masks, masks, [False] * len(masks)) > 0
    np.fill_diagonal(overlaps, True)
    following = np.arange(len(masks))
    while not np.array_equal(groups, following):
        groups = following
        following = np.where(overlaps, groups, len(masks)).min(axis=1)
    return groups


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
