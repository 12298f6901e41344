"""Rings of an object united where they overlap, as COCO means the parts of a polygon, for many objects at once.

COCO's parts mean their union, downstream they are combined by XOR, in which overlaps cancel. What a ring covers is what pycocotools
makes of it. It takes time for each call and each text of run lengths, so all rings are rasterised in one call, on one canvas that is as
high and as wide as the largest of the images; a ring covers the same pixels there as on its own. From then on a mask is its
stretches of foreground, down the columns, and all of an object lie on a line of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from labelbeam.schemas.neutral import Ring
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.columns.arrays import Integers
from labelbeam.transforms.columns.objects import make_rings
from labelbeam.transforms.geometry.rings import boxes_overlap, check_corners, ring_boxes
from labelbeam.transforms.geometry.rle import LARGEST_MASK, GeometryError, counts_from_strings
from labelbeam.transforms.geometry.trace import Foreground, foreground_of, trace_foreground
from labelbeam.transforms.messages.words import counted

_LONGEST_OUTLINE = 2**22  # Pixels; pycocotools needs about 80 bytes for each, at once.
_FEW_PARTS = 256  # Above it, all parts of an object that overlaps itself are united.
_AT_ONCE = 256
"""Objects that are rasterised together: what more of them take meanwhile leaves a core's cache."""

Sizes = Sequence[tuple[int, int]]


def parts_overlap(rings: list[Ring], width: int, height: int) -> bool:
    """Tell whether two rings cover a pixel in common, as COCO rasterises them; see `unite_rings` for errors."""
    return unite_rings(rings, width, height) is not rings


def unite_rings(rings: list[Ring], width: int, height: int) -> list[Ring]:
    """Replace rings that overlap by the outline of their union.

    Rings that share no pixel with another, as pycocotools rasterises them, are kept as they are; each group that does is replaced, at the
    place of its first ring, by the traced outline of its merged masks. The XOR of the result, rasterised, is COCO's
    own union. Where nothing overlaps, `rings` itself is returned.

    Raises GeometryError: INVALID_POLYGON where one of several rings has under three corners, or one that is not finite
    or outside the image (pycocotools would crash); MASK_TOO_LARGE where image or outlines are too large to rasterise.
    """
    (united,) = unite_many([rings], [(width, height)])
    if isinstance(united, GeometryError):
        raise united
    return united


def unite_many(objects: Sequence[list[Ring]], sizes: Sizes) -> list[list[Ring] | GeometryError]:
    """`unite_rings` for the rings of many objects, in images of these widths and heights.

    In the place of an object whose rings cannot be united stands why.
    """
    found: list[list[Ring] | GeometryError] = list(objects)
    several = [at for at, rings in enumerate(objects) if len(rings) > 1]
    looks = _look_at([objects[at] for at in several], [sizes[at] for at in several])
    wanted: list[int] = []
    for at, (doubted, meeting) in zip(several, looks, strict=True):
        try:
            if doubted:
                _check(objects[at], *sizes[at], meeting)
        except GeometryError as error:
            found[at] = error
            continue
        if meeting:
            wanted.append(at)
    for first in range(0, len(wanted), _AT_ONCE):
        block = wanted[first : first + _AT_ONCE]
        for at, united in _united([objects[at] for at in block], [sizes[at] for at in block]):
            found[block[at]] = united
    return found


def _look_at(objects: Sequence[list[Ring]], sizes: Sizes) -> list[tuple[bool, bool]]:
    """Of objects of several rings: whether one may be too large, or wrong, to be rasterised, and whether boxes of its rings overlap."""
    if not objects:
        return []
    counts = np.array([len(rings) for rings in objects])
    # A ring without corners is nowhere.
    every = make_rings([ring if len(ring) else _NOWHERE for ring in chain.from_iterable(objects)])
    firsts, lengths, limits = np.cumsum(counts) - counts, np.diff(every.offsets), np.array(sizes, np.float64)
    boxes = ring_boxes(every.offsets, every.corners)
    low, high = boxes[:, :2], boxes[:, 2:]
    with np.errstate(invalid="ignore", over="ignore"):
        usual = (low >= 0).all(axis=1) & (high <= np.repeat(limits, counts, axis=0)).all(axis=1) & (lengths >= 3)
        # No edge is longer than the longer side of the box around all of them.
        outlines = np.add.reduceat(lengths * (high - low).max(axis=1), firsts)
        doubted = ~np.logical_and.reduceat(usual, firsts) | ~(outlines <= _LONGEST_OUTLINE)
        doubted |= limits.prod(axis=1) > LARGEST_MASK
    meeting = boxes_overlap(boxes, firsts, counts, _FEW_PARTS)
    return list(zip(doubted.tolist(), meeting.tolist(), strict=True))


_NOWHERE = np.full((1, 2), np.nan)


