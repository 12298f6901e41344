"""A directory of shards as a store: what is found in which shard, and what lies beside them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.stores.errors import MissingFileError, StoreError
from labelbeam.transforms.stores.files import kind, stat
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.locate import locate, locate_target
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.many import read_many
from labelbeam.transforms.stores.overlap import lies_in
from labelbeam.transforms.stores.reading import read_file, read_range
from tests.transforms.stores.archives_made import tarred
from tests.transforms.stores.shards_made import embedded, parquet

FILES = {
    "train/0.tar": tarred({"a/1.jpg": b"one", "b.parquet/2.jpg": b"two"}),
    "1.tar.gz": gzip.compress(tarred({"1.jpg": b"three"})),
    "2.parquet": parquet({"image": [embedded(b"four", "1.jpg")]}),
    "images/1.jpg": b"five",
    "dir.tar/1.jpg": b"six",
}
HELD = {
    "train/0.tar/a/1.jpg": b"one",
    "train/0.tar/b.parquet/2.jpg": b"two",
    "1.tar.gz/1.jpg": b"three",
    "2.parquet/000000_1.jpg": b"four",
    "images/1.jpg": b"five",
    "dir.tar/1.jpg": b"six",
}


@pytest.fixture(params=["disk", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path, memory: str) -> Location:
    base = locate(str(tmp_path) if request.param == "disk" else memory, {})
    for path, data in FILES.items():
        place = base.below(path)
        place.fs.makedirs(place.path.rpartition("/")[0], exist_ok=True)
        place.fs.pipe_file(place.path, data)
    return locate(f"shards://::{base.url}", {})


def test_files_in_shards_and_beside_them_are_read(root: Location) -> None:
    assert {path: read_file(root.below(path)) for path in HELD} == HELD
    assert list(read_many(root, list(HELD))) == list(HELD.values())
    assert {path: stat(root.below(path)).size for path in HELD} == {path: len(data) for path, data in HELD.items()}
    assert read_range(root.below("train/0.tar/a/1.jpg"), 1, 3) == b"ne"
    assert kind(root) == kind(root.below("1.tar.gz")) == "directory"


@pytest.mark.parametrize(
    "path", ["x.tar/1.jpg", "train/0.tar/x", "2.parquet/1.jpg", "images/2.jpg", "1.tar.gz/1.jpg/x"]
)
def test_what_is_not_there_is_missing(path: str, root: Location) -> None:
    with pytest.raises(MissingFileError):
        read_file(root.below(path))


def test_a_place_in_a_shard_has_a_url_that_opens_it_and_lies_where_its_file_does(root: Location) -> None:
    place = root.below("train/0.tar/a/1.jpg")
    assert place.url == f"shards://train/0.tar/a/1.jpg::{root.url.partition('::')[2]}"
    assert read_file(locate(place.url, {})) == b"one"
    assert lies_in(place, locate(root.url.partition("::")[2], {}), {})


def test_shards_are_neither_listed_nor_written(root: Location) -> None:
    with pytest.raises(StoreError, match="shards are not listed"):
        list_files(root)
    with pytest.raises(UsageError, match="is read only"):
        locate_target("--output", root.url, {})


def test_a_shard_that_is_damaged_is_an_error_of_its_own(root: Location) -> None:
    outer = locate(root.url.partition("::")[2], {})
    for name in ("bad.tar", "bad.tar.gz", "bad.parquet"):
        place = outer.below(name)
        place.fs.pipe_file(place.path, b"damaged")
        with pytest.raises(StoreError, match=r"damaged one|no TAR"):
            read_file(root.below(f"{name}/1.jpg"))
    assert read_file(root.below("images/1.jpg")) == b"five"
