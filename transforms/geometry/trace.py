"""The outline of a mask along its pixel edges, from its runs, in time and memory of the number of its runs.

Rasterising the rings and combining them by XOR gives the mask back pixel for pixel, which contours through pixel
centres do not: these lose holes, single pixels, and half a pixel all round.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, pairwise

import numpy as np

from labelbeam.schemas.neutral import Ring
from labelbeam.transforms.geometry.rle import Runs, foreground

_SIDE_BY_SIDE = 16
"""Masks traced at once: more gain nothing."""


def trace(runs: Runs, height: int, width: int) -> list[Ring]:
    """Trace the boundary of a mask of shape (height, width): closed rings of whole-numbered corners.

    `runs` are run lengths that add up to height * width, as `read_rle` and `runs_of_mask` return them. Outer rings run
    clockwise as seen on a screen, holes the other way. Rings are simple but for corners at which they touch: pixels
    that meet only diagonally are kept apart. No corner lies between two collinear edges. Rings are ordered by their
    topmost, then leftmost horizontal edge (at one height, outer rings before holes), and begin with it.
    """
    lefts, rights, tops, bottoms = _rectangles(runs, height)
    if not lefts.size:
        return []
    # Above each rectangle an edge that enters the mask, below it one that leaves. Those of one line and kind do not
    # overlap, so that starts and stops, sorted apart, still belong together; those that meet are one edge. Columns go
    # up to `width`: with this stride one line's last stop is not the next one's first start.
    stride = width + 1
    entering, leaving = 2 * tops * stride, (2 * bottoms + 1) * stride
    starts = np.sort(np.concatenate((entering + lefts, leaving + lefts)))
    stops = np.sort(np.concatenate((entering + rights, leaving + rights)))
    apart = stops[:-1] != starts[1:]
    starts, stops = starts[np.append(True, apart)], stops[np.append(apart, True)]
    lines, left = np.divmod(starts, stride)
    right = left + (stops - starts)
    y, below = lines >> 1, lines & 1
    # The foreground stays on the right hand: an edge above it goes right, one below it left.
    tail = np.where(below, right, left)
    head = np.where(below, left, right)

    edges, ends = _cycles(_following(tail, head, y, below, height).tolist())
    corners = np.stack((tail, y, head, y), axis=1).astype(np.float64)[edges].reshape(-1, 2)
    return [corners[2 * start : 2 * end] for start, end in pairwise([0, *ends])]


def _rectangles(runs: Runs, height: int) -> tuple[Runs, Runs, Runs, Runs]:
    """Split the foreground where it goes over a column's end: (left, right, top, bottom) of at most three pieces a run.

    These are what it covers of its first column, the full columns between (as one piece), and of its last column.
    """
    starts, stops = foreground(runs)
    first, tops = np.divmod(starts, height)
    last, bottoms = np.divmod(stops - 1, height)
    bottoms += 1
    wraps, spans = first < last, first + 1 < last
    full = np.full(np.count_nonzero(spans), height)
    return (
        np.concatenate((first, last[wraps], first[spans] + 1)),
        np.concatenate((first + 1, last[wraps] + 1, last[spans])),
        np.concatenate((tops, np.zeros_like(last[wraps]), np.zeros_like(full))),
        np.concatenate((np.where(wraps, height, bottoms), bottoms[wraps], full)),
    )


def _following(tail: Runs, head: Runs, y: Runs, below: Runs, height: int) -> Runs:
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


def _cycles(following: list[int]) -> tuple[list[int], list[int]]:
    """Cycles of a permutation, one after the other, each from its smallest member; and where each one ends."""
    members: list[int] = []
    ends: list[int] = []
    for start, member in enumerate(following):
        if member < 0:
            continue
        members.append(start)
        while member != start:
            members.append(member)
            following[member], member = -1, following[member]
        ends.append(len(members))
    return members, ends


def trace_many(masks: Sequence[Runs], height: int, widths: Sequence[int]) -> list[list[Ring]]:
    """`trace` for masks of one height, a few at a time: most of what a single one costs is the overhead of calls.

    They are traced side by side as one wide mask, with an empty column after each to keep them apart.
    """
    traced: list[list[Ring]] = []
    for first in range(0, len(masks), _SIDE_BY_SIDE):
        block = slice(first, first + _SIDE_BY_SIDE)
        traced += _trace_block(masks[block], height, np.array(widths[block]) + 1)
    return traced


def _trace_block(masks: Sequence[Runs], height: int, widths: Runs) -> list[list[Ring]]:
    if len(masks) == 1:
        return [trace(masks[0], height, int(widths[0]) - 1)]
    # Runs are background and foreground in turn, and every mask begins with background: empty runs of foreground keep
    # that true around the empty column's run of background.
    gaps = [np.array([0, height, 0] if len(runs) % 2 else [height, 0]) for runs in masks]
    side_by_side = np.concatenate(list(chain.from_iterable(zip(masks, gaps, strict=True))))
    offsets = np.cumsum(widths) - widths
    blocks: list[list[Ring]] = [[] for _ in masks]
    rings = trace(side_by_side, height, int(widths.sum()))
    owners = np.searchsorted(offsets, [ring[0, 0] for ring in rings], side="right") - 1
    for ring, owner in zip(rings, owners.tolist(), strict=True):
        ring[:, 0] -= offsets[owner]
        blocks[owner].append(ring)
    return blocks
