"""Words for splits in names of folders and tables."""

from __future__ import annotations

import pytest

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.split_names import parse_splits, plain_split, split_names, split_of_path, table_split


@pytest.mark.parametrize(
    ("name", "split"),
    [
        *(("training_set", "train"), ("Test-Set", "test"), ("trainingSet", "train"), ("trainset", "train")),
        *(("val_images", "validation"), ("images_test", "test"), ("train2017", "train"), ("1_train", "train")),
        *(("02-Validation", "validation"), ("TRAIN", "train"), ("DEV data", "validation"), ("testdata", "test")),
        *(("test1", "test"), ("Train (2)", "train")),
        *(("contest", None), ("crash_test", None), ("trainer", None), ("train_test", None), ("latest", None)),
        *(
            ("Trainspotting", None),
            ("cat", None),
            ("", None),
            ("1", None),
            ("test_tube", None),
            ("тест", "test"),
            ("тестер", None),
            ("Entraînement", "train"),
            ("が", None),
        ),
    ],
)
def test_a_split_is_a_word_of_the_name_beside_which_nothing_else_is_said(name: str, split: str | None) -> None:
    assert plain_split(name) == split


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (["seg_train", "seg_test"], {"seg_train": "train", "seg_test": "test"}),
        (["train.cifar", "cifar.val"], {"train.cifar": "train", "cifar.val": "validation"}),
        (["Train Flowers", "Test Flowers", "roses"], {"Train Flowers": "train", "Test Flowers": "test"}),
        (["seg_train", "crash_test"], {}),
        (["seg_train"], {}),
        (["cat_train", "cat_test", "dog_train", "dog_test"], {}),
        (["train", "val_images"], {"train": "train", "val_images": "validation"}),
    ],
)
def test_another_word_is_no_obstacle_where_the_splits_share_it(names: list[str], splits: dict[str, str]) -> None:
    assert split_names(dict.fromkeys(names)) == splits


@pytest.mark.parametrize(
    ("stem", "split"),
    [
        *(("train", "train"), ("test_labels", "test"), ("trainLabels", "train"), ("val_annotations", "validation")),
        *(("crash_test", None), ("labels", None), ("metadata", None), ("train_test_split", None)),
    ],
)
def test_a_table_may_say_that_it_is_one_of_labels(stem: str, split: str | None) -> None:
    assert table_split(stem) == split


def read(given: str, fold: bool = False) -> dict[str, str]:
    return parse_splits(given, "--split-folders", "folder", "FOLDER=SPLIT", fold)


def test_names_of_splits_are_told_by_the_last_sign_and_in_any_case_of_the_split() -> None:
    assert read("a=b=Train, x = dev") == {"a=b": "train", "x": "validation"}
    assert read("A=train,a=test") == {"A": "train", "a": "test"}


@pytest.mark.parametrize("given", ["a=train,a=train", "a=train, a =test", "b=test,a=train,a=val"])
def test_a_name_that_is_given_twice_is_refused_and_told(given: str) -> None:
    with pytest.raises(UsageError, match=r"^--split-folders: found the folder 'a' twice, expected each folder once$"):
        read(given)


def test_where_case_tells_nothing_apart_two_cases_are_one_name() -> None:
    with pytest.raises(UsageError, match="found the folder 'a' twice"):
        read("A=train,a=test", fold=True)


@pytest.mark.parametrize("given", ["", "a", "a=", "=train", "a=trainer", "a=train,", "a:train"])
def test_what_names_no_split_is_told_with_what_was_expected(given: str) -> None:
    with pytest.raises(UsageError, match=r"^--split-folders: found '.*', expected FOLDER=SPLIT$"):
        read(given)


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("images/train2017/1.jpg", "train"),
        ("obj_valid_data/1.txt", "validation"),
        ("labels_test/1.txt", "test"),
        ("yolo_train/val/1.jpg", "train"),
        ("cats/train.jpg", None),
        ("crash_test/1.jpg", None),
        ("1.jpg", None),
    ],
)
def test_a_split_is_that_of_the_first_folder_that_says_no_more(path: str, split: str | None) -> None:
    assert split_of_path(path) == split
