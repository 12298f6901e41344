"""Charts as inline SVG: pure functions from values to markup, in which all text is escaped.

Colours come from the page's style sheet by class: `s0`, `s1`, … for series, `axis` and `tick` for lines and numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

WIDTH, HEIGHT = 440, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 6, 8, 26
_WIDEST = 72
"""The width of a bar where there are few."""

_CELL = 14
_CHARACTER = 7.4
"""The width of a character of 12 units' height, in the widest of usual fonts."""


def histogram(title: str, bins: Sequence[str], series: Mapping[str, Sequence[int]]) -> Markup:
    """Stacked bars: for each series, in order, as many counts as there are `bins`."""
    width, height = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
    totals = [sum(column) for column in zip(*series.values(), strict=True)] if series else [0] * len(bins)
    ticks = scale(max(totals, default=0))
    step = width / max(len(bins), 1)
    wide = min(step * 0.84, _WIDEST)
    parts = []
    for tick in ticks:
        y = _TOP + height * (1 - tick / ticks[-1])
        parts.append(
            Markup(
                '<line class="axis" x1="{}" x2="{}" y1="{y}" y2="{y}"/><text class="tick" x="{}" y="{}" text-anchor="end">{}</text>'
            ).format(_LEFT, WIDTH - _RIGHT, _LEFT - 5, _number(y + 4), short(tick), y=_number(y))
        )
    floor = [0] * len(bins)
    for number, (name, counts) in enumerate(series.items()):
        for column, count in enumerate(counts):
            if not count:
                continue
            tall = max(height * count / ticks[-1], 1)
            top = _TOP + height * (1 - floor[column] / ticks[-1]) - tall
            parts.append(
                Markup('<rect class="s{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
                    number,
                    _number(_LEFT + (column + 0.5) * step - wide / 2),
                    _number(top),
                    _number(wide),
                    _number(tall),
                    f"{bins[column]}: {count:,} ({name})",
                )
            )
            floor[column] += count
    # As many labels as have room.
    longest = max(map(len, bins), default=1) * _CHARACTER
    every = math.ceil((longest + 8) / step)
    for column in range(0, len(bins), every):
        x = min(_LEFT + (column + 0.5) * step, WIDTH - len(bins[column]) * _CHARACTER / 2)
        parts.append(
            Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                _number(x), HEIGHT - 8, bins[column]
            )
        )
    return _svg(title, WIDTH, HEIGHT, parts)


def heat_map(title: str, counts: Sequence[int], side: int) -> Markup:
    """`side` rows of `side` cells from the top-left corner, the darker the more."""
    most = max(counts, default=0)
    parts = []
    for cell, count in enumerate(counts):
        row, column = divmod(cell, side)
        opacity = _number(count / most if most else 0, 3)
        # Of numbers alone, which need no escaping; it takes a tenth of the time, and there are hundreds of cells.
        parts.append(
            Markup(
                f'<rect class="heat" x="{column * _CELL}" y="{row * _CELL}" width="{_CELL}" height="{_CELL}" '
                f'fill-opacity="{opacity}"><title>{count:,}</title></rect>'
            )
        )
    return _svg(title, side * _CELL, side * _CELL, parts)


def bar(share: float, number: int) -> Markup:
    """A bar as long as `share`, from 0 to 1, of its width, in the colour of series `number`; the share is told beside it."""
    return Markup('<svg class="bar" aria-hidden="true"><rect class="s{}" width="{}%" height="100%"/></svg>').format(
        number, _number(100 * min(max(share, 0), 1), 2)
    )


def scale(most: int) -> list[int]:
    """Round numbers from 0 up, of which the last is no less than `most`; four at most, apart equally.

    >>> scale(0), scale(7), scale(863_000)
    ([0, 1], [0, 5, 10], [0, 500000, 1000000])
    """
    step = 1
    for exponent in range(len(str(most)) + 1):
        for factor in (1, 2, 5):
            step = factor * 10**exponent
            if step * 3 >= most:
                return list(range(0, max(math.ceil(most / step), 1) * step + 1, step))
    return [0, step]


def short(number: int) -> str:
    """A number for an axis.

    >>> short(950), short(1500), short(20_000), short(3_000_000)
    ('950', '1.5k', '20k', '3M')
    """
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:g}{letter}"
    return str(number)


def _number(value: float, digits: int = 1) -> str:
    return f"{round(value, digits):g}"


def _svg(title: str, width: int, height: int, parts: Sequence[Markup]) -> Markup:
    return Markup('<svg class="chart" role="img" aria-label="{}" viewBox="0 0 {} {}">{}</svg>').format(
        title, width, height, Markup("").join(parts)
    )
