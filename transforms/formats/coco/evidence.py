"""Evidence of what a COCO file's numbers mean: pixels or shares of the image, sizes or corners, and whether they agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from labelbeam.transforms.columns.arrays import Floats, Integers
from labelbeam.transforms.columns.objects import Objects
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.geometry.boxes import FAR_OUT, SLACK
from labelbeam.transforms.geometry.rings import ring_boxes

Flags = npt.NDArray[np.bool_]
Sizes = npt.NDArray[np.int32]
Namer = Callable[[int], str]
"""Names the record at a row, for people."""

_EDGE = 1e-6
_OVERSHOOT = 0.05
"""How far drawing and rounding push a fraction past the edge of its image."""

_NO_FRACTION = 2.0
"""What no fraction of an image reaches, however badly it was drawn."""

_LARGE = 200
"""Sides of images, in pixels, at which boxes that keep to the first hundred pixels are a sign of percent."""

_FAR = 85.0
"""Percent that some boxes of a dataset reach; in pixels it is a place like any other."""

_OBLONG, _NEAR = 0.9, 0.01
"""The shorter side of an image as a share of the longer one, up to which the two can be told apart, and how near a box ends to it."""

_GRID, _GRID_REACHED, _BEYOND_GRID = 1024.0, 900.0, 1300
"""Some tools and models count on 1000 steps, or 1024, whatever the image's size: where their numbers end, what some of them
reach, and a side of images of which some box would lie further out if pixels were counted."""


class Collector:
    """Tallies of the records of one range, each with the first such record as the example."""

    def __init__(self, evidence: Evidence, name: Namer) -> None:
        self.evidence = evidence
        self.name = name

    def add(self, tally: str, where: Any) -> None:
        """Count the records at which `where` is true."""
        count = int(np.count_nonzero(where))
        if count:
            self.evidence.add(tally, count, self.name(int(np.argmax(where))))

    def boxes(self, bbox: Floats, sizes: Sizes, areas: Floats, images: Integers) -> None:
        """Tally boxes [n, 4] as x, y, third, fourth number, in images of these sizes [n, 2], with their `area` [n].

        Rows with NaN are no boxes; a size of 0 and an area of NaN or 0 are unknown. `images` [n] are numbers from 0 of the
        images that the boxes are of.
        """
        with np.errstate(invalid="ignore", over="ignore"):
            # Column by column, all that follows takes a fifth of the time.
            bbox, sizes = np.asfortranarray(bbox), np.asfortranarray(sizes)
            # Of a box that was drawn from below, or from the right, it is the same box that tells.
            bbox = np.concatenate([bbox[:, :2] + np.minimum(bbox[:, 2:], 0), np.abs(bbox[:, 2:])], axis=1)
            solid: Flags = np.asarray(np.isfinite(bbox).all(1) & (bbox[:, 2:] > 0).all(1))
            if not solid.any():
                return
            small = self._unit("boxes", bbox, solid)
            if small.any():
                self._shares(bbox, sizes, areas, small)
            self._percent(bbox, sizes, areas, solid, images)
            self._grid(bbox, sizes, solid)
            self._layout(bbox, sizes, areas, solid)

    def outlines(self, extent: Floats) -> None:
        """Tally the extents of outlines [n, 4] as left, top, right, bottom; NaN where there is none."""
        with np.errstate(invalid="ignore", over="ignore"):
            found: Flags = np.asarray(np.isfinite(extent).all(1))
            as_box = np.concatenate([extent[:, :2], extent[:, 2:] - extent[:, :2]], axis=1)
            self._unit("outlines", as_box, found)

    def outlines_in_boxes(self, extent: Floats, bbox: Floats, sizes: Sizes) -> None:
        """Tally whether outlines lie where their boxes do; both [n, 4] as left, top, right, bottom, NaN where there is none.

        `sizes` [n, 2] are those of their images, 0 where unknown.
        """
        with np.errstate(invalid="ignore", over="ignore"):
            extent, bbox, sizes = np.asfortranarray(extent), np.asfortranarray(bbox), np.asfortranarray(sizes)
            both = np.isfinite(extent).all(1) & np.isfinite(bbox).all(1) & (bbox[:, 2:] > bbox[:, :2]).all(1)
            # Of two units nothing can be said before it is decided which.
            both &= (np.abs(extent).max(1) > _NO_FRACTION) & (np.abs(bbox).max(1) > _NO_FRACTION)
            overlap = _overlap(extent, bbox)
            apart, unlike = both & (overlap < _LEAST_OVERLAP), both & (overlap < _ALIKE)
            self.add("outlined_boxes", both)
            self.add("outlines_elsewhere", apart)
            self.add("outlines_unlike", both & (overlap < _HALF))
            span = bbox[:, 2:] - bbox[:, :2]
            below = sizes[:, 1:] - bbox[:, [3, 1]]
            flipped = np.stack([bbox[:, 0], below[:, 0], bbox[:, 2], below[:, 1]], axis=1)
            for name, other in (
                ("exchanged", bbox[:, [1, 0, 3, 2]]),
                ("centred", bbox - np.tile(span / 2, 2)),
                ("flipped", flipped),
                ("turned", np.concatenate([bbox[:, :2], bbox[:, :2] + span[:, ::-1]], axis=1)),
                ("corners", np.concatenate([bbox[:, :2], span], axis=1)),
            ):
                self.add(
                    f"outlines_{name}",
                    unlike & (other[:, 2:] > other[:, :2]).all(1) & (_overlap(extent, other) > _ALIKE),
                )

    def _unit(self, name: str, bbox: Floats, found: Flags) -> Flags:
        near, size = bbox[:, :2], bbox[:, 2:]
        inside = found & (size <= 1 + _OVERSHOOT).all(1) & (near <= 1 + _OVERSHOOT).all(1) & (near >= -0.5).all(1)
        small = inside & ((bbox > 0) & (bbox < 1)).any(1)
        self.add(name, found)
        self.add(f"{name}_under_a_pixel", small)
        self.add(f"{name}_past_the_edge", small & ((near < -_EDGE) | (near + size > 1 + _EDGE)).any(1))
        self.add(f"{name}_beyond_1", found & ~inside)
        self.add(f"{name}_far_beyond_1", found & (np.abs(bbox) > _NO_FRACTION).any(1))
        if name == "boxes":
            self._readings("fractions", bbox, small, 1 + _OVERSHOOT, _OVERSHOOT)
        return small

    def _shares(self, bbox: Floats, sizes: Sizes, areas: Floats, small: Flags) -> None:
        """Tally whether fractions are of width and height, or both of the longer side, by areas and by where boxes end."""
        low, third = bbox[:, :2], bbox[:, 2:]
        known = small & (sizes > 0).all(1)
        product, between = third[:, 0] * third[:, 1], (third - low)[:, 0] * (third - low)[:, 1]
        pixels = sizes.prod(1, dtype=np.float64)
        longer = sizes.max(1).astype(np.float64)
        told = known & (areas > 0)
        as_sizes = told & (_alike(areas, product * pixels) | _alike(areas, product))
        ordered = (third > low).all(1)
        self.add("areas_of_fractions", told)
        self.add("areas_of_their_sizes", as_sizes)
        self.add(
            "areas_of_their_corners",
            told & ~as_sizes & ordered & (_alike(areas, between * pixels) | _alike(areas, between)),
        )
        self.add("areas_of_longer_side", told & ~as_sizes & _alike(areas, product * longer * longer))
        ratio = sizes / np.maximum(longer, 1)[:, None]
        oblong = known & (ratio.min(1) <= _OBLONG)
        end, limit = (low + third)[np.arange(len(low)), ratio.argmin(1)], ratio.min(1)
        self.add("boxes_in_oblong_images", oblong)
        self.add("boxes_beyond_longer_side", oblong & (end > limit + _NEAR / 2))
        self.add("boxes_reaching_longer_side", oblong & (np.abs(end - limit) <= _NEAR))

    def _percent(self, bbox: Floats, sizes: Sizes, areas: Floats, solid: Flags, images: Integers) -> None:
        large = solid & (sizes >= _LARGE).all(1)
        if not large.any():
            return
        far = bbox[:, :2] + bbox[:, 2:]
        within = (bbox[:, :2] >= -5).all(1) & (far <= 105).all(1)
        self.add("boxes_in_large_images", large)
        self.add("boxes_beyond_100", large & ~within)
        self.add("boxes_reaching_right", large & within & (far[:, 0] >= _FAR))
        self.add("boxes_reaching_down", large & within & (far[:, 1] >= _FAR))
        self.add("boxes_with_decimals", large & (bbox != np.floor(bbox)).any(1))
        product = bbox[:, 2] * bbox[:, 3]
        as_percent = large & within & _alike(areas, product * sizes[:, 0] * sizes[:, 1] / 1e4)
        self.add("areas_of_percent", as_percent)
        reaching = large & within & ((far >= _FAR).any(1) | as_percent)
        if reaching.any() and not reaching.all():
            # An image of which no box is larger than percent, and some are as large as these get.
            other = np.bincount(images[large & ~within], minlength=int(images.max()) + 1) > 0
            reaching &= ~other[images]
            at = np.flatnonzero(reaching)
            _, first = np.unique(images[at], return_index=True)
            if len(first):
                self.evidence.add("images_of_percent", len(first), self.name(int(at[first].min())))
        self.evidence.add("large_images", int(np.count_nonzero(np.bincount(images[large]))))

    def _grid(self, bbox: Floats, sizes: Sizes, solid: Flags) -> None:
        far = bbox[:, :2] + bbox[:, 2:]
        self.add("boxes_beyond_grid", solid & ((far > _GRID).any(1) | (bbox[:, :2] < -1).any(1)))
        self.add("boxes_reaching_right_of_grid", solid & (far[:, 0] >= _GRID_REACHED) & (far[:, 0] <= _GRID))
        self.add("boxes_reaching_down_grid", solid & (far[:, 1] >= _GRID_REACHED) & (far[:, 1] <= _GRID))
        self.add("boxes_in_images_beyond_grid", solid & (sizes >= _BEYOND_GRID).any(1))

    def _readings(self, name: str, bbox: Floats, found: Flags, limits: Any, slack: Any) -> None:
        """Tally the boxes that leave their images, and those that would if their numbers meant something else.

        Images begin at 0 and end at `limits`, of which `slack` lies outside.
        """
        low, third = bbox[:, :2], bbox[:, 2:]
        ordered = (third > low).all(1) & (low >= 0).all(1)
        centred = (low - third / 2 >= -slack).all(1) & (low + third / 2 <= limits).all(1)
        self.add(f"{name}_leaving", found & ~((low + third <= limits) & (low >= -slack)).all(1))
        self.add(f"{name}_leaving_as_corners", found & ~(ordered & (third <= limits).all(1)))
        self.add(f"{name}_leaving_as_centres", found & ~centred)

    def _layout(self, bbox: Floats, sizes: Sizes, areas: Floats, solid: Flags) -> None:
        known = solid & (sizes > 0).all(1) & (np.abs(bbox) > _NO_FRACTION).any(1)
        low, third = bbox[:, :2], bbox[:, 2:]
        slack = sizes * SLACK + 1
        limits = sizes + slack
        ordered = (third > low).all(1) & (low >= 0).all(1)
        self.add("boxes_in_known_images", known)
        self._readings("boxes", bbox, known, limits, slack)
        self.add("boxes_leaving_exchanged", known & ~(low + third <= limits[:, ::-1]).all(1))
        far = sizes * FAR_OUT
        self.add("boxes_leaving_far", known & ~((low + third <= limits + far) & (low >= -slack - far)).all(1))
        told = solid & (areas > 0)
        if not told.any():
            return
        product = third[:, 0] * third[:, 1]
        as_sizes = told & _alike(areas, product)
        between = third - low
        self.add("areas", told)
        self.add("areas_of_sizes", as_sizes)
        self.add("areas_of_corners", told & ~as_sizes & ordered & _alike(areas, between[:, 0] * between[:, 1]))
        # x1, x2, y1, y2, as some tables have them.
        across, along = bbox[:, 1] - bbox[:, 0], bbox[:, 3] - bbox[:, 2]
        in_pairs = told & ~as_sizes & (across > 0) & (along > 0) & _alike(areas, across * along)
        self.add("areas_of_pairs", in_pairs)
        # Some tools count the pixels of both edges: (width + 1) * (height + 1).
        inclusive = _alike(areas, (third + 1).prod(1))
        self.add("areas_beyond_boxes", told & (areas > product * 1.05 + 1) & ~inclusive)


_LEAST_OVERLAP, _HALF, _ALIKE = 0.2, 0.5, 0.9
"""An outline and its box that share less of what they cover together are of two places, or not of one size; those that share more are
of one."""


def _overlap(one: Floats, other: Floats) -> Floats:
    """Intersection over union of boxes [n, 4]."""
    shared = np.minimum(one[:, 2:], other[:, 2:]) - np.maximum(one[:, :2], other[:, :2])
    both = np.clip(shared, 0, None).prod(1)
    either = (one[:, 2:] - one[:, :2]).prod(1) + (other[:, 2:] - other[:, :2]).prod(1) - both
    overlap: Floats = both / np.maximum(either, 1e-12)
    return overlap


def _alike(areas: Floats, product: Floats) -> Flags:
    alike: Flags = np.abs(areas - product) <= 0.01 * product
    return alike


def extents(objects: Objects) -> Floats:
    """The extent [n, 4] of each object's outline as left, top, right, bottom; NaN where it has none.

    Rings must lie in the order of their objects. One corner alone stands for a part that is no ring, and says nothing.
    """
    found = np.full((len(objects), 4), np.nan)
    offsets = objects.rings.offsets
    if not len(objects.rings):
        return found
    boxes = ring_boxes(offsets, objects.rings.corners)
    low, high = boxes[:, :2], boxes[:, 2:]
    no_ring = np.diff(offsets) < 2
    low[no_ring], high[no_ring] = np.inf, -np.inf
    outlined = np.flatnonzero(objects.ring_count)
    first = objects.ring_start[outlined]
    found[outlined, :2] = np.minimum.reduceat(low, first, axis=0)
    found[outlined, 2:] = np.maximum.reduceat(high, first, axis=0)
    return found
