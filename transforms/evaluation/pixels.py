"""Fractions of an image as the pixels that they were made from.

Records hold whole millionths, so that a box from 100 to 200 of 486 pixels comes back as 99.99979 to 199.99958, and an IoU of exactly 0.5
is lost, or the area of exactly 32² that parts small objects from others. Raw data has few decimals: of all pixels that are rounded to
the same millionth, the one with the fewest is meant.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelbeam.transforms.geometry.boxes import STEPS

Floats = npt.NDArray[np.float64]

_GRIDS = (1.0, 10.0, 100.0, 1000.0, 10_000.0)
"""Numbers to a pixel that are tried: whole pixels first, then tenths, and so on."""

_NOISE = 1e-12
"""What the quotient and the product of two floats are from exact, and more, as a fraction of the image."""


def to_pixels(fractions: Floats, sides: Floats) -> Floats:
    """Multiply fractions with the sides of their images in pixels, and undo the rounding of those that are whole millionths.

    None moves farther than it may have been rounded; fractions with more decimals than that were not.

    >>> to_pixels(np.array([0.205761, 0.411523, 0.2057614]), np.array([486.0, 486.0, 486.0])).round(6).tolist()
    [100.0, 200.0, 100.00004]
    """
    steps = fractions * STEPS
    is_rounded = np.abs(steps - np.rint(steps)) < 1e-7
    # With some play, since a number in the middle between two millionths is as near to one as to the other.
    reach = np.where(is_rounded, 0.5000001 / STEPS, _NOISE) * sides
    raw = fractions * sides
    pixels = raw
    for grid in reversed(_GRIDS):
        nearest = np.rint(raw * grid) / grid
        pixels = np.where(np.abs(nearest - raw) <= reach, nearest, pixels)
    return pixels


def length(low: float, high: float) -> float:
    """The difference of two numbers of pixels, with as few decimals as they have.

    >>> length(12.34, 62.84)
    50.5
    """
    difference = high - low
    short = round(difference, 4)
    return short if abs(short - difference) < 1e-9 else difference