def _check(rings: list[Ring], width: int, height: int, meeting: bool) -> None:
    """Check that an object can be rasterised; its image and outline may be too large where no two boxes of rings overlap.

    Raises GeometryError: it cannot.
    """
    for ring in rings:
        if len(ring) < 3:
            raise GeometryError(
                Rejected.INVALID_POLYGON, f"a ring has {counted(len(ring), 'corner')}, expected three or more"
            )
        check_corners(ring, (ring >= 0) & (ring <= (width, height)), f"corners inside {width} x {height} pixels")
    if meeting and width * height > LARGEST_MASK:
        raise GeometryError(
            Rejected.MASK_TOO_LARGE, f"the image has {width * height} pixels, at most {LARGEST_MASK} are rasterised"
        )
    outline = sum(float(np.abs(ring - np.roll(ring, 1, axis=0)).max(axis=1).sum()) for ring in rings)
    if meeting and outline > _LONGEST_OUTLINE:
        raise GeometryError(
            Rejected.MASK_TOO_LARGE,
            f"the polygon's outline is {outline:.0f} pixels long, at most {_LONGEST_OUTLINE} are rasterised",
        )


def _united(objects: Sequence[list[Ring]], sizes: Sizes) -> Iterator[tuple[int, list[Ring]]]:
    """Those of the objects some of whose rings share a pixel, and the rings that they have then."""
    width, height = (max(size[axis] for size in sizes) for axis in (0, 1))
    if width * height > LARGEST_MASK and len(objects) > 1:
        middle = len(objects) // 2
        yield from _united(objects[:middle], sizes[:middle])
        yield from ((middle + at, rings) for at, rings in _united(objects[middle:], sizes[middle:]))
        return
    rings = list(chain.from_iterable(objects))
    counts = np.array([len(each) for each in objects])
    firsts, of = np.cumsum(counts) - counts, np.repeat(np.arange(len(objects)), counts)
    masks = coco_mask.frPyObjects([ring.ravel() for ring in rings], height, width)
    runs, lengths = counts_from_strings([mask["counts"] for mask in masks])
    line = width * height + 1
    covered = _cover(foreground_of(runs, lengths, np.full(len(masks), width * height)), of * line)
    overlapping = np.zeros(len(objects), bool)
    overlapping[of[covered.masks[~covered.first]]] = True
    leaders = _leaders(np.where(counts > _FEW_PARTS, firsts, -1)[of], covered)
    heads = np.flatnonzero((np.bincount(leaders, minlength=len(rings)) > 1) & overlapping[of])
    number = np.full(len(rings), -1)
    number[heads] = np.arange(len(heads))
    outlines, each = trace_foreground(
        _merged(covered, number[leaders], of * line), np.full(len(heads), height), np.full(len(heads), width)
    )
    ends = np.cumsum(each)
    places, leads = number.tolist(), leaders.tolist()
    for at in np.flatnonzero(overlapping).tolist():
        united: list[Ring] = []
        for ring in range(firsts[at], firsts[at] + counts[at]):
            if (place := places[ring]) >= 0:
                united += map(outlines.ring, range(ends[place] - each[place], ends[place]))
            elif leads[ring] == ring:
                united.append(rings[ring])
        yield at, united


class _Covered(NamedTuple):
    """Stretches of foreground of many masks, in order of where they start on the lines of their objects.

    starts, stops: where each stretch does so. masks: which it is of. first: whether it is the first of those that lie in each other.
    """

    starts: Integers
    stops: Integers
    masks: Integers
    first: npt.NDArray[np.bool_]


def _cover(foreground: Foreground, lines: Integers) -> _Covered:
    """Put the foreground of masks in order; `lines` is where the line of each mask's object begins."""
    shift = lines[foreground.owners]
    starts, stops = foreground.starts + shift, foreground.stops + shift
    order = np.argsort(starts, kind="stable")
    starts, stops, masks = starts[order], stops[order], foreground.owners[order]
    first = np.ones(len(starts), bool)
    first[1:] = starts[1:] >= np.maximum.accumulate(stops)[:-1]
    return _Covered(starts, stops, masks, first)


def _leaders(known: Integers, covered: _Covered) -> Integers:
    """For each mask, the first of those that it overlaps, directly or through others; `known` is it already where that is no -1."""
    leaders = np.where(known < 0, np.arange(len(known)), known)
    at, piece = np.flatnonzero(covered.first), np.cumsum(covered.first) - 1
    while len(at):
        lower = leaders.copy()
        np.minimum.at(lower, covered.masks, np.minimum.reduceat(leaders[covered.masks], at)[piece])
        if np.array_equal(lower, leaders):
            break
        leaders = lower[lower]
    return leaders


def _merged(covered: _Covered, groups: Integers, lines: Integers) -> Foreground:
    """The foreground of each group of masks; `groups` is that of each mask, -1 where it is of none."""
    at = np.flatnonzero(covered.first)
    stops = np.maximum.accumulate(covered.stops)[np.append(at[1:], len(covered.stops))[: len(at)] - 1]
    starts, masks = covered.starts[at], covered.masks[at]
    of = groups[masks]
    order = np.argsort(of, kind="stable")
    order = order[of[order] >= 0]
    starts, stops, of = starts[order] - lines[masks[order]], stops[order] - lines[masks[order]], of[order]
    apart = (stops[:-1] != starts[1:]) | (of[:-1] != of[1:])
    begins, ends = np.append(True, apart)[: len(of)], np.append(apart, True)[: len(of)]
    return Foreground(starts[begins], stops[ends], of[begins])
