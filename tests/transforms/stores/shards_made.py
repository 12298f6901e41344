"""Shards that tests make: TAR files of samples, and Parquet files of images as `datasets` writes them."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tests.transforms.stores.archives_made import tarred

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def picture(width: int = 100, height: int = 60, form: str = "JPEG", colour: int = 99) -> bytes:
    """The bytes of an image."""
    written = io.BytesIO()
    Image.new("L", (width, height), colour).save(written, form)
    return written.getvalue()


def sample(key: str, **files: Any) -> dict[str, bytes]:
    """Files of a sample by suffix, `_` for a dot: bytes as they are, text in UTF-8, all else as JSON."""
    found = {}
    for suffix, value in files.items():
        text = value if isinstance(value, str | bytes) else json.dumps(value)
        found[f"{key}.{suffix.replace('_', '.')}"] = text.encode() if isinstance(text, str) else text
    return found


def shard(*samples: Mapping[str, bytes]) -> bytes:
    """A TAR of samples."""
    return tarred({name: data for each in samples for name, data in each.items()})


def parquet(
    columns: Mapping[str, Sequence[Any]],
    features: Mapping[str, Any] | None = None,
    rows: int = 100,
    types: Mapping[str, pa.DataType] | None = None,
) -> bytes:
    """A Parquet file; columns of mappings of `bytes` or `path` are images. `features` stand in the footer; `rows` a group."""
    written = io.BytesIO()
    pq.write_table(_table(columns, features, types), written, row_group_size=rows)
    return written.getvalue()


def arrow(
    columns: Mapping[str, Sequence[Any]],
    features: Mapping[str, Any] | None = None,
    rows: int = 100,
    types: Mapping[str, pa.DataType] | None = None,
    form: Any = pa.ipc.new_stream,
    **options: Any,
) -> bytes:
    """The same as an Arrow stream of batches of so many `rows`, as `datasets` saves it; or in another `form` of Arrow's."""
    table, written = _table(columns, features, types), io.BytesIO()
    with form(written, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as stream:
        stream.write_table(table, rows)
    return written.getvalue()


def _table(
    columns: Mapping[str, Sequence[Any]],
    features: Mapping[str, Any] | None,
    types: Mapping[str, pa.DataType] | None,
) -> pa.Table:
    arrays = {}
    for name, values in columns.items():
        kind = (types or {}).get(name)
        first = next((value for value in values if value is not None), None)
        if kind is None and isinstance(first, dict) and first.keys() <= {"bytes", "path"}:
            kind = IMAGE
        arrays[name] = pa.array(values, kind)
    table = pa.table(arrays)
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    return table


def embedded(data: bytes | None, path: str | None = None) -> dict[str, Any]:
    """An image as it stands in a row."""
    return {"bytes": data, "path": path}
