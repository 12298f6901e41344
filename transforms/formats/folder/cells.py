"""Labels in the cells of a table: lists, and several in one cell with something between them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.messages.words import excerpt, listed

_STRING = r"""[bBuU]?'(?:[^'\\]|\\.)*'|[bBuU]?"(?:[^"\\]|\\.)*\""""
_NUMBER = r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?"
_ITEM = re.compile(
    rf"(?:(?:np|numpy)\.\w+\(\s*)?(?:(?P<text>{_STRING})|(?P<number>{_NUMBER})|(?P<nothing>None|null|nan|NaN|NaT))\)?",
    re.DOTALL,
)
_BETWEEN = re.compile(r"\s*[,;|]\s*|\s+")
_MAPPING = re.compile(rf"\{{\s*(?:{_STRING})\s*:", re.DOTALL)
_WRAPPED = re.compile(
    r"(?:(?:np|numpy|pd|pandas)\.)?(?:array|Index|Series|list|tuple|set|frozenset)\(\s*([\[({].*[\])}])?\s*(?:,\s*(?:dtype|name)=[^()\[\]]*)?\)",
    re.DOTALL,
)
"""A list as the function that makes it is written: `array(['cat'], dtype=object)`, `set()`."""

_BRACKETS = {"[": "]", "(": ")", "{": "}"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "'": "'", '"': '"', "\\": "\\", "/": "/"}
_QUOTED = re.compile(r"""'[^']*'|"[^"]*\"""")
_MANY = 3
"""Cells, or rows of one cell, from which on it is telling that their parts occur nowhere else."""


class CellLabels(NamedTuple):
    """The distinct labels of a cell, in order.

    `numbers` counts those that were numbers, `normalized` those that had blanks around them in a list; `invalid` describes
    what is no label.
    """

    labels: list[str]
    numbers: int = 0
    normalized: int = 0
    invalid: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CellReader:
    """Rules by which the cells of one table are read.

    `separator` None or "" separates nothing; " " stands for any white space. With `lists`, a list as JSON, Python and numpy
    write it is one whatever the separator. With `unquote`, quotes around each label are not part of it.
    """

    separator: str | None = None
    lists: bool = True
    unquote: bool = False

    def read(self, cell: str) -> CellLabels:
        """The labels of a cell.

        >>> CellReader(";").read("milk bottle; can;").labels, CellReader(" ").read("can  carton can").labels
        (['milk bottle', 'can'], ['can', 'carton'])
        >>> CellReader().read("['a b', 3, None]")
        CellLabels(labels=['a b', '3'], numbers=1, normalized=0, invalid=())
        """
        cell = cell.strip()
        found = labels_of_list(cell) if self.lists else None
        if found is not None:
            return found
        parts = self.parts(cell)
        if self.unquote:
            parts = [label for part in parts if (label := part[1:-1].strip())]
        return CellLabels(list(dict.fromkeys(parts)))

    def parts(self, cell: str) -> list[str]:
        """Parts between the separators of a cell."""
        if self.separator == " ":
            return cell.split()
        parts = cell.split(self.separator) if self.separator else [cell]
        return [part for part in map(str.strip, parts) if part]


def labels_of(items: Iterable[object], separator: str | None = None) -> CellLabels:
    """The labels of a list: whole numbers are written as text, null and "" are no label, and other things are no text."""
    labels: list[str] = []
    invalid: list[str] = []
    numbers = normalized = 0
    for item in items:
        if isinstance(item, str):
            labels += CellReader(separator, lists=False).read(item).labels
            normalized += item != item.strip() and not separator
        elif isinstance(item, int) and not isinstance(item, bool):
            labels.append(str(item))
            numbers += 1
        elif item is not None:
            invalid.append(excerpt(item))
    return CellLabels(list(dict.fromkeys(labels)), numbers, normalized, tuple(invalid))


@lru_cache(4096)
def labels_of_list(cell: str) -> CellLabels | None:
    """The labels of a cell that is a list, which many rows have in common; None where it is none."""
    items = parse_list(cell)
    return None if items is None else labels_of(items)


