"""Lists of image sets as people, spreadsheets and MATLAB write them."""

from __future__ import annotations

import pytest

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
