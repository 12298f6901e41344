"""Files that may hold the labels of images that have none."""

from __future__ import annotations

import pytest

from labelbeam.transforms.formats.folder.elsewhere import candidates, is_text, labels_elsewhere
from labelbeam.transforms.formats.folder.lookup import ImageNames

IMAGES = ImageNames(frozenset({"val/images/val_0.JPEG", "val/images/val_1.JPEG"}))


@pytest.mark.parametrize(
    ("path", "head"),
    [
        ("val/val_annotations.txt", "val_0.JPEG\tn01\t0\t32\t44\t62\nval_1.JPEG\tn02\t52\t55\t57\t59\n"),
        ("meta/val.txt", "val_0.JPEG 65\nval_1.JPEG 970\n"),
        ("list.txt", "#Image CLASS-ID\nval_0 1\nval_1 2\n"),
        ("labels.txt", "filename,label\nval_0.JPEG,cat\nval_1.JPEG,dog\n"),
        ("labels.json", '{"val_0.JPEG": "cat", "val_1.JPEG": "dog"}'),
        ("labels.json", '[{"image": "val_0.JPEG", "label": 3},\n {"image": "val_1.JPEG", "label": 3}]'),
        ("train.csv", "Image_Label,EncodedPixels\nval_0.JPEG_Fish,264918 937\nval_1.JPEG_Fish,\n"),
        ("train.csv", "ID,Label\nval_0_any,0\nval_1_any,1\n"),
        ("Labels.xlsx", None),
        ("annotations/imagelabels.mat", None),
    ],
)
def test_a_file_that_names_the_images_and_more_is_told(path: str, head: str | None) -> None:
    (doubt,) = labels_elsewhere({"README.txt": "A dataset of birds.\n", path: head}, IMAGES)
    assert (doubt.code, doubt.count, doubt.example) == ("table_not_read", 1, path)


@pytest.mark.parametrize(
    "head",
    [
        "1 0\n2 1\n",
        "images/1.jpg 0\nimages/2.jpg 1\n",
        '1 0 1\n"a b" 1\n',
        "/data/images/1.jpg,0\n/data/images/2.jpg,1\n",
    ],
)
def test_lists_as_of_imagenet_are_told_by_name_with_what_may_name_their_numbers(head: str) -> None:
    images = ImageNames(frozenset({"images/1.jpg", "images/2.jpg", "images/a b.jpg"}))
    (doubt,) = labels_elsewhere({"train.txt": head, "synsets.txt": "cat\ndog\n"}, images)
    assert (doubt.code, doubt.example) == ("table_not_read", "train.txt")
    assert "as in ImageNet's lists (imagenet_txt), whose names 'synsets.txt' may hold" in doubt.message
    (alone,) = labels_elsewhere({"train.txt": head}, images)
    assert alone.message.endswith("(imagenet_txt)")


def test_numbers_that_are_no_images_in_lines_of_numbers_are_no_list() -> None:
    assert labels_elsewhere({"train.txt": "1 0\n1 2\n1 1\n"}, ImageNames(frozenset({"images/1.jpg"}))) == []
    assert "imagenet" not in labels_elsewhere({"a.txt": "val_0.JPEG n01 3\n"}, IMAGES)[0].message


@pytest.mark.parametrize(
    ("path", "head"),
    [
        ("test.txt", "val_0.JPEG\nval_1.JPEG\n"),
        ("train/n01_boxes.txt", "n01_0.JPEG\t0\t0\t62\t63\n"),
        ("words.txt", "n01 cat\nn02 dog\n"),
        ("info.json", '{"name": "birds", "images": 2}'),
        ("numbers.txt", "1 0\n2 1\n"),
        ("notes.xlsx", None),
        ("empty.txt", ""),
    ],
)
def test_a_file_that_does_not_is_not(path: str, head: str | None) -> None:
    assert labels_elsewhere({path: head}, IMAGES) == []


def test_files_are_candidates_by_their_names_and_the_nearest_come_first() -> None:
    found = candidates(["a/b/c.txt", "1.jpg", "x.md", "a/l.mat", "l.csv"])
    assert (found, list(map(is_text, found))) == (["l.csv", "a/l.mat", "a/b/c.txt"], [True, False, True])
