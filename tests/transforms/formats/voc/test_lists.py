"""Lists of image sets as people, spreadsheets and MATLAB write them."""

from __future__ import annotations

import time

import pytest

from labelbeam.transforms.formats.voc.lists import Names, is_heading
from labelbeam.transforms.formats.voc.tree import VocPlan
from tests.transforms.formats.voc.test_sets import (
    DETECTION,
    MULTILABEL,
    plan,
    plan_with,
    said,
    splits_of,
    xmls,
)

SPLITS = {"1": "train", "2": "train", "3": "validation"}


@pytest.mark.parametrize(
    ("train", "val"),
    [
        ("# the training set\n1\n2 # blurred\n", "// what is left\n3\n"),
        ("% MATLAB\n1 % first\n2\n", "; old\n3 ; last\n"),
        ("1.jpg # day\nJPEGImages/2.jpg // night\n", "3"),
        ("1,\n2;\n", '"3",\n'),
        ("1\r\n2\r\n".encode("utf-16"), "3\n".encode("utf-16-be")),
        ("1\n2\n".encode("utf-16-le"), b"\xef\xbb\xbf3\r"),
        ("/data/JPEGImages/1.jpg\nC:\\data\\Annotations\\2.xml\n", "VOC2007/JPEGImages/3.PNG"),
    ],
)
def test_a_list_is_read_however_it_is_written(train: str | bytes, val: str | bytes):
    found = plan(*xmls("1", "2", "3"), train=train, val=val)
    assert splits_of(found) == SPLITS
    assert said(found) == []


def test_a_name_that_holds_the_mark_of_a_comment_is_that_name():
    found = plan(*xmls("photo #1", "photo"), train="photo #1\n")
    assert splits_of(found) == {"photo #1": "train", "photo": None}


def test_what_stands_before_a_mark_and_is_no_name_is_told():
    found = plan(*xmls("1"), train="1\nlost # here\n")
    assert any("1 (lost # here)" in message for message in said(found))


@pytest.mark.parametrize(
    "flags",
    [
        "1 1\n2 -1\n",
        "1\t1\n2\t-1",
        "1,1\n2, -1\n",
        "1   1.0000\n2  -1.0000\n",
        "% id flag\n1 +1 % sure\n2 -1\n",
        "1.jpg 1\n2.jpg -1\n",
    ],
)
def test_flags_of_a_class_are_read_however_they_are_written(flags: str):
    lists = {"train": "1\n2\n", "cat_train": flags}
    found = plan_with(
        {f"ImageSets/Main/{name}.txt": text for name, text in lists.items()}, *xmls("1", "2"), task=MULTILABEL
    )
    assert [item.labels.present for item in found.items if item.labels is not None] == [("cat",), ()]
    assert said(found) == []


def test_a_class_list_that_holds_more_than_flags_is_none():
    found = plan(*xmls("1", "2"), task=MULTILABEL, train="1\n2\n", cat_train="1 1\n2 7\n")
    assert [item.labels for item in found.items] == [None, None]
    assert any("2 7" in message for message in said(found))


def test_lists_for_segmentation_are_better_than_none():
    lists = {"ImageSets/Segmentation/train.txt": "1\n2\n", "ImageSets/Segmentation/val.txt": "3\n"}
    assert splits_of(plan_with(lists, *xmls("1", "2", "3"), task=DETECTION)) == SPLITS
    with_main = lists | {"ImageSets/Main/test.txt": "1\n2\n3\n"}
    assert set(splits_of(plan_with(with_main, *xmls("1", "2", "3"), task=DETECTION)).values()) == {"test"}


def codes(found: VocPlan) -> set[str]:
    return {doubt.code for doubt in found.doubts}


@pytest.mark.parametrize(
    ("train", "val"),
    [
        ("1  1\n2  1\n2  2\n", "3  1\n"),  # The index of an object, as in VOC's own lists for layouts.
        ("1 1 2 1\n2 2 1 1\n", "3 1 1 1\n"),  # Class, species and breed, as Oxford's pets have them.
        ("1.jpg 10,20,30,40,0 1,2,3,4,1\n2.jpg 1,1,9,9,0\n", "3.jpg\n"),
        ("filename,width,height,class,xmin\n1.jpg,640,480,cat,1\n2.jpg,640,480,cat,1\n", "3.jpg,640,480,cat,1\n"),
    ],
)
def test_numbers_behind_a_name_are_no_part_of_it(train: str, val: str):
    found = plan(*xmls("1", "2", "3"), train=train, val=val)
    assert splits_of(found) == SPLITS
    assert said(found) == []


