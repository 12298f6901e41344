"""Rows of a CSV table: a column of labels, or one column of 0 and 1 for each class ("one-hot")."""

from __future__ import annotations

import csv
import io
import shlex
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from labelbeam.schemas.config import SPLIT_ALIASES
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.folder.answers import (
    confidence_column,
    doubts_of_answers,
    doubts_of_supercategories,
    sureness,
)
from labelbeam.transforms.formats.folder.cells import CellReader, read_cells
from labelbeam.transforms.formats.folder.columns import (
    DELIMITERS,
    EXPECTED_FILE,
    EXPECTED_LABEL,
    LABEL_COLUMNS,
    SAMPLE,
    SEPARATOR_LINE,
    NoLabelsError,
    TableError,
    against_flags,
    class_columns,
    column,
    column_of_label_words,
    column_of_names,
    corrected_columns,
    file_column,
    group_columns,
    is_name_of_image,
    looks_like_image,
    named_columns,
    remaining_column,
    rows_spoken_against,
    unrecognised,
)
from labelbeam.transforms.formats.folder.flags import FlagColumn, look_at_flags, number
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.label_columns import (
    SeveralColumns,
    are_of_words,
    numbered_columns,
    several_columns,
)
from labelbeam.transforms.formats.folder.lookup import ImageNames
from labelbeam.transforms.formats.folder.rows import NOT_TEXT, TableRow, TableRows, UnreadableRow
from labelbeam.transforms.formats.folder.split_columns import split_columns
from labelbeam.transforms.messages.words import counted, listed

_CELL_LIMIT = 2**31 - 1


def read_csv(
    name: str, text: str, task: str, options: FolderOptions, images: ImageNames | None, group: str = ""
) -> TableRows:
    """Read a table; see `read_rows` for errors.

    UTF-8, or UTF-16 with a byte order mark; delimited by `,`, `;`, tabs or `|`, whichever makes the header name a file, or by
    what a first line `sep=;` says; cells may be quoted and then hold delimiters and line ends. Blank rows are skipped.
    """
    table = _Table(name, options)
    _read_header(table, list(io.StringIO(text, newline="")), images)
    columns, cells = table.columns, [record.cells for record in table.records if record.error is None]
    if not table.records:
        table.doubt(Doubted.TABLE_EMPTY, "holds a header and no rows")
    splits = split_columns(name, columns, cells, table.file, options, table.doubts)
    groups = group_columns(name, columns, group)
    reader = _reader(table, cells, {*splits.meaning, *groups}, task)
    needed = [table.file, *splits.meaning, *groups, *(reader.columns if reader else ())]
    rows: list[TableRow | UnreadableRow] = []
    for record in table.records:
        message = record.error or _malformed(record.cells, columns, needed)
        if not message:
            own_split = splits.split(record.cells)
            row = TableRow(record.line, record.raw, record.cells[table.file].strip(), [], own_split)
            row.group = next((record.cells[index].strip() for index in groups), "")
            message = reader.read(row, record.cells) if reader else None
        rows.append(UnreadableRow(record.line, record.raw, message) if message else row)
    if reader:
        table.doubts += reader.found(name)
    table.doubts += rows_spoken_against(name, columns, cells, {*needed}, table.file)
    return TableRows(rows, table.doubts, reader is not None, isinstance(reader, _LabelColumn) and reader.one_a_row)


@dataclass(slots=True)
class _Record:
    line: int
    raw: str
    cells: list[str]
    error: str | None = None


@dataclass(slots=True)
class _Table:
    name: str
    options: FolderOptions
    columns: list[str] = field(default_factory=list)
    file: int = 0
    records: list[_Record] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)

    def doubt(self, code: Doubted, said: str, count: int = 1, example: str = "", option: str = "") -> None:
        self.doubts.append(Doubt(code, f"{self.name}: {said}", count, example, option))


def _records(lines: list[str], delimiter: str, start: int = 0) -> Iterator[_Record]:
    """Records that are not blank. One with broken quotes costs its first line only: reading resumes with the next."""
    # The limit is the process's, and 128 KiB by default: it is only ever raised, so that threads cannot disagree.
    if csv.field_size_limit() < _CELL_LIMIT:
        csv.field_size_limit(_CELL_LIMIT)
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


