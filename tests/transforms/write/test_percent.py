"""Signs that boxes in pixels may be percent."""

from __future__ import annotations

import numpy as np
import pytest

from labelbeam.transforms.write.percent import DECIMAL, DOWN, PERCENT, RIGHT, WHOLE, odds_of, of_percent

LARGE = (640.0, 480.0)


@pytest.mark.parametrize(
    ("place", "size", "signs"),
    [
        ((10, 20, 60, 90), LARGE, {PERCENT, RIGHT, DOWN, WHOLE}),
        ((10, 20, 40, 45), LARGE, {PERCENT, WHOLE}),
        ((10.5, 20, 60, 45), LARGE, {PERCENT, RIGHT, DECIMAL}),
        ((10, 20, 160, 90), LARGE, set()),
        ((10, 20, 60, 90), (640.0, 150.0), set()),
        ((-5, 20, 60, 90), LARGE, set()),
    ],
)
def test_signs_of_a_box(place: tuple[float, ...], size: tuple[float, float], signs: set[str]) -> None:
    found = of_percent(np.array([place], np.float64), np.array([size]), np.array([True]))
    assert {name for name, (rows, _) in found.items() if rows.any()} == signs
    assert sum(found[name][1] for name in (DECIMAL, WHOLE)) == 1
    unknown = of_percent(np.array([place], np.float64), np.array([size]), np.array([False]))
    assert not any(rows.any() or of for rows, of in unknown.values())


def test_odds_count_each_image_once() -> None:
    sizes, within = np.array([LARGE, LARGE, (200.0, 400.0)]), np.array([True, True, True])
    one = round(10 * np.log2(6.4 * 4.8))
    assert odds_of(within[:2], sizes[:2], np.array([5, 5])) == one
    assert odds_of(within, sizes, np.array([5, 5, 7])) == one + 30
    assert odds_of(~within, sizes, np.array([5, 5, 7])) == 0
