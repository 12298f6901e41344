"""Files of a build: their names, their entries, and the empty ones that complete a set."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.manifest import FileEntry, SplitCounts
from labelbeam.transforms.builds.publish import complete
from labelbeam.transforms.builds.shards import entry_of, fill, shard_name, write_file
from labelbeam.transforms.stores.locate import locate
from tests.transforms.builds.receipts import CONFIG, manifest_of, receipt


def test_empty_shards_are_put_several_at_a_time_since_a_store_takes_a_while_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(4, timeout=30)

    def put_with_others(*arguments: Any) -> FileEntry:
        together.wait()
        return write_file(*arguments)

    monkeypatch.setattr("labelbeam.transforms.builds.shards.write_file", put_with_others)
    manifest = manifest_of(receipt(rejected=None))
    manifest.splits, manifest.parquet = {"train": SplitCounts(files=[])}, []
    complete(locate(str(tmp_path), {}), manifest, CONFIG, 4)
    assert len(manifest.splits["train"].files) == len(manifest.parquet) == 4


def test_a_shard_s_name_sorts_as_its_number() -> None:
    names = [shard_name("train", "train", bucket, 99_999, "jsonl") for bucket in (0, 9, 10, 99_998)]
    assert names[1] == "train/train-00009-of-99999.jsonl"
    assert names == sorted(names)


def test_an_entry_is_what_was_put(tmp_path: Path) -> None:
    build = locate(str(tmp_path), {})
    entry = write_file(build, "train/x.jsonl", b"one\n", 1)
    assert entry == entry_of("train/x.jsonl", b"one\n", 1)
    assert (entry.bytes, entry.sha256) == (4, hashlib.sha256(b"one\n").hexdigest())
    assert (tmp_path / "train/x.jsonl").read_bytes() == b"one\n"


def test_only_what_is_missing_of_a_set_is_written_and_all_of_it_is_listed_in_order(tmp_path: Path) -> None:
    entries = [FileEntry("train/b", 3, 9, "00")]
    fill(entries, ["train/a", "train/b", "train/c"], locate(str(tmp_path), {}), b"")
    assert [(entry.path, entry.records) for entry in entries] == [("train/a", 0), ("train/b", 3), ("train/c", 0)]
    assert sorted(path.name for path in (tmp_path / "train").iterdir()) == ["a", "c"]