def _read_header(table: _Table, lines: list[str], images: ImageNames | None) -> None:
    """Find the delimiter, the columns, and which of them names the image."""
    start = 0
    delimiters: tuple[str, ...] = DELIMITERS
    if lines and (said := SEPARATOR_LINE.fullmatch(lines[0])):
        # A spreadsheet's instruction to itself.
        start, delimiters = 1, ("\t" if said[1] == "\\t" else said[1],)
    found: list[str] = []
    for delimiter in delimiters:
        if delimiter in '"\r\n':
            continue
        few = [record for record, _ in zip(_records(lines, delimiter, start), range(SAMPLE + 1), strict=False)]
        columns = [cell.strip() for cell in few[0].cells] if few else []
        if len(columns) < 2:
            found = max(found, columns, key=len)
            continue
        rows = [record.cells for record in few[1:] if record.error is None]
        given = table.options.image_column
        if given is not None and (file := named_columns(table.name, columns, given, "--image-column")):
            table.file = file[0]
        elif (
            file_cell := next((index for index, cell in enumerate(columns) if looks_like_image(cell)), None)
        ) is not None:
            columns = _without_header(table, columns, rows, file_cell)
        elif (by_content := file_column(columns, rows, images)) is not None:
            table.file = by_content
            if is_name_of_image(columns[by_content], images):
                columns = _without_header(table, columns, rows, by_content)
        else:
            found = max(found, columns, key=len)
            continue
        table.columns = columns
        records = list(_records(lines, delimiter, start))
        table.records = records if any(doubt.code == Doubted.HEADER_MISSING for doubt in table.doubts) else records[1:]
        return
    hint = " (it holds NUL bytes: UTF-16 without a byte order mark?)" if any("\0" in name for name in found) else ""
    raise unrecognised(table.name, "columns", found, f"a header with {EXPECTED_FILE} and {EXPECTED_LABEL}{hint}")


def _without_header(table: _Table, first: list[str], rows: Sequence[Sequence[str]], file: int) -> list[str]:
    """Take the first row for one of an image; of the other columns all but one have to be splits, or empty. Names for the columns."""
    everything = [first, *rows]
    others = [index for index in range(len(first)) if index != file]
    filled = {index: {row[index].strip().lower() for row in everything if len(row) > index} - {""} for index in others}
    splits = [index for index in others if filled[index] and filled[index] <= SPLIT_ALIASES.keys()]
    labels = [index for index in others if index not in splits and filled[index]]
    if len(labels) != 1 or len(splits) > 1:
        raise TableError(
            f"{table.name}: found the columns {listed(first)}, which are a row of an image and no header; expected a header "
            f"with {EXPECTED_FILE} and {EXPECTED_LABEL}. Add one as the first line"
        )
    table.file = file
    names = {file: "file_name", labels[0]: "label", **dict.fromkeys(splits, "split")}
    said = f"the first row names the image {first[file]!r}, so it is read as a row and no header"
    table.doubt(Doubted.HEADER_MISSING, said, 1, first[file])
    return [names.get(index, "") for index in range(len(first))]


def _malformed(cells: list[str], columns: list[str], needed: list[int]) -> str | None:
    if len(cells) <= max(needed):
        return f"it has {counted(len(cells), 'cell')}, expected {len(columns)} as in the header"
    if any(map(str.strip, cells[len(columns) :])):
        return f"it has {counted(len(cells), 'cell')}, expected {len(columns)} as in the header; cells with delimiters need quotes"
    if any(NOT_TEXT.search(cells[index]) for index in needed):
        return "it is not valid UTF-8; save the table as UTF-8"
    if not cells[needed[0]].strip():
        return "it names no file"
    return None


