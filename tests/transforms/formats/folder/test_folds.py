"""Folders of a cross-validation, which are neither classes nor splits."""

from __future__ import annotations

import pytest

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.formats.folder.folds import are_folds, number_of_fold
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.layout import plan_folder
from tests.transforms.formats.folder.folder_plans import SINGLE, labels, plan


def tree(*folds: str, around: str = "") -> list[str]:
    return [f"{around}{fold}/{label}/{at}.jpg" for at, fold in enumerate(folds) for label in ("cat", "dog")]


@pytest.mark.parametrize(
    ("folds", "around"),
    [
        (("Fold1", "Fold2", "Fold3"), ""),
        (("fold_0", "fold_1"), ""),
        (("cv-1", "cv-2"), "breast/"),
        (("split1", "split2"), ""),
        (("1st fold", "2nd fold"), ""),
        (("kfold01", "kfold02", "kfold10"), "data/images/"),
        (("fold_a", "fold_b"), ""),
    ],
)
def test_folders_of_folds_are_neither_classes_nor_splits(folds: tuple[str, ...], around: str) -> None:
    found = plan(*tree(*folds, around=around))
    assert {label for _, label in labels(found).values()} == {"cat", "dog"}
    assert {split for split, _ in labels(found).values()} == {None}
    (doubt,) = [doubt for doubt in found.doubts if doubt.code == "folds"]
    assert doubt.option == f"--split-folders {folds[0]}=validation," + ",".join(f"{fold}=train" for fold in folds[1:])


def test_the_option_of_the_doubt_makes_splits_of_folds() -> None:
    given = FolderOptions(split_folders="Fold1=validation,Fold2=train")
    found = plan_folder(tree("Fold1", "Fold2"), SINGLE, given)
    assert {split for split, _ in labels(found).values()} == {"validation", "train"}
    assert "folds" not in {doubt.code for doubt in found.doubts}


def test_a_person_may_say_that_folds_are_classes() -> None:
    found = plan_folder(tree("Fold1", "Fold2"), SINGLE, FolderOptions(split_folders="none"))
    assert {label for _, label in labels(found).values()} == {"Fold1", "Fold2"}


@pytest.mark.parametrize("around", ["", "breakhis/"])
def test_folds_with_splits_of_their_own_are_asked_about(around: str) -> None:
    names = [f"{around}fold{n}/{split}/{label}/1.jpg" for n in "12" for split in ("train", "test") for label in "ab"]
    with pytest.raises(LabelBeamError, match=f"--source SOURCE/{around}fold1"):
        plan(*names)


def test_images_right_inside_of_folds_have_no_label() -> None:
    found = plan("fold1/1.jpg", "fold1/2.jpg", "fold2/3.jpg")
    assert {label for _, label in labels(found).values()} == {None}
    assert [doubt.option for doubt in found.doubts if doubt.code == "folds"] == ["--split-folders none"]


@pytest.mark.parametrize("names", [["fold1", "cat"], ["blind", "folds"], ["folder1", "folder2"], ["fold1", "fold01"], ["scaffold 1", "scaffold 2"]])  # fmt: skip
def test_other_folders_are_no_folds(names: list[str]) -> None:
    assert not are_folds(names)


def test_the_number_of_a_fold_has_no_zeros_before_it() -> None:
    assert [number_of_fold(name) for name in ("fold_007", "Fold0", "cv_b")] == ["7", "0", "b"]
