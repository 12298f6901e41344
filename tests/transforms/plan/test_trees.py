"""Folders and VOC trees alike: listed once, and what a build of them depends on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.stores import listing as listing_module
from labelbeam.transforms.stores.errors import StoreError
from tests.transforms.formats.planned_trees import CLASSES, TABLE, VOC, XML, fill, plan, shown

# Folders ------------------------------------------------------------------------------------------------------------


# VOC ----------------------------------------------------------------------------------------------------------------


# Both ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("files", "task"), [(CLASSES, "image_classification"), (VOC, "image_object_detection")])
def test_the_plan_keeps_what_the_listing_says_of_images_unless_nobody_looks_at_them(
    files: dict[str, str], task: str, memory: str
) -> None:
    root = fill(memory, files)
    images = sorted(path for path in files if path.endswith(".jpg"))
    for mode in (None, "exists", "header", "decode"):
        made = plan(root, task=task, check_images=mode)
        assert made.listed is not None
        assert (shown(made, *files), len(made.listed)) == (images, len(images))
    assert plan(root, task=task, check_images="none").listed is None
    assert plan(root, task=task, check_images="none", copy_images=f"{root}-copies").listed is not None


@pytest.mark.parametrize(
    ("files", "task"),
    [(CLASSES, "image_classification"), (TABLE, "image_classification"), (VOC, "image_object_detection")],
)
def test_a_tree_is_listed_once(
    files: dict[str, str], task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(str(tmp_path), files)
    listed: list[str] = []
    scan = os.scandir
    monkeypatch.setattr(listing_module.os, "scandir", lambda path: (listed.append(str(path)), scan(path))[1])
    for options in ({}, {"format": "voc" if files is VOC else "folder"}):
        listed.clear()
        plan(str(tmp_path), task=task, **options)
        assert len(listed) == len(set(listed)) == (2 if files is TABLE else 3)


@pytest.mark.parametrize(("files", "task"), [(CLASSES, "image_classification"), (VOC, "image_object_detection")])
def test_any_change_in_the_tree_changes_the_fingerprint(files: dict[str, str], task: str, tmp_path: Path) -> None:
    fill(str(tmp_path), files)
    seen = {plan(str(tmp_path), task=task).fingerprint}
    some = tmp_path / next(iter(files))
    for change in (
        lambda: os.utime(some, ns=(1, 1)),
        lambda: some.write_bytes(some.read_bytes() + b" "),
        lambda: some.with_name("new.jpg").write_bytes(b""),
        lambda: some.with_name("new.jpg").unlink() or (tmp_path / next(reversed(files))).unlink(),
    ):
        before = len(seen)
        change()
        seen.add(plan(str(tmp_path), task=task).fingerprint)
        assert len(seen) == before + 1
    assert plan(str(tmp_path), task=task).fingerprint in seen


def test_images_elsewhere_are_part_of_the_fingerprint(memory: str) -> None:
    root = fill(memory, {"d/Annotations/1.xml": XML, "t/labels.csv": "filename,label\n1.jpg,cat\n", "far/1.jpg": ""})
    for source, task in (("d", "image_object_detection"), ("t", "image_classification")):
        before = plan(f"{root}/{source}", task=task, images=f"{root}/far")
        fill(memory, {"far/1.jpg": f"changed for {source}"})
        assert plan(f"{root}/{source}", task=task, images=f"{root}/far").fingerprint != before.fingerprint


def test_a_build_into_the_source_does_not_change_it(tmp_path: Path) -> None:
    fill(str(tmp_path), CLASSES)
    before = plan(str(tmp_path), output=f"{tmp_path}/out")
    build = "out/builds/20240101T000000000000Z-0123abcd"
    fill(str(tmp_path), {f"{build}/report.html": "", f"{build}/train/t.jsonl": "", "out/latest.json": "{}"})
    assert plan(str(tmp_path), output=f"{tmp_path}/out") == before
    fill(str(tmp_path), {"out/mine.jpg": ""})
    assert plan(str(tmp_path), output=f"{tmp_path}/out").fingerprint != before.fingerprint


@pytest.mark.parametrize(("files", "format_name"), [(CLASSES, "folder"), (VOC, "voc")])
def test_several_roots_are_refused(files: dict[str, str], format_name: str, memory: str) -> None:
    root = fill(memory, {f"{top}/{name}": text for top in "ab" for name, text in files.items()})
    with pytest.raises(UsageError, match=f"2 roots given; {format_name} takes one directory"):
        plan(f"{root}/a", f"{root}/b", format=format_name)


def test_links_that_are_not_followed_are_told(tmp_path: Path) -> None:
    fill(str(tmp_path), {f"d/{name}": text for name, text in CLASSES.items()} | {"far/9.jpg": ""})
    (tmp_path / "d" / "bird").symlink_to("../far")
    assert "links that lead out of it, not followed" in plan(f"{tmp_path}/d").warnings[0]
    fill(str(tmp_path), {f"v/{name}": text for name, text in VOC.items()})
    (tmp_path / "v" / "more").symlink_to("../far")
    assert "not followed" in plan(f"{tmp_path}/v", task="image_object_detection").warnings[0]
    for source, task in (("d", "image_classification"), ("v", "image_object_detection")):
        warnings = plan(f"{tmp_path}/{source}", task=task, images=f"{tmp_path}/d").warnings
        assert len([warning for warning in warnings if f"file://{tmp_path}/d: links that lead out" in warning]) == 1


@pytest.mark.parametrize(("files", "task"), [(CLASSES, "image_classification"), (VOC, "image_object_detection")])
def test_an_images_directory_that_does_not_exist_is_an_error(files: dict[str, str], task: str, memory: str) -> None:
    with pytest.raises(StoreError, match=r"none: expected a directory, found: nothing"):
        plan(fill(memory, files), task=task, images=f"{memory}/none")
