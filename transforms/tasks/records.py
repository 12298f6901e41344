"""Records of a task as JSON Lines and as Parquet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from labelbeam.transforms.tasks.task import Labels, Task


@dataclass(slots=True)
class SplitRecords:
    """The records of one split of one bucket, sorted by path: n images as columns, and their labels."""

    paths: list[str]
    urls: list[str]
    formats: list[str]
    sizes: npt.NDArray[np.int32]
    labels: Labels

    def images(self, start: int, end: int) -> SplitRecords:
        """The records of the images `start` to `end`."""
        part = slice(start, end)
        return SplitRecords(
            self.paths[part], self.urls[part], self.formats[part], self.sizes[part], self.labels.of_images(start, end)
        )


class _Details(msgspec.Struct, gc=False):
    format: str
    width: int | str
    height: int | str


class _Line(msgspec.Struct, gc=False):
    image_url: str
    image_details: _Details
    label: Any


ENCODER = msgspec.json.Encoder()

_AT_ONCE = 512
"""Images whose lines are made together: their labels as objects take several times the memory of their text."""


def record_schema(task: Task) -> pa.Schema:
    """The columns of the JSONL, typed."""
    details = pa.struct([("format", pa.string()), ("width", pa.int32()), ("height", pa.int32())])
    return pa.schema([("image_url", pa.string()), ("image_details", details), ("label", task.arrow_type)])


def arrow_schema(task: Task) -> pa.Schema:
    """The columns of the Parquet copy: those of the JSONL, and what is of use where all splits are read together.

    `source_id` and `area` have an item for each label, in their order: what the source calls the object, or where it stands there, and the
    area that it says, in its own unit.
    """
    more = [("split", pa.string()), ("label_count", pa.int32()), ("source_id", pa.list_(pa.string()))]
    if task.float_columns:
        more.append(("area", pa.list_(pa.float64())))
    return pa.schema([*record_schema(task), *(pa.field(name, kind) for name, kind in more)])


def encode_jsonl(records: SplitRecords, task: Task, px: bool) -> bytes:
    """One line an image, in order; with `px`, sizes are text such as "640px"."""
    blocks = range(0, len(records.urls), _AT_ONCE)
    return b"".join(_encode_lines(records.images(start, start + _AT_ONCE), task, px) for start in blocks)


def _encode_lines(records: SplitRecords, task: Task, px: bool) -> bytes:
    sides: list[list[Any]] = records.sizes.T.tolist()
    if px:
        sides = [[f"{side}px" for side in column] for column in sides]
    details = map(_Details, records.formats, *sides)
    return ENCODER.encode_lines(list(map(_Line, records.urls, details, task.json_labels(records.labels))))


def encode_parquet(records: SplitRecords | None, task: Task, split: str = "") -> bytes:
    """The same records, of a split, as a Parquet file of one row group; None makes a file without rows."""
    return parquet_bytes(
        arrow_schema(task).empty_table() if records is None else arrow_table(records, task, split), task
    )


def arrow_table(records: SplitRecords, task: Task, split: str) -> pa.Table:
    """The same records, of a split, as columns."""
    schema = arrow_schema(task)
    sides = [pa.array(np.ascontiguousarray(column), pa.int32()) for column in records.sizes.T]
    details = pa.StructArray.from_arrays(
        [pa.array(records.formats, pa.string()), *sides], fields=list(schema.field("image_details").type)
    )
    labels, count = records.labels, len(records.urls)
    offsets = pa.array(labels.offsets, pa.int32())
    columns = [
        pa.array(records.urls, pa.string()),
        details,
        task.arrow_labels(labels),
        pa.repeat(split, count),
        pa.array(np.diff(labels.offsets), pa.int32()),
        pa.ListArray.from_arrays(offsets, labels.id_column()),
    ]
    if task.float_columns:
        columns.append(pa.ListArray.from_arrays(offsets, labels.area_column()))
    return pa.Table.from_arrays(columns, schema=schema)


def parquet_bytes(table: pa.Table, task: Task) -> bytes:
    """A Parquet file of one row group."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        row_group_size=max(1, len(table)),
        compression="zstd",
        use_dictionary=["label", "label.list.element", "label.list.element.label", "image_details.format", "split"],
        use_byte_stream_split=list(task.float_columns),
    )
    result: bytes = sink.getvalue().to_pybytes()
    return result
