"""Several columns of labels in one table, such as `label1` and `label2`: an image has the labels of all."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from labelbeam.schemas.doubts import Doubt
from labelbeam.transforms.formats.folder.cells import CellReader, read_cells
from labelbeam.transforms.formats.folder.columns import key
from labelbeam.transforms.formats.folder.flags import look_at_flags
from labelbeam.transforms.formats.folder.rows import TableRow

_NUMBERED = re.compile(r"((?:class)?label|class|category|tag)(?:name)?\d+")
_NOTHING = frozenset({"", "nan", "none", "null"})


@dataclass(slots=True)
class SeveralColumns:
    """Columns of labels, each with the reader of its cells."""

    readers: dict[int, CellReader]

    @property
    def columns(self) -> list[int]:
        """Their indices."""
        return [*self.readers]

    def read(self, row: TableRow, cells: list[str]) -> str | None:
        """Give the row the labels of all columns, each once; nothing is wrong with them."""
        for index, reader in self.readers.items():
            if cells[index].strip().lower() in _NOTHING:
                continue
            read = reader.read(cells[index])
            row.labels = list(dict.fromkeys([*row.labels, *read.labels]))
            row.numbers += read.numbers
            row.normalized += read.normalized
            row.invalid += read.invalid
        return None

    def found(self, name: str) -> Iterator[Doubt]:
        """No doubts beyond those of the cells."""
        yield from ()


def numbered_columns(columns: Sequence[str], rows: Sequence[Sequence[str]], taken: Collection[int | None]) -> list[int]:
    """The columns that are called like one of labels and a number, where there are several and they hold no flags."""
    found: dict[str, list[int]] = {}
    for index, name in enumerate(columns):
        if index not in taken and (named := _NUMBERED.fullmatch(key(name))):
            found.setdefault(named[1], []).append(index)
    several = [indices for indices in found.values() if len(indices) > 1]
    return several[0] if len(several) == 1 and are_of_words(several[0], rows) else []


def are_of_words(indices: Collection[int], rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether none of these columns holds 0 and 1, or the like."""
    looked = [look_at_flags(row[index] for row in rows if len(row) > index) for index in indices]
    return not any((found.is_flags and found.filled) or found.is_probabilities for found in looked)


def several_columns(
    name: str,
    indices: Sequence[int],
    rows: Sequence[Sequence[str]],
    task: str,
    separator: str | None,
    doubts: list[Doubt],
) -> SeveralColumns:
    """The reader of these columns; what is doubtful about their cells goes into `doubts`."""
    readers: dict[int, CellReader] = {}
    for index in indices:
        held = [row[index].strip() for row in rows if len(row) > index]
        readers[index], told = read_cells(name, held, task, "" if separator is None else separator)
        doubts += told
    return SeveralColumns(readers)
