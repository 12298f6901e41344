"""Cells that say whether a label holds: 0 and 1, true and false, -1 and 1, confidences."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

_WORDS = {"": False, "false": False, "no": False, "nan": False, "none": False, "null": False, "true": True, "yes": True}
_LETTERS = ({"y": True, "n": False}, {"t": True, "f": False}, {"x": True}, {"✓": True}, {"+": True, "-": False})


_COMMA = re.compile(r"[+-]?\d+,\d+")


def number(cell: str) -> float | None:
    """The finite number in a cell, if it is one; its point may be a comma.

    >>> number("0.50"), number("-1"), number("0,25"), number("x"), number("nan")
    (0.5, -1.0, 0.25, None, None)
    """
    try:
        value = float(cell.replace(",", ".") if _COMMA.fullmatch(cell) else cell)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in cell else None


@dataclass(frozen=True, slots=True)
class FlagReader:
    """Reader of a column's cells. `letters` are further words; `least` is the least number that counts, if given."""

    letters: tuple[tuple[str, bool], ...] = ()
    least: float | None = None

    def read(self, cell: str) -> bool | None:
        """Tell whether the label holds; None where the cell says neither."""
        cell = cell.strip().lower()
        known = _WORDS.get(cell)
        if known is not None:
            return known
        value = number(cell)
        if value is None:
            return dict(self.letters).get(cell)
        if self.least is not None:
            return value >= self.least
        return value == 1 if value in (-1, 0, 1) else None


@dataclass(frozen=True, slots=True)
class FlagColumn:
    """The evidence of a column's cells. `filled` counts those that are not blank, `meaning` is what each of them says."""

    reader: FlagReader
    meaning: dict[str, bool | None]
    filled: int
    flags: int
    minus: int
    present: int
    fractions: int
    """Numbers between 0 and 1, where all numbers are within them; 0 where some are not."""
    further: int = 0
    """Whole numbers beyond 1: of grades or classes, which count from 0."""

    @property
    def is_flags(self) -> bool:
        """Tell whether more than half of what is filled are flags."""
        return 2 * self.flags > self.filled

    @property
    def is_probabilities(self) -> bool:
        """Tell whether all that is filled are numbers from 0 to 1, some in between."""
        return self.fractions > 0


def look_at_flags(cells: Iterable[str], least: float | None = None) -> FlagColumn:
    """Count what a column holds."""
    cells = Counter(cells)
    counted: Counter[str] = Counter()
    for cell, count in cells.items():
        counted[cell.strip().lower()] += count
    counted.pop("", None)
    letters = next((tuple(one.items()) for one in _LETTERS if counted and counted.keys() <= one.keys()), ())
    reader = FlagReader(letters, least)
    numbers = {cell: value for cell in counted if (value := number(cell)) is not None}
    between = sum(counted[cell] for cell, value in numbers.items() if 0 < value < 1)
    within = len(numbers) == len(counted) and all(0 <= value <= 1 for value in numbers.values())
    meaning = {cell: reader.read(cell) for cell in cells}
    return FlagColumn(
        reader,
        meaning,
        counted.total(),
        sum(count for cell, count in cells.items() if cell.strip() and meaning[cell] is not None),
        sum(counted[cell] for cell, value in numbers.items() if value == -1),
        sum(count for cell, count in cells.items() if meaning[cell]),
        between if within else 0,
        sum(counted[cell] for cell, value in numbers.items() if value > 1 and value.is_integer()),
    )
