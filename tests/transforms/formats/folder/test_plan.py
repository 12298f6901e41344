"""Planning folders: batches, tables, and images that lie elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.folder.units import FolderUnit, TableUnit
from tests.disks import any_bytes_as_names
from tests.transforms.formats.planned_trees import CLASSES, TABLE, fill, labels, plan, shown


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
    with pytest.raises(LabelBeamError, match=rf"^{root}: found no image among 1 file"):
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
