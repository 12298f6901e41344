"""Rows of Open Images: boxes with their flags, and labels that are there or verified not to be."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.transforms.formats.named_images import ImageFinder
from labelbeam.transforms.formats.openimages.read import OpenImagesRows, read_descriptions, read_rows

DETECTION, MULTILABEL = "image_object_detection", "image_classification_multilabel"
IMAGES = ImageFinder(["train/0001.jpg", "train/2.png", "x/3.jpg", "y/3.jpg"])
BOXES = ("imageid", "source", "labelname", "confidence", "xmin", "xmax", "ymin", "ymax", "isoccluded", "isgroupof")
LABELS = ("imageid", "source", "labelname", "confidence")
NAMES = {"/m/1": "cat", "/m/2": "dog"}


def read(*lines: str, columns: Any = BOXES, task: str = DETECTION, names: Any = NAMES, **more: Any) -> OpenImagesRows:
    rows = [(100 * number, line.split(",")) for number, line in enumerate(lines)]
    images = more.get("images", IMAGES)
    return read_rows(rows, columns, names, images, path="b.csv", source="memory://x", task=task, split="train")


def test_a_row_is_a_box_and_a_group_is_a_crowd() -> None:
    found = read(
        "0001,x,/m/1,1,0.1,0.3,0.2,0.4,0,0",
        "0001,x,/m/2,1,0,1,0,1,0,1",
        "0001,x,/m/2,1,0,1,0,1,0,-1",
        "2,x,/m/1,1,0,1,0,1,0,0",
    )
    first, second = found.images
    assert [(item.label, item.bbox, item.crowd) for item in first.objects] == [
        ("cat", (0.1, 0.2, 0.3, 0.4), False),
        ("dog", (0, 0, 1, 1), True),
        ("dog", (0, 0, 1, 1), False),
    ]
    assert [(image.path, image.split) for image in (first, second)] == [
        ("train/0001.jpg", "train"),
        ("train/2.png", "train"),
    ]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("0001,x,/m/9,1,0,1,0,1,0,0", "unknown_category"),
        ("0001,x,,1,0,1,0,1,0,0", "invalid_label"),
        ("0001,x,/m/1,1,nan,1,0,1,0,0", "invalid_bbox"),
        ("0001,x,/m/1,1,10,40,0,1,0,0", "invalid_bbox"),
        ("0001,x,/m/1,1,0,1,0,1", "invalid_record"),
    ],
)
def test_a_row_that_cannot_be_read_is_rejected_beside_the_others(line: str, code: str) -> None:
    (image,) = read(line, "0001,x,/m/1,1,0,1,0,1,0,0").images
    assert [(item.kind, item.code, item.locator) for item in image.rejected] == [
        ("object", code, "b.csv byte 0 byte 0")
    ]
    assert len(image.objects) == 1


def test_an_image_that_is_not_there_is_skipped_and_one_that_may_be_two_is_rejected() -> None:
    row = "x,/m/1,1,0,1,0,1,0,0"
    found = read(f"nowhere,{row}", f"3,{row}", f"../../x,{row}", f",{row}")
    assert [image.left_out for image in found.images] == ["image_not_here", None, None, None]
    codes = [[item.code for item in image.rejected if item.kind == "image"] for image in found.images]
    assert codes == [[], ["ambiguous_image"], ["unsafe_path"], ["invalid_record"]]
    assert found.missing == 1


def test_where_no_image_is_listed_all_are_named_by_their_ids() -> None:
    (image,) = read("nowhere,x,/m/1,1,0,1,0,1,0,0", images=ImageFinder([])).images
    assert (image.path, image.left_out) == ("nowhere.jpg", None)


def test_a_label_of_confidence_0_is_absent() -> None:
    found = read(
        *("0001,v,/m/1,1", "0001,v,/m/2,0", "0001,m,/m/1,0.5", "2,v,/m/1,0", "2,v,/m/1,1", "2,v,/m/2,yes"),
        columns=LABELS,
        task=MULTILABEL,
    )
    assert [[item.label for item in image.objects] for image in found.images] == [["cat"], ["cat"]]
    assert [image.skipped for image in found.images] == [["label_absent"], ["label_absent"]]
    assert [item.code for image in found.images for item in image.rejected] == ["invalid_record"]
    assert (found.unsure, found.contradicted) == (1, 1)


def test_boxes_are_labels_once_each() -> None:
    (image,) = read("2,x,/m/1,1,0,1,0,1,0,0", "2,x,/m/1,1,0,1,0,1,0,0", task=MULTILABEL).images
    assert [item.label for item in image.objects] == ["cat"]


def test_codes_stay_where_nothing_names_them() -> None:
    found = read("2,x,/m/1,1,0,1,0,1,0,0", names={})
    assert [item.label for item in found.images[0].objects] == ["/m/1"]
    assert found.coded == 1


def test_class_descriptions_are_read_with_and_without_a_header() -> None:
    bare = b'/m/1,Cat\n/m/2,"Bread, sliced"\n'
    for data in (bare, b"LabelName,DisplayName\n" + bare, b"\xef\xbb\xbf" + bare):
        assert read_descriptions(data) == {"/m/1": "Cat", "/m/2": "Bread, sliced"}
