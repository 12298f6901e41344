"""Shards in stores: the same records and copies as from a local disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.end_to_end.builds import CLASSIFICATION, PREFIX, convert, labelbeam
from tests.end_to_end.test_shards import LABELLED, PARQUET, write
from tests.servers.stores import HttpStore, S3Store

pytestmark = pytest.mark.server


@pytest.mark.parametrize("files", [LABELLED, PARQUET], ids=["webdataset", "parquet"])
@pytest.mark.parametrize("where", ["s3", "http"])
def test_shards_are_read_from_a_store_as_from_a_disk(
    where: str, files: dict[str, bytes], s3_store: S3Store, http_store: HttpStore, tmp_path: Path
) -> None:
    source = {"s3": s3_store, "http": http_store}[where]
    source.write({f"raw/{name}": data for name, data in files.items()})
    local = convert(
        *("--source", write(tmp_path / "raw", files), "--image-url", PREFIX, "--check-images", "header"),
        task=CLASSIFICATION,
        output=tmp_path / "local",
    )
    storage = {**s3_store.storage_options, **source.storage_options}
    found = labelbeam(
        *("convert", "--task", CLASSIFICATION, "--source", source.url("raw"), "--output", tmp_path / "out"),
        *("--image-url", PREFIX, "--check-images", "header", "--copy-images", s3_store.url(f"copies-{where}")),
        *("--storage-options", json.dumps(storage), "--max-rejected", "1"),
    )
    assert found.status == 0, found.err
    (build,) = (tmp_path / "out/builds").iterdir()
    lines = {
        path.relative_to(build): path.read_bytes() for path in build.glob("*/*.jsonl") if path.parent.name != "rejected"
    }
    assert lines == {path: (local.root / path).read_bytes() for path in lines} and lines
    assert set(s3_store.paths(f"copies-{where}")) == {f"copies-{where}/{path}" for path in local.records}
