"""Rows of tables of boxes: images with the objects of all of their rows, and what is wrong with the others."""

from __future__ import annotations

import pytest

from labelbeam.schemas.doubts import Doubt
from labelbeam.schemas.neutral import SourceImage
from labelbeam.transforms.formats.boxtable.columns import columns_of
from labelbeam.transforms.formats.boxtable.read import read_rows, rows_of
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.named_images import ImageFinder

HEADER = "filename,width,height,class,xmin,ymin,xmax,ymax\n"


def read(
    text: str,
    *files: str,
    path: str = "t.csv",
    split: str | None = None,
    with_boxes: bool = True,
    evidence: Evidence | None = None,
    doubts: list[Doubt] | None = None,
) -> list[SourceImage]:
    columns = columns_of(text)
    assert columns is not None
    finder, told = ImageFinder(files or ("1.jpg", "2.jpg")), Evidence() if evidence is None else evidence
    rows = rows_of(
        path, text.encode("utf-8", "surrogateescape"), columns, FolderOptions(), [] if doubts is None else doubts
    )
    return read_rows(rows, columns, finder, told, path=path, source="s", split=split, with_boxes=with_boxes)


def boxes(image: SourceImage) -> list[tuple[object, ...]]:
    return [(item.label, *(item.bbox or ())) for item in image.objects]


def codes(image: SourceImage) -> list[tuple[str, str]]:
    return [(item.kind, str(item.code)) for item in image.rejected]


def test_rows_of_one_image_are_its_objects() -> None:
    one, two = read(f"{HEADER}1.jpg,64,48,cat,1,2,3,4\n2.jpg,64,48,dog,5,6,7,8\n1.jpg,64,48, dog ,1.5,2,30,40\n")
    assert boxes(one) == [("cat", 1, 2, 3, 4), ("dog", 1.5, 2, 30, 40)]
    assert (one.width, one.height, boxes(two)) == (64, 48, [("dog", 5, 6, 7, 8)])


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("file;label;x;y;w;h\n1.jpg;cat;1;2;3;4", (1, 2, 4, 6)),
        ("file,label,x_center,y_center,width,height\n1.jpg,cat,10,20,4,8", (8, 16, 12, 24)),
        ('file,label,bbox\n1.jpg,cat,"[1.0, 2.0, 3.0, 4.0]"', (1, 2, 4, 6)),
        ("file,label,bbox\n1.jpg,cat,1 2 3 4", (1, 2, 4, 6)),
        ('file,label,bbox\n1.jpg,cat,"1, 2, 3, 4"', (1, 2, 4, 6)),
        ('file,label,bbox\n1.jpg,cat,"(1,2,3,4)"', (1, 2, 4, 6)),
        ("file,label,bbox\n1.jpg,cat,\"{'xmin': 1, 'ymin': 2, 'xmax': 3, 'ymax': 4}\"", (1, 2, 3, 4)),
        ("cat,1,2,3,4,1.jpg,64,48", (1, 2, 4, 6)),
        ("1.jpg,1,2,3,4,cat", (1, 2, 3, 4)),
        ("TRAIN,gs://b/1.jpg,cat,0.1,0.2,,,0.3,0.4,,", (0.1, 0.2, 0.3, 0.4)),
        ("Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\n1.jpg;64;48;5;6;24;25;cat", (5, 6, 24, 25)),
    ],
)
def test_boxes_are_corners_or_a_corner_and_sizes_or_a_centre(text: str, box: tuple[float, ...]) -> None:
    (image,) = read(f"{text}\n")
    assert (image.path, boxes(image)) == ("1.jpg", [("cat", *box)])


def test_an_image_is_found_beside_its_table_first() -> None:
    names = ("00000/1.png", "00001/1.png")
    for folder in ("00000", "00001"):
        text = f"{HEADER}1.png,64,48,{folder},1,2,3,4\n"
        (image,) = read(text, *names, path=f"{folder}/GT-{folder}.csv")
        assert image.path == f"{folder}/1.png"


def test_what_cannot_be_read_is_rejected_by_row() -> None:
    text = f"{HEADER}1.jpg,64,48,cat,1,2,x,4\n1.jpg,64,48,,1,2,3,4\n2.jpg,64,48,cat,1\n2.jpg,a,48,cat,,,,\n,,,cat,1,2,3,4\n"
    one, two, none = read(text)
    assert codes(one) == [("object", "invalid_bbox"), ("object", "invalid_label")]
    assert codes(two) == [("object", "invalid_record"), ("object", "missing_bbox")]
    assert codes(none) == [("image", "invalid_record")]


@pytest.mark.parametrize(("label", "skipped"), [("", []), ("nan", []), ("No finding", ["empty_label"]), ("background", ["empty_label"])])  # fmt: skip
def test_a_row_without_a_box_may_say_that_its_image_is_empty(label: str, skipped: list[str]) -> None:
    (image,) = read(f"{HEADER}1.jpg,64,48,{label},,,,\n")
    assert (boxes(image), codes(image), [str(code) for code in image.skipped]) == ([], [], skipped)


