"""Outlines of several rings, for formats that have one ring an object, or unite rings where records combine them by XOR."""

from __future__ import annotations

from collections.abc import Sequence

from labelbeam.schemas.neutral import Ring
from labelbeam.transforms.geometry.rle import GeometryError
from labelbeam.transforms.geometry.unite import parts_overlap


def overlap(rings: Sequence[Ring], width: int, height: int) -> bool:
    """Tell whether rings overlap, in an image of so many pixels; where they are too large to tell, they may."""
    try:
        return len(rings) > 1 and parts_overlap(list(rings), width, height)
    except GeometryError:
        return True


def bridged(rings: Sequence[Sequence[float]]) -> list[float]:
    """Rings as one, x1, y1, x2, y2, …: each is closed, and reached from the first corner of the first one, and left again.

    >>> bridged([[0, 0, 9, 0, 0, 9], [1, 1, 2, 1, 1, 2]])
    [0, 0, 9, 0, 0, 9, 0, 0, 1, 1, 2, 1, 1, 2, 1, 1]
    """
    first, *others = rings
    joined = list(first)
    for ring in others:
        joined += [*first[:2], *ring, *ring[:2]]
    return joined
