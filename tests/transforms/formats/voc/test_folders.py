"""What lies in a folder of a VOC tree, by its name, and which split it names."""

from __future__ import annotations

import pytest

from labelbeam.transforms.formats.voc.folders import ANNOTATIONS, BESIDE, bare_path, rank_of, split_of_folder


@pytest.mark.parametrize(
    ("folder", "rank"),
    [
        ("JPEGImages", 0),
        ("images", 1),
        ("imagesTrain", 1),
        ("train_images", 1),
        ("my-img", 1),
        ("Annotations", ANNOTATIONS),
        ("val.xml", ANNOTATIONS),
        ("labelsTest", ANNOTATIONS),
        ("VOC2012", BESIDE),
        ("imaginary", BESIDE),
        ("SegmentationObject", BESIDE),
        ("", BESIDE),
    ],
)
def test_a_word_of_the_name_says_what_lies_in_a_folder(folder: str, rank: int) -> None:
    assert rank_of(folder) == rank


@pytest.mark.parametrize(
    ("path", "bare"),
    [
        ("Annotations", ""),
        ("Annotations/a/b", "a/b"),
        ("train/images", "train"),
        ("images_Train", "train"),
        ("My Data/JPEGImages", "My Data"),
        ("", ""),
    ],
)
def test_folders_of_images_and_of_annotations_are_the_same_without_those_words(path: str, bare: str) -> None:
    assert bare_path(path) == bare


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("val/1.xml", "validation"),
        ("VOC/Train/Annotations/1.xml", "train"),
        ("val_images/1.jpg", "validation"),
        ("imagesTest/1.jpg", "test"),
        ("training/val/1.xml", "train"),
        ("Annotations/val.xml", None),
        ("value/1.xml", None),
        ("1.xml", None),
    ],
)
def test_a_folder_above_names_the_split_and_the_uppermost_wins(path: str, split: str | None) -> None:
    assert split_of_folder(path) == split
