"""Parquet files of rows: what they hold once takes memory once."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from labelbeam.transforms.stores.archives.contents import Packed
from labelbeam.transforms.stores.shards.parquet import ParquetRows
from labelbeam.transforms.stores.shards.rows import image_columns, image_values
from tests.transforms.stores.shards_made import IMAGE, embedded


def test_what_a_small_file_holds_once_and_names_in_each_row_takes_memory_once(tmp_path: Path) -> None:
    value, text = b"\xff\xd8\xff" + bytes(2**20), "x" * 2**20
    images = pa.array([embedded(value, text)] * 200, IMAGE)
    table = pa.table({"image": images, "label": pa.array([text] * 200)})
    pq.write_table(table, tmp_path / "a.parquet", compression="zstd", dictionary_pagesize_limit=2**30)
    assert (tmp_path / "a.parquet").stat().st_size < 10_000
    packed = Packed(LocalFileSystem(), str(tmp_path / "a.parquet"), "a.parquet")
    packed.look()
    file = ParquetRows(packed)
    column = image_columns(file.footer.schema)[0]
    batch = next(file.batches(0, [*column.fields, "label"]))
    assert (len(batch), batch.nbytes < 10 * 2**20, file.footer.rows) == (200, True, [200])
    data, paths = image_values(batch, column)
    assert (data[199].as_py(), paths[7].as_py(), batch.column("label")[3].as_py()) == (value, text, text)
