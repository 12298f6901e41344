"""Planning VOC trees: batches, lists of splits, and images that lie elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.reasons import Skipped
from labelbeam.transforms.formats.voc.units import VocUnit
from tests.disks import any_bytes_as_names
from tests.transforms.formats.planned_trees import CLASSES, VOC, XML, fill, plan, shown


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


def test_shards_follow_the_number_of_images_too(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelbeam.transforms.formats.plans.IMAGES_A_SHARD", 2)
    assert plan(fill(memory, VOC), task="image_object_detection").buckets == 3


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
