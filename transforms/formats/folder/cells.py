"""Labels in the cells of a table: several of them in one cell, and what separates them."""

from __future__ import annotations

import re
from collections import Counter

from labelbeam.transforms.messages.words import listed

_QUOTED = r"""(?:'[^'\\]*'|"[^"\\]*")"""
_LIST = re.compile(rf"\[\s*(?:{_QUOTED}\s*(?:,\s*{_QUOTED}\s*)*)?\]")


def split_labels(cell: str, separator: str | None, *, lists: bool = True) -> list[str]:
    """The distinct labels of a cell, in order. None or "" separates nothing; " " stands for any white space.

    With `lists`, a list of quoted strings, as JSON and pandas write it, is one whatever the separator.

    >>> split_labels("milk bottle; can;", ";"), split_labels("can  carton can", " "), split_labels("['a b', 'c']", " ")
    (['milk bottle', 'can'], ['can', 'carton'], ['a b', 'c'])
    """
    cell = cell.strip()
    if lists and _LIST.fullmatch(cell):
        parts = [quoted[1:-1] for quoted in re.findall(_QUOTED, cell)]
    elif separator == " ":
        parts = cell.split()
    else:
        parts = cell.split(separator) if separator else [cell]
    return list(dict.fromkeys(label for part in parts if (label := part.strip())))


def find_separator(name: str, cells: list[str], task: str, given: str | None) -> tuple[str | None, list[str]]:
    """What separates labels in all cells of a table, and what is doubtful about it.

    The one given; else `;` or `|`, whichever is in more cells; else, where an image may have several labels, a comma if
    any cell holds one; else white space. Only in the last case can a label not hold spaces.
    """
    if given is not None:
        return given, []
    distinct = Counter(cell for cell in cells if not _LIST.fullmatch(cell))
    most, mark = max((sum(count for cell, count in distinct.items() if mark in cell), mark) for mark in "|;")
    if most:
        return mark, []
    several = task != "image_classification"
    if several and any("," in cell for cell in distinct):
        return ",", []
    spaced = {cell: words for cell in distinct if len(words := cell.split()) > 1}
    if not several:
        doubtful = [cell for cell, words in spaced.items() if all(word in distinct for word in words)]
        return None, [
            f"{name}: {listed(doubtful[:3])} is taken as one label although each of its words is a label too; for "
            "several labels an image, use --task image_classification_multilabel"
        ] * bool(doubtful)
    seen = Counter(word for cell in distinct for word in set(cell.split()))
    doubtful = [cell for cell, words in spaced.items() if any(seen[word] == 1 for word in words)]
    return " ", [
        f"{name}: labels are separated at spaces, yet the words of {listed(doubtful[:3])} may be one label: some occur "
        'nowhere else. Name another separator with --label-separator, or --label-separator "" for one label a cell'
    ] * bool(doubtful)
