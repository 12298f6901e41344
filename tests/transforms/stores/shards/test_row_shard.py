"""A file of rows as a directory of images: by row, in any order, of several columns, Parquet or Arrow, and damaged ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from labelbeam.transforms.stores.archives.contents import ArchiveError
from labelbeam.transforms.stores.shards import parquet as parquet_module
from labelbeam.transforms.stores.shards import row_shard as module
from labelbeam.transforms.stores.shards import rows as rows_module
from labelbeam.transforms.stores.shards.row_shard import RowShard
from tests.transforms.stores.shards_made import arrow, embedded, parquet

CONTENTS = [random.Random(number).randbytes(2000) for number in range(300)]


def shard(folder: Path, data: bytes) -> RowShard:
    name = "a.parquet" if data.startswith(b"PAR1") or len(data) < 4 else "a.arrow"
    (folder / name).write_bytes(data)
    return RowShard(LocalFileSystem(), str(folder / name), name)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches and caches that are soon full."""
    monkeypatch.setattr(rows_module, "BATCH", 10_000)
    monkeypatch.setattr(module, "KEPT", 25_000)
    monkeypatch.setattr(parquet_module, "BUFFER", 4_000)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("made", [parquet, arrow])
def test_images_are_found_by_their_rows_in_any_order_and_from_many_threads(
    made: Callable[..., bytes], tmp_path: Path
) -> None:
    found = shard(tmp_path, made({"image": [embedded(data) for data in CONTENTS], "label": [*range(300)]}, rows=70))
    rows = [*range(300), *random.Random(1).sample(range(300), 40)]
    assert [found.read(f"{row:06}.jpg", None, None) for row in rows] == [CONTENTS[row] for row in rows]
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda row: found.read(f"{row:06}_x.jpg", 10, 20), rows))
    assert read == [CONTENTS[row][10:20] for row in rows]
    assert found.entry("000299").size == 2000
    if made is arrow:
        return
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