def parse_list(cell: str) -> list[object] | None:
    r"""The items of a list that stands in a cell; None where the cell is no list.

    Strings with escapes, numbers and nulls, between commas, semicolons, bars or blanks; in `[]` also words without quotes;
    all this also within another pair of quotes. A list in a list, or a quote that does not end, is an item that is no label.

    >>> parse_list(r'["caf\u00e9", "dog"]'), parse_list("[3 7]"), parse_list("[cat, dog]"), parse_list("cat")
    (['café', 'dog'], [3, 7], ['cat', 'dog'], None)
    """
    if len(cell) > 3 and cell[0] == cell[-1] and cell[0] in "\"'" and cell[1:].lstrip()[:1] == "[":
        inner = cell[1:-1]
        return parse_list((inner.replace('""', '"') if '""' in inner else _unescape(inner)).strip())
    if (wrapped := _WRAPPED.fullmatch(cell)) is not None:
        return parse_list(wrapped[1].strip()) if wrapped[1] else []
    if cell in ("()", "{}"):
        return []
    if len(cell) < 2 or _BRACKETS.get(cell[0]) != cell[-1]:
        return None
    if _MAPPING.match(cell):
        return [{cell: None}]  # Names and what is said of each: no label as it stands.
    items = _quoted_items(cell)
    if items is not None:
        return items if cell[0] == "[" or any(isinstance(item, str) for item in items) else None
    if cell[0] != "[":
        return None
    inside = cell[1:-1]
    if re.search(r"^\s*['\"\[{]|['\"\]}]\s*$", inside):
        return [[cell]]
    if re.search(r"[\[\]]", inside):
        return None
    mark = next((mark for mark in ",;|" if mark in inside), None)
    return [*CellReader(mark, lists=False).parts(inside)]


def _quoted_items(cell: str) -> list[object] | None:
    items: list[object] = []
    at, end = 1 + len(cell[1:]) - len(cell[1:].lstrip()), len(cell[:-1].rstrip())
    while at < end:
        item = _ITEM.match(cell, at, end)
        if item is None:
            return None
        if item["text"] is not None:
            items.append(_text(item["text"].lstrip("bBuU")))
        elif item["number"] is not None:
            number = float(item["number"])
            items.append(int(number) if number.is_integer() and abs(number) < 2**53 else number)
        at = item.end()
        between = _BETWEEN.match(cell, at, end)
        if at < end and between is None:
            return None
        at = between.end() if between else at
    return items


def _text(quoted: str) -> str:
    if quoted[0] == '"':
        try:
            return str(json.loads(quoted))
        except ValueError:
            pass  # As Python writes it.
    return _unescape(quoted[1:-1])


def _unescape(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        code = found[1]
        if len(code) > 1:
            number = int(code[1:], 16)
            return chr(number) if number <= 0x10FFFF else found[0]
        return _ESCAPED.get(code, found[0])

    # Two halves of a letter beyond 16 bits make one.
    return _ESCAPE.sub(one, text).encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


@dataclass(slots=True)
class _Parts:
    """The cells that a separator would cut, each with its parts, and how many cells a part is in."""

    cells: dict[str, list[str]] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)

    @property
    def doubtful(self) -> list[str]:
        """The cells with a part that occurs nowhere else."""
        return [cell for cell, parts in self.cells.items() if any(self.seen[part] == 1 for part in parts)]

    def are_whole(self, distinct: Counter[str]) -> bool:
        """Tell whether no part of any cell occurs elsewhere, in enough cells to tell."""
        alone = all(self.seen[part] == 1 for parts in self.cells.values() for part in parts)
        return alone and (len(self.cells) >= _MANY or any(distinct[cell] >= _MANY for cell in self.cells))


def _parts(distinct: Counter[str], separator: str) -> _Parts:
    reader = CellReader(separator, lists=False)
    found = _Parts()
    for cell in distinct:
        parts = reader.parts(cell)
        found.seen.update(set(parts))
        if len(parts) > 1:
            found.cells[cell] = parts
    return found


