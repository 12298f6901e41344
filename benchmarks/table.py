"""Rows as they were measured, and the table that they are in."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.measure import Command, Spent, machine, spent
from benchmarks.rows import ANY, Places, Row, Side, peak

RESULTS = Path(__file__).with_name("RESULTS.md")
SIZES = Path(__file__).parents[1] / "docs" / "scale.md"
HEAD = ["row", "against", "goal", "times", "met", "times of CPU", "s or GB", "of the other", "runs, size", "when, load"]
_MEASURED = re.compile(r"(?<=<!-- measured -->\n).*?(?=<!-- end of measured -->)", re.DOTALL)


class Runs:
    """What commands took, each as often as a row asked for."""

    def __init__(self, at: Places) -> None:
        self._at = at
        self._taken: dict[Command, list[Spent]] = {}

    def take(self, sides: tuple[Side, Side], runs: int) -> None:
        """Run the commands of both sides in turn, the other side's first, until each has run so often."""
        # Named by both sides, or by a row before, a command runs once.
        todo = [command for side in reversed(sides) if isinstance(side, tuple) for _, command in side]
        for _ in range(runs):
            for command in dict.fromkeys(todo):
                taken = self._taken.setdefault(command, [])
                if len(taken) < runs:
                    shutil.rmtree(self._at.built, ignore_errors=True)
                    os.sync()  # So that no run waits for what the one before has yet to write.
                    taken.append(spent(command))

    def sums(self, row: Row, side: Side) -> tuple[float, float]:
        """Medians of what counts for a row, and of seconds of all cores."""
        if not isinstance(side, tuple):
            return side, side
        runs = [[(factor, taken) for taken in self._taken[command]] for factor, command in side]
        turns = list(zip(*runs, strict=True))
        counted = median(sum(factor * row.of(taken) for factor, taken in turn) for turn in turns)
        cores = median(sum(factor * taken.cores for factor, taken in turn) for turn in turns)
        return counted, cores


def measure(row: Row, at: Places, runs: Runs, count: int) -> list[str]:
    """Measure a row; returns its cells but the last two."""
    sides = row.sides(at)
    runs.take(sides, count)
    (ours, our_cores), (theirs, their_cores) = (runs.sums(row, side) for side in sides)
    ratio = theirs / ours if row.goal.at_least else ours / theirs
    times_of_cores = our_cores / their_cores if row.cores and isinstance(sides[1], tuple) else None
    unit = 1e9 if row.of is peak else 1.0
    return [
        row.name,
        row.against,
        str(row.goal),
        shown(ratio, row.goal.text),
        "–" if row.goal is ANY else "yes" if row.goal.met(ratio) else "no",
        "" if times_of_cores is None else shown(times_of_cores, ""),
        f"{ours / unit:.3g}",
        f"{theirs / unit:.3g}",
    ]


def shown(ratio: float, like: str) -> str:
    """A ratio in the way in which its goal is written.

    >>> shown(0.05, "1/16"), shown(0.9, "90 %"), shown(1.234, "")
    ('1/20', '90 %', '1.23')
    """
    if like.startswith("1/"):
        return f"1/{1 / ratio:.1f}".removesuffix(".0")
    return f"{ratio:.0%}".replace("%", " %") if like.endswith("%") else f"{ratio:.2f}"


def line(cells: Sequence[str]) -> str:
    """A row of a table."""
    return f"| {' | '.join(cells)} |"


def table(head: Sequence[str], rows: Sequence[str]) -> str:
    """A table on the machine that this is."""
    return "\n".join([machine(), "", line(head), line(["---"] * len(head)), *rows, ""])


def stored(text: str, head: Sequence[str], rows: Sequence[str], order: Sequence[str] = ()) -> str:
    """A page with rows in the place of those that it had of the same first two cells.

    Others stay where the page was written on the same machine. Where an order of first cells is given, others than these go.

    Raises:
        ValueError: the page has no place for a table.
    """
    found = _MEASURED.search(text)
    if found is None:
        raise ValueError("the page has no place for a table, between <!-- measured --> and <!-- end of measured -->")
    before = [part for part in found[0].splitlines() if part.startswith("| ")][2:] if machine() in found[0] else []
    kept = {tuple(part.split(" | ")[:2]): part for part in [*before, *rows]}
    if order:
        place = {f"| {first}": number for number, first in enumerate(order)}
        known = [key for key in kept if key[0] in place]
        kept = {key: kept[key] for key in sorted(known, key=lambda key: place[key[0]])}
    return f"{text[: found.start()]}{table(head, list(kept.values()))}{text[found.end() :]}"
