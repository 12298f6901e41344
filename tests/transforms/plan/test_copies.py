"""What is known of copies before a build: their listing, and what the current build says that it copied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.layout import build_folder
from labelbeam.schemas.manifest import Copies, FileEntry
from labelbeam.transforms.builds.published import pointer_to
from labelbeam.transforms.formats.known import CopiedUnit, ListingUnit
from labelbeam.transforms.plan.copies import plan_copies
from labelbeam.transforms.stores.errors import StoreError
from tests.manifests import BUILD, manifest

LIST = FileEntry("copied/copied-00000-of-00001.ndjson", 1, 1, "00")


def plan(folder: Path, **options: Any) -> list[ListingUnit | CopiedUnit]:
    given = {"copy_images": f"{folder}/copies"} | options
    return plan_copies(ConvertConfig(task="image_object_detection", source=["s"], output=f"{folder}/out", **given), {})


def publish(folder: Path, copied: Copies | None) -> None:
    build = folder / "out" / build_folder(BUILD)
    build.mkdir(parents=True)
    build.joinpath("manifest.json").write_bytes(msgspec.json.encode(manifest(copied=copied)))
    folder.joinpath("out/latest.json").write_bytes(msgspec.json.encode(pointer_to(BUILD)))


def copies(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / "copies" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_without_copies_nothing_is_planned(tmp_path: Path) -> None:
    assert plan(tmp_path, copy_images=None) == []
    assert plan(tmp_path) == [], "nothing was copied yet"


def test_copies_are_listed_and_what_the_current_build_copied_there_is_read(tmp_path: Path) -> None:
    copies(tmp_path, "a/1.jpg", "2.jpg")
    publish(tmp_path, Copies(f"file://{tmp_path}/copies", 1, 1, [LIST]))
    listing, copied = plan(tmp_path)
    assert isinstance(listing, ListingUnit) and listing.of_copies and len(listing.listed) == 2
    assert copied == CopiedUnit(f"file://{tmp_path}/out/{build_folder(BUILD)}/{LIST.path}", "00")


def test_what_was_copied_elsewhere_is_not_read(tmp_path: Path) -> None:
    copies(tmp_path, "1.jpg")
    publish(tmp_path, Copies("file:///elsewhere", 1, 1, [LIST]))
    assert [type(unit) for unit in plan(tmp_path)] == [ListingUnit]


@pytest.mark.parametrize("path", ["../../../secret", "/etc/passwd", "copied/x", "copied/../../x.ndjson"])
def test_no_file_is_read_that_is_none_of_a_build(path: str, tmp_path: Path) -> None:
    copies(tmp_path, "1.jpg")
    publish(tmp_path, Copies(f"file://{tmp_path}/copies", 1, 1, [FileEntry(path, 1, 1, "00")]))
    if path == "copied/x":
        assert [type(unit) for unit in plan(tmp_path)] == [ListingUnit]
        return
    with pytest.raises(StoreError, match="not a manifest of a build of training data"):
        plan(tmp_path)


def test_copies_are_not_put_among_the_files_of_an_output(tmp_path: Path) -> None:
    copies(tmp_path, "x/latest.json", f"x/builds/{BUILD}/manifest.json")
    with pytest.raises(UsageError, match="an output of builds, over which an image could be copied"):
        plan(tmp_path)
