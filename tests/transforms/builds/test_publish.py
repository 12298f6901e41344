"""Receipts add up to a manifest or to an error, and a build is seen whole or not at all."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubted, unclassified
from labelbeam.schemas.errors import CountsError, LabelBeamError, LostLockError
from labelbeam.schemas.manifest import Counts, FileEntry, Manifest, Receipt, SplitCounts, Tally
from labelbeam.transforms.builds.identity import BuildIdentity, after, config_identity, made_alike, new_identity
from labelbeam.transforms.builds.lock import Pace, locked
from labelbeam.transforms.builds.manifest import make_manifest
from labelbeam.transforms.builds.publish import complete, publish
from labelbeam.transforms.builds.published import latest_manifest
from labelbeam.transforms.builds.shards import write_file
from labelbeam.transforms.formats.plans import MOST_SHARDS, Plan, bucket_count
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location

CONFIG = ConvertConfig(task="image_object_detection", source=["s"], output="o")
PLAN = Plan("coco", "by its head", "file:///images", 2, "abc", {"files": 1})
QUICK = Pace(beat=0.05, dead_after=0.6, look=0.01)
IDENTITY = BuildIdentity("20240101-abc", "1.0", "abc")


def entry(path: str, records: int = 1) -> FileEntry:
    return FileEntry(path, records, 9, "00")


def receipt(bucket: int = 0, **changed: Any) -> Receipt:
    """Return a receipt of two written images, one rejected, one skipped, and of their objects."""
    name = f"train/train-{bucket:05d}-of-00002.jsonl"
    fields: dict[str, Any] = {
        "splits": {"train": SplitCounts(2, 3, [entry(name, 2)])},
        "parquet": [entry(f"parquet/train-{bucket:05d}-of-00002.parquet", 2)],
        "rejected": entry(f"rejected/rejected-{bucket:05d}-of-00002.jsonl", 2),
        "counts": Counts(Tally(4, 2, 1, 1), Tally(5, 3, 1, 1)),
        "labels": {"train": {"cat": 2, "dog": 1}},
        "rejected_by_reason": {"missing_bbox": 1, "missing_image": 1},
        "skipped_by_reason": {"background": 1, "difficult_only": 1},
        "adjusted_by_reason": {"bbox_clipped": 2},
        "records_in": 8,
    }
    return Receipt(bucket=bucket, **(fields | changed))


def manifest_of(
    *receipts: Receipt, records: int | None = None, config: ConvertConfig = CONFIG, warnings: Sequence[str] = ()
) -> Manifest:
    arrived = sum(receipt.records_in for receipt in receipts)
    sent = sum(receipt.arrived for receipt in receipts)
    found = arrived if records is None else records
    return make_manifest(PLAN, config, IDENTITY, receipts, found, sent, unclassified(warnings))


# Adding up.


def test_receipts_add_up() -> None:
    second = receipt(
        1,
        splits={"train": SplitCounts(1, 1, [entry("train/1")]), "test": SplitCounts(1, 2, [entry("test/1")])},
        labels={"train": {"cat": 1}, "test": {"bird": 2}},
        rejected=None,
    )
    manifest = manifest_of(receipt(), second)
    assert msgspec.to_builtins(manifest.counts) == {
        "images": {"found": 8, "written": 4, "rejected": 2, "skipped": 2},
        "objects": {"found": 10, "written": 6, "rejected": 2, "skipped": 2},
    }
    assert [(name, part.images, part.objects, len(part.files)) for name, part in manifest.splits.items()] == [
        ("test", 1, 2, 1),
        ("train", 3, 4, 2),
    ]
    assert manifest.labels == ["bird", "cat", "dog"]
    assert manifest.label_counts == {"test": {"bird": 2}, "train": {"cat": 3, "dog": 1}}
    assert manifest.rejected_by_reason == {"missing_bbox": 2, "missing_image": 2}
    assert manifest.skipped_by_reason == {"background": 2, "difficult_only": 2}
    assert manifest.adjusted_by_reason == {"bbox_clipped": 4}
    assert len(manifest.parquet) == 2
    assert len(manifest.rejected) == 1


def test_receipts_are_left_as_they_are() -> None:
    receipts = [receipt(0), receipt(1)]
    before = msgspec.json.encode(receipts)
    manifest_of(*receipts)
    manifest_of(*receipts)
    assert msgspec.json.encode(receipts) == before


def test_nothing_adds_up_to_nothing() -> None:
    manifest = manifest_of()
    assert (manifest.splits, manifest.labels, manifest.counts) == ({}, [], Counts())


def test_a_manifest_says_what_it_was_made_from() -> None:
    manifest = manifest_of(receipt(), warnings=["mind the gap"])
    assert (manifest.build, manifest.labelbeam_version, manifest.task) == ("20240101-abc", "1.0", CONFIG.task)
    assert msgspec.to_builtins(manifest.source) == {
        "fingerprint": "abc",
        "image_prefix": None,
        "covers": {"files": 1},
        "format": "coco",
        "recognised": "by its head",
        "warnings": [],
        "files": [],
        "trees": [],
        "images": "file:///images",
    }
    assert manifest.warnings == ["mind the gap"]
    assert datetime.now(UTC) - datetime.fromisoformat(manifest.created) < timedelta(minutes=1)


@pytest.mark.parametrize("records", [7, 9])
def test_a_record_that_was_lost_or_repeated_on_the_way_stops_the_build(records: int) -> None:
    with pytest.raises(CountsError, match=f"readers found {records} images and objects, 8 reached the writers"):
        manifest_of(receipt(), records=records)


@pytest.mark.parametrize("kind", ["images", "objects"])
@pytest.mark.parametrize("field", ["found", "written", "rejected", "skipped"])
def test_counts_that_do_not_add_up_stop_the_build(kind: str, field: str) -> None:
    wrong = receipt()
    tally = getattr(wrong.counts, kind)
    setattr(tally, field, getattr(tally, field) + 1)
    with pytest.raises(CountsError, match=f"{kind} found, but .* do not add up"):
        manifest_of(wrong)


# Warnings.


@pytest.mark.parametrize(
    ("label", "warned"), [("#hash", True), (" cat", True), ("--bg--", False), ("0", False), ("-", True)]
)
def test_a_label_that_sorts_before_the_trainers_background_is_warned_of(label: str, warned: bool) -> None:
    doubts = manifest_of(receipt(labels={"train": {label: 3}})).doubts
    told = [repr(label) in doubt.message for doubt in doubts if doubt.code == Doubted.LABEL_BEFORE_BACKGROUND]
    assert told == [True] * warned


def test_a_split_without_a_line_or_an_object_is_warned_of() -> None:
    config = msgspec.structs.replace(CONFIG, split="train=0.5,validation=0.3,test=0.2")
    bare = receipt(splits={"train": SplitCounts(1, 1), "validation": SplitCounts(2, 0)}, labels={})
    warnings = manifest_of(bare, config=config).warnings
    assert [warning.partition(",")[0] for warning in warnings] == [
        "split test is empty",
        "split validation holds background only",
    ]


# Completing.


def test_every_shard_that_a_name_promises_is_there(tmp_path: Path) -> None:
    config = msgspec.structs.replace(CONFIG, split={"train": 0.5, "test": 0.5})
    build = locate(str(tmp_path), {})
    manifest = manifest_of(receipt(), config=config)
    complete(build, manifest, config, 3)
    assert list(manifest.splits) == ["train", "test"]
    for split in ("train", "test"):
        names = [entry.path for entry in manifest.splits[split].files]
        assert names == sorted(names)
        assert [name for name in names if name.endswith("-of-00003.jsonl")] == [
            f"{split}/{split}-{bucket:05d}-of-00003.jsonl" for bucket in range(3)
        ]
        assert (tmp_path / split / "MLTable").read_text().startswith(f"paths:\n  - pattern: ./{split}-*.jsonl\n")
    for file in [*manifest.parquet, *manifest.rejected, *manifest.splits["test"].files]:
        if "-of-00003" in file.path:
            data = (tmp_path / file.path).read_bytes()
            assert (file.records, file.bytes) == (0, len(data))
            assert not file.path.endswith(".parquet") or pq.read_table(tmp_path / file.path).num_rows == 0


def test_shards_that_were_written_are_not_written_again(tmp_path: Path) -> None:
    manifest = manifest_of(receipt(0), receipt(1))
    before = msgspec.json.encode(manifest)
    complete(locate(str(tmp_path), {}), manifest, CONFIG, 2)
    manifest.label_list = None
    assert msgspec.json.encode(manifest) == before
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {"train/MLTable", "labels.json"}


def test_where_nothing_was_rejected_there_are_no_rejected_files(tmp_path: Path) -> None:
    manifest = manifest_of(receipt(rejected=None))
    complete(locate(str(tmp_path), {}), manifest, CONFIG, 4)
    assert manifest.rejected == []
    assert not (tmp_path / "rejected").exists()


def test_the_mltable_is_what_the_trainer_loads() -> None:
    import yaml

    from labelbeam.transforms.builds.publish import MLTABLE

    table = yaml.safe_load(MLTABLE.format(split="validation"))
    assert table == {
        "paths": [{"pattern": "./validation-*.jsonl"}],
        "transformations": [
            {"read_json_lines": {"encoding": "utf8", "invalid_lines": "error", "include_path_column": False}},
            {"convert_column_types": [{"columns": "image_url", "column_type": "stream_info"}]},
        ],
    }


# Publishing.


def put_in_force(output: Location, manifest: Manifest) -> None:
    with locked(output, "build", QUICK) as lock:
        publish(lock, output.below(f"builds/{manifest.build}"), manifest)


def test_a_build_is_in_force_once_the_pointer_names_it(tmp_path: Path) -> None:
    output = locate(str(tmp_path), {})
    assert latest_manifest(output) is None
    put_in_force(output, manifest_of(receipt()))
    pointer = (tmp_path / "latest.json").read_bytes()
    assert json.loads(pointer) == {"build": "20240101-abc", "manifest": "builds/20240101-abc/manifest.json"}
    assert pointer.endswith(b"\n")
    found = latest_manifest(output)
    assert found is not None
    assert found.counts == manifest_of(receipt()).counts


def test_what_names_a_build_and_its_files_is_on_the_disk_before_the_pointer_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = locate(str(tmp_path / "above/out"), {})
    write_file(output.below("builds/20240101-abc"), "train/x", b"x", 1)
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        done.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    def replaced(source: Any, target: Any) -> None:
        done.append(f"→ {target}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    put_in_force(output, manifest_of(receipt()))
    pointer = done.index(f"→ {output.path}/latest.json")
    build = f"{output.path}/builds/20240101-abc"
    before = [f"{build}/train", build, f"{output.path}/builds", output.path, str(tmp_path / "above"), str(tmp_path)]
    assert set(before) <= set(done[:pointer])
    assert done[:pointer].index(f"{build}/train") < done[:pointer].index(build)
    assert output.path in done[pointer:]


def test_a_build_that_has_a_manifest_gets_no_other(tmp_path: Path) -> None:
    output = locate(str(tmp_path), {})
    put_in_force(output, manifest_of(receipt()))
    before = (tmp_path / "builds/20240101-abc/manifest.json").read_bytes()
    other = msgspec.structs.replace(manifest_of(receipt()), created="later")
    with pytest.raises(LostLockError, match=r"manifest.json: is there already: another run has finished this build"):
        put_in_force(output, other)
    assert (tmp_path / "builds/20240101-abc/manifest.json").read_bytes() == before


def test_without_its_manifest_a_build_is_never_in_force(tmp_path: Path) -> None:
    output = locate(str(tmp_path), {})
    put_in_force(output, manifest_of(receipt()))
    before = (tmp_path / "latest.json").read_bytes()
    in_the_way = tmp_path / "builds/other/manifest.json"
    in_the_way.mkdir(parents=True)
    (in_the_way / "x").write_text("")
    other = msgspec.structs.replace(manifest_of(receipt()), build="other")
    with pytest.raises(StoreError, match=r"manifest\.json: cannot be read: it is a directory"):
        put_in_force(output, other)
    assert (tmp_path / "latest.json").read_bytes() == before


def test_where_the_pointer_cannot_be_put_the_manifest_stands_and_nothing_points_to_it(tmp_path: Path) -> None:
    output = locate(str(tmp_path), {})
    (tmp_path / "latest.json").mkdir()
    with pytest.raises(StoreError, match=r"latest\.json: cannot be read: it is a directory"):
        put_in_force(output, manifest_of(receipt()))
    assert (tmp_path / "builds/20240101-abc/manifest.json").is_file()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"build": 1}', b'{"build": "\xff"}', b"{", b"[" * 100_000])
def test_a_pointer_that_is_none_is_an_error_with_its_place(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "latest.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"latest\.json: not a pointer to a build"):
        latest_manifest(locate(str(tmp_path), {}))


def test_a_manifest_that_is_none_is_an_error_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "latest.json").write_text('{"build": "x", "manifest": "builds/x/manifest.json"}')
    (tmp_path / "builds/x").mkdir(parents=True)
    (tmp_path / "builds/x/manifest.json").write_text("{}")
    with pytest.raises(StoreError, match=r"x/manifest\.json: not a manifest of a build"):
        latest_manifest(locate(str(tmp_path), {}))


def test_a_pointer_to_a_build_that_is_gone_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "latest.json").write_text('{"build": "x", "manifest": "builds/x/manifest.json"}')
    with pytest.raises(StoreError, match=r"builds/x/manifest\.json"):
        latest_manifest(locate(str(tmp_path), {}))


def test_a_store_that_does_not_answer_is_not_an_empty_one(nobody: Path) -> None:
    with pytest.raises(StoreError, match="permission denied"):
        latest_manifest(locate(str(nobody / "closed"), {}))


# Identity.


def test_a_build_is_called_after_its_time_and_what_it_is_made_from() -> None:
    now = datetime(2024, 5, 6, 7, 8, 9, 123, UTC)
    first = new_identity(PLAN, CONFIG, "1.0", now)
    assert first.build.startswith("20240506T070809000123Z-")
    assert first == new_identity(PLAN, CONFIG, "1.0", now)
    others = [
        new_identity(replace(PLAN, fingerprint="x"), CONFIG, "1.0", now),
        new_identity(PLAN, msgspec.structs.replace(CONFIG, shards=3), "1.0", now),
        new_identity(PLAN, CONFIG, "1.1", now),
    ]
    assert len({first.build, *(other.build for other in others)}) == 4


def test_builds_sort_by_their_time() -> None:
    times = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(microseconds=10**power) for power in range(0, 14, 2)]
    names = [new_identity(PLAN, CONFIG, "1.0", time).build for time in times]
    assert names == sorted(names)


def test_only_what_decides_about_the_records_is_part_of_the_identity() -> None:
    run = msgspec.structs.replace(
        CONFIG,
        output="elsewhere",
        if_changed=True,
        json=True,
        max_rejected=1.0,
        storage_options={"s3": {"secret": "x"}},
    )
    assert config_identity(run) == config_identity(CONFIG)
    assert "secret" not in str(config_identity(run))


def test_a_build_is_called_after_those_that_are_there_whatever_the_clock_says() -> None:
    identity = new_identity(PLAN, CONFIG, "1.0", datetime(2024, 5, 6, tzinfo=UTC))
    earlier = ["20230101T000000000000Z-ffffffff", "zzz", "", "20990101-x"]
    assert after(identity, earlier) == identity
    future = "20991231T235959999999Z-ffffffff"
    later = after(identity, [*earlier, future])
    assert later.build == f"21000101T000000000000Z-{identity.made_from[:8]}"
    assert after(identity, [later.build]).build > later.build
    assert later.made_from == identity.made_from


@pytest.mark.parametrize("name", ["99991231T235959999999Z-00000000", "99999999T999999999999Z-00000000"])
def test_a_build_after_which_no_time_comes_is_told_of(name: str) -> None:
    with pytest.raises(LabelBeamError, match=f"{name}: there is a build of this name, after which no time comes"):
        after(new_identity(PLAN, CONFIG, "1.0"), [name])


def test_a_build_is_made_alike_only_with_the_same_config_and_version() -> None:
    previous = manifest_of(receipt())
    assert made_alike(previous, CONFIG, "1.0")
    assert not made_alike(previous, msgspec.structs.replace(CONFIG, out_of_bounds="reject"), "1.0")
    assert not made_alike(previous, msgspec.structs.replace(CONFIG, copy_images="far"), "1.0")
    assert not made_alike(previous, CONFIG, "1.1")
    read_back = msgspec.json.decode(msgspec.json.encode(previous), type=Manifest)
    assert made_alike(read_back, msgspec.structs.replace(CONFIG, output="elsewhere"), "1.0")


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


def test_shards_by_size_are_never_more_than_their_names_can_number() -> None:
    assert bucket_count(CONFIG, 10**15) == MOST_SHARDS == 99_999
