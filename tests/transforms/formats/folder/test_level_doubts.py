"""Doubts that the levels of folders leave."""

from __future__ import annotations

import pytest

from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.layout import plan_folder
from tests.transforms.formats.folder.folder_plans import SINGLE, labels, plan


def codes(*files: str, given: str | None = None) -> list[str]:
    return [str(doubt.code) for doubt in plan_folder(files, SINGLE, FolderOptions(split_folders=given)).doubts]


@pytest.mark.parametrize(
    "names",
    [
        ("cat_train", "cat_test", "dog_train", "dog_test"),
        ("TrainCat", "ValCat", "TrainDog", "ValDog", "TestDog"),
        ("cat-train", "cat-valid", "dog-train", "dog-valid", "bird"),
    ],
)
def test_classes_with_a_folder_for_each_split_are_doubted(names: tuple[str, ...]) -> None:
    found = plan(*(f"{name}/{at}.jpg" for at, name in enumerate(names)))
    assert {label for _, label in labels(found).values()} == set(names)
    assert "splits_as_classes" in {str(doubt.code) for doubt in found.doubts}


@pytest.mark.parametrize("names", [("rapid test", "pcr test"), ("cat", "dog"), ("seg_train", "dog_train")])
def test_words_for_splits_that_say_one_thing_are_not_doubted(names: tuple[str, ...]) -> None:
    assert codes(*(f"{name}/{at}.jpg" for at, name in enumerate(names))) == []


def test_a_person_may_say_that_they_are_classes() -> None:
    files = [f"{name}/1.jpg" for name in ("cat_train", "cat_test", "dog_train", "dog_test")]
    assert codes(*files, given="none") == []


@pytest.mark.parametrize("split", ["test", "val", "testing"])
def test_folders_of_splits_without_one_to_train_on_are_doubted(split: str) -> None:
    assert codes(f"{split}/cat/1.jpg", f"{split}/dog/2.jpg") == ["no_train_split"]
    assert codes(f"{split}/cat/1.jpg", f"{split}/dog/2.jpg", given=f"{split}=test") == []
    assert codes(f"{split}/cat/1.jpg", "train/dog/2.jpg") == []
