"""Rings to masks: what pycocotools makes of each ring, combined by XOR as records and predictions mean it.

pycocotools unites the parts of a polygon, so that a hole would be filled; and it dies on coordinates that are not finite or huge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from labelbeam.schemas.neutral import Ring
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.geometry.rle import LARGEST_MASK, GeometryError, Runs, counts_from_string
from labelbeam.transforms.geometry.trace import trace
from labelbeam.transforms.messages.words import counted

_LONGEST_OUTLINE = 2**22  # Pixels; pycocotools needs about 80 bytes for each, at once.
_FARTHEST = 2.0**20  # Pixels from the origin: pycocotools counts fifths of a pixel in 32 bits.


class Rle(TypedDict):
    """A mask as pycocotools takes it and COCO's JSON holds it: size is [height, width], counts compressed run lengths."""

    size: list[int]
    counts: str


def rasterise(rings: Sequence[Ring], width: int, height: int) -> Rle:
    """The mask of an object's rings, (m, 2) corners in pixels, that combine by XOR; without rings, an empty mask.

    Raises GeometryError: INVALID_POLYGON for a ring of under three corners or a corner that is not finite or 2**20 pixels
    away; MASK_TOO_LARGE where image or outlines are too large to rasterise.
    """
    return _xor(ring_masks(rings, width, height), width, height)


def _xor(masks: Sequence[Rle], width: int, height: int) -> Rle:
    if len(masks) == 1:
        return masks[0]
    # The pixels at which a run begins: where two masks change at the same one, their XOR does not.
    changes = np.concatenate([np.empty(0, np.int64), *(np.cumsum(_runs(mask))[:-1] for mask in masks)])
    places, times = np.unique(changes, return_counts=True)
    places = places[times % 2 == 1]
    return encode(np.diff(places, prepend=0, append=width * height), width, height)


def unite(rings: Sequence[Ring], width: int, height: int) -> Rle:
    """The mask of rings that are united, as COCO means the parts of a polygon; see `rasterise` for the rest."""
    masks = ring_masks(rings, width, height)
    return _as_text(coco_mask.merge(masks)) if masks else encode(np.array([width * height]), width, height)


def take_out(polygons: Sequence[Sequence[Ring]]) -> list[Ring] | None:
    """The outline of what polygons cover, each an outer ring and the holes in it; None where their rings, combined by XOR, give it as they stand.

    They do not where holes overlap, or leave their polygon, or where polygons overlap: XOR would add what is in common, or beside. See
    `rasterise` for errors; the mask is as large as the extent of the rings.
    """
    every = [ring for polygon in polygons for ring in polygon]
    corners = np.concatenate(every)
    if not (np.abs(corners) <= _FARTHEST).all():
        raise GeometryError(Rejected.INVALID_POLYGON, f"a corner is not finite or beyond {_FARTHEST:.0f} pixels")
    low = np.floor(corners.min(axis=0))
    width, height = (int(side) + 1 for side in np.ceil(corners.max(axis=0) - low))
    solid: list[Rle] = []
    for outer, *holes in polygons:
        (filled,) = ring_masks([outer - low], width, height)
        hole = unite([ring - low for ring in holes], width, height)
        solid.append(_xor([_as_text(coco_mask.merge([filled, hole])), hole], width, height))
    wanted = _as_text(coco_mask.merge(solid))
    if wanted == rasterise([ring - low for ring in every], width, height):
        return None
    return [ring + low for ring in trace(_runs(wanted), height, width)]


def encode(runs: Runs, width: int, height: int) -> Rle:
    """The mask of run lengths that add up to width * height, background first."""
    return _as_text(coco_mask.frPyObjects({"size": [height, width], "counts": runs.tolist()}, height, width))


def ring_masks(rings: Sequence[Ring], width: int, height: int) -> list[Rle]:
    """A mask of each ring by itself; see `rasterise`."""
    check_mask_size(width, height)
    outline = 0.0
    for ring in rings:
        if len(ring) < 3:
            raise GeometryError(
                Rejected.INVALID_POLYGON, f"a ring has {counted(len(ring), 'corner')}, expected three or more"
            )
        if not (np.abs(ring) <= _FARTHEST).all():
            raise GeometryError(
                Rejected.INVALID_POLYGON,
                f"a ring has a corner that is not finite or beyond {_FARTHEST:.0f} pixels",
            )
        outline += float(np.abs(ring - np.roll(ring, 1, axis=0)).max(axis=1).sum())
    if outline > _LONGEST_OUTLINE:
        raise GeometryError(
            Rejected.MASK_TOO_LARGE,
            f"the polygon's outline is {outline:.0f} pixels long, at most {_LONGEST_OUTLINE} are rasterised",
        )
    if not rings:
        return []
    return [_as_text(mask) for mask in coco_mask.frPyObjects([ring.ravel().tolist() for ring in rings], height, width)]


def check_mask_size(width: int, height: int) -> None:
    """Check that an image is not too large for a mask.

    Raises GeometryError: MASK_TOO_LARGE.
    """
    if width * height > LARGEST_MASK:
        raise GeometryError(
            Rejected.MASK_TOO_LARGE, f"the image has {width * height} pixels, at most {LARGEST_MASK} are rasterised"
        )


def _runs(mask: Rle) -> npt.NDArray[np.int64]:
    return counts_from_string(mask["counts"])


def _as_text(mask: dict[str, object]) -> Rle:
    size, counts = mask["size"], mask["counts"]
    assert isinstance(size, list) and isinstance(counts, bytes)
    return Rle(size=size, counts=counts.decode("ascii"))
