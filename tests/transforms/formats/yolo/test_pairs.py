"""Images and their label files: paired by names and places, and never by a guess."""

from __future__ import annotations

import pytest

from labelbeam.transforms.formats.yolo.pairs import Conventions, LabelFiles, Pair, in_labels
from labelbeam.transforms.images.names import is_image
from tests.transforms.formats.yolo.trees import labels, plan


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("images/1.jpg", "labels/1.txt"),
        ("images/train/1.jpg", "labels/train/1.txt"),
        ("train/images/1.jpg", "train/labels/1.txt"),
        ("a/images/b/images/1.jpg", "a/images/b/labels/1.txt"),
        ("Images/1.JPG", "Labels/1.txt"),
        ("JPEGImages/1.jpg", "labels/1.txt"),
        ("train_images/1.jpg", "train_labels/1.txt"),
        ("train/1.jpg", "labels/train/1.txt"),
        ("obj_train_data/1.jpg", "obj_train_data/1.txt"),
        ("images/frame.0001.png", "labels/frame.0001.txt"),
        ("images/1.jpg", "labels/1.jpg.txt"),
        ("1.jpg", "1.txt"),
        ("images/1.jpg", "images/1.txt"),
    ],
)
def test_a_label_file_is_found_by_its_name_and_place(image: str, label: str) -> None:
    found = plan([image, label])
    assert labels(found) == {image: label}
    assert not found.items[0].by_other_name


def test_the_folder_of_labels_goes_before_a_file_beside_the_image() -> None:
    assert labels(plan(["images/1.jpg", "images/1.txt", "labels/1.txt"]))["images/1.jpg"] == "labels/1.txt"


def test_a_name_in_another_case_or_form_is_found_and_noted() -> None:
    found = plan(["images/IMG_1.jpg", "labels/img_1.txt", "images/u\u0308.jpg", "labels/\u00fc.txt"])
    assert labels(found) == {"images/IMG_1.jpg": "labels/img_1.txt", "images/u\u0308.jpg": "labels/\u00fc.txt"}
    assert all(item.by_other_name for item in found.items)


def test_of_several_files_between_which_nothing_decides_none_is_taken() -> None:
    (item,) = plan(["images/1.jpg", "label/1.txt", "annotations/1.txt"]).items
    assert (item.labels, item.candidates) == (None, ("annotations/1.txt", "label/1.txt"))


def test_a_label_file_of_another_image_is_not_taken() -> None:
    files = LabelFiles(["labels/val/1.txt", "labels/train/2.txt"])
    assert files.of_image("images/train/1.jpg") == Pair(None)
    assert files.of_image("images/val/1.jpg") == Pair("labels/val/1.txt")


@pytest.mark.parametrize(
    ("path", "image", "in_folder"),
    [
        ("labels/1.txt", False, True),
        ("a/Annotations/1.JPG", True, True),
        ("images/1.webp", True, False),
        ("labels.jpg", True, False),
    ],
)
def test_what_is_an_image_and_what_lies_among_labels_is_told_by_names(path: str, image: bool, in_folder: bool) -> None:
    assert (is_image(path), in_labels(path)) == (image, in_folder)


@pytest.mark.parametrize(
    ("labels", "elsewhere", "image"),
    [
        ("labels/a/1.txt", False, "images/a/1.png"),
        ("Labels/1.txt", False, "Images/1.png"),
        ("labels/a/1.txt", True, "a/1.png"),
        ("a/1.txt", False, "a/1.png"),
        ("labels/1.jpg.txt", False, "images/1.jpg"),
    ],
)
def test_an_image_that_no_listing_shows_is_called_as_the_others_are(labels: str, elsewhere: bool, image: str) -> None:
    conventions = Conventions(["images/2.png", "images/3.png", "images/4.jpg"], elsewhere)
    assert conventions.image_of(labels) == image
    assert LabelFiles([labels]).of_image(image).labels == labels or elsewhere


def test_without_any_image_they_are_photographs_unless_it_is_said() -> None:
    assert Conventions([], False).image_of("labels/1.txt") == "images/1.jpg"
    assert Conventions([], False).image_of("labels/1.txt", "bmp") == "images/1.bmp"
