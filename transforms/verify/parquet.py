"""Check the Parquet copy of a shard: its columns, and its rows against the records of the JSONL, bit by bit."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from labelbeam.transforms.messages.words import counted
from labelbeam.transforms.stores.failures import is_shortage
from labelbeam.transforms.tasks.records import arrow_schema, record_schema
from labelbeam.transforms.tasks.registry import TASKS
from labelbeam.transforms.verify.differences import MOST_OF_A_KIND, Differences, Kind


class Copy(NamedTuple):
    """The rows of a Parquet file, of the columns that belong to the task."""

    path: str
    rows: pa.Table


def check_copy(path: str, data: bytes, records: int, task: str, differences: Differences) -> Copy | None:
    """Check a Parquet file by itself; its rows, or None where they cannot be compared with the JSONL.

    Args:
        path: the file's path, for differences.
        data: its bytes.
        records: how many rows the manifest says it has.
        task: the task whose columns it has to have.
        differences: where to note what is found.
    """
    try:
        rows = pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False)
        rows.validate(full=True)
        columns = rows.schema.to_string(show_schema_metadata=False)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if is_shortage(error):
            raise  # Which says nothing of the file.
        differences.add(Kind.PARQUET, path, f"cannot be read: {error}", "a Parquet file")
        return None
    if len(rows) != records:
        differences.add(Kind.COUNT, path, counted(len(rows), "row"), f"{records}, as the manifest says")
    kind = TASKS[task]
    of_records = record_schema(kind)
    # Builds of earlier versions have no more than the records' own columns.
    if not rows.schema.equals(arrow_schema(kind)) and not rows.schema.equals(of_records):
        differences.add(Kind.PARQUET, path, f"the columns {columns}", f"those of {task}")
        return None
    if len(rows.schema) > len(of_records):
        _check_others(path, rows, differences)
    return Copy(path, rows.select(of_records.names))


def _check_others(path: str, rows: pa.Table, differences: Differences) -> None:
    """Check the columns that no record of the JSONL has: the split, and what has an item for each label."""
    split = posixpath.basename(path).partition("-")[0]
    if set(rows.column("split").unique().to_pylist()) - {split}:
        differences.add(Kind.PARQUET, path, "another split in a row", split)
    # How many labels a row has, its record tells; these have to agree with each other.
    counts = rows.column("label_count").combine_chunks()
    for name in ("source_id", "area"):
        if name in rows.schema.names and not rows.column(name).combine_chunks().value_lengths().equals(counts):
            differences.add(Kind.PARQUET, path, f"another number of items in {name}", "label_count")


def compare(records: pa.Table, copy: Copy, before: int, differences: Differences) -> None:
    """Note in which rows a Parquet copy differs from the records of the JSONL; at most `MOST_OF_A_KIND` of them.

    Args:
        records: some records as a table of the copy's columns.
        copy: the whole copy.
        before: how many records of the shard stand before these.
        differences: where to note what is found.
    """
    rows = copy.rows.slice(before, len(records)).combine_chunks()
    for row in islice(_differing_rows(records, rows), MOST_OF_A_KIND):
        (record,), (copied,) = records.slice(row, 1).to_pylist(), rows.slice(row, 1).to_pylist()
        name, expected, found = _first_difference("", record, copied)
        line = before + row + 1
        differences.add(
            Kind.PARQUET, copy.path, f"row {line}: {name} {found!r}", f"as line {line} of the JSONL: {expected!r}"
        )


def _differing_rows(ours: pa.Table, theirs: pa.Table) -> Iterator[int]:
    """By halves, because two columns are compared as quickly as two values."""
    if _identical(ours, theirs):
        return
    if len(ours) == 1:
        yield 0
        return
    half = len(ours) // 2
    yield from _differing_rows(ours.slice(0, half), theirs.slice(0, half))
    yield from (half + row for row in _differing_rows(ours.slice(half), theirs.slice(half)))


def _identical(ours: pa.Table, theirs: pa.Table) -> bool:
    """Equal, and of the same bits: 0.0 and -0.0 are equal."""
    return ours.equals(theirs) and all(
        np.array_equal(one.to_numpy().view(np.int64), other.to_numpy().view(np.int64))
        for one, other in zip(_floats(ours.column("label")), _floats(theirs.column("label")), strict=True)
    )


def _floats(column: Any) -> Iterator[Any]:
    """The columns of float64 inside nested ones."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_list(column.type):
        yield from _floats(column.flatten())
    elif pa.types.is_struct(column.type):
        for part in column.flatten():
            yield from _floats(part)
    elif pa.types.is_float64(column.type):
        yield column


def _first_difference(name: str, ours: Any, theirs: Any) -> tuple[str, Any, Any]:
    """Place where two values of one type first differ, such as label[3].topX, and what stands there."""
    inside: list[tuple[str, Any, Any]] = []
    if isinstance(ours, dict) and isinstance(theirs, dict):
        inside = [(f"{name}.{key}".removeprefix("."), value, theirs[key]) for key, value in ours.items()]
    elif isinstance(ours, list) and isinstance(theirs, list):
        if len(ours) != len(theirs):
            return f"length of {name}", len(ours), len(theirs)
        inside = [(f"{name}[{place}]", one, other) for place, (one, other) in enumerate(zip(ours, theirs, strict=True))]
    # As text, 0.0 and -0.0 differ, and floats of different bits always do.
    return next((_first_difference(*item) for item in inside if repr(item[1]) != repr(item[2])), (name, ours, theirs))
