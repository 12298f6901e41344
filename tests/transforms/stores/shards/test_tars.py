"""A TAR as a directory: ranges of its files, threads, and what changed."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from labelbeam.transforms.stores.archives.contents import ArchiveError
from labelbeam.transforms.stores.shards.tars import TarShard
from tests.transforms.stores.archives_made import FILES, tarred


@pytest.fixture(params=["a.tar", "a.tar.gz", "a.TGZ"])
def shard(request: pytest.FixtureRequest, tmp_path: Path) -> TarShard:
    data = tarred(FILES)
    (tmp_path / request.param).write_bytes(data if request.param.endswith("tar") else gzip.compress(data))
    return TarShard(LocalFileSystem(), str(tmp_path / request.param), request.param)


def test_its_files_are_read_whole_and_in_parts(shard: TarShard) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda path: shard.read(path, None, None), FILES)) == list(FILES.values())
    assert shard.read("coco.json", 1000, 2000) == FILES["coco.json"][1000:2000]
    assert shard.read("coco.json", 399_000, 10**9) == FILES["coco.json"][399_000:]
    assert shard.read("voc/empty.txt", 5, 9) == b""
    assert shard.entry("coco.json").size == len(FILES["coco.json"])
    with pytest.raises(FileNotFoundError):
        shard.entry("voc")


def test_a_scan_brings_what_is_made_of_files(shard: TarShard) -> None:
    def visit(name: str, size: int, read: Callable[[int, int], bytes]) -> bytes | None:
        return read(0, size) if name.endswith((".xml", ".json")) and size < 1000 else None

    contents, data = shard.scan(visit)
    assert sorted(contents.files) == sorted(FILES)
    start = contents.files["voc/Annotations/1.xml"].start
    assert data == {start: FILES["voc/Annotations/1.xml"]}


def test_one_that_changed_is_looked_at_anew_once_it_is_doubted(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(tarred({"1.jpg": b"one"}))
    shard = TarShard(LocalFileSystem(), str(path), "a.tar")
    assert shard.entry("1.jpg").size == 3
    path.write_bytes(tarred({"0.jpg": b"x", "1.jpg": b"another"}))
    os.utime(path, ns=(1, 1))
    shard.doubt()
    assert shard.read("1.jpg", None, None) == b"another"


def test_one_that_ends_within_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tarred({"1.json": bytes(5000)})[:2000])
    shard = TarShard(LocalFileSystem(), str(tmp_path / "a.tar"), "a.tar")
    with pytest.raises(ArchiveError, match="damaged one"):
        shard.scan(lambda name, size, read: read(0, size))
