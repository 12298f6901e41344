"""Evidence of what the numbers of VOC files mean: their unit, their origin, corners or sizes, and the declared sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from labelbeam.transforms.columns.arrays import Floats
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.turned import TURNED_BESIDE
from labelbeam.transforms.formats.voc.read import OVERSHOOT, VocImage
from labelbeam.transforms.formats.voc.shapes import Box
from labelbeam.transforms.geometry.boxes import FAR_OUT, SLACK

Flags = npt.NDArray[np.bool_]

_FAR = 85.0
"""Percent that some box of a file reaches."""

_FEWEST, _SOME = 3, 20
"""So many files whose boxes seem to be percent, and one in so many, are no chance."""

_PERCENT = 101.0
"""What percentages may reach; and images must be twice as large for it to mean anything."""


_GRID = 1024.5
"""What boxes on a grid of 0 to 1000, or 0 to 1024, may reach."""

_GRID_ENDS = 150, 850
"""What some of them reach on either side."""

_LARGER = 1.2
"""How much larger an image has to be for boxes that keep to the grid to mean anything; and so many boxes of a file count."""

_OF_FILE = 3

_LEAST_OVERLAP, _HALF = 0.2, 0.5
"""An outline and its box that share less of what they cover together are of two places, or not of one size."""


def add_beside(evidence: Evidence, read: Sequence[VocImage]) -> None:
    """Tally what fields say that are not read."""
    for item in read:
        evidence.add("flagged_beside", item.flagged, item.image.locator)
        evidence.add("scored", item.scored, item.image.locator)
        evidence.add(TURNED_BESIDE, item.turned_beside, item.image.locator)


class _Boxes(NamedTuple):
    """The n boxes of a batch of annotation files.

    numbers: (n, 4) as they are written. sizes: (n, 2) width and height of the image, 0 where they are unknown. names: (n,) the locator of
    the file. corners: (n,) mask of those that are two corners. decimal: (n,) mask of those with decimals. lower, upper: (n, 2) the smaller
    and the larger number of each axis. below: (n,) mask of those that reach no further than a pixel, or the whole image in fractions.
    """

    boxes: Sequence[Box]
    numbers: Floats
    sizes: npt.NDArray[np.int64]
    names: npt.NDArray[np.str_]
    corners: Flags
    decimal: Flags
    lower: Floats
    upper: Floats
    below: Flags

    def add(self, evidence: Evidence, name: str, where: Flags) -> None:
        """Tally the boxes of a mask, with the first file of them as example."""
        found = np.flatnonzero(where)
        if len(found):
            evidence.add(name, len(found), str(min(self.names[found].tolist())))


def add_evidence(
    evidence: Evidence, read: Sequence[VocImage], sizes_of: Mapping[str, tuple[int, int]] | None = None
) -> None:
    """Tally the boxes and outlines of a batch of annotation files; `sizes_of` are sizes of images that declare none, by path."""
    with np.errstate(over="ignore", invalid="ignore"):
        boxes = _boxes_of(read, sizes_of or {})
        evidence.add("boxes", len(boxes.boxes))
        _add_units(evidence, boxes)
        _add_layouts(evidence, boxes)
        _add_origins(evidence, boxes)
        _add_leaving(evidence, boxes)
    _add_outlines(evidence, read)
    for item in read:
        evidence.add("without_outline", item.without_outline, item.image.locator)
        evidence.add("far_turned", item.far_turned, item.image.locator)
        evidence.add("turned", sum(box.angle != 0 for box in item.boxes))
        whole = sum(box.angle != 0 and box.angle % 1 == 0 for box in item.boxes)
        evidence.add("turned_by_whole_numbers", whole, item.image.locator)


def _boxes_of(read: Sequence[VocImage], sizes_of: Mapping[str, tuple[int, int]]) -> _Boxes:
    counts = [len(item.boxes) for item in read]
    boxes = [box for item in read for box in item.boxes]
    numbers = np.array([box.numbers for box in boxes], np.float64).reshape(-1, 4)
    sizes = [
        (image.width, image.height) if image.width and image.height else sizes_of.get(image.path, (0, 0))
        for image in (item.image for item in read)
    ]
    return _Boxes(
        boxes,
        numbers,
        sizes=np.repeat(sizes, counts, axis=0).reshape(-1, 2),
        names=np.repeat([item.image.locator for item in read], counts),
        corners=np.array([box.kind == "corners" for box in boxes], bool),
        decimal=np.array([box.decimal for box in boxes], bool),
        lower=np.minimum(numbers[:, :2], numbers[:, 2:]),
        upper=np.maximum(numbers[:, :2], numbers[:, 2:]),
        below=_within(numbers, 1 + OVERSHOOT),
    )


def _add_units(evidence: Evidence, boxes: _Boxes) -> None:
    """Tally what tells fractions and percent from pixels."""
    numbers, lower, below = boxes.numbers, boxes.lower, boxes.below
    boxes.add(evidence, "boxes_below_a_pixel", below)
    boxes.add(evidence, "boxes_with_fraction", below & ((numbers > 0) & (numbers < 1)).any(1))
    boxes.add(evidence, "boxes_above_a_pixel", ~below)
    in_hundred = _within(numbers, _PERCENT) & (boxes.sizes > 2 * _PERCENT).all(1) & ~below
    boxes.add(evidence, "boxes_in_a_hundred", in_hundred)
    boxes.add(evidence, "boxes_in_a_hundred_decimal", in_hundred & boxes.decimal)
    boxes.add(evidence, "boxes_in_a_hundred_from_the_border", in_hundred & (lower <= 1).any(1))
    reaching = (boxes.upper >= _FAR).any(1) & (boxes.decimal | (lower > 1).all(1))
    # Files none of whose boxes is larger than percent, of which one is as large as percent get.
    files = set(boxes.names[in_hundred & reaching].tolist()) - set(boxes.names[~in_hundred & ~below].tolist())
    evidence.add("files_in_a_hundred", len(files), min(files, default=""))


def _add_layouts(evidence: Evidence, boxes: _Boxes) -> None:
    """Tally what tells a size from a second corner."""
    numbers, sizes, names = boxes.numbers, boxes.sizes, boxes.names
    swapped = boxes.corners & (numbers[:, 2:] < numbers[:, :2]).any(1)
    boxes.add(evidence, "swapped", swapped)
    space = np.where(boxes.below[:, None], 1 + 1e-6, np.where(sizes > 0, sizes + 1, np.nan))
    centred = np.concatenate([numbers[:, :2] - numbers[:, 2:] / 2, space - numbers[:, :2] - numbers[:, 2:] / 2], 1)
    as_centre = boxes.corners & (centred >= -1e-6).all(1) & (numbers[:, 2:] > 0).all(1)
    as_size = boxes.corners & (numbers[:, :2] + numbers[:, 2:] <= space).all(1) & (numbers[:, 2:] > 0).all(1)
    boxes.add(evidence, "fit_as_centre", as_centre)
    boxes.add(evidence, "fit_as_size", as_size)
    if swapped.any():
        at = set(names[swapped].tolist())
        fitting = at - set(names[~as_centre].tolist()) | at - set(names[~as_size].tolist())
        evidence.add("files_of_sizes", len(fitting), min(fitting, default=""))


def _add_origins(evidence: Evidence, boxes: _Boxes) -> None:
    """Tally what tells whether pixels are counted from 0 or from 1."""
    lower, upper, sizes = boxes.lower, boxes.upper, boxes.sizes
    in_pixels = boxes.corners & ~boxes.below
    known = (sizes > 0).all(1) & in_pixels
    from_0 = in_pixels & ((lower >= 0) & (lower < 1)).any(1)
    boxes.add(evidence, "from_0", from_0)
    evidence.add("files_from_0", len(set(boxes.names[from_0].tolist())))
    boxes.add(evidence, "between_pixels", in_pixels & (boxes.numbers % 1 != 0).any(1))
    boxes.add(evidence, "from_1", in_pixels & (lower == 1).any(1))
    boxes.add(evidence, "to_the_border", known & (upper == sizes).any(1))
    boxes.add(evidence, "to_one_past_the_border", known & (upper == sizes + 1).any(1))


def _add_leaving(evidence: Evidence, boxes: _Boxes) -> None:
    """Tally boxes that leave their images, and those on a grid that has nothing to do with the size of the image."""

    def count(name: str, where: Flags) -> None:
        evidence.add(name, int(np.count_nonzero(where)))

    lower, upper, sizes = boxes.lower, boxes.upper, boxes.sizes
    placed = (sizes > 0).all(1) & ~boxes.below
    turned = placed & boxes.corners & (upper > sizes + 1).any(1) & (upper <= sizes[:, ::-1] + 1).all(1)
    boxes.add(evidence, "inside_if_turned", turned)
    low, high = (lower, upper) if boxes.corners.all() else _edges(boxes.boxes, boxes.numbers, lower, upper)
    count("boxes_placed", placed)
    leaving = placed & _leaves(low, high, sizes, SLACK)
    if leaving.any():
        boxes.add(evidence, "boxes_leaving", leaving)
        count("boxes_leaving_turned", leaving & turned)
        boxes.add(evidence, "boxes_far_out", leaving & _leaves(low, high, sizes, FAR_OUT))
        count("boxes_outside", leaving & ((low >= sizes) | (high <= 0)).any(1))
    inside = placed & boxes.corners & _within(boxes.numbers, _GRID)
    boxes.add(evidence, "boxes_on_grid_leaving", inside & leaving)
    _add_grid(evidence, boxes.names, sizes, (low, high), inside)


def _edges(boxes: Sequence[Box], numbers: Floats, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """The edges of boxes some of which are a corner, or a centre, and a size; those of a rotated one are as it lay before."""
    low, high = lower.copy(), upper.copy()
    for kind, share in (("corner_and_size", 0.0), ("centre_and_size", 0.5)):
        of_kind = np.array([box.kind == kind for box in boxes], bool)
        low[of_kind] = numbers[of_kind, :2] - share * numbers[of_kind, 2:]
        high[of_kind] = low[of_kind] + numbers[of_kind, 2:]
    return low, high


def _leaves(low: Floats, high: Floats, sizes: npt.NDArray[np.int64], slack: float) -> Flags:
    beyond = sizes * slack + 1
    leaves: Flags = np.logical_or.reduce((high > sizes + beyond) | (low < -beyond), axis=1)
    return leaves


def _add_grid(
    evidence: Evidence,
    names: npt.NDArray[np.str_],
    sizes: npt.NDArray[np.int64],
    edges: tuple[Floats, Floats],
    inside: Flags,
) -> None:
    """Tally what tells boxes on a grid, which has nothing to do with the size of the image."""
    if not inside.any():
        return
    low, high = edges[0][inside], edges[1][inside]
    near, far = _GRID_ENDS
    evidence.add("boxes_on_grid", len(low))
    evidence.add("boxes_beyond_1000", int((high > 1000.5).any(1).sum()))
    for axis, (start, end) in enumerate((("left", "right"), ("top", "bottom"))):
        evidence.add(f"boxes_to_grid_{start}", int((low[:, axis] <= near).sum()))
        evidence.add(f"boxes_to_grid_{end}", int((high[:, axis] >= far).sum()))
    large = np.flatnonzero(inside & (sizes > _LARGER * _GRID).any(1))
    if len(large):
        # If they are pixels, it is by chance that boxes keep to the part of their image that the grid would be.
        _, first, count = np.unique(names[large], return_index=True, return_counts=True)
        of_file = sizes[large[first]]
        shares = np.where(of_file > _LARGER * _GRID, _GRID / np.maximum(of_file, 1), 1.0)
        odds = float(-(np.log2(shares).sum(1) * np.minimum(count, _OF_FILE)).sum())
        evidence.add("grid_odds", round(odds), str(names[large[first[0]]]))


def _add_outlines(evidence: Evidence, read: Sequence[VocImage]) -> None:
    rings = [ring for item in read for ring in item.corners]
    extents = np.array([[*ring.min(axis=0), *ring.max(axis=0)] for ring in rings], np.float64).reshape(-1, 4)
    below = _within(extents, 1 + OVERSHOOT)
    evidence.add("outlines", len(rings))
    outlined = [(*extents, item.image.locator) for item in read for extents in item.outlined]
    if outlined:
        _add_outlined(evidence, outlined)
    evidence.add("outlines_below_a_pixel", int(below.sum()))
    evidence.add("outlines_with_fraction", int((below & ((extents > 0) & (extents < 1)).any(1)).sum()))


def _add_outlined(evidence: Evidence, outlined: Sequence[tuple[Sequence[float], Sequence[float], str]]) -> None:
    """Tally whether outlines lie where their boxes do: the extents of both, as left, top, right, bottom, and the file."""
    extents = np.array([extent for extent, _, _ in outlined], np.float64)
    boxes = np.array([box for _, box, _ in outlined], np.float64)
    solid = (boxes[:, 2:] > boxes[:, :2]).all(1)
    overlap = _overlap(extents, boxes)
    apart, unlike = solid & (overlap < _LEAST_OVERLAP), solid & (overlap < _HALF)
    exchanged = apart & (_overlap(extents[:, [1, 0, 3, 2]], boxes) > 1 - _LEAST_OVERLAP)
    evidence.add("outlined_boxes", int(solid.sum()))
    for name, where in (
        ("outlines_elsewhere", apart),
        ("outlines_exchanged", exchanged),
        ("outlines_unlike", unlike),
    ):
        files = [outlined[at][2] for at in np.flatnonzero(where).tolist()]
        evidence.add(name, len(files), min(files, default=""))


def _overlap(one: Floats, other: Floats) -> Floats:
    """Intersection over union of boxes [n, 4]."""
    shared = np.clip(np.minimum(one[:, 2:], other[:, 2:]) - np.maximum(one[:, :2], other[:, :2]), 0, None).prod(1)
    either = (one[:, 2:] - one[:, :2]).prod(1) + (other[:, 2:] - other[:, :2]).prod(1) - shared
    overlap: Floats = shared / np.maximum(either, 1e-12)
    return overlap


def _within(numbers: Floats, most: float) -> Flags:
    within: Flags = np.logical_and.reduce((numbers >= -OVERSHOOT) & (numbers <= most), axis=1)
    return within
