"""Names below an output: what is ours is known by its name, and nothing else is."""

from __future__ import annotations

import pytest

from labelbeam.schemas.layout import (
    BUILD_FILE,
    BUILD_NAME,
    CLAIM,
    FENCE,
    KEPT_FILE,
    build_folder,
    manifest_path,
    unfinished_folder,
)
from labelbeam.transforms.builds.identity import identity_of
from labelbeam.transforms.builds.shards import shard_name
from labelbeam.transforms.score.shards import scores_name


def test_a_build_s_name_is_known() -> None:
    assert BUILD_NAME.fullmatch(identity_of("f", {}, "1").build)
    for name in (
        "20260101T000000000000Z-0A1B2C3D",
        "20260101T000000000000Z",
        "../20260101T000000000000Z-0a1b2c3d",
        "x",
    ):
        assert not BUILD_NAME.fullmatch(name)


@pytest.mark.parametrize(
    "path",
    [
        "manifest.json",
        "report.html",
        "train/MLTable",
        shard_name("train", "train", 0, 7, "jsonl"),
        shard_name("copied", "copied", 0, 7, "ndjson"),
        *(scores_name(kind, 3, 12) for kind in ("predictions", "parquet", "failed")),
    ],
)
def test_every_file_of_a_build_is_known_by_its_path(path: str) -> None:
    assert BUILD_FILE.fullmatch(path)


@pytest.mark.parametrize(
    "path",
    [
        "../latest.json",
        "train/../x",
        "/etc/passwd",
        "train/x.jsonl",
        "a/b/MLTable",
        "train/train-0-of-1.jsonl",
        "latest.json",
    ],
)
def test_other_files_are_none_of_a_build(path: str) -> None:
    assert not BUILD_FILE.fullmatch(path)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        *(("begun.json", True), ("report.json", True), ("receipt-00000-of-00001.json", True), ("units-00000", True)),
        *(("scored-00000-of-00001-0000.jsonl", True), ("index-00000", True), ("images", True)),
        *(("notes.txt", False), ("receipt-0-of-1.json", False), ("begun.json.bak", False), ("units-00000/x", False)),
    ],
)
def test_what_is_kept_of_a_build_under_way_is_known_by_its_name(name: str, ours: bool) -> None:
    assert bool(KEPT_FILE.fullmatch(name)) is ours


def test_claims_and_fences_are_told_apart() -> None:
    assert CLAIM.fullmatch("lock-x.json") and not FENCE.fullmatch("lock-x.json")
    claim = "lock-20260101T000000000000Z-0a1b2c3d"
    for name in (f"{claim}.pointer", f"{claim}.next"):
        found = FENCE.fullmatch(name)
        assert found is not None and found["claim"] == claim and not CLAIM.fullmatch(name)
    assert not FENCE.fullmatch("lock-x.pointer")


def test_digits_of_other_scripts_are_none_of_ours() -> None:
    """`\\d` takes the digits of all scripts, and what a person has named so would go as a build."""
    other = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
    for form, name in (
        (BUILD_NAME, "20260101T000000000000Z-0a1b2c3d"),
        (BUILD_FILE, "train/train-00000-of-00001.jsonl"),
        (KEPT_FILE, "receipt-00000-of-00001.json"),
        (FENCE, "lock-20260101T000000000000Z-0a1b2c3d.next"),
    ):
        assert form.fullmatch(name) and not form.fullmatch(name.translate(other))


def test_places_of_a_build_lie_below_those_of_all() -> None:
    assert (build_folder("b"), unfinished_folder("b"), manifest_path("b")) == (
        "builds/b",
        "unfinished/b",
        "builds/b/manifest.json",
    )
