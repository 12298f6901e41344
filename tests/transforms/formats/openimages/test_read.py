"""Rows of Open Images: boxes with their flags, and labels that are there or verified not to be."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.named_images import ImageFinder
from labelbeam.transforms.formats.openimages.read import OpenImagesRows, read_descriptions, read_rows
from labelbeam.transforms.formats.openimages.recognise import holds_descriptions, split_of, table_of
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate

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
        assert holds_descriptions("c.csv", data)
        assert read_descriptions(data) == {"/m/1": "Cat", "/m/2": "Bread, sliced"}
    assert not holds_descriptions("c.csv", b"filename,label\n")


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("oidv6-train-annotations-bbox.csv", "train"),
        ("validation-annotations-bbox.csv", "validation"),
        ("test/labels/detections.csv", "test"),
        ("boxes.csv", None),
    ],
)
def test_the_split_is_that_of_the_folder_or_the_name(path: str, split: str | None) -> None:
    assert split_of(path) == split


BOX_TABLE = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\n1,x,/m/1,1,0.1,0.2,0.3,0.4\n"
LABEL_TABLE = "ImageID,Source,LabelName,Confidence\n1,v,/m/1,1\n"


def plan(root: str, files: dict[str, str], task: Any = DETECTION, source: str = "") -> Plan:
    for name, text in files.items():
        put(locate(root, {}).below(name), text.encode())
    return make_plan(ConvertConfig(task=task, output="memory://nowhere", source=[f"{root}/{source}".rstrip("/")]), {})


@pytest.mark.parametrize(
    ("files", "task", "source", "read_tables"),
    [
        ({"boxes.csv": BOX_TABLE}, DETECTION, "", ["boxes.csv"]),
        (
            {"train-boxes.csv": BOX_TABLE, "test-boxes.csv": BOX_TABLE},
            DETECTION,
            "",
            ["test-boxes.csv", "train-boxes.csv"],
        ),
        ({"boxes.csv": BOX_TABLE, "image_tags.csv": LABEL_TABLE}, MULTILABEL, "", ["image_tags.csv"]),
        ({"boxes.csv": BOX_TABLE, "image_tags.csv": LABEL_TABLE}, DETECTION, "", ["boxes.csv"]),
        ({"a.csv": BOX_TABLE, "b.csv": BOX_TABLE}, DETECTION, "b.csv", ["b.csv"]),
    ],
)
def test_its_tables_are_recognised(files: Any, task: str, source: str, read_tables: list[str], memory: str) -> None:
    found = plan(memory, {"images/1.jpg": "", "classes.csv": "/m/1,cat\n"} | files, task, source)
    assert (found.format, [unit.table.path for unit in found.units]) == ("openimages", read_tables)  # type: ignore[attr-defined]
    assert found.units[0].names == {"/m/1": "cat"}  # type: ignore[attr-defined]


def test_labels_of_images_are_no_boxes(memory: str) -> None:
    with pytest.raises(
        UsageError, match=r"tags[.]csv holds labels of images and no boxes, which --task image_classification"
    ):
        plan(memory, {"1.jpg": "", "tags.csv": LABEL_TABLE})


def test_two_tables_of_one_split_are_asked_about(memory: str) -> None:
    with pytest.raises(UsageError, match=r"several tables that may describe the same images \(a.csv, b.csv\)"):
        plan(memory, {"1.jpg": "", "a.csv": BOX_TABLE, "b.csv": BOX_TABLE})


def test_class_folders_and_tables_by_a_usual_name_go_before_it(memory: str) -> None:
    assert (
        plan(memory, {"cat/1.jpg": "", "dog/2.jpg": "", "x.csv": LABEL_TABLE}, "image_classification").format
        == "folder"
    )
    assert table_of("t.csv", b"filename,label\n") is None