@dataclass(slots=True)
class _LabelColumn:
    """A column of labels, and perhaps one of how sure they are."""

    label: int
    cells: CellReader
    confidence: int | None
    confidence_name: str
    least: float | None
    one_a_row: bool = True
    absent: int = 0
    unsure: int = 0
    example: str = ""

    @property
    def columns(self) -> list[int]:
        return [self.label] if self.confidence is None else [self.label, self.confidence]

    def read(self, row: TableRow, cells: list[str]) -> str | None:
        read = self.cells.read(cells[self.label])
        row.labels, row.numbers, row.normalized, row.invalid = (
            read.labels,
            read.numbers,
            read.normalized,
            [*read.invalid],
        )
        self.one_a_row = self.one_a_row and len(read.labels) < 2
        if self.confidence is not None and read.labels:
            # A confidence that is not stated says nothing against the label.
            sure = sureness(cells[self.confidence])
            if sure is not None and (sure <= 0 if self.least is None else sure < self.least):
                row.absent, row.labels, row.numbers, row.normalized = row.labels, [], 0, 0
                self.absent += 1
            elif sure is not None and sure < 1 and self.least is None:
                self.unsure += 1
            self.example = self.example or row.file
        return None

    def found(self, name: str) -> Iterator[Doubt]:
        if self.absent:
            below = "0" if self.least is None else f"below {self.least:g}"
            said = f"{counted(self.absent, 'row has', 'rows have')} {self.confidence_name} {below}: their labels are absent and not read"
            yield Doubt(Doubted.LABELS_ABSENT, f"{name}: {said}", self.absent, self.example, "--min-confidence")
        if self.unsure:
            said = f"{counted(self.unsure, 'row has', 'rows have')} {self.confidence_name} between 0 and 1: their labels are read like all others"
            yield Doubt(
                Doubted.CONFIDENCES_BELOW_ONE, f"{name}: {said}", self.unsure, self.example, "--min-confidence 0.5"
            )


@dataclass(slots=True)
class _ClassColumns:
    """A column for each class."""

    names: list[str]
    classes: dict[int, FlagColumn]
    minus: int = 0

    @property
    def columns(self) -> list[int]:
        return [*self.classes]

    def read(self, row: TableRow, cells: list[str]) -> str | None:
        labels: list[str] = []
        for index, found in self.classes.items():
            flag = found.meaning[cells[index]]
            if flag is None:
                return f"column {listed([self.names[index]])} holds {cells[index][:40]!r}, expected 0 or 1"
            if flag:
                labels.append(self.names[index])
        row.labels = list(dict.fromkeys(labels))
        return None

    def found(self, name: str) -> Iterator[Doubt]:
        minus = [index for index, found in self.classes.items() if found.minus]
        count = sum(self.classes[index].minus for index in minus)
        if not minus or any(self.classes[index].reader.least is not None for index in minus):
            return
        zeros = sum(found.flags - found.minus - found.present for found in self.classes.values())
        example = self.names[minus[0]]
        if zeros:
            said = f"{counted(count, 'cell holds', 'cells hold')} -1 beside 0, and are read as absent; if they say that nobody knows, leave these rows out"
            yield Doubt(Doubted.FLAGS_UNCERTAIN, f"{name}: {said}", count, example)
        else:
            yield Doubt(
                Doubted.LABELS_ABSENT,
                f"{name}: {counted(count, 'cell holds', 'cells hold')} -1, which is read as absent",
                count,
                example,
            )


