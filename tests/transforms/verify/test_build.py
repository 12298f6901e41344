"""Files, MLTables and counts of a build that are not as they were published."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from labelbeam.schemas.statistics import SplitStatistics
from tests.transforms.verify.damaged import Build, Run, told


def test_any_file_that_is_gone_is_a_difference(build: Build, verify: Run) -> None:
    for path in build.files():
        if path == "report.html":
            continue
        data = build.read(path)
        (build.root / path).unlink()
        assert told(verify(build), path, "no such file"), path
        (build.root / path).write_bytes(data)


def test_any_file_that_the_manifest_does_not_list_is_a_difference(build: Build, verify: Run) -> None:
    for path in ("train/train-00002-of-00002.jsonl", "receipts.json", "test/MLTable", ".hidden", "train/manifest.json"):
        (build.root / path).parent.mkdir(exist_ok=True)
        (build.root / path).write_bytes(b"x")
        assert told(verify(build), path, "a file", "none"), path


def test_a_flipped_bit_anywhere_in_any_file_is_a_difference(build: Build, verify: Run) -> None:
    for path in build.files():
        data = build.read(path)
        if path in ("manifest.json", "report.html") or "MLTable" in path:
            continue
        for position in range(0, len(data), max(1, len(data) // 2)):
            damaged = bytearray(data)
            damaged[position] ^= 0b100
            (build.root / path).write_bytes(damaged)
            assert told(verify(build), path, "sha256 ", hashlib.sha256(data).hexdigest()), (path, position)
        (build.root / path).write_bytes(data)


def test_a_truncated_shard_is_a_difference(build: Build, verify: Run) -> None:
    for path in (build.first("train"), build.first("parquet"), build.first("rejected")):
        data = build.read(path)
        (build.root / path).write_bytes(data[: len(data) // 2])
        assert told(verify(build), path, f"{len(data) // 2} bytes", f"{len(data)} bytes"), path
        (build.root / path).write_bytes(data)


def test_a_damaged_shard_is_looked_into_as_well_so_that_one_run_tells_what_is_wrong(build: Build, verify: Run) -> None:
    path = build.first("train")
    (build.root / path).write_bytes(build.read(path).replace(b'"isCrowd":0', b'"isCrowd":7', 1))
    answer = verify(build)
    assert told(answer, path, "sha256")
    assert told(answer, path, "isCrowd")


def test_a_shard_that_neither_lies_there_nor_stands_in_the_manifest_is_missed_by_its_number(
    build: Build, verify: Run
) -> None:
    shard = build.first("train")
    for path in (shard, Build.copy_of(shard)):
        (build.root / path).unlink()
    with build.manifest() as manifest:
        part = manifest["splits"]["train"]
        part["files"] = [entry for entry in part["files"] if entry["path"] != shard]
        manifest["parquet"] = [entry for entry in manifest["parquet"] if entry["path"] != Build.copy_of(shard)]
    answer = verify(build)
    assert told(answer, shard, "not in its place in the manifest", "one of 2 shards")
    assert told(answer, Build.copy_of(shard), "not in its place")


def test_a_shard_listed_twice_or_for_another_split_is_a_difference(build: Build, verify: Run) -> None:
    with build.manifest() as manifest:
        entry = manifest["splits"]["train"]["files"][0]
        manifest["splits"]["validation"]["files"].append(entry)
    answer = verify(build)
    assert told(answer, "manifest.json", f"{entry['path']} listed 2 times", "once")
    assert told(answer, entry["path"], "listed in the manifest", "no such name")
    assert told(answer, entry["path"], "the image_url of line 1", "each image once")


def test_a_manifest_is_not_followed_out_of_the_build(build: Build, verify: Run) -> None:
    with build.manifest() as manifest:
        manifest["rejected"][0]["path"] = "../../latest.json"
    assert told(verify(build), "../../latest.json", "no such file")


# MLTable.


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("./train-*.jsonl", "./train-00000-*.jsonl", "load 1 file: not train/train-00001-of-00002.jsonl"),
        ("./train-*.jsonl", "./*", "load 3 files: also train/MLTable"),
        ("./train-*.jsonl", "../*/*.jsonl", "load 6 files: also rejected/"),
        ("pattern: ./train-*.jsonl", "folder: ./", "[{'folder': './'}] load 0 files"),
        ("invalid_lines: error", "invalid_lines: drop", "'invalid_lines': 'drop'"),
        ("paths:", "paths: [", "no YAML"),
        ("paths:", "\x00", "no YAML"),
        ("encoding: utf8", "encoding: \udcff", "no YAML"),
        ("encoding: utf8", "encoding: 2001-99-99", "no YAML"),
        ("encoding: utf8", "encoding: !!bool x", "no YAML"),
    ],
)
def test_an_mltable_that_loads_something_else_is_a_difference(
    old: str, new: str, found: str, build: Build, verify: Run
) -> None:
    text = build.read("train/MLTable").decode()
    assert old in text
    (build.root / "train/MLTable").write_bytes(text.replace(old, new).encode(errors="surrogateescape"))
    assert told(verify(build), "train/MLTable", found)


@pytest.mark.parametrize("data", [b"", b"[]", b"paths: 3", b"- 1"])
def test_an_mltable_without_paths_is_a_difference(data: bytes, build: Build, verify: Run) -> None:
    (build.root / "train/MLTable").write_bytes(data)
    assert told(verify(build), "train/MLTable", "load 0 files", "the 2 shards of train")


@pytest.mark.parametrize("data", [b"&a [*a]", b"paths: &a [*a]"])
def test_an_mltable_with_aliases_is_a_difference(data: bytes, build: Build, verify: Run) -> None:
    (build.root / "train/MLTable").write_bytes(data)
    assert told(verify(build), "train/MLTable", "no YAML: ", "an MLTable")


def test_an_mltable_of_the_same_meaning_in_other_words_is_none(build: Build, verify: Run) -> None:
    text = (
        build.read("train/MLTable").decode().replace("./train-*.jsonl", "'train-?????-of-00002.jsonl'  # all of them")
    )
    (build.root / "train/MLTable").write_text(text)
    assert verify(build)[0] == 0


# Counts.

COUNTS = [
    *(["counts", what, key] for what in ("images", "objects") for key in ("found", "written", "rejected", "skipped")),
    ["splits", "train", "images"],
    ["splits", "validation", "objects"],
    ["rejected_by_reason", "unknown_category"],
    ["rejected_by_reason", "invalid_xml"],
    ["skipped_by_reason", "background"],
    ["label_counts", "train", "cat"],
    ["label_counts", "train", "dodo"],
    ["label_counts", "test", "cat"],
]


@pytest.mark.parametrize("keys", COUNTS, ids=".".join)
@pytest.mark.parametrize("by", [1, -1])
def test_any_count_that_is_not_that_of_the_files_is_a_difference(
    keys: list[str], by: int, build: Build, verify: Run
) -> None:
    with build.manifest() as manifest:
        inner = manifest
        for key in keys[:-1]:
            inner = inner.setdefault(key, {})
        inner[keys[-1]] = inner.get(keys[-1], 0) + by
    status, answer = verify(build)
    assert status == 3
    assert {item["file"] for item in answer["differences"]} == {"manifest.json"}


@pytest.mark.parametrize("name", SplitStatistics.__struct_fields__)
def test_any_histogram_that_is_not_that_of_the_files_is_a_difference(name: str, build: Build, verify: Run) -> None:
    with build.manifest() as manifest:
        found = manifest["statistics"]["train"][name]
        key: Any = next(iter(found)) if isinstance(found, dict) else found.index(max(found))
        found[key] += 1
    assert told(verify(build), "manifest.json", f"statistics of train: {name}", "as its files hold")


def test_a_manifest_of_a_version_without_statistics_is_no_difference(build: Build, verify: Run) -> None:
    with build.manifest() as manifest:
        del manifest["statistics"]
    assert verify(build)[0] == 0


def test_counts_that_balance_and_yet_are_not_those_of_the_files_are_a_difference(build: Build, verify: Run) -> None:
    with build.manifest() as manifest:
        for tally in manifest["counts"].values():
            tally["written"] -= 1
            tally["rejected"] += 1
    answer = verify(build)
    for name in ("images", "objects"):
        assert told(answer, "manifest.json", f"{name} written")
        assert told(answer, "manifest.json", f"{name} rejected")


@pytest.mark.parametrize("where", ["splits", "parquet", "rejected"])
def test_a_file_of_more_or_fewer_records_than_listed_is_a_difference(where: str, build: Build, verify: Run) -> None:
    with build.manifest() as manifest:
        entry = (manifest["splits"]["train"]["files"] if where == "splits" else manifest[where])[0]
        entry["records"] += 1
    assert told(verify(build), entry["path"], f"{entry['records'] - 1} ", f"{entry['records']}, as the manifest says")


@pytest.mark.parametrize(
    "change",
    [
        lambda labels: [*labels, "dodo"],
        lambda labels: labels[1:],
        lambda labels: labels[::-1],
        lambda labels: labels * 2,
    ],
    ids=["one more", "one less", "not sorted", "twice"],
)
def test_labels_are_those_of_the_files_sorted(
    change: Callable[[list[str]], list[str]], build: Build, verify: Run
) -> None:
    with build.manifest() as manifest:
        manifest["labels"] = change(manifest["labels"])
    assert told(verify(build), "manifest.json", " labels", "the 3 labels of its files, sorted")
