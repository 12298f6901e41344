"""Rows that hold images: which columns do, and what they are called by."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from fsspec.implementations.local import LocalFileSystem

from labelbeam.transforms.stores.archives.contents import Packed
from labelbeam.transforms.stores.failures import ShortReadError
from labelbeam.transforms.stores.shards.rows import (
    Column,
    DamagedError,
    Source,
    checked,
    image_columns,
    name_of,
    rows_at_once,
)
from tests.transforms.stores.shards_made import IMAGE


def test_columns_of_images_are_structs_of_bytes_and_bytes_that_are_called_so() -> None:
    schema = pa.schema(
        [
            ("image", IMAGE),
            ("png", pa.large_binary()),
            ("hash", pa.binary()),
            ("audio", pa.struct([("array", pa.list_(pa.float32())), ("path", pa.string())])),
            ("beside", pa.struct([("path", pa.string())])),
        ]
    )
    assert image_columns(schema) == [
        Column("image", "bytes", "path"),
        Column("png", "", None),
        Column("beside", None, "path"),
    ]


@pytest.mark.parametrize(
    ("path", "data", "name"),
    [
        ("cat.JPG", b"", "000007_cat.JPG"),
        ("/home/a/b.png", b"", "000007_b.png"),
        ("..\\..\\x.png", b"", "000007_x.png"),
        ("..", b"\xff\xd8\xff", "000007.jpg"),
        ("a\nb.jpg", b"\x89PNG", "000007.png"),
        ("%2e%2e%2fa.jpg", b"GIF89a", "000007.gif"),
        ("x" * 300, b"", "000007"),
        ("cat", b"\xff\xd8\xff", "000007_cat.jpg"),
        (None, None, "000007"),
    ],
)
def test_a_name_begins_with_the_row_and_leads_nowhere(path: str | None, data: Any, name: str) -> None:
    assert name_of(7, path, data) == name


@pytest.mark.parametrize(
    ("rows", "size", "expected"), [(10, 1, 1024), (100, 400 * 2**20, 1), (100, 8 * 2**20, 50), (0, 0, 1024)]
)
def test_rows_are_decoded_together_by_their_bytes(rows: int, size: int, expected: int) -> None:
    assert rows_at_once(rows, size) == expected


class _Refusing(Packed):
    def read(self, start: int, end: int) -> bytes:
        raise ShortReadError("half of it came")


def test_what_a_store_says_while_rows_are_decoded_is_no_damage() -> None:
    packed = _Refusing(LocalFileSystem(), "a.parquet", "a.parquet")
    packed.size = 100
    with pytest.raises(ShortReadError, match="half"):
        checked(packed, lambda: pa.ipc.open_stream(Source(packed)))
    with pytest.raises(DamagedError, match=r"a\.parquet is no Parquet file, or a damaged one .*invalid literal"):
        checked(packed, lambda: int("x"))


def test_memory_that_runs_out_in_pyarrow_is_no_damage() -> None:
    def short() -> None:
        raise pa.ArrowMemoryError("malloc of size 4096 failed")

    with pytest.raises(MemoryError):
        checked(_Refusing(LocalFileSystem(), "a.parquet", "a.parquet"), short)