def _reader(
    table: _Table, cells: list[list[str]], splits: Collection[int], task: str
) -> _LabelColumn | _ClassColumns | SeveralColumns | None:
    """Reader of a row's labels; None where the table has no rows that could tell."""
    columns, options = table.columns, table.options
    taken: set[int | None] = {table.file, *splits}
    as_labels = partial(_label_column, table, cells, task)
    given = named_columns(table.name, columns, options.label_columns, "--label-columns")
    if given is not None:
        looked = {
            index: look_at_flags((row[index] for row in cells if len(row) > index), options.min_confidence)
            for index in given
        }
        sole = looked[given[0]]
        if len(given) > 1 and are_of_words(given, cells):
            return several_columns(table.name, given, cells, task, options.label_separator, table.doubts)
        if len(given) > 1 or (sole.is_flags and sole.present and not sole.further):
            return _ClassColumns(columns, looked)
        return as_labels(given[0])
    label, several = column(columns, LABEL_COLUMNS)
    if label is not None:
        _doubt_label_column(table, cells, label, several)
        table.doubts += against_flags(table.name, columns, cells, label, taken)
        return as_labels(label)
    if not table.records:
        return None
    if numbered := numbered_columns(columns, cells, taken):
        return several_columns(table.name, numbered, cells, task, options.label_separator, table.doubts)
    label = column_of_label_words(columns, taken)
    words = None if label is None else look_at_flags(row[label] for row in cells if len(row) > label)
    if label is not None and words is not None and not (words.is_flags and not words.further):
        said = f"{listed([columns[label]])} is read as the labels, being the only column that is called like some"
        table.doubt(Doubted.LABEL_COLUMN, said, 1, columns[label], f"--label-columns {shlex.quote(columns[label])}")
        return as_labels(label)
    classes = class_columns(table.name, columns, cells, taken, options.min_confidence, table.doubts)
    if classes:
        if any(NOT_TEXT.search(columns[index]) for index in classes):
            raise TableError(f"{table.name}: the header is not valid UTF-8: {listed(columns)}; save the table as UTF-8")
        if task == "image_classification" and len(classes) == 1:
            sole_name = columns[next(iter(classes))]
            said = (
                f"{listed([sole_name])} is the only column of 0 and 1, and so the only class: where it is 0, an image has no label; "
                "if 0 is a class too, write both as words into a column called label"
            )
            table.doubt(Doubted.ONE_CLASS, said, 1, sole_name)
        return _ClassColumns(columns, classes)
    label = remaining_column(columns, cells, taken)
    if label is None:
        error = unrecognised(
            table.name, "columns", columns, f"{EXPECTED_LABEL}, or one column of 0 and 1 for each class"
        )
        raise NoLabelsError(str(error))
    said = f"{listed([columns[label]])} is read as the labels, being the only column that may hold some"
    table.doubt(Doubted.LABEL_COLUMN, said, 1, columns[label], f"--label-columns {shlex.quote(columns[label])}")
    return as_labels(label)


def _label_column(table: _Table, cells: list[list[str]], task: str, label: int) -> _LabelColumn:
    held = [row[label].strip() for row in cells if len(row) > label]
    reader, doubts = read_cells(table.name, held, task, table.options.label_separator)
    table.doubts += doubts
    confidence = confidence_column(table.columns, cells, label, table.file)
    taken = () if confidence is None else (confidence,)
    table.doubts += doubts_of_answers(table.name, table.columns, cells, label, table.file, taken)
    table.doubts += doubts_of_supercategories(table.name, table.columns, cells, label)
    counts = Counter(held)
    measures = sum(count for cell, count in counts.items() if (value := number(cell)) is not None and value % 1)
    if 2 * measures > len(held):
        said = f"the labels of {listed([table.columns[label]])} are measures, such as {held[0]!r}, and each value is read as a class"
        table.doubt(Doubted.LABELS_ARE_NUMBERS, said, len(held), held[0])
    name = "" if confidence is None else table.columns[confidence]
    return _LabelColumn(label, reader, confidence, name, table.options.min_confidence)


def _doubt_label_column(table: _Table, cells: list[list[str]], label: int, several: list[str]) -> None:
    columns, chosen = table.columns, table.columns[label]
    named = column_of_names(columns, cells, label, table.file)
    if named is not None:
        said = f"the labels of {listed([chosen])} are numbers, and {listed([columns[named]])} has a name for each"
        option = f"--label-columns {shlex.quote(columns[named])}"
        table.doubt(Doubted.LABELS_ARE_NUMBERS, f"{said}; {option} reads the names", 1, chosen, option)
    elif corrected := corrected_columns(columns, label):
        option = f"--label-columns {shlex.quote(corrected[0])}"
        said = f"{listed([chosen])} is read as the labels, and {listed(corrected)} may hold what they were corrected to; {option} reads that"
        table.doubt(Doubted.LABEL_COLUMN, said, len(corrected), chosen, option)
    elif len(several) > 1:
        others = [name for name in several if name != chosen]
        numbers = bool(others) and all(
            column_of_names(columns, cells, columns.index(name), table.file) == label for name in others
        )
        code = Doubted.NAMES_BEFORE_NUMBERS if numbers else Doubted.LABEL_COLUMN
        said = f"{listed(several)} all look like labels; {listed([chosen])} is used"
        table.doubt(code, said, len(several), chosen, f"--label-columns {shlex.quote(chosen)}")
