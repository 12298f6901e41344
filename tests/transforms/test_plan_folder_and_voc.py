"""Planning folders and VOC trees: batches, labels, images that lie elsewhere, and what a build depends on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.reasons import Rejected, Skipped
from labelbeam.transforms.formats.folder.units import FolderUnit, TableUnit
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.voc.units import VocUnit
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.stores import listing as listing_module
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from tests.disks import any_bytes_as_names

XML = "<annotation><filename>1.jpg</filename></annotation>"


def shown(made: Plan, *paths: str) -> list[str]:
    """Which of `paths` the plan says are listed."""
    assert made.listed is not None
    return sorted(path for path in paths if made.listed.find(path) is not None)


def fill(root: str, files: dict[str, str]) -> str:
    for name, content in files.items():
        put(locate(root, {}).below(name), content.encode())
    return locate(root, {}).url


def plan(*sources: str, task: Any = "image_classification", output: str = "memory://nowhere", **options: Any) -> Plan:
    return make_plan(ConvertConfig(task=task, source=list(sources), output=output, **options), {})


def labels(made: Plan) -> dict[str, str | None]:
    return {item.path: item.label for unit in made.units for item in unit.items}


CLASSES = {"cat/1.jpg": "", "dog/2.jpg": "", "dog/3.jpg": ""}
TABLE = {"labels.csv": "filename,label\n1.jpg,cat\n2.jpg,dog\n", "images/1.jpg": "", "images/2.jpg": ""}
VOC = {f"Annotations/{number}.xml": XML for number in range(5)} | {
    f"JPEGImages/{number}.jpg": "" for number in range(5)
}


# Folders ------------------------------------------------------------------------------------------------------------


def test_images_of_class_folders_come_in_batches_with_keys_of_their_own(
    memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labelbeam.transforms.formats.folder.plan.BATCH", 2)
    root = fill(memory, CLASSES)
    made = plan(root)
    assert all(isinstance(unit, FolderUnit) and unit.root == root for unit in made.units)
    assert [(unit.first_key, unit.size) for unit in made.units] == [(0, 2), (2, 1)]
    assert labels(made) == {"cat/1.jpg": "cat", "dog/2.jpg": "dog", "dog/3.jpg": "dog"}
    assert (made.format, made.images_root, made.work) == ("folder", root, 3)


def test_tables_are_one_unit(memory: str) -> None:
    root = fill(memory, TABLE)
    (unit,) = plan(root).units
    assert isinstance(unit, TableUnit)
    assert ([table.path for table in unit.plan.tables], unit.size) == (["labels.csv"], 2)


def test_a_table_that_is_named_itself_is_the_one_that_is_read(memory: str) -> None:
    root = fill(
        memory, TABLE | {"metadata.csv": "file_name,label\n1.jpg,cow\n", "mine.csv": "image,label\n1.jpg,pig\n"}
    )
    with pytest.raises(LabelBeamError, match="found the tables"):
        plan(root)
    for name in ("labels.csv", "metadata.csv", "mine.csv"):
        (unit,) = plan(f"{root}/{name}").units
        assert [table.path for table in unit.plan.tables] == [name]


def test_a_named_table_without_labels_is_refused_rather_than_passed_over(memory: str) -> None:
    root = fill(memory, CLASSES | {"sales.csv": "month,sum\n1,2\n"})
    with pytest.raises(UsageError, match=rf"{root}/sales\.csv: not recognised as a table of labels, expected a header"):
        plan(f"{root}/sales.csv")


def test_a_table_s_images_may_lie_elsewhere(memory: str) -> None:
    root = fill(memory, {"t/labels.csv": "filename,label\nx/1.jpg,cat\n", "t/other.jpg": "", "far/x/1.jpg": ""})
    made = plan(f"{root}/t", images=f"{root}/far", check_images="exists")
    (unit,) = made.units
    assert isinstance(unit, TableUnit)
    assert (made.images_root, unit.root) == (f"{root}/far", f"{root}/t")
    assert shown(made, "x/1.jpg", "other.jpg", "labels.csv") == ["x/1.jpg"]
    assert [item.path for item in unit.plan.items] == ["x/1.jpg"]


def test_without_a_table_the_folders_of_the_images_option_are_the_classes(memory: str) -> None:
    root = fill(memory, {f"d/images/{name}": text for name, text in CLASSES.items()} | {"d/raw/x/9.jpg": ""})
    made = plan(f"{root}/d", images=f"{root}/d/images")
    assert labels(made) == {"cat/1.jpg": "cat", "dog/2.jpg": "dog", "dog/3.jpg": "dog"}
    assert made.images_root == f"{root}/d/images"


def test_the_layout_s_own_errors_name_the_root(memory: str) -> None:
    root = fill(memory, {"readme.txt": ""})
    with pytest.raises(LabelBeamError, match=rf"^{root}: found no image among 1 files"):
        plan(root, format="folder")
    with pytest.raises(UsageError, match=rf"^{root}: --task image_object_detection"):
        plan(fill(memory, CLASSES), task="image_object_detection")


def test_files_that_are_left_alone_are_counted(memory: str) -> None:
    assert (
        "2 files are neither images nor tables"
        in plan(fill(memory, CLASSES | {"a.txt": "", "cat/b.md": ""})).warnings[-1]
    )


def test_shards_follow_the_number_of_images(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = fill(memory, CLASSES)
    assert (plan(root).buckets, plan(root, shards=4).buckets) == (1, 4)
    monkeypatch.setattr("labelbeam.transforms.formats.folder.plan.IMAGES_A_SHARD", 2)
    assert plan(root).buckets == 2


@any_bytes_as_names
def test_names_that_are_not_utf_8_are_found_and_rejected(tmp_path: Path) -> None:
    fill(str(tmp_path), CLASSES)
    with open(os.fsencode(tmp_path) + b"/cat/caf\xe9.jpg", "wb"):
        pass
    made = plan(str(tmp_path))
    (bad,) = [item for unit in made.units for item in unit.items if item.problem]
    assert (bad.path, bad.label, bad.problem) == ("cat/caf\\udce9.jpg", "cat", Rejected.UNSAFE_PATH)
    assert "names that are not valid UTF-8" in made.warnings[0]


# VOC ----------------------------------------------------------------------------------------------------------------


def test_annotation_files_come_in_batches_with_keys_of_their_own(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelbeam.transforms.formats.voc.plan.BATCH", 2)
    root = fill(memory, VOC | {"Annotations/odd.xml": XML})
    made = plan(root, task="image_object_detection")
    assert all(isinstance(unit, VocUnit) and unit.root == root for unit in made.units)
    assert sorted(item.xml for unit in made.units for item in unit.items) == sorted(
        [*(f"Annotations/{number}.xml" for number in range(5)), "Annotations/odd.xml"]
    )
    keys = [key for unit in made.units for key in range(unit.first_key, unit.first_key + unit.size)]
    assert len(set(keys)) == len(keys) == made.work == 6
    assert [unit.images is not None for unit in made.units] == [False, False, False, True]
    assert made.units[-1].items[0].xml == "Annotations/odd.xml", "its image has another name"


def test_lists_decide_about_splits_and_what_is_read(memory: str) -> None:
    root = fill(memory, VOC | {"ImageSets/Main/train.txt": "0\n1\n", "ImageSets/Main/val.txt": "2\n"})
    made = plan(root, task="image_object_detection")
    items = {item.xml[12]: (item.split, item.skipped) for unit in made.units for item in unit.items}
    outside = (None, Skipped.OUTSIDE_IMAGE_SETS)
    assert items == {"0": ("train", None), "1": ("train", None), "2": ("validation", None), "3": outside, "4": outside}


def test_a_voc_tree_s_images_may_lie_elsewhere(memory: str) -> None:
    root = fill(memory, {"d/Annotations/1.xml": XML, "far/1.jpg": "", "far/2.jpg": ""})
    made = plan(f"{root}/d", task="image_object_detection", images=f"{root}/far", check_images="exists")
    (unit,) = made.units
    assert (made.images_root, unit.items[0].image) == (f"{root}/far", "1.jpg")
    assert shown(made, "1.jpg", "2.jpg", "far/1.jpg", "Annotations/1.xml") == ["1.jpg", "2.jpg"]


def test_a_tree_without_annotations_is_an_error(memory: str) -> None:
    root = fill(memory, CLASSES)
    with pytest.raises(LabelBeamError, match=rf"^{root}: no annotation file among 3 files, expected Annotations"):
        plan(root, format="voc", task="image_object_detection")


def test_shards_follow_the_bytes_of_the_annotations_alone(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = fill(memory, VOC | {"JPEGImages/large.jpg": "x" * 10_000})
    monkeypatch.setattr("labelbeam.transforms.formats.plans.SHARD_TARGET", 3 * len(XML))
    assert plan(root, task="image_object_detection").buckets == 2


@any_bytes_as_names
def test_an_annotation_file_whose_name_is_not_utf_8_is_a_unit_of_work_that_can_be_encoded(tmp_path: Path) -> None:
    fill(str(tmp_path), VOC)
    with open(os.fsencode(tmp_path) + b"/Annotations/caf\xe9.xml", "w", encoding="utf-8") as file:
        file.write(XML)
    made = plan(str(tmp_path), task="image_object_detection")
    xmls = [item.xml for unit in made.units for item in unit.items]
    assert len(xmls) == 6
    assert "Annotations/caf\\udce9.xml" in xmls
    assert "names that are not valid UTF-8" in made.warnings[0]


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
