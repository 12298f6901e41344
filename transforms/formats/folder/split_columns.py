"""Columns that say which split a row is of: by words, by numbers, or by yes and no in one called like a split (`is_valid`)."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from labelbeam.schemas.config import SPLIT_ALIASES, SPLITS
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.folder.columns import LABEL_COLUMNS, SAMPLE, SPLIT_COLUMNS, column, key, named_columns
from labelbeam.transforms.formats.folder.flags import look_at_flags
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.split_names import parse_splits, split_name
from labelbeam.transforms.messages.words import listed

_WORDS = "training|train|validation|valid|val|testing|test"
_OF_ONE_SPLIT = re.compile(
    rf"(?:(?:is|in|use(?:for)?)({_WORDS})|({_WORDS})(?:set|split|flag|im(?:g|age)))(?:set|split|im(?:g|age)s?)?"
)
"""Names of such columns, as `key` has them; `train` alone may be a class, of vehicles."""

_USUAL = 4
"""The columns among `SPLIT_COLUMNS` that are called so for nothing else."""

_CODES = {("0", "1", "2"): SPLITS, ("1", "2", "3"): SPLITS}
"""Numbers that stand for splits: as in CelebA's partition, and in what MATLAB counts from 1."""


@dataclass(frozen=True, slots=True)
class SplitColumns:
    """Splits by what the cells of some columns hold, in lower case: the first column that tells counts."""

    meaning: Mapping[int, Mapping[str, str]]
    otherwise: str | None = None

    def split(self, cells: Sequence[str]) -> str | None:
        """The split of a row; None where it tells none."""
        for index, splits in self.meaning.items():
            if (found := splits.get(_plain(cells[index]))) is not None:
                return found
        return self.otherwise


def parse_split_values(given: str | None) -> dict[str, str] | None:
    """Read `0=train,1=validation`; None where nothing is given.

    >>> parse_split_values("0=train, Prüfung=test")
    {'0': 'train', 'prüfung': 'test'}

    Raises:
        UsageError: it is not of this form, names no split, or names a value twice.
    """
    if given is None:
        return None
    expected = f"VALUE=SPLIT, such as 0=train, with one of {', '.join(SPLITS)}"
    return parse_splits(given, "--split-values", "value", expected, fold=True)


def split_columns(
    name: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    file: int | None,
    options: FolderOptions,
    doubts: list[Doubt],
) -> SplitColumns:
    """The columns that tell the split of a table's rows; none where nothing does.

    A column called `split` or the like holds words, or one number for each split, of which the commonest is that of the
    training set. Without one, columns called like one split hold yes and no.

    Raises:
        UsageError: --split-column names none of the table's columns, or --split-values nothing that it holds.
    """
    if options.split_column == "none":
        return SplitColumns({})
    named = named_columns(name, columns, options.split_column, "--split-column")
    index = named[0] if named else column(columns, SPLIT_COLUMNS)[0]
    given = parse_split_values(options.split_values)
    others = {*(named_columns(name, columns, options.label_columns, "--label-columns") or ()), file}
    if index is None or index in others:
        found = _of_single_splits(name, columns, rows, {*range(len(columns))} - others, doubts)
        others.add(column(columns, LABEL_COLUMNS)[0])
        if not found.meaning and (index := _of_words(columns, rows, others)) is not None:
            meaning = {word: SPLIT_ALIASES[word] for word in map(str.lower, _cells(rows, index))}
            _told(name, columns[index], meaning, _cells(rows, index), doubts)
            return SplitColumns({index: meaning})
        if not found.meaning:
            doubts += _folds(name, columns, rows, others)
        return found
    if named and given is None and _OF_ONE_SPLIT.fullmatch(key(columns[index])):
        return _of_single_splits(name, columns, rows, {index}, [])
    cells = _cells(rows, index)
    usual = key(columns[index]) in SPLIT_COLUMNS[:_USUAL] or any(split_name(cell) for cell in cells)
    # One of yes and no that is called `set` may be a class of a table with a column for each.
    usual = usual and not (key(columns[index]) == "set" and look_at_flags(cells).flags == len(cells))
    said = doubts if usual or named or given else []
    meaning = meaning_of(name, columns[index], cells, given, said)
    return SplitColumns({index: meaning} if meaning else {})


def _cells(rows: Sequence[Sequence[str]], index: int) -> Counter[str]:
    return Counter(cell for row in rows if len(row) > index and (cell := row[index].strip()))


def _of_words(columns: Sequence[str], rows: Sequence[Sequence[str]], others: Collection[int | None]) -> int | None:
    """The one column, whatever it is called, that holds words for splits and nothing else, of which some row is to train on."""
    found = [index for index in range(len(columns)) if index not in others]
    for some in (rows[:SAMPLE], rows):
        found = [
            index
            for index in found
            if (cells := _cells(some, index)) and {*map(str.lower, cells)} <= SPLIT_ALIASES.keys()
        ]
    splits = {SPLIT_ALIASES[cell.lower()] for index in found for cell in _cells(rows, index)}
    return found[0] if len(found) == 1 and "train" in splits and len(splits) > 1 else None


_FOLDS = re.compile(r"(?:k|cv|val|test)?folds?(?:id|number|nr|no|index)?")
_MOST_FOLDS = 20


