"""A Parquet file as a directory of images: by row, in any order, of several columns, and damaged ones."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem

from labelbeam.transforms.stores.archives.contents import ArchiveError, Packed
from labelbeam.transforms.stores.shards import parquet as module
from labelbeam.transforms.stores.shards.parquet import (
    Column,
    ParquetShard,
    image_columns,
    image_values,
    name_of,
    open_parquet,
    rows_at_once,
)
from tests.transforms.stores.shards_made import IMAGE, embedded, parquet

CONTENTS = [random.Random(number).randbytes(2000) for number in range(300)]


def shard(folder: Path, data: bytes) -> ParquetShard:
    (folder / "a.parquet").write_bytes(data)
    return ParquetShard(LocalFileSystem(), str(folder / "a.parquet"), "a.parquet")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches and caches that are soon full."""
    monkeypatch.setattr(module, "BATCH", 10_000)
    monkeypatch.setattr(module, "KEPT", 25_000)
    monkeypatch.setattr(module, "BUFFER", 4_000)


@pytest.mark.usefixtures("small")
def test_images_are_found_by_their_rows_in_any_order_and_from_many_threads(tmp_path: Path) -> None:
    found = shard(tmp_path, parquet({"image": [embedded(data) for data in CONTENTS], "label": [*range(300)]}, rows=70))
    rows = [*range(300), *random.Random(1).sample(range(300), 40)]
    assert [found.read(f"{row:06}.jpg", None, None) for row in rows] == [CONTENTS[row] for row in rows]
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda row: found.read(f"{row:06}_x.jpg", 10, 20), rows))
    assert read == [CONTENTS[row][10:20] for row in rows]
    assert found.entry("000299").size == 2000
    # A batch has the dictionary of its whole group with it.
    assert all(len(group._kept) == 1 or group._held <= 25_000 for group in module._groups._groups.values())


@pytest.mark.parametrize(
    "path", ["000300.jpg", "00001.jpg", "a/000001.jpg", "000001", "-00001.jpg", "999999999999999999.x"]
)
def test_what_names_no_image_is_not_there(path: str, tmp_path: Path) -> None:
    found = shard(tmp_path, parquet({"image": [embedded(b"x"), embedded(None, "a.jpg"), None]}))
    with pytest.raises(FileNotFoundError):
        found.read(path, None, None)


def test_images_of_several_columns_lie_in_directories(tmp_path: Path) -> None:
    found = shard(tmp_path, parquet({"left": [embedded(b"l")], "right": [embedded(b"r")]}))
    assert found.read("left/000000.jpg", None, None) == b"l"
    assert found.read("right/000000.jpg", None, None) == b"r"
    with pytest.raises(FileNotFoundError):
        found.read("000000.jpg", None, None)


def test_one_that_changed_is_read_anew_once_it_is_doubted(tmp_path: Path) -> None:
    found = shard(tmp_path, parquet({"image": [embedded(b"one")]}))
    assert found.read("000000.jpg", None, None) == b"one"
    (tmp_path / "a.parquet").write_bytes(parquet({"image": [embedded(b"another"), embedded(b"x" * 99)]}))
    found.doubt()
    assert found.read("000000.jpg", None, None) == b"another"


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


DATA = parquet({"image": [embedded(data) for data in CONTENTS[:20]]})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PAR1",
        DATA[:-20],
        DATA[20:],
        DATA[:4] + bytes(200) + DATA[204:],
        DATA[: len(DATA) - 60] + b"\xff" * 40 + DATA[len(DATA) - 20 :],
    ],
)
def test_one_that_is_damaged_is_refused_in_words(data: bytes, tmp_path: Path) -> None:
    found = shard(tmp_path, data)
    with pytest.raises((ArchiveError, FileNotFoundError)) as caught:
        for row in range(20):
            assert found.read(f"{row:06}.jpg", None, None) == CONTENTS[row]
    assert "a.parquet" in str(caught.value) or "row" in str(caught.value)


def test_what_a_small_file_holds_once_and_names_in_each_row_takes_memory_once(tmp_path: Path) -> None:
    value, text = b"\xff\xd8\xff" + bytes(2**20), "x" * 2**20
    images = pa.array([embedded(value, text)] * 200, IMAGE)
    table = pa.table({"image": images, "label": pa.array([text] * 200)})
    pq.write_table(table, tmp_path / "a.parquet", compression="zstd", dictionary_pagesize_limit=2**30)
    assert (tmp_path / "a.parquet").stat().st_size < 10_000
    packed = Packed(LocalFileSystem(), str(tmp_path / "a.parquet"), "a.parquet")
    packed.look()
    file = open_parquet(packed)
    column = image_columns(file.schema_arrow)[0]
    batch = next(file.iter_batches(200, row_groups=[0], columns=[*column.fields, "label"], use_threads=False))
    assert (len(batch), batch.nbytes < 10 * 2**20, rows_at_once(file, 0) > 100) == (200, True, True)
    data, paths = image_values(batch, column)
    assert (data[199].as_py(), paths[7].as_py(), batch.column("label")[3].as_py()) == (value, text, text)