@pytest.mark.parametrize("line", [f"1{' ' * 100_000}x", "1" + " , 1" * 100_000 + " x"])
def test_a_hostile_line_takes_no_longer_than_it_is(line: str):
    began = time.process_time()
    assert Names.of({"1": "Annotations/1.xml"}).resolve([line]) == {}
    assert time.process_time() - began < 2


def test_a_number_that_belongs_to_a_name_is_part_of_it():
    found = plan(*xmls("photo", "photo 1", "photo 2"), train="photo 1\n", val="photo 2\n")
    assert splits_of(found) == {"photo": None, "photo 1": "train", "photo 2": "validation"}


@pytest.mark.parametrize("folder", ["Layout", "Action", "Detection", "Main/fold1"])
def test_lists_of_another_task_or_in_one_folder_of_another_name_are_better_than_none(folder: str):
    lists = {f"ImageSets/{folder}/train.txt": "1 1\n2 1\n", f"ImageSets/{folder}/val.txt": "3 1\n"}
    assert splits_of(plan_with(lists, *xmls("1", "2", "3"))) == SPLITS


def test_lists_of_several_folders_of_other_names_are_told_and_not_read():
    folds = {f"ImageSets/fold{fold}/{name}.txt": "1\n" for fold in (1, 2) for name in ("train", "val")}
    found = plan_with(folds, *xmls("1", "2"))
    assert set(splits_of(found).values()) == {None}
    (doubt,) = found.doubts
    assert (doubt.code, doubt.count, doubt.example) == ("lists_not_read", 4, "ImageSets/fold1/train.txt")
    with_main = {**folds, "ImageSets/Main/train.txt": "1\n2\n"}
    assert codes(plan_with(with_main, *xmls("1", "2"))) == set()


@pytest.mark.parametrize("names", [("train_list", "val_list"), ("2007_train", "2007_val"), ("Train-Set", "Val-Set")])
def test_lists_beside_the_folders_are_known_by_the_word_for_a_split(names: tuple[str, str]):
    train, val = names
    lists = {
        f"{train}.txt": "JPEGImages/1.jpg Annotations/1.xml\nJPEGImages/2.jpg Annotations/2.xml\n",
        f"{val}.txt": "JPEGImages/3.jpg Annotations/3.xml\n",
        "labels.txt": "cat\n",
    }
    found = plan_with(lists, *xmls("1", "2", "3"))
    assert splits_of(found) == SPLITS
    assert said(found) == []


def test_flags_of_no_class_are_told_and_their_images_are_of_the_split():
    found = plan(*xmls("1", "2", "3"), train="1 1\n2 -1\n", val="3 1\n")
    assert splits_of(found) == SPLITS
    (doubt,) = found.doubts
    assert (doubt.code, doubt.count, doubt.example) == ("flags_not_read", 1, "ImageSets/Main/train.txt")


def test_flags_of_several_objects_of_an_image_are_flags_of_the_image():
    lists = {"ImageSets/Action/jumping_train.txt": "1 1 -1\n1 2 1\n2 1 -1\n"}
    found = plan_with(lists, *xmls("1", "2"), task=MULTILABEL)
    assert [item.labels.present for item in found.items if item.labels is not None] == [("jumping",), ()]


@pytest.mark.parametrize(
    ("line", "heading"), [("image", True), ("Image ID", True), ("xmin;ymin", True), ("image1", False)]
)
def test_a_line_of_headings_is_known_by_all_of_its_words(line: str, heading: bool):
    assert is_heading(line) is heading


def test_a_list_of_flags_that_is_called_like_a_class_alone_is_of_that_class():
    found = plan(*xmls("1", "2"), task=MULTILABEL, cat="1 1\n2 -1\n", dog="1 1\n2 1\n", train="1\n2\n")
    assert [item.labels.present for item in found.items if item.labels is not None] == [("cat", "dog"), ("dog",)]
    assert (set(splits_of(found).values()), said(found)) == ({"train"}, [])
