"""The frame of a source's coordinates, and the evidence for it, collected over all records before it is decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeAlias

import msgspec

Unit: TypeAlias = Literal["pixels", "fractions", "percent"]

SCALES: dict[Unit, float] = {"fractions": 1.0, "percent": 0.01}
"""What coordinates of a unit are of the image's width and height; pixels are not scaled."""


class Frame(NamedTuple):
    """Meaning of one source's numbers: the units of boxes and of outlines, and of what the boxes consist.

    Readers take boxes of four numbers as a corner and a size where their format has it so. `corners` says that the third
    and fourth number were the opposite corner after all. `oriented` says that outlines of four corners are boxes that are
    turned, and no outlines.
    """

    boxes: Unit = "pixels"
    outlines: Unit = "pixels"
    corners: bool = False
    oriented: bool = False


PIXELS = Frame()
FRACTIONS = Frame("fractions", "fractions")


class Tally(msgspec.Struct, frozen=True):
    """A count of records, and one of them as an example."""

    count: int
    example: str = ""


class Evidence(msgspec.Struct):
    """Tallies of one source by name; `merge` makes those of all of its records.

    Of two examples the lesser text is kept, so that the order of reading does not matter.
    """

    tallies: dict[str, Tally] = {}

    def add(self, name: str, count: int, example: str = "") -> None:
        """Count `count` more records under a name."""
        if count:
            before = self.tallies.get(name)
            self.tallies[name] = _both(before, Tally(count, example)) if before else Tally(count, example)

    def count(self, name: str) -> int:
        """The records counted under a name."""
        return self.tallies[name].count if name in self.tallies else 0

    def example(self, name: str) -> str:
        """An example of the records counted under a name; "" where there is none."""
        return self.tallies[name].example if name in self.tallies else ""

    def merge(self, other: Evidence) -> Evidence:
        """The evidence of both."""
        merged = dict(self.tallies)
        for name, tally in other.tallies.items():
            merged[name] = _both(merged[name], tally) if name in merged else tally
        return Evidence(dict(sorted(merged.items())))


def _both(one: Tally, other: Tally) -> Tally:
    examples = sorted(example for example in (one.example, other.example) if example)
    return Tally(one.count + other.count, examples[0] if examples else "")


OF_LABELS = ":"
"""What parts the name of a tally from labels that it is about: there may be any number of these."""


def total(evidence: Iterable[Evidence]) -> dict[str, int]:
    """The counts of all sources together, by name of tally, for the manifest; without those of single labels."""
    counts: Counter[str] = Counter()
    for item in evidence:
        counts.update({name: tally.count for name, tally in item.tallies.items() if OF_LABELS not in name})
    return dict(sorted(counts.items()))
