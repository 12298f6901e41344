"""Objects in columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from labelbeam.schemas.neutral import Ring
from labelbeam.transforms.columns.arrays import Floats, Integers, ranges

ObjectId = int | str | None

AS_DRAWN = -2
"""As the size of a mask: the outlines are none of a mask, and combine by XOR as they stand, a hole being a ring of its own."""


@dataclass(slots=True)
class Rings:
    """Rings one after the other: ring j has the corners offsets[j] to offsets[j + 1], each (x, y)."""

    offsets: Integers
    corners: Floats

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def ring(self, number: int) -> Ring:
        """The corners of one ring, (corners, 2)."""
        return self.corners[self.offsets[number] : self.offsets[number + 1]]


def make_rings(rings: Sequence[Ring]) -> Rings:
    """Lay rings one after the other."""
    offsets = np.cumsum([0, *map(len, rings)], dtype=np.int64)
    return Rings(offsets, np.concatenate(rings) if rings else np.empty((0, 2)))


def join_rings(parts: Sequence[Rings]) -> Rings:
    """All rings of `parts`, in that order."""
    shifts = np.cumsum([0, *(part.offsets[-1] for part in parts)], dtype=np.int64)
    offsets = [part.offsets[1:] + shift for part, shift in zip(parts, shifts, strict=False)]
    corners = [part.corners for part in parts]
    return Rings(np.concatenate([shifts[:1], *offsets]), np.concatenate([np.empty((0, 2)), *corners]))


@dataclass(slots=True)
class Objects:
    """n objects as columns. Coordinates are pixels, or fractions where the source's frame is relative.

    image: (n,) key of the image. order: (n,) position in the source, for a stable order. label: (n,) index into the
    fragment's labels. crowd: (n,) 0 or 1. bbox: (n, 4) left, top, right, bottom; NaN where the source has none.
    mask_size: (n, 2) height and width of the mask that the rings were traced from; 0 where they were no mask, -1 where
    the reader has compared the size already, `AS_DRAWN` where parts are not to be united. ids: (n,) the source's own names, for people. area: (n,) in square pixels as the
    source says it, NaN where it says none. Object i has `ring_count[i]`
    rings of `rings`, from `ring_start[i]` on: so objects are put in another order without moving a corner.
    """

    image: Integers
    order: Integers
    label: Integers
    crowd: npt.NDArray[np.uint8]
    bbox: Floats
    mask_size: npt.NDArray[np.int32]
    ring_start: Integers
    ring_count: Integers
    rings: Rings
    ids: Sequence[ObjectId]
    area: Floats

    def __len__(self) -> int:
        return len(self.image)

    def take(self, rows: Integers) -> Objects:
        """The objects at `rows`, in that order, over the same rings."""
        ids = self.ids
        return Objects(
            self.image[rows],
            self.order[rows],
            self.label[rows],
            self.crowd[rows],
            self.bbox[rows],
            self.mask_size[rows],
            self.ring_start[rows],
            self.ring_count[rows],
            self.rings,
            ids[rows] if isinstance(ids, np.ndarray) else [ids[row] for row in rows.tolist()],
            self.area[rows],
        )

    def alone(self, rows: Integers) -> Objects:
        """The objects at `rows`, in that order, with their rings alone."""
        taken = self.take(rows)
        rings = ranges(taken.ring_start, taken.ring_count)
        lengths = np.diff(self.rings.offsets)[rings]
        corners = self.rings.corners[ranges(self.rings.offsets[rings], lengths)]
        taken.rings = Rings(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), corners)
        taken.ring_start = np.cumsum(taken.ring_count) - taken.ring_count
        return taken

    def slice(self, start: int, end: int) -> Objects:
        """The objects `start` to `end`, with their rings alone; only where rings lie in the order of their objects."""
        used = self.ring_count[start:end]
        first = int(self.ring_count[:start].sum())
        offsets = self.rings.offsets[first : first + int(used.sum()) + 1]
        return Objects(
            self.image[start:end],
            self.order[start:end],
            self.label[start:end],
            self.crowd[start:end],
            self.bbox[start:end],
            self.mask_size[start:end],
            np.cumsum(used) - used,
            used,
            Rings(offsets - offsets[0], self.rings.corners[offsets[0] : offsets[-1]]),
            self.ids[start:end],
            self.area[start:end],
        )

    def rings_of(self, row: int) -> list[Ring]:
        """The rings of one object."""
        start = int(self.ring_start[row])
        return [self.rings.ring(number) for number in range(start, start + int(self.ring_count[row]))]


def no_objects() -> Objects:
    """Columns without a row."""
    empty = np.empty(0, np.int64)
    return Objects(
        image=empty,
        order=empty,
        label=empty,
        crowd=np.empty(0, np.uint8),
        bbox=np.empty((0, 4)),
        mask_size=np.empty((0, 2), np.int32),
        ring_start=empty,
        ring_count=empty,
        rings=make_rings([]),
        ids=[],
        area=np.empty(0),
    )


def join_objects(parts: Sequence[Objects]) -> Objects:
    """All objects of `parts`, in that order. Labels must already mean the same in all of them."""
    if len(parts) < 2:
        return parts[0] if parts else no_objects()
    shifts = np.cumsum([0, *(len(part.rings) for part in parts)])
    return Objects(
        image=np.concatenate([part.image for part in parts]),
        order=np.concatenate([part.order for part in parts]),
        label=np.concatenate([part.label for part in parts]),
        crowd=np.concatenate([part.crowd for part in parts]),
        bbox=np.concatenate([part.bbox for part in parts]),
        mask_size=np.concatenate([part.mask_size for part in parts]),
        ring_start=np.concatenate([part.ring_start + shift for part, shift in zip(parts, shifts, strict=False)]),
        ring_count=np.concatenate([part.ring_count for part in parts]),
        rings=join_rings([part.rings for part in parts]),
        ids=_join_ids([part.ids for part in parts]),
        area=np.concatenate([part.area for part in parts]),
    )


def _join_ids(parts: Sequence[Sequence[ObjectId]]) -> Sequence[ObjectId]:
    if all(isinstance(part, np.ndarray) for part in parts):
        joined: Sequence[ObjectId] = np.concatenate(parts)  # type: ignore[arg-type,assignment]
        return joined
    return list(chain.from_iterable(part.tolist() if isinstance(part, np.ndarray) else part for part in parts))
