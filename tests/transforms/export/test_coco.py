"""COCO: boxes, areas, holes as run lengths, and ids, as its file has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pycocotools.coco import COCO

import labelbeam
from labelbeam.transforms.geometry.rle import counts_from_string
from tests.transforms.export.published import DETECTION, MULTILABEL, SEGMENTATION, box, export, mask, publish, record

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def coco_of(tmp_path: Path, split: str = "train") -> dict[str, Any]:
    """The COCO file of a split."""
    found: dict[str, Any] = json.loads((tmp_path / f"out/annotations/instances_{split}.json").read_text("utf-8"))
    return found


def test_pycocotools_finds_the_same_boxes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    boxes = [box("b", 0.205761, 0.25, 0.411523, 0.5, 1), box("a", 0.0, 0.0, 1.0, 1.0)]
    export(tmp_path, DETECTION, [record("x/1.png", boxes, 486, 100), record("2.png", [])], "coco")
    coco = COCO(str(tmp_path / "out/annotations/instances_train.json"))
    assert [image["file_name"] for image in coco.loadImgs(coco.getImgIds())] == ["x/1.png", "2.png"]
    assert coco.loadCats(coco.getCatIds()) == [
        {"id": 1, "name": "a", "supercategory": ""},
        {"id": 2, "name": "b", "supercategory": ""},
    ]
    found = [(one["id"], one["image_id"], one["bbox"], one["area"], one["iscrowd"]) for one in coco.loadAnns([1, 2])]
    assert found == [(1, 1, [100.0, 25.0, 100.0, 25.0], 2500.0, 1), (2, 1, [0.0, 0.0, 486.0, 100.0], 48600.0, 0)]


def test_a_hole_is_a_mask_that_pycocotools_reads_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outer, hole = [0.1, 0.1, 0.9, 0.1, 0.9, 0.9, 0.1, 0.9], [0.3, 0.3, 0.5, 0.3, 0.5, 0.5, 0.3, 0.5]
    exported = export(tmp_path, SEGMENTATION, [record("1.png", [mask("a", outer, hole)], 100, 100)], "coco")
    coco = COCO(str(tmp_path / "out/annotations/instances_train.json"))
    pixels = coco.annToMask(coco.loadAnns([1])[0])
    assert (pixels.sum(), pixels[20, 20], pixels[40, 40]) == (80 * 80 - 20 * 20, 1, 0)
    assert coco.loadAnns([1])[0]["area"] == pixels.sum()
    assert not exported.not_held


def test_a_hole_between_pixels_is_counted_as_rounded(tmp_path: Path) -> None:
    outer, hole = [0.1, 0.1, 0.9, 0.1, 0.9, 0.9, 0.1, 0.9], [0.3, 0.3, 0.505, 0.3, 0.5, 0.5]
    exported = export(tmp_path, SEGMENTATION, [record("1.png", [mask("a", outer, hole)], 100, 100)], "coco")
    assert exported.not_held == {"outlines_as_masks": 1}


def test_parts_that_lie_apart_stay_polygons_in_coco(tmp_path: Path) -> None:
    one, other = [0.1, 0.1, 0.2, 0.1, 0.2, 0.2], [0.5, 0.5, 0.75, 0.5, 0.75, 0.7]
    export(tmp_path, SEGMENTATION, [record("1.png", [mask("a", one, other)], 100, 100)], "coco")
    (annotation,) = coco_of(tmp_path)["annotations"]
    assert annotation["segmentation"] == [[10, 10, 20, 10, 20, 20], [50, 50, 75, 50, 75, 70]]
    assert (annotation["bbox"], annotation["area"]) == ([10, 10, 65, 60], 300.0)


def test_ids_count_through_shards_and_begin_anew_in_each_split(tmp_path: Path) -> None:
    shards = [[record("1.png", [box("a", 0, 0, 1, 1)])], [record("2.png", [box("a", 0, 0, 1, 1)])]]
    publish(tmp_path / "published", DETECTION, {"train": shards, "test": shards[:1]})
    labelbeam.export(tmp_path / "published", tmp_path / "out", to="coco")
    train, test = coco_of(tmp_path), coco_of(tmp_path, "test")
    assert [(one["id"], one["image_id"]) for one in train["annotations"]] == [(1, 1), (2, 2)]
    assert [image["id"] for image in test["images"]] == [1]


def test_an_image_that_lies_elsewhere_keeps_its_url_in_coco(tmp_path: Path) -> None:
    url = "https://other.example.org/b/1.png"
    export(tmp_path, DETECTION, [record(url, [])], "coco")
    assert [image["file_name"] for image in coco_of(tmp_path)["images"]] == [url]


def test_the_area_of_a_box_has_no_noise_of_floats(tmp_path: Path) -> None:
    export(tmp_path, DETECTION, [record("1.png", [box("a", 0.001, 0.001, 0.002, 0.008)], 100, 100)], "coco")
    (annotation,) = coco_of(tmp_path)["annotations"]
    assert (annotation["bbox"], annotation["area"]) == ([0.1, 0.1, 0.1, 0.7], 0.07)
    assert annotation["segmentation"] == []


def test_an_outline_is_a_polygon_with_its_extent_and_its_own_area(tmp_path: Path) -> None:
    ring = [0.1, 0.1, 0.5, 0.1, 0.1, 0.9]
    exported = export(tmp_path, SEGMENTATION, [record("1.png", [mask("a", ring, crowd=1)], 100, 50)], "coco")
    (annotation,) = coco_of(tmp_path)["annotations"]
    assert annotation == {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "bbox": [10, 5, 40, 40],
        "area": 800,
        "segmentation": [[10, 5, 50, 5, 10, 45]],
        "iscrowd": 1,
    }
    assert not exported.not_held


def test_a_hole_is_run_lengths_down_the_columns(tmp_path: Path) -> None:
    outer, hole = [0.0, 0, 1, 0, 1, 1, 0, 1], [0.25, 0.25, 0.75, 0.25, 0.75, 0.75, 0.25, 0.75]
    export(tmp_path, SEGMENTATION, [record("1.png", [mask("a", outer, hole)], 4, 4)], "coco")
    (annotation,) = coco_of(tmp_path)["annotations"]
    assert annotation["segmentation"]["size"] == [4, 4]
    assert counts_from_string(annotation["segmentation"]["counts"]).tolist() == [0, 5, 2, 2, 2, 5]
    assert (annotation["bbox"], annotation["area"]) == ([0, 0, 4, 4], 12)


def test_labels_are_annotations_of_a_category_without_a_box(tmp_path: Path) -> None:
    export(tmp_path, MULTILABEL, [record("1.png", ["b", "a"]), record("2.png", [])], "coco")
    found = coco_of(tmp_path)
    assert [category["name"] for category in found["categories"]] == ["a", "b"]
    assert found["annotations"] == [
        {"id": 1, "image_id": 1, "category_id": 2, "iscrowd": 0},
        {"id": 2, "image_id": 1, "category_id": 1, "iscrowd": 0},
    ]
    assert [image["file_name"] for image in found["images"]] == ["1.png", "2.png"]


def test_a_split_without_images_is_a_file_of_empty_lists(tmp_path: Path) -> None:
    publish(tmp_path / "published", DETECTION, {"train": [[record("1.png", [])]], "test": [[]]})
    labelbeam.export(tmp_path / "published", tmp_path / "out", to="coco")
    found = coco_of(tmp_path, "test")
    assert (found["images"], found["annotations"], found["categories"]) == ([], [], [])
