"""Receipts add up to a manifest or to an error, and a build is seen whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from labelbeam.schemas.errors import LostLockError
from labelbeam.schemas.manifest import Manifest
from labelbeam.transforms.builds.lock import Pace, locked
from labelbeam.transforms.builds.publish import complete, publish
from labelbeam.transforms.builds.published import latest_manifest
from labelbeam.transforms.builds.shards import write_file
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from tests.transforms.builds.receipts import CONFIG, manifest_of, receipt

QUICK = Pace(look=0.01)


# Adding up.


# Warnings.


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
    manifest.label_list = manifest.description = None
    assert msgspec.json.encode(manifest) == before
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {"train/MLTable", "labels.json", "croissant.json"}


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


def make_current(output: Location, manifest: Manifest) -> None:
    with locked(output, "build", QUICK) as lock:
        publish(lock, output.below(f"builds/{manifest.build}"), manifest)


def test_a_build_is_current_once_the_pointer_names_it(tmp_path: Path) -> None:
    output = locate(str(tmp_path), {})
    assert latest_manifest(output) is None
    make_current(output, manifest_of(receipt()))
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
    make_current(output, manifest_of(receipt()))
    pointer = done.index(f"→ {output.path}/latest.json")
    build = f"{output.path}/builds/20240101-abc"
    before = [f"{build}/train", build, f"{output.path}/builds", output.path, str(tmp_path / "above"), str(tmp_path)]
    assert set(before) <= set(done[:pointer])
    assert done[:pointer].index(f"{build}/train") < done[:pointer].index(build)
    assert output.path in done[pointer:]


def test_a_build_that_has_a_manifest_gets_no_other(tmp_path: Path) -> None:
    output = locate(str(tmp_path), {})
    make_current(output, manifest_of(receipt()))
    before = (tmp_path / "builds/20240101-abc/manifest.json").read_bytes()
    other = msgspec.structs.replace(manifest_of(receipt()), created="later")
    with pytest.raises(LostLockError, match=r"manifest.json: is there already: another run has finished this build"):
        make_current(output, other)
    assert (tmp_path / "builds/20240101-abc/manifest.json").read_bytes() == before


def test_without_its_manifest_a_build_is_never_current(tmp_path: Path) -> None:
    output = locate(str(tmp_path), {})
    make_current(output, manifest_of(receipt()))
    before = (tmp_path / "latest.json").read_bytes()
    in_the_way = tmp_path / "builds/other/manifest.json"
    in_the_way.mkdir(parents=True)
    (in_the_way / "x").write_text("")
    other = msgspec.structs.replace(manifest_of(receipt()), build="other")
    with pytest.raises(StoreError, match=r"manifest\.json: cannot be read: it is a directory"):
        make_current(output, other)
    assert (tmp_path / "latest.json").read_bytes() == before


def test_where_the_pointer_cannot_be_put_the_manifest_stands_and_nothing_points_to_it(tmp_path: Path) -> None:
    output = locate(str(tmp_path), {})
    (tmp_path / "latest.json").mkdir()
    with pytest.raises(StoreError, match=r"latest\.json: cannot be read: it is a directory"):
        make_current(output, manifest_of(receipt()))
    assert (tmp_path / "builds/20240101-abc/manifest.json").is_file()