def read_cells(name: str, cells: list[str], task: str, given: str | None) -> tuple[CellReader, list[Doubt]]:
    """Decide how all cells of labels of a table are read, and what is doubtful about it.

    Between labels stands what is given; else `;` or `|`, whichever is in more cells; else, where an image may have several
    labels, a comma if any cell holds one; else white space. At commas and white space cells stay whole where no part of any
    of them occurs anywhere else.
    """
    if given is not None:
        return CellReader(given, lists=False), []
    distinct = Counter(cells)
    told = doubts_of_flags(name, distinct)
    distinct = Counter({cell: count for cell, count in distinct.items() if labels_of_list(cell) is None})
    separator, doubts = _separator(name, distinct, task)
    parts = [part for cell in distinct for part in CellReader(separator).parts(cell)]
    return CellReader(separator, unquote=bool(parts) and all(map(_QUOTED.fullmatch, parts))), told + doubts


_FLAGS = re.compile(r"[01](?:\.0*)?(?:[\s,;|]+[01](?:\.0*)?)+|[01]{3,}")
_BINARY = re.compile(r"[01](?:\.0*)?(?=[\s,;|]|$)|[01]")


def doubts_of_flags(name: str, cells: Iterable[str]) -> list[Doubt]:
    """A doubt where every cell holds as many 0 and 1 as the others: flags of the classes, rather than class numbers.

    >>> [str(doubt.code) for doubt in doubts_of_flags("labels.csv", ["[0, 1, 0]", "[1 0 0]"])], doubts_of_flags("", ["[0, 1]", "[1]"])
    (['flags_as_labels'], [])
    """
    bare = {cell.strip().strip("\"'").strip("[](){} \t") for cell in cells} - {""}
    if len(bare) < 2 or not all(map(_FLAGS.fullmatch, bare)) or len({len(_BINARY.findall(cell)) for cell in bare}) > 1:
        return []
    example = min(bare)
    message = (
        f"{name}: every cell of labels holds {len(_BINARY.findall(example))} times 0 or 1, such as {example!r:.60}, as if each "
        "were a flag of one class; they are read as labels called '0' and '1', or whole; write a column for each class, or the "
        "names of the classes that are there"
    )
    return [Doubt(Doubted.FLAGS_AS_LABELS, message, len(bare), example[:80])]


def _separator(name: str, distinct: Counter[str], task: str) -> tuple[str | None, list[Doubt]]:
    most, mark = max((sum(count for cell, count in distinct.items() if mark in cell), mark) for mark in "|;")
    if most:
        other = ";" if mark == "|" else "|"
        both = [cell for cell in distinct if other in cell]
        return mark, _doubts(name, both, f"labels are separated at {mark!r}, yet {{}} hold {other!r} as well", other)
    if task == "image_classification":
        return None, _words_that_are_labels(name, distinct)
    for mark in (",", " "):
        parts = _parts(distinct, mark)
        shown = "commas" if mark == "," else "spaces"
        if mark == "," and not parts.cells:
            continue
        if parts.are_whole(distinct):
            said = f"{{}} are read as one label each, for their parts between {shown} occur nowhere else"
            return None, _doubts(name, list(parts.cells), said, mark)
        said = f"labels are separated at {shown}, yet the parts of {{}} may be one label: some occur nowhere else"
        return mark, _doubts(name, parts.doubtful, said, "")
    return None, []


def _doubts(name: str, cells: list[str], said: str, separator: str) -> list[Doubt]:
    if not cells:
        return []
    message = (
        f"{name}: {said.format(listed(cells[:3]))}. Name another separator with --label-separator, or --label-separator "
        '"" for one label a cell'
    )
    return [Doubt(Doubted.LABEL_SEPARATOR, message, len(cells), cells[0][:80], f'--label-separator "{separator}"')]


def _words_that_are_labels(name: str, distinct: Counter[str]) -> list[Doubt]:
    found = {
        cell for mark in ", " for cell, parts in _parts(distinct, mark).cells.items() if set(parts) <= distinct.keys()
    }
    if not found:
        return []
    message = (
        f"{name}: {listed(sorted(found)[:3])} is taken as one label although each of its words is a label too; for several "
        "labels an image, use --task image_classification_multilabel"
    )
    return [
        Doubt(Doubted.LABEL_SEPARATOR, message, len(found), min(found)[:80], "--task image_classification_multilabel")
    ]
