"""The current build: a pointer and a manifest are believed only where they are what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.layout import build_folder
from labelbeam.schemas.manifest import Copies, FileEntry, Manifest, SplitCounts
from labelbeam.transforms.builds import published as module
from labelbeam.transforms.builds.published import (
    check_current_kind,
    is_finished,
    latest_build,
    latest_manifest,
    place_of,
    pointer_to,
    published,
)
from labelbeam.transforms.stores.errors import MissingFileError, StoreError
from labelbeam.transforms.stores.locate import locate
from tests.manifests import BUILD, manifest


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


def test_predictions_are_told_where_training_data_is_expected(tmp_path: Path) -> None:
    put_manifest(tmp_path, {"format_version": 1, "kind": "predictions"})
    with pytest.raises(StoreError, match="describes predictions of labelbeam score, expected a build of training data"):
        latest_manifest(locate(str(tmp_path), {}))


def test_a_pointer_to_a_build_that_is_gone_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "latest.json").write_text('{"build": "x", "manifest": "builds/x/manifest.json"}')
    with pytest.raises(StoreError, match=r"builds/x/manifest\.json"):
        latest_manifest(locate(str(tmp_path), {}))


def test_a_store_that_does_not_answer_is_not_an_empty_one(nobody: Path) -> None:
    with pytest.raises(StoreError, match="permission denied"):
        latest_manifest(locate(str(nobody / "closed"), {}))


def put_manifest(folder: Path, content: Manifest | dict[str, Any], pointer: dict[str, str] | None = None) -> None:
    """A build, and the pointer to it or another one."""
    build = folder / build_folder(BUILD)
    build.mkdir(parents=True, exist_ok=True)
    build.joinpath("manifest.json").write_bytes(msgspec.json.encode(content))
    folder.joinpath("latest.json").write_bytes(msgspec.json.encode(pointer or pointer_to(BUILD)))


def test_the_current_build_is_found_by_its_pointer(tmp_path: Path) -> None:
    output = locate(str(tmp_path), {})
    assert (latest_build(output), latest_manifest(output)) == (None, None)
    put_manifest(tmp_path, manifest())
    assert latest_build(output) == BUILD
    assert published(output) == latest_manifest(output) == manifest()
    assert place_of(output, manifest()).path == f"{tmp_path}/builds/{BUILD}"


def test_a_build_that_is_removed_right_after_its_pointer_was_read_is_followed_by_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = BUILD.replace("2026", "2027")
    pointers = iter([pointer_to(BUILD), pointer_to(newer), pointer_to(newer)])
    put_manifest(tmp_path, manifest(build=newer))
    (tmp_path / "builds" / BUILD).rename(tmp_path / "builds" / newer)
    monkeypatch.setattr(module, "_latest", lambda output: next(pointers))
    assert latest_manifest(locate(str(tmp_path), {})) == manifest(build=newer)


def test_where_nothing_was_published_the_error_says_how_to(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=f"labelbeam convert --output file://{tmp_path} "):
        published(locate(str(tmp_path), {}))


@pytest.mark.parametrize(
    "pointer",
    [
        {"build": "../x", "manifest": "builds/../x/manifest.json"},
        {"build": "a/b", "manifest": "builds/a/b/manifest.json"},
        {"build": BUILD, "manifest": "manifest.json"},
        {"build": "", "manifest": "builds//manifest.json"},
    ],
)
def test_a_pointer_leads_to_builds_alone(pointer: dict[str, str], tmp_path: Path) -> None:
    put_manifest(tmp_path, manifest(), pointer)
    for read in (latest_build, latest_manifest, published):
        with pytest.raises(StoreError, match=r"latest\.json: not a pointer to a build"):
            read(locate(str(tmp_path), {}))


@pytest.mark.parametrize("name", ["../../elsewhere", "a/../../b", "/etc"])
def test_a_manifest_that_names_another_place_is_not_followed(name: str, tmp_path: Path) -> None:
    put_manifest(tmp_path, manifest(build=name))
    with pytest.raises(LabelBeamError, match="expected one below builds/"):
        published(locate(str(tmp_path), {}))


def test_a_build_behind_a_link_out_of_the_output_is_none(tmp_path: Path) -> None:
    output = tmp_path / "out"
    put_manifest(output, manifest())
    (output / "builds" / BUILD).rename(tmp_path / "elsewhere")
    (output / "builds" / BUILD).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LabelBeamError, match="expected one below builds/"):
        published(locate(str(output), {}))


def test_a_task_that_nobody_knows_is_told_of(tmp_path: Path) -> None:
    put_manifest(tmp_path, manifest(task="image_captions"))
    with pytest.raises(LabelBeamError, match="a build of task 'image_captions', expected image_classification, "):
        published(locate(str(tmp_path), {}))


def test_training_data_and_predictions_do_not_share_an_output(tmp_path: Path) -> None:
    output = locate(str(tmp_path), {})
    for kind in ("training data", "predictions"):
        check_current_kind(output, kind)  # type: ignore[arg-type]  # Nothing is there yet.
    put_manifest(tmp_path, manifest())
    check_current_kind(output, "training data")
    with pytest.raises(LabelBeamError, match="training data are published there, expected predictions or nothing"):
        check_current_kind(output, "predictions")
    put_manifest(tmp_path, {"format_version": 1, "kind": "predictions"})
    check_current_kind(output, "predictions")
    with pytest.raises(LabelBeamError, match="predictions are published there, expected training data or nothing"):
        check_current_kind(output, "training data")
    (tmp_path / "builds" / BUILD / "manifest.json").unlink()
    check_current_kind(output, "training data")  # A pointer to what is gone keeps nobody out.


def test_a_build_is_finished_by_a_manifest_of_its_own(tmp_path: Path) -> None:
    output = locate(str(tmp_path), {})
    assert is_finished(output, BUILD) is False
    put_manifest(tmp_path, manifest())
    assert is_finished(output, BUILD) is True
    put_manifest(tmp_path, manifest(build="other"))
    assert is_finished(output, BUILD) is None
    (tmp_path / "builds" / BUILD / "manifest.json").write_text(json.dumps({"build": BUILD}))
    assert is_finished(output, BUILD) is None


@pytest.mark.parametrize("name", ["../../x", "a/b", "", "Train", "train\n"])
def test_a_manifest_names_no_split_that_leads_elsewhere(name: str, tmp_path: Path) -> None:
    put_manifest(tmp_path, manifest(splits={name: SplitCounts(1, 1, [])}))
    with pytest.raises(StoreError, match=r"manifest\.json: not a manifest .* as a split or file"):
        latest_manifest(locate(str(tmp_path), {}))


@pytest.mark.parametrize("path", ["../../../../etc/passwd", "/etc/passwd", "train/../../x", "a\x1b"])
@pytest.mark.parametrize("kind", ["split", "parquet", "rejected", "copied"])
def test_a_manifest_names_no_file_outside_of_its_build(kind: str, path: str, tmp_path: Path) -> None:
    entries = [FileEntry(path, 1, 1, "")]
    odd = {
        "split": {"splits": {"train": SplitCounts(1, 1, entries)}},
        "copied": {"copied": Copies("/c", 1, 1, entries)},
    }.get(kind, {kind: entries})
    put_manifest(tmp_path, manifest(**odd))
    with pytest.raises(StoreError, match=r"manifest\.json: not a manifest .* as a split or file"):
        latest_manifest(locate(str(tmp_path), {}))
