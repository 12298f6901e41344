"""Signs that boxes in pixels may be percent: that they keep to the first hundred pixels of larger images, and have decimals."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelbeam.transforms.columns.arrays import Floats, Integers

PERCENT = "in_a_hundred"
"""Boxes that lie in the first hundred pixels of larger images, of all."""

ODDS = "in_a_hundred_odds"
"""Tenths of powers of two: the odds against it by chance, image by image."""

RIGHT, DOWN = "in_a_hundred_right", "in_a_hundred_down"
"""Those of these boxes that reach beyond the middle of a hundred."""

DECIMAL, WHOLE = "decimal_in_a_hundred", "whole_in_a_hundred"
"""Boxes there with decimals, of all with decimals; and boxes there in whole numbers, of all in whole numbers."""

_LARGE, _NEAR, _FAR, _MIDDLE = 200.0, -1.0, 101.0, 50.0

Flags = npt.NDArray[np.bool_]


def of_percent(places: Floats, sizes: Floats, known: Flags) -> dict[str, tuple[Flags, int]]:
    """Which of n boxes speak for percent, by the name of the sign, and of how many they are a part.

    Args:
        places: (n, 4) left, top, right, bottom in pixels.
        sizes: (n, 2) width and height of each box's image.
        known: (n,) where both are, and the source has them in pixels.
    """
    within = known & (sizes >= _LARGE).all(1) & (places[:, :2] >= _NEAR).all(1) & (places[:, 2:] <= _FAR).all(1)
    decimal = known & (np.abs(places - np.round(places)) > 1e-6).any(1)
    count, decimals = int(known.sum()), int(decimal.sum())
    return {
        PERCENT: (within, count),
        RIGHT: (within & (places[:, 2] >= _MIDDLE), count),
        DOWN: (within & (places[:, 3] >= _MIDDLE), count),
        DECIMAL: (within & decimal, decimals),
        WHOLE: (within & ~decimal, count - decimals),
    }


def odds_of(within: Flags, sizes: Floats, at: Integers) -> int:
    """Odds against boxes that are `within` the first hundred pixels by chance, in tenths of powers of two: those of each image once,
    as objects of one image lie together. `at` (n,) is each box's image.
    """
    rows = np.flatnonzero(within)
    _, first = np.unique(at[rows], return_index=True)
    return round(10 * float(np.log2(sizes[rows[first]] / 100).sum()))
