"""Recognising Open Images: tables by the columns of their first row, and the class descriptions beside them."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.openimages.recognise import Table, holds_descriptions, split_of, table_of
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate

DETECTION, MULTILABEL = "image_object_detection", "image_classification_multilabel"


@pytest.mark.parametrize(
    ("head", "table"),
    [
        (b"ImageID,LabelName,Confidence\n1,", Table("t.csv", ("imageid", "labelname", "confidence"), 29)),
        (
            b'\xef\xbb\xbf"Image_ID","Label_Name",Confidence\r\n',
            Table("t.csv", ("imageid", "labelname", "confidence"), 39),
        ),
        (b"ImageID,Confidence\n", None),
        (b"ImageID,LabelName,XMin,XMax,YMin\n", None),
        (b"filename,label\n", None),
        (b"", None),
    ],
)
def test_a_table_is_told_by_its_columns_in_any_case(head: bytes, table: Table | None) -> None:
    assert table_of("t.csv", head) == table


def test_a_table_with_all_four_sides_is_of_boxes() -> None:
    for sides, of_boxes in ((b"XMin,XMax,YMin,YMax", True), (b"XMin,XMax,YMin", False)):
        table = table_of("t.csv", b"ImageID,LabelName,Confidence," + sides + b"\n")
        assert table is not None and table.of_boxes is of_boxes


def test_class_descriptions_are_told_with_and_without_a_header() -> None:
    bare = b'/m/1,Cat\n/m/2,"Bread, sliced"\n'
    for data in (bare, b"LabelName,DisplayName\n" + bare, b"\xef\xbb\xbf" + bare):
        assert holds_descriptions("c.csv", data)
        assert not holds_descriptions("c.txt", data)
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


def test_two_tables_of_one_split_are_asked_about(memory: str) -> None:
    with pytest.raises(UsageError, match=r"several tables that may describe the same images \(a.csv, b.csv\)"):
        plan(memory, {"1.jpg": "", "a.csv": BOX_TABLE, "b.csv": BOX_TABLE})


def test_class_folders_and_tables_by_a_usual_name_go_before_it(memory: str) -> None:
    assert (
        plan(memory, {"cat/1.jpg": "", "dog/2.jpg": "", "x.csv": LABEL_TABLE}, "image_classification").format
        == "folder"
    )
