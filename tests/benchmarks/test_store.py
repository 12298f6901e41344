"""The benchmark's store answers as moto does, and as late as it is told to."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from s3fs import S3FileSystem

from benchmarks.measure import served
from benchmarks.store import BUCKET, of_names, serve
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.locate import locate
from tests.servers.stores import S3Store

pytestmark = pytest.mark.server

FILES = {f"{folder}/{number:03}.txt": b"%d" % number for folder in ("a", "b/c", "b/d") for number in range(5)}
FILES |= {"top.txt": b"0123456789", "b.txt": b""}


def client(endpoint: str) -> S3FileSystem:
    region = {"region_name": "us-east-1"}
    return S3FileSystem(
        key="test",
        secret="test",
        endpoint_url=endpoint,
        client_kwargs=region,
        use_listings_cache=False,
        skip_instance_cache=True,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path, content in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    return tmp_path


def test_it_answers_as_moto_does(folder: Path, s3_store: S3Store) -> None:
    s3_store.upload(folder)
    with served(serve, str(folder), 0.0) as endpoint:
        ours, theirs = client(endpoint), client(s3_store.server)
        for prefix in ("", "b", "b/c", "nothing"):
            found = [
                sorted((info["name"].partition("/")[2], info["size"], info.get("ETag")) for info in infos.values())
                for infos in (
                    ours.find(f"{BUCKET}/{prefix}", detail=True),
                    theirs.find(f"{s3_store.name}/{prefix}", detail=True),
                )
            ]
            assert found[0] == found[1]
        for fs, bucket in ((ours, BUCKET), (theirs, s3_store.name)):
            assert sorted(name.partition("/")[2] for name in fs.ls(bucket)) == ["a", "b", "b.txt", "top.txt"]
            assert fs.cat_file(f"{bucket}/top.txt") == b"0123456789"
            assert fs.cat_file(f"{bucket}/top.txt", start=3, end=6) == b"345"
            assert fs.cat_file(f"{bucket}/top.txt", start=8, end=60) == b"89"
            assert fs.info(f"{bucket}/top.txt")["size"] == 10
            with pytest.raises(FileNotFoundError):
                fs.cat_file(f"{bucket}/lost.txt")


def test_a_build_lists_every_made_up_name(s3_at: Callable[[str], None]) -> None:
    with served(serve, 2500, 0.0) as endpoint:
        s3_at(endpoint)
        files = list_files(locate(f"s3://{BUCKET}", {})).files
    assert [file.path for file in files] == of_names(2500).keys


def test_an_answer_comes_late() -> None:
    with served(serve, 1, 0.3) as endpoint:
        fs = client(endpoint)
        began = time.monotonic()
        fs.cat_file(f"{BUCKET}/0000/IMG_0000000.jpg")
        assert time.monotonic() - began >= 0.3
