"""Rows of a label table: which columns of a CSV file, or keys of a JSON Lines file, name the image, its labels, its split.

Columns are recognised by their names, in any case and with or without `_`, `-` and spaces. A CSV table either has one
column of labels or, without such a column, one column of 0 and 1 for each class ("one-hot"). Other columns are ignored.
What a cell means is decided once for the whole file, by the rules of `find_separator` and `_class_columns`.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from labelbeam.schemas.config import SPLIT_ALIASES
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.formats.folder.cells import find_separator, split_labels
from labelbeam.transforms.messages.words import listed, printable

# The earlier name wins where a table has several.
FILE_COLUMNS = (
    *("filename", "imagefilename", "imagename", "imagefile", "filepath", "imagepath", "relativepath", "image", "file"),
    *("path", "img", "imgname", "imgpath", "imageid"),
)
LABEL_COLUMNS = (
    *("labels", "labelnames", "labelname", "classnames", "classname", "categoryname", "label", "classes", "class"),
    *("classlabel", "categories", "category", "tags", "tag", "target"),
)
SPLIT_COLUMNS = ("split", "subset", "partition", "set")

DELIMITERS = (",", ";", "\t")

_FLAGS = {"": False, "0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}
_NOT_TEXT = re.compile("[\ud800-\udfff]")
_CELL_LIMIT = 2**31 - 1


class TableError(LabelBeamError):
    """A table that cannot be read at all: it is empty, or nothing in it can be told to be files and labels."""


@dataclass(slots=True)
class TableRow:
    """What one row says of one image. `line` is 1-based: where the row starts in the file, whatever its cells hold.

    `labels` are distinct and in the order of the row; `invalid` describes those that are no text; `numbers` counts those
    that were numbers and are text now. `split` is None where the row names none.
    """

    line: int
    raw: str
    file: str
    labels: list[str]
    split: str | None = None
    invalid: list[str] = field(default_factory=list)
    numbers: int = 0


@dataclass(slots=True)
class UnreadableRow:
    """A row of which not even the image is certain."""

    line: int
    raw: str
    message: str


@dataclass(slots=True)
class TableRows:
    """All rows of a table. `labelled` is False where it has no rows that could tell which columns are classes."""

    rows: list[TableRow | UnreadableRow]
    warnings: list[str]
    labelled: bool = True


def read_rows(name: str, data: bytes, task: str, label_separator: str | None = None) -> TableRows:
    """Read a table; `name` tells by its extension whether it is JSON Lines (`.jsonl`, `.ndjson`) or CSV (all others).

    CSV: UTF-8, or UTF-16 with a byte order mark; delimited by `,`, `;` or tabs, whichever makes the header name a file;
    cells may be quoted and then hold delimiters and line ends. Blank rows are skipped.

    Raises:
        TableError: the table is empty, or its columns are not recognised.
    """
    text = _decode(name, data)
    if name.lower().endswith((".jsonl", ".ndjson")):
        return _read_json_lines(name, text, label_separator)
    return _read_csv(name, text, task, label_separator)


def is_label_table(name: str, head: bytes, files: Set[str] = frozenset()) -> bool:
    """Whether a file that starts with the bytes `head` has columns that name images and their labels."""
    try:
        return read_rows(name, head[: len(head) // 2 * 2] if _utf16(head) else head, "").labelled
    except TableError:
        return False


def _utf16(data: bytes) -> bool:
    return data.startswith((b"\xff\xfe", b"\xfe\xff"))


def _decode(name: str, data: bytes) -> str:
    if _utf16(data):
        try:
            text = data.decode("utf-16")
        except UnicodeDecodeError as error:
            raise TableError(f"{name}: starts with the mark of UTF-16 but is not: {error}; save it as UTF-8") from None
    else:
        # What is not UTF-8 survives as lone surrogates, so that one bad row does not cost the table.
        text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    if not text.strip():
        raise TableError(f"{name}: found an empty file, expected a header and a row for each image")
    return text


def _column(names: Sequence[str], known: Sequence[str]) -> tuple[int | None, list[str]]:
    """The index of the column that comes first in `known`, and the names of all that are in it."""
    keys = [re.sub(r"[\s_-]", "", name).casefold() for name in names]
    ranked = sorted((known.index(key), index) for index, key in enumerate(keys) if key in known)
    return (ranked[0][1] if ranked else None), [names[index] for _, index in ranked]


def _unrecognised(name: str, what: str, found: Iterable[str], expected: str) -> TableError:
    return TableError(
        f"{name}: found the {what} {listed(found)}; expected {expected}. Rename the {what}, or remove the table to take "
        "the labels from the folders' names"
    )


_EXPECTED_FILE = "one that names the image (file_name, filename, image, path)"
_EXPECTED_LABEL = "one that holds the labels (label, labels, class, category, tags)"


def _several(name: str, names: list[str]) -> list[str]:
    if len(names) < 2:
        return []
    return [f"{name}: {listed(names)} all look like labels; {listed(names[:1])} is used"]


# CSV


@dataclass(slots=True)
class _Record:
    line: int
    raw: str
    cells: list[str]
    error: str | None = None


def _records(lines: list[str], delimiter: str) -> Iterator[_Record]:
    """Records that are not blank. One with broken quotes costs its first line only: reading resumes with the next."""
    # The limit is the process's, and 128 KiB by default: it is only ever raised, so that threads cannot disagree.
    if csv.field_size_limit() < _CELL_LIMIT:
        csv.field_size_limit(_CELL_LIMIT)
    start = 0
    while start < len(lines):
        reader = csv.reader(
            (lines[index] for index in range(start, len(lines))),
            delimiter=delimiter,
            skipinitialspace=True,
            strict=True,
        )
        first = start
        try:
            for cells in reader:
                if any(map(str.strip, cells)):
                    yield _Record(first + 1, lines[first], cells)
                first = start + reader.line_num
            return
        except csv.Error as error:
            yield _Record(first + 1, lines[first], [], f"its quotes are broken: {error}")
            start = first + 1


def _header(name: str, lines: list[str]) -> tuple[str, list[str], int]:
    """The delimiter, the columns, and which of them names the image."""
    found: list[str] = []
    for delimiter in DELIMITERS:
        record = next(_records(lines, delimiter), None)
        columns = [cell.strip() for cell in record.cells] if record else []
        file, _ = _column(columns, FILE_COLUMNS)
        if file is not None and len(columns) > 1:
            return delimiter, columns, file
        found = max(found, columns, key=len)
    hint = " (it holds NUL bytes: UTF-16 without a byte order mark?)" if any("\0" in name for name in found) else ""
    raise _unrecognised(name, "columns", found, f"a header with {_EXPECTED_FILE} and {_EXPECTED_LABEL}{hint}")


def _read_csv(name: str, text: str, task: str, label_separator: str | None) -> TableRows:
    lines = list(io.StringIO(text, newline=""))
    delimiter, columns, file = _header(name, lines)
    records = list(_records(lines, delimiter))[1:]
    warnings: list[str] = []
    split, _ = _column(columns, SPLIT_COLUMNS)
    if split is not None:
        cells = [record.cells[split] for record in records if len(record.cells) > split]
        split = split if _names_splits(name, columns[split], cells, warnings) else None
    label, several = _column(columns, LABEL_COLUMNS)
    warnings += _several(name, several)
    if not records:
        warnings.append(f"{name}: holds a header and no rows")
    classes: list[int] = []
    if label is None and records:
        classes = _class_columns(name, columns, records, {file, split}, warnings)
    separator: str | None = None
    if label is not None:
        cells = [record.cells[label].strip() for record in records if len(record.cells) > label]
        separator, doubts = find_separator(name, cells, task, label_separator)
        warnings += doubts
    needed = [index for index in (file, split, label, *classes) if index is not None]
    rows: list[TableRow | UnreadableRow] = []
    for record in records:
        message = record.error or _malformed(record.cells, columns, needed)
        if message:
            rows.append(UnreadableRow(record.line, record.raw, message))
            continue
        cells = record.cells
        if label is not None:
            labels = split_labels(cells[label], separator, lists=label_separator is None)
        else:
            flags = [_FLAGS.get(cells[index].strip().lower()) for index in classes]
            if None in flags:
                at = classes[flags.index(None)]
                message = f"column {listed([columns[at]])} holds {cells[at][:40]!r}, expected 0 or 1"
                rows.append(UnreadableRow(record.line, record.raw, message))
                continue
            labels = list(dict.fromkeys(columns[index] for index, flag in zip(classes, flags, strict=True) if flag))
        own_split = None if split is None else SPLIT_ALIASES.get(cells[split].strip().lower())
        rows.append(TableRow(record.line, record.raw, cells[file].strip(), labels, own_split))
    return TableRows(rows, warnings, labelled=label is not None or bool(classes))


def _malformed(cells: list[str], columns: list[str], needed: list[int]) -> str | None:
    if len(cells) <= max(needed):
        return f"it has {len(cells)} cells, expected {len(columns)} as in the header"
    if any(map(str.strip, cells[len(columns) :])):
        return f"it has {len(cells)} cells, expected {len(columns)} as in the header; cells with delimiters need quotes"
    if any(_NOT_TEXT.search(cells[index]) for index in needed):
        return "it is not valid UTF-8; save the table as UTF-8"
    if not cells[needed[0]].strip():
        return "it names no file"
    return None


def _names_splits(name: str, column: str, cells: Iterable[str], warnings: list[str]) -> bool:
    """Whether a column called so names splits: it holds nothing else. A number of a fold, say, is no split."""
    words = {cell.strip().lower() for cell in cells} - {""}
    unknown = sorted(words - SPLIT_ALIASES.keys())
    if unknown and not words <= _FLAGS.keys():
        warnings.append(
            f"{name}: {listed([column])} is not read as the split: found {listed(unknown)} in it, expected only "
            f"{', '.join(SPLIT_ALIASES)}"
        )
    return bool(words) and not unknown


def _class_columns(
    name: str, columns: list[str], records: list[_Record], taken: set[int | None], warnings: list[str]
) -> list[int]:
    """The columns of a one-hot table: those of whose filled cells more than half are 0, 1, true or false.

    A stray cell in such a column makes its row unreadable; it does not make the class disappear.
    """
    classes: list[int] = []
    others: list[str] = []
    flagged = False
    for index, column in enumerate(columns):
        if index in taken or not column:
            continue
        cells = Counter(record.cells[index] for record in records if len(record.cells) > index)
        filled = sum(count for cell, count in cells.items() if cell.strip())
        flags = sum(count for cell, count in cells.items() if cell.strip() and cell.strip().lower() in _FLAGS)
        if 2 * flags > filled or not filled:
            classes.append(index)
            flagged = flagged or flags > 0
        else:
            others.append(column)
    if not flagged:
        raise _unrecognised(name, "columns", columns, f"{_EXPECTED_LABEL}, or one column of 0 and 1 for each class")
    if any(_NOT_TEXT.search(columns[index]) for index in classes):
        raise TableError(f"{name}: the header is not valid UTF-8: {listed(columns)}; save the table as UTF-8")
    if others:
        warnings.append(f"{name}: the columns {listed(others)} do not hold 0 and 1 and are not read as classes")
    return classes


# JSON Lines


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise ValueError("it holds a key twice")
    return record


def _read_json_lines(name: str, text: str, label_separator: str | None) -> TableRows:
    rows: list[TableRow | UnreadableRow] = []
    records: list[tuple[int, str, dict[str, Any] | str]] = []
    for line, raw in enumerate(text.split("\n"), 1):
        if raw.strip():
            records.append((line, raw.strip(), _json_record(raw)))
    keys = list(dict.fromkeys(key for _, _, record in records if isinstance(record, dict) for key in record))
    if not keys:
        raise TableError(f"{name}: found no line that is a JSON object, expected one a line, with file_name and label")
    file, _ = _column(keys, FILE_COLUMNS)
    label, several = _column(keys, LABEL_COLUMNS)
    if file is None or label is None:
        raise _unrecognised(name, "keys", keys, _EXPECTED_FILE if file is None else _EXPECTED_LABEL)
    split, _ = _column(keys, SPLIT_COLUMNS)
    warnings = _several(name, several)
    if split is not None:
        values = [record.get(keys[split]) for _, _, record in records if isinstance(record, dict)]
        words = [value for value in values if isinstance(value, str)]
        split = split if _names_splits(name, keys[split], words, warnings) else None
    for line, raw, record in records:
        if isinstance(record, str):
            rows.append(UnreadableRow(line, raw, record))
            continue
        image = record.get(keys[file])
        if not isinstance(image, str) or not image.strip() or _NOT_TEXT.search(image):
            rows.append(UnreadableRow(line, raw, f"{keys[file]} is {_excerpt(image)}, expected the image's name"))
            continue
        row = TableRow(line, raw, image, [])
        if split is not None and isinstance(own := record.get(keys[split]), str):
            row.split = SPLIT_ALIASES.get(own.strip().lower())
        _add_labels(row, record.get(keys[label]), label_separator)
        rows.append(row)
    return TableRows(rows, warnings)


def _json_record(text: str) -> dict[str, Any] | str:
    """The object that a line holds, or what is wrong with the line."""
    try:
        # msgspec refuses NaN, which pandas writes into columns that nobody needs here; json reads it.
        record = json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        return "it is nested too deeply"
    except ValueError as error:
        return f"it cannot be read as JSON: {error}"
    return record if isinstance(record, dict) else f"it is {_excerpt(record)}, expected a JSON object"


def _excerpt(value: object) -> str:
    if isinstance(value, list | dict):
        return f"a {type(value).__name__} of {len(value)}"
    return printable(repr(value)[:80])


def _add_labels(row: TableRow, value: object, label_separator: str | None) -> None:
    """A string is one label, for JSON has lists; numbers are written as text; null and "" are no label."""
    labels: list[str] = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            labels += split_labels(item, label_separator, lists=False)
        elif isinstance(item, int) and not isinstance(item, bool):
            labels.append(str(item))
            row.numbers += 1
        elif item is not None:
            row.invalid.append(_excerpt(item))
    row.labels = list(dict.fromkeys(labels))