def _folds(
    name: str, columns: Sequence[str], rows: Sequence[Sequence[str]], others: Collection[int | None]
) -> Iterator[Doubt]:
    """A doubt where a column numbers folds, of which nothing tells which one validates."""
    for index, shown in enumerate(columns):
        if index in others or not _FOLDS.fullmatch(key(shown)):
            continue
        cells = sorted(_cells(rows, index), key=lambda cell: (len(cell), cell))
        if 1 < len(cells) <= _MOST_FOLDS:
            values = ",".join(f"{cell}={'train' if at else 'validation'}" for at, cell in enumerate(cells))
            option = f"--split-column {shlex.quote(shown)} --split-values {shlex.quote(values)}"
            message = (
                f"{name}: {listed([shown])} numbers {len(cells)} folds, and all are read into one split; {option} would validate with "
                f"{cells[0]!r}, and --split-column none says that it is no split"
            )
            yield Doubt(Doubted.SPLIT_COLUMN, message, len(cells), shown, option)


def meaning_of(
    name: str, shown: str, cells: Counter[str], given: Mapping[str, str] | None, doubts: list[Doubt]
) -> dict[str, str]:
    """The splits that the values of a column stand for, in lower case; none where they are not known. `cells` counts its rows."""
    spelled = {_plain(cell): cell for cell in sorted(cells)}
    counts: Counter[str] = Counter()
    for cell, count in cells.items():
        counts[_plain(cell)] += count
    if given is not None:
        if rest := counts.keys() - given.keys():
            message = (
                f"{name}: {listed([shown])} also holds {listed(sorted(rest))}, of which --split-values says nothing"
            )
            doubts.append(Doubt(Doubted.SPLIT_COLUMN, message, sum(counts[cell] for cell in rest), min(rest)))
        return dict(given)
    known = {cell: SPLIT_ALIASES[cell] for cell in counts if cell in SPLIT_ALIASES}
    if len(known) == len(counts):
        return known
    words = {cell: found.split for cell in counts if (found := split_name(spelled[cell])) is not None}
    if len(words) == len(counts):
        _told(name, shown, words, counts, doubts)
        return words
    numbers = {_number(cell): cell for cell in counts}
    for codes, splits in _CODES.items():
        if tuple(sorted(numbers)) == codes and counts[numbers[codes[0]]] == max(counts.values()):
            read = {numbers[code]: split for code, split in zip(codes, splits, strict=True)}
            _told(name, shown, read, counts, doubts)
            return read
    unknown = sorted(counts.keys() - known.keys())
    guess = ",".join(f"{cell}={split}" for cell, split in zip(unknown, ("train", "test"), strict=False))
    message = (
        f"{name}: {listed([shown])} is not read as the split: found {listed(unknown)} in it, expected only "
        f"{', '.join(SPLIT_ALIASES)}; --split-values, such as {guess}, says what they are"
    )
    doubts.append(Doubt(Doubted.SPLIT_COLUMN, message, len(unknown), unknown[0], "--split-values"))
    return {}


def _told(name: str, shown: str, meaning: Mapping[str, str], cells: Counter[str], doubts: list[Doubt]) -> None:
    said = ", ".join(f"{cell} is {split}" for cell, split in sorted(meaning.items()))
    message = f"{name}: {listed([shown])} is read as the split: {said}; --split-values says otherwise, --split-column none reads none"
    option = f"--split-values {','.join(f'{cell}={split}' for cell, split in sorted(meaning.items()))}"
    doubts.append(Doubt(Doubted.SPLIT_CODES, message, cells.total(), min(meaning), option))


def _of_single_splits(
    name: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    among: Collection[int],
    doubts: list[Doubt],
) -> SplitColumns:
    meaning: dict[int, dict[str, str]] = {}
    for index, shown in enumerate(columns):
        found = _OF_ONE_SPLIT.fullmatch(key(shown))
        if found is None or index not in among:
            continue
        flags = look_at_flags(row[index] for row in rows if len(row) > index)
        if flags.filled and flags.flags == flags.filled and 0 < flags.present < flags.filled:
            meaning[index] = {
                _plain(cell): SPLIT_ALIASES[found[1] or found[2]] for cell, is_it in flags.meaning.items() if is_it
            }
    splits = {split for of_one in meaning.values() for split in of_one.values()}
    if not meaning or (len(splits) == 1 and len(meaning) > 1):
        return SplitColumns({})
    # A row of none of these splits is of the one that is left: of one column, of what its rows are told apart from.
    left = [split for split in SPLITS if split not in splits]
    otherwise = "test" if splits == {"train"} else left[0] if left else None
    told = [columns[index] for index in sorted(meaning)]
    rest = "" if otherwise is None else f", and all other rows are {otherwise}"
    message = (
        f"{name}: {listed(told)} {'is' if len(told) == 1 else 'are'} read as the split: yes is "
        f"{', '.join(sorted(splits))}{rest}; --split-column none reads none"
    )
    doubts.append(Doubt(Doubted.SPLIT_CODES, message, len(rows), told[0], f"--split-column {told[0]}"))
    return SplitColumns(meaning, otherwise)


def _plain(cell: str) -> str:
    return cell.strip().lower()


def _number(cell: str) -> str:
    return re.sub(r"\.0+$", "", cell)
