"""Class numbers beside the names of classes: whether both count from the same number, by how often those at both ends are used."""

from __future__ import annotations

from collections.abc import Sequence

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.frames import Evidence

_ENDS = ("before_first_class", "of_first_class", "of_last_class", "behind_last_class")


def add_ends(evidence: Evidence, counts: Sequence[int], locator: str) -> None:
    """Tally how many objects have the number before the first name, that of the first, that of the last, and the one behind it."""
    if any(counts):
        for name, count in zip(_ENDS, counts, strict=True):
            evidence.add(name, count, locator)


def doubts_of_ends(name: str, item: Evidence, what: str = "lines", where: str = "label files") -> list[Doubt]:
    """A doubt where numbers seem to count from another number than their names: those beyond one end are used, that of the other is not."""
    before, first, last, behind = map(item.count, _ENDS)
    if behind and not first and not before:
        found, words = behind, "one more than the last class, and none the number of the first"
    elif before and not last and not behind:
        found, words = before, "one less than the first class, and none the number of the last"
    else:
        return []
    message = (
        f"{name}: {found:,} {what} have a number that is {words}: {where} and names may count from 0 on one side and from 1 on "
        "the other, and then every label is that of its neighbour"
    )
    example = item.example("behind_last_class" if behind else "before_first_class")
    return [Doubt(Doubted.CATEGORIES_SHIFTED, message, found, example)]
