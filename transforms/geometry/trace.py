"""The outline of masks along their pixel edges, from their runs, in time and memory of the number of their runs.

Rasterising the rings and combining them by XOR gives the mask back pixel for pixel, which contours through pixel
centres do not: these lose holes, single pixels, and half a pixel all round.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from labelbeam.schemas.neutral import Ring
from labelbeam.transforms.columns.arrays import Integers
from labelbeam.transforms.columns.objects import Rings, join_rings, make_rings
from labelbeam.transforms.geometry.rle import Runs

_AT_ONCE = 2**16
"""Runs of the masks that are traced at once: more gain nothing, and take more memory."""

_LARGEST = 2.0**56
"""Pixels of the plane that they lie on side by side, whose edges are told apart by numbers of 64 bits."""


def trace(runs: Runs, height: int, width: int) -> list[Ring]:
    """Trace the boundary of a mask of shape (height, width): closed rings of whole-numbered corners.

    `runs` are run lengths that add up to height * width, as `read_rle` and `runs_of_mask` return them. Outer rings run
    clockwise as seen on a screen, holes the other way. Rings are simple but for corners at which they touch: pixels
    that meet only diagonally are kept apart. No corner lies between two collinear edges. Rings are ordered by their
    topmost, then leftmost horizontal edge (at one height, outer rings before holes), and begin with it.
    """
    rings, _ = trace_many([runs], [height], [width])
    return [rings.ring(number) for number in range(len(rings))]


def trace_many(masks: Sequence[Runs], heights: Sequence[int], widths: Sequence[int]) -> tuple[Rings, Integers]:
    """`trace` for n masks: the rings of all, one after the other, and how many each has, (n,).

    Many at a time: most of what tracing a single one costs is the overhead of calls.
    """
    high, wide = np.array(heights, np.int64), np.array(widths, np.int64)
    shares = np.array([len(runs) for runs in masks]) / _AT_ONCE + (wide + 1.0) * high.max(initial=0) / _LARGEST
    cuts = np.flatnonzero(np.diff(np.floor(np.cumsum(shares)), prepend=0)).tolist()
    traced: list[tuple[Rings, Integers]] = []
    for start, end in pairwise([0, *cuts, len(masks)]):
        if end > start:
            block, sides = masks[start:end], (high[start:end], wide[start:end])
            lengths = np.array([len(runs) for runs in block])
            traced.append(trace_foreground(foreground_of(np.concatenate(block), lengths, sides[0] * sides[1]), *sides))
    counts = [of_masks for _, of_masks in traced]
    return join_rings([rings for rings, _ in traced]), np.concatenate([np.empty(0, np.int64), *counts])


class Foreground(NamedTuple):
    """Stretches of foreground of masks: where they start and stop, counted down the columns, and the mask of each.

    They are in order, none is empty, and no two of one mask touch.
    """

    starts: Integers
    stops: Integers
    owners: Integers


def foreground_of(runs: Runs, lengths: Integers, pixels: Integers) -> Foreground:
    """The foreground of masks whose runs follow each other, so many of each, and which have so many pixels."""
    # One pixel of background after each mask keeps its foreground from the next one's.
    ends = np.cumsum(runs) + np.repeat(np.arange(len(lengths)), lengths)
    # Of an odd number of runs the last is background, which ends with its mask.
    changes = np.delete(ends, (np.cumsum(lengths) - 1)[lengths % 2 == 1])
    if not np.diff(changes).all():
        changes, times = np.unique(changes, return_counts=True)
        changes = changes[times % 2 == 1]
    starts, stops = changes[0::2], changes[1::2]
    firsts = np.cumsum(pixels + 1) - (pixels + 1)
    owners = np.searchsorted(firsts, starts, side="right") - 1
    return Foreground(starts - firsts[owners], stops - firsts[owners], owners)


def trace_foreground(foreground: Foreground, heights: Integers, widths: Integers) -> tuple[Rings, Integers]:
    """`trace_many` for the foreground of n masks of these sides.

    They lie on one plane, side by side from the top, with an empty column after each that keeps them apart.
    """
    if not foreground.starts.size:
        return make_rings([]), np.zeros(len(heights), np.int64)
    shifts = np.cumsum(widths + 1) - (widths + 1)
    of = _rectangles(foreground, heights, shifts)
    # Above each rectangle an edge that enters the mask, below it one that leaves. Those of one line and kind do not
    # overlap, so that starts and stops, sorted apart, still belong together; those that meet are one edge. Columns go
    # up to the width of all: with this stride one line's last stop is not the next one's first start.
    stride = int(shifts[-1] + widths[-1]) + 1
    entering, leaving = 2 * of.tops * stride, (2 * of.bottoms + 1) * stride
    starts = np.sort(np.concatenate((entering + of.lefts, leaving + of.lefts)))
    stops = np.sort(np.concatenate((entering + of.rights, leaving + of.rights)))
    apart = stops[:-1] != starts[1:]
    starts, stops = starts[np.append(True, apart)], stops[np.append(apart, True)]
    lines, left = np.divmod(starts, stride)
    right = left + (stops - starts)
    y, below = lines >> 1, lines & 1
    # The foreground stays on the right hand: an edge above it goes right, one below it left.
    tail = np.where(below, right, left)
    head = np.where(below, left, right)

    owners = np.asarray(np.searchsorted(shifts, left, side="right"), np.int64) - 1
    edges, firsts = _cycles(_following(tail, head, y, below, int(heights.max())), owners)
    corners = np.stack((tail, y, head, y), axis=1)[edges].reshape(-1, 2)
    corners[:, 0] -= np.repeat(shifts[owners[edges]], 2)
    rings = Rings(2 * np.append(firsts, len(edges)), corners.astype(np.float64))
    return rings, np.bincount(owners[edges[firsts]], minlength=len(heights))


class _Rectangles(NamedTuple):
    """Rectangles of foreground, each of the columns from left to right and the rows from top to bottom."""

    lefts: Integers
    rights: Integers
    tops: Integers
    bottoms: Integers


def _rectangles(foreground: Foreground, heights: Integers, shifts: Integers) -> _Rectangles:
    """Split foreground where it goes over a column's end, into at most three pieces a run, and lay the masks side by side.

    The pieces are what a run covers of its first column, the full columns between (as one piece), and of its last column.
    """
    starts, stops, owners = foreground
    height, shift = heights[owners], shifts[owners]
    first, tops = np.divmod(starts, height)
    last, bottoms = np.divmod(stops - 1, height)
    first, last, bottoms = first + shift, last + shift, bottoms + 1
    wraps, spans = first < last, first + 1 < last
    return _Rectangles(
        np.concatenate((first, last[wraps], first[spans] + 1)),
        np.concatenate((first + 1, last[wraps] + 1, last[spans])),
        np.concatenate((tops, np.zeros(np.count_nonzero(wraps) + np.count_nonzero(spans), np.int64))),
        np.concatenate((np.where(wraps, height, bottoms), bottoms[wraps], height[spans])),
    )


def _following(tail: Integers, head: Integers, y: Integers, below: Integers, height: int) -> Integers:
    """For each horizontal edge, the one that the vertical edge at its head leads to.

    Along a vertical line the ends of horizontal edges are in turn upper and lower ends of vertical ones, each the head
    of one horizontal edge and the tail of another. Where two ends share a point, pixels meet diagonally: the edge
    below a pixel then takes the vertical edge above the point, which keeps the pixels apart.
    """
    stride = 2 * (height + 1)
    place = 2 * y + 1 - below
    order = np.argsort(np.concatenate((head * stride + place, tail * stride + place)))
    upper, lower = order[0::2], order[1::2]
    following = np.empty(len(y), np.int64)
    following[np.minimum(upper, lower)] = np.maximum(upper, lower) - len(y)
    return following


def _cycles(following: Integers, owners: Integers) -> tuple[Integers, Integers]:
    """The cycles of a permutation, one after the other, each from its smallest member; and where each begins.

    They stand by the owners of their members, and of one owner by their smallest members. All are followed at once, in steps that double
    in length, which for a million members are some ten.
    """
    count = len(following)
    numbers = np.arange(count)
    smallest, step, rounds = numbers, following, 0
    while not np.array_equal(lower := np.minimum(smallest, smallest.take(step)), smallest):
        smallest, step, rounds = lower, step.take(step), rounds + 1
    # How many steps each member is away from the smallest, which stays where it is.
    away = (smallest != numbers).astype(np.int64)
    step = np.where(smallest == numbers, numbers, following)
    for _ in range(rounds):
        away, step = away + away.take(step), step.take(step)
    sizes = np.bincount(smallest, minlength=count)
    heads = np.flatnonzero(smallest == numbers)
    heads = heads[np.argsort(owners[heads], kind="stable")]
    firsts = np.cumsum(sizes[heads]) - sizes[heads]
    first_of = np.empty(count, np.int64)
    first_of[heads] = firsts
    members = np.empty(count, np.int64)
    members[first_of.take(smallest) + (sizes.take(smallest) - away) % sizes.take(smallest)] = numbers
    return members, firsts
