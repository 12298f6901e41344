"""Rows of a table in JSON Lines, such as the `metadata.jsonl` of Hugging Face."""

from __future__ import annotations

from typing import Any

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.folder.answers import doubts_of_supercategories
from labelbeam.transforms.formats.folder.cells import doubts_of_flags, labels_of
from labelbeam.transforms.formats.folder.columns import (
    EXPECTED_FILE,
    EXPECTED_LABEL,
    FILE_COLUMNS,
    LABEL_COLUMNS,
    TableError,
    column,
    group_columns,
    named_columns,
    rows_spoken_against,
    unrecognised,
)
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.rows import NOT_TEXT, TableRow, TableRows, UnreadableRow
from labelbeam.transforms.formats.folder.split_columns import split_columns
from labelbeam.transforms.formats.json_objects import json_object
from labelbeam.transforms.messages.words import excerpt, listed, printable


def read_json_lines(name: str, text: str, options: FolderOptions, group: str = "") -> TableRows:
    """Read a table of an object a line; see `read_rows` for errors. A string is one label, for JSON has lists."""
    rows: list[TableRow | UnreadableRow] = []
    records: list[tuple[int, str, dict[str, Any] | str]] = []
    for line, raw in enumerate(text.split("\n"), 1):
        if raw.strip():
            records.append((line, raw.strip(), json_object(raw)))
    keys = list(dict.fromkeys(key for _, _, record in records if isinstance(record, dict) for key in record))
    if not keys:
        raise TableError(f"{name}: found no line that is a JSON object, expected one a line, with file_name and label")
    file, label, several = _chosen(name, keys, options)
    doubts: list[Doubt] = []
    if len(several) > 1:
        message = f"{name}: {listed(several)} all look like labels; {listed(several[:1])} is used"
        doubts.append(Doubt(Doubted.LABEL_COLUMN, message, len(several), several[0], "--label-columns"))
    cells = {line: [_cell(record.get(key)) for key in keys] for line, _, record in records if isinstance(record, dict)}
    values = [record.get(keys[label]) for _, _, record in records if isinstance(record, dict)]
    doubts += doubts_of_flags(name, {str(value) for value in values if isinstance(value, list | str)})
    splits = split_columns(name, keys, list(cells.values()), file, options, doubts)
    groups = group_columns(name, keys, group)
    doubts += rows_spoken_against(name, keys, list(cells.values()), {file, label, *splits.meaning, *groups}, file)
    doubts += doubts_of_supercategories(name, keys, list(cells.values()), label)
    for line, raw, record in records:
        if isinstance(record, str):
            rows.append(UnreadableRow(line, raw, record))
            continue
        image = record.get(keys[file])
        if not isinstance(image, str) or not image.strip() or NOT_TEXT.search(image):
            rows.append(UnreadableRow(line, raw, f"{keys[file]} is {excerpt(image)}, expected the image's name"))
            continue
        value = record.get(keys[label])
        read = labels_of(value if isinstance(value, list) else [value], options.label_separator)
        row = TableRow(line, raw, image, read.labels, None, [], [*read.invalid], read.numbers, read.normalized)
        row.split = splits.split(cells[line])
        row.group = next((cells[line][index].strip() for index in groups), "")
        rows.append(row)
    return TableRows(rows, doubts)


def _chosen(name: str, keys: list[str], options: FolderOptions) -> tuple[int, int, list[str]]:
    """The keys of the image and of its labels, and all that look like labels."""
    files = named_columns(name, keys, options.image_column, "--image-column")
    given = named_columns(name, keys, options.label_columns, "--label-columns")
    file = files[0] if files else column(keys, FILE_COLUMNS)[0]
    label, several = (given[0], []) if given else column(keys, LABEL_COLUMNS)
    if file is None or label is None:
        raise unrecognised(name, "keys", keys, EXPECTED_FILE if file is None else EXPECTED_LABEL)
    return file, label, several


def _cell(value: Any) -> str:
    """A value as a table would hold it, which has no lone surrogates; nothing for what no cell holds."""
    return "" if value is None or isinstance(value, list | dict) else printable(str(value))
