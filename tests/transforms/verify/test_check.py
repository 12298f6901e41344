"""A build as a whole: as it was published, in any store, and what its pointer and manifest say."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import fsspec
import pytest

from labelbeam.schemas.records import RECORDS
from tests.end_to_end.builds import labelbeam
from tests.transforms.verify.damaged import Build, Run, told


@pytest.mark.parametrize("task", RECORDS)
def test_a_build_as_published_is_ok(task: str, published: dict[str, Path], verify: Run) -> None:
    status, answer = verify(published[task])
    manifest = json.loads(Build(published[task]).read("manifest.json"))
    assert status == 0
    assert answer == {
        "status": "ok",
        "build": manifest["build"],
        "differences": [],
        "more": {},
        "files": 14,
        "records": manifest["counts"]["images"]["written"],
    }
    assert manifest["rejected"]
    assert manifest["counts"]["objects"]["written"] > 5


def test_a_build_in_a_store_other_than_the_disk_is_read_as_well(build: Build, verify: Run) -> None:
    store = fsspec.filesystem("memory")
    try:
        for path in build.files():
            store.pipe_file(f"/verify/builds/{build.root.name}/{path}", build.read(path))
        store.pipe_file("/verify/latest.json", (build.output / "latest.json").read_bytes())
        assert verify("memory://verify")[0] == 0
        store.rm_file(f"/verify/builds/{build.root.name}/{build.first('train')}")
        assert told(verify("memory://verify"), build.first("train"), "no such file")
    finally:
        store.rm("/verify", recursive=True)


def test_a_report_may_lie_in_a_build(build: Build, verify: Run) -> None:
    (build.root / "report.html").write_text("<html></html>")
    assert verify(build)[0] == 0


# The pointer and the manifest.


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"\x00" * 50,
        b"[" * 100_000,
        b"null",
        b'{"build": "x"}',
        b'{"build": 1, "manifest": 2}',
        b'{"x":' + b"[" * 9999,
    ],
    ids=lambda data: repr(data[:12]),
)
def test_a_pointer_that_is_garbage_is_a_difference(data: bytes, build: Build, verify: Run) -> None:
    (build.output / "latest.json").write_bytes(data)
    answer = verify(build)
    assert told(answer, "latest.json", "", '"manifest"')
    assert answer[1]["build"] is None


@pytest.mark.parametrize("name", ["..", "../..", ".", "", "/etc", "a/../../..", "a\\..\\..", "\x1b[2J", "\x00"])
def test_a_pointer_is_not_followed_out_of_the_output(name: str, build: Build, verify: Run) -> None:
    manifest = f"builds/{name}/manifest.json"
    (build.output / "latest.json").write_text(json.dumps({"build": name, "manifest": manifest}))
    outside = build.output / "builds" / name.replace("\x00", "0") / "manifest.json"
    with contextlib.suppress(OSError):
        shutil.copy(build.root / "manifest.json", outside)
    assert told(verify(build), "latest.json", "build ", "the manifest builds/ID/manifest.json")


def test_a_pointer_names_the_manifest_of_its_own_build(build: Build, verify: Run) -> None:
    pointer = {"build": build.root.name, "manifest": "manifest.json"}
    shutil.copy(build.root / "manifest.json", build.output / "manifest.json")
    (build.output / "latest.json").write_text(json.dumps(pointer))
    assert told(verify(build), "latest.json", "'manifest.json'")


def test_a_pointer_to_a_build_that_is_gone_is_a_difference(build: Build, verify: Run) -> None:
    shutil.rmtree(build.output / "builds")
    assert told(verify(build), "manifest.json", "no such file", "latest.json")


def test_predictions_are_no_damaged_build(tmp_path: Path) -> None:
    build = tmp_path / "builds/20260101T000000000000Z-aaaaaaaa"
    build.mkdir(parents=True)
    (build / "manifest.json").write_text('{"format_version": 1, "kind": "predictions"}')
    latest = {"build": build.name, "manifest": f"builds/{build.name}/manifest.json"}
    (tmp_path / "latest.json").write_text(json.dumps(latest))
    ran = labelbeam("verify", tmp_path)
    assert ran.status == 1
    assert "describes predictions of labelbeam score, expected a build of training data" in ran.err


def test_a_link_out_of_the_output_is_not_followed(build: Build, tmp_path: Path, verify: Run) -> None:
    shutil.move(build.root, tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", build.root)
    assert told(verify(build), f"builds/{build.root.name}/manifest.json", "a link out of")


def test_a_file_that_is_a_link_out_of_the_build_is_not_read(build: Build, tmp_path: Path, verify: Run) -> None:
    path = build.first("train")
    shutil.move(build.root / path, tmp_path / "shard")
    os.symlink(tmp_path / "shard", build.root / path)
    answer = verify(build)
    assert told(answer, path, "no such file")
    assert told(answer, ".", "file://", "files as they were published")


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"\xff", b'{"config": ' + b"[" * 100_000], ids=lambda data: repr(data[:12])
)
def test_a_manifest_that_is_garbage_is_a_difference(data: bytes, build: Build, verify: Run) -> None:
    (build.root / "manifest.json").write_bytes(data)
    answer = verify(build)
    assert told(answer, "manifest.json", "", "labelbeam schema manifest")
    assert answer[1]["build"] == build.root.name


@pytest.mark.parametrize(
    ("key", "value"),
    [("format_version", 2), ("build", "20200101T000000Z-0"), ("task", "image_captions"), ("labels", "cat")],
)
def test_a_manifest_that_says_something_else_of_itself_is_a_difference(
    key: str, value: Any, build: Build, verify: Run
) -> None:
    with build.manifest() as manifest:
        manifest[key] = value
    assert told(verify(build), "manifest.json", key)


def test_a_split_of_another_name_is_a_difference(build: Build, verify: Run) -> None:
    with build.manifest() as manifest:
        manifest["splits"]["../train"] = {"images": 0, "objects": 0, "files": []}
    assert told(verify(build), "manifest.json", "split '../train'", "train, validation, test")
