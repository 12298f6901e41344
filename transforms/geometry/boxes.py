"""Boxes in pixels to boxes in fractions of the image, all at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from labelbeam.schemas.reasons import Rejected

STEPS = 1_000_000
"""Coordinates are written as whole millionths of the image: at most 5e-7 from the exact quotient, and six decimals long."""

TOLERANCE = 1e-6
"""How far, as a fraction of the image, a coordinate may lie outside and still count as rounding noise, not as outside."""

SLACK, FAR_OUT = 0.02, 0.1
"""How far a box may leave its image and be drawn on it all the same, and how far only one of another image, or of another size of it,
does; as shares of its side. To the first a pixel is added."""

Floats = npt.NDArray[np.float64]
Millionths = npt.NDArray[np.int32]
Codes = npt.NDArray[np.int8]

REASONS = tuple(Rejected)
"""What the numbers in an array of codes mean; 0 and up, -1 is no reason."""

OK = -1


def code_of(reason: Rejected) -> int:
    """The number of a reason in an array of codes."""
    return REASONS.index(reason)


def to_millionths(pixels: Floats, of_pixel: Floats) -> Millionths:
    """Pixels as whole millionths inside [0, `STEPS`]; `of_pixel`, of the same shape, is how many of them, `STEPS` / size, a pixel is."""
    scaled = pixels * of_pixel
    np.rint(scaled, out=scaled)
    np.clip(scaled, 0, STEPS, out=scaled)
    return scaled.astype(np.int32)


@dataclass(frozen=True, slots=True)
class NormalizedBoxes:
    """Boxes (n, 4) in millionths; codes (n,), `OK` where a box is valid; clipped (n,) where it was cut."""

    millionths: Millionths
    codes: Codes
    clipped: npt.NDArray[np.bool_]


def normalize_boxes(boxes: Floats, sizes: Floats, clip: bool) -> NormalizedBoxes:
    """Cut boxes at their image's border and divide them by its size.

    Args:
        boxes: (n, 4) left, top, right, bottom in pixels; all NaN where there is none.
        sizes: (n, 2) width and height of each box's image in pixels.
        clip: cut a box that leaves its image; otherwise it gets the code OUT_OF_BOUNDS.

    A valid box has 0 <= left < right <= 1 and 0 <= top < bottom <= 1 after rounding, with no tolerance: the trainer drops
    any other without a word.
    """
    codes = np.full(len(boxes), OK, np.int8)
    boxes, sizes = np.asfortranarray(boxes), np.asfortranarray(sizes)  # Column by column it takes half of the time.
    low, high = boxes[:, :2], boxes[:, 2:]
    with np.errstate(invalid="ignore", over="ignore"):
        slack = sizes * TOLERANCE
        beyond = ((low < -slack) | (high > sizes + slack)).any(axis=1)
        millionths = to_millionths(np.nan_to_num(boxes), np.concatenate([STEPS / sizes] * 2, axis=1))
        _mark(codes, np.isnan(boxes).all(axis=1), Rejected.MISSING_BBOX)
        _mark(codes, ~np.isfinite(boxes).all(axis=1), Rejected.INVALID_BBOX)
        _mark(codes, (high <= low).any(axis=1), Rejected.EMPTY_BBOX)
        _mark(codes, ((high <= 0) | (low >= sizes)).any(axis=1), Rejected.BBOX_OUTSIDE)
        if not clip:
            _mark(codes, beyond, Rejected.OUT_OF_BOUNDS)
        _mark(codes, (millionths[:, 2:] <= millionths[:, :2]).any(axis=1), Rejected.EMPTY_BBOX)
    return NormalizedBoxes(millionths, codes, beyond & (codes == OK))


def _mark(codes: Codes, where: Any, reason: Rejected) -> None:
    codes[where & (codes == OK)] = code_of(reason)