@pytest.mark.parametrize("sides", [",,,", "0,0,0,0", "0.0,0.0,0.0,0.0"])
@pytest.mark.parametrize(("label", "skipped"), [("", []), ("background", ["empty_label"])])
def test_zeros_stand_for_no_box_where_no_label_says_otherwise(sides: str, label: str, skipped: list[str]) -> None:
    (image,) = read(f"{HEADER}1.jpg,64,48,{label},{sides}\n")
    assert (boxes(image), codes(image), [str(code) for code in image.skipped]) == ([], [], skipped)


def test_rows_of_another_size_are_of_a_record_of_their_own() -> None:
    text = f"{HEADER}1.jpg,64,48,cat,1,2,3,4\n1.jpg,32,24,dog,1,2,3,4\n1.jpg,,,cow,1,2,3,4\n1.jpg,32,24,emu,1,2,3,4\n"
    assert [(image.path, image.width, [item.label for item in image.objects]) for image in read(text)] == [
        ("1.jpg", 64, ["cat", "cow"]),
        ("1.jpg", 32, ["dog", "emu"]),
    ]


def test_splits_are_those_of_the_table_else_of_the_row() -> None:
    text = "file,label,split,xmin,ymin,xmax,ymax\n1.jpg,cat,train,1,2,3,4\n2.jpg,cat,val,1,2,3,4\n"
    assert [image.split for image in read(text)] == ["train", "validation"]
    assert [image.split for image in read(text, split="test")] == ["test", "test"]


def test_images_of_a_bucket_that_are_not_here_are_told_apart() -> None:
    evidence = Evidence()
    text = "TRAIN,gs://b/1.jpg,cat,0.1,0.2,,,0.3,0.4,,\nUNASSIGNED,gs://b/9.jpg,cat,0.1,0.2,,,0.3,0.4,,\n"
    here, gone = read(text, evidence=evidence)
    assert (codes(here), codes(gone)) == ([], [("image", "missing_image")])
    assert [evidence.count(name) for name in ("images", "elsewhere", "assigned", "unassigned")] == [2, 1, 1, 1]


def test_for_classification_each_label_counts_once() -> None:
    (image,) = read(
        f"{HEADER}1.jpg,64,48,cat,1,2,3,4\n1.jpg,64,48,cat,5,6,7,8\n1.jpg,64,48,dog,,,,\n", with_boxes=False
    )
    assert boxes(image) == [("cat",), ("dog",)]


def test_a_flag_of_crowds_is_read() -> None:
    (image,) = read("file,label,xmin,ymin,xmax,ymax,IsGroupOf\n1.jpg,cat,1,2,3,4,1\n1.jpg,dog,1,2,3,4,0\n")
    assert [item.crowd for item in image.objects] == [True, False]


@pytest.mark.parametrize(
    ("column", "cells", "code"),
    [
        ("split", ("train", "holdout"), "split_column"),
        ("fold", ("0", "1"), "split_column"),
        ("is_valid", ("True", "False"), "split_codes"),
    ],
)
def test_columns_of_splits_are_read_as_in_tables_of_labels(column: str, cells: tuple[str, str], code: str) -> None:
    doubts: list[Doubt] = []
    text = f"file,label,xmin,ymin,xmax,ymax,{column}\n1.jpg,cat,1,2,3,4,{cells[0]}\n2.jpg,cat,1,2,3,4,{cells[1]}\n"
    read(text, doubts=doubts)
    assert [str(doubt.code) for doubt in doubts] == [code]


def test_a_confidence_of_0_says_that_the_object_is_absent() -> None:
    evidence = Evidence()
    text = (
        "file,label,xmin,ymin,xmax,ymax,confidence\n1.jpg,cat,1,2,3,4,0\n1.jpg,dog,1,2,3,4,0.9\n2.jpg,cat,1,2,3,4,1\n"
    )
    one, two = read(text, evidence=evidence)
    assert (boxes(one), boxes(two)) == ([("dog", 1, 2, 3, 4)], [("cat", 1, 2, 3, 4)])
    assert ([str(code) for code in one.skipped], evidence.count("unsure")) == (["label_absent"], 1)


def test_rows_that_are_no_utf_8_are_rejected_alone() -> None:
    one, two = read(f"{HEADER}1.jpg,64,48,c\udce8t,1,2,3,4\n2.jpg,64,48,cat,1,2,3,4\n")
    assert (codes(one), boxes(two)) == ([("object", "invalid_record")], [("cat", 1, 2, 3, 4)])


@pytest.mark.parametrize(
    ("name", "file"), [("a%20b.jpg", "a b.jpg"), ("a+b.jpg", "a b.jpg"), ("x/a%20b.jpg", "y/a b.jpg")]
)
def test_an_encoded_name_is_found(name: str, file: str) -> None:
    (image,) = read(f"{HEADER}{name},64,48,cat,1,2,3,4\n", file, "other.jpg")
    assert (image.path, [str(code) for code in image.adjusted]) == (file, ["image_by_other_name"])
