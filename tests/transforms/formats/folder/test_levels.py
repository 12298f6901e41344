"""Folders of splits, of classes, and those that say nothing, as trees of real datasets have them."""

from __future__ import annotations

import pytest

from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.layout import FolderPlan, image_of_item, plan_folder
from labelbeam.transforms.formats.folder.levels import parse_split_folders
from labelbeam.transforms.formats.folder.places import FolderError


def plan(*files: str, split_folders: str | None = None, class_level: str = "top") -> FolderPlan:
    options = FolderOptions(split_folders=split_folders, class_level="top" if class_level == "top" else "parent")
    return plan_folder(files, "image_classification", options)


def read(found: FolderPlan) -> dict[str, tuple[str | None, str | None]]:
    return {item.path: (item.split, item.label) for item in found.items}


def codes(found: FolderPlan) -> list[str]:
    return [doubt.code for doubt in found.doubts]


TRAIN_TEST = {"train": "train", "test": "test"}


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("chest_xray/train", "chest_xray/test"),
        ("archive/data set/train", "archive/data set/test"),
        ("x/images/train", "x/images/test"),
        ("Train/Train", "Test/Test"),
        ("training_set/training_set", "test_set/test_set"),
        ("train/Training", "test/Testing"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("seg_train", "seg_test"),
        ("cifar10-train", "cifar10-test"),
        ("training_set", "test_set"),
        ("train_images", "test_images"),
        ("1_train", "2_test"),
        ("TrainData", "TestData"),
        ("train/images", "test/images"),
        ("train/chest", "test/chest"),
    ],
)
def test_split_folders_of_every_spelling_and_place(train: str, test: str) -> None:
    found = plan(*(f"{folder}/{label}/1.jpg" for folder in (train, test) for label in ("cat", "dog")))
    assert read(found) == {
        f"{folder}/{label}/1.jpg": (split, label)
        for folder, split in ((train, "train"), (test, "test"))
        for label in ("cat", "dog")
    }
    assert set(codes(found)) <= {"split_folders"}


@pytest.mark.parametrize("images", ["images", "Images", "imgs"])
@pytest.mark.parametrize("class_level", ["top", "parent"])
def test_images_in_a_folder_inside_each_class_have_the_class(images: str, class_level: str) -> None:
    found = plan(
        f"train/cat/{images}/1.jpg", f"train/dog/{images}/1.jpg", f"val/{images}/1.jpg", class_level=class_level
    )
    assert read(found) == {
        f"train/cat/{images}/1.jpg": ("train", "cat"),
        f"train/dog/{images}/1.jpg": ("train", "dog"),
        f"val/{images}/1.jpg": ("validation", None),
    }
    assert [item.problem for item in found.items] == [None, None, Rejected.NO_LABEL]
    assert found.doubts == []


@pytest.mark.parametrize("around", ["", "pets/"])
@pytest.mark.parametrize("inner", ["", "/images"])
def test_splits_inside_the_classes(around: str, inner: str) -> None:
    found = plan(*(f"{around}{label}/{part}{inner}/1.jpg" for label in ("cat", "dog") for part in ("train", "val_set")))
    assert read(found) == {
        f"{around}{label}/{part}{inner}/1.jpg": (split, label)
        for label in ("cat", "dog")
        for part, split in (("train", "train"), ("val_set", "validation"))
    }
    assert codes(found) == ["split_folders"]


def test_a_split_inside_a_few_classes_only_is_not_the_reading_and_is_told() -> None:
    found = plan("cat/test/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg")
    assert {split for split, _ in read(found).values()} == {None}
    assert codes(found) == ["class_level"]


@pytest.mark.parametrize("around", ["PetImages", "a/b", "archive (3)/flowers"])
def test_a_folder_around_all_classes_is_none_and_that_is_told(around: str) -> None:
    found = plan(f"{around}/cat/1.jpg", f"{around}/dog/2.jpg", f"{around}/dog/deep/3.jpg")
    assert {label for _, label in read(found).values()} == {"cat", "dog"}
    assert codes(found) == ["folder_around_classes", "class_level"]


def test_stray_images_beside_the_folder_around_everything_have_no_label() -> None:
    files = [f"set/{split}/{label}/{number}.jpg" for split in TRAIN_TEST for label in "ab" for number in range(5)]
    found = plan(*files, "preview.png")
    assert read(found)["set/train/a/0.jpg"] == ("train", "a")
    assert [item.path for item in found.items if item.problem] == ["preview.png"]


@pytest.mark.parametrize("val", ["val", "validation_set", "Valid"])
def test_a_split_beside_the_classes_that_it_holds_is_a_split_and_that_is_told(val: str) -> None:
    found = plan("cat/1.jpg", "dog/2.jpg", f"{val}/cat/3.jpg", f"{val}/Dog/4.jpg")
    assert read(found) == {
        "cat/1.jpg": (None, "cat"),
        "dog/2.jpg": (None, "dog"),
        f"{val}/cat/3.jpg": ("validation", "cat"),
        f"{val}/Dog/4.jpg": ("validation", "Dog"),
    }
    assert "splits_beside_classes" in codes(found)
    assert {label for _, label in read(plan(*read(found), split_folders="none")).values()} == {"cat", "dog", val}


@pytest.mark.parametrize(
    ("other", "proposed"), [("extra", "train"), ("holdout", "validation"), ("evaluation", "validation")]
)
def test_what_a_folder_of_the_same_classes_beside_splits_is_has_to_be_said(other: str, proposed: str) -> None:
    files = [f"{folder}/{label}/1.jpg" for folder in ("train", "test", other) for label in ("0", "1")]
    with pytest.raises(FolderError, match=f"--split-folders {other}={proposed}"):
        plan(*files)
    found = plan(*files, split_folders=f"{other}=val")
    assert read(found)[f"{other}/0/1.jpg"] == ("validation", "0")
    assert {label for _, label in read(plan(*files, split_folders="none")).values()} == {"train", "test", other}


@pytest.mark.parametrize("val", ["val_new", "Test (final)", "validation_of_2020"])
def test_a_split_with_another_word_is_one_beside_another_with_the_same_classes(val: str) -> None:
    found = plan(*(f"{folder}/{label}/1.jpg" for folder in ("train", val) for label in "ab"))
    assert {label for _, label in read(found).values()} == {"a", "b"}
    assert read(found)[f"{val}/a/1.jpg"][0] in ("validation", "test")


def test_one_split_beside_a_folder_of_the_same_classes_is_asked_about() -> None:
    with pytest.raises(FolderError, match="--split-folders holdout=validation"):
        plan(*(f"{folder}/{label}/1.jpg" for folder in ("train", "holdout") for label in "ab"))


@pytest.mark.parametrize("prediction", ["seg_pred", "unlabeled", "pred/pred"])
def test_images_in_no_class_beside_splits_have_no_label(prediction: str) -> None:
    found = plan(
        *(f"{folder}/{label}/1.jpg" for folder in ("seg_train", "seg_test") for label in ("sea", "ice")),
        f"{prediction}/1.jpg",
    )
    assert read(found)[f"{prediction}/1.jpg"] == (None, None)
    assert read(found)["seg_train/sea/1.jpg"] == ("train", "sea")
    assert "folder_without_classes" in codes(found)


@pytest.mark.parametrize("given", ["extra", "extra=", "=train", "extra=third", "train,test", ""])
def test_split_folders_of_another_form_are_refused(given: str) -> None:
    with pytest.raises(UsageError, match="--split-folders"):
        plan("train/cat/1.jpg", "extra/cat/1.jpg", split_folders=given)


def test_split_folders_that_are_not_there_are_refused() -> None:
    with pytest.raises(UsageError, match=r"'extr'.*'extra', 'train'"):
        plan("extra/cat/1.jpg", "train/cat/1.jpg", split_folders="extr=train")


@pytest.mark.parametrize("name", ["cafe\u0301", "café ", " café", "\u00a0café"])
def test_blanks_and_unicode_forms_make_no_class(name: str) -> None:
    found = plan("train/café/1.jpg", f"val/{name}/2.jpg")
    images = {image.path: image for image in (image_of_item(item, "root") for item in found.items)}
    assert {image.objects[0].label for image in images.values()} == {"café"}
    assert images["train/café/1.jpg"].adjusted == []
    assert images[f"val/{name}/2.jpg"].adjusted == [Adjusted.LABEL_NORMALIZED]


@pytest.mark.parametrize("names", ["classes.txt", "cat_to_name.json", "labels.yaml"])
def test_classes_that_are_numbers_are_told_where_their_names_lie_beside_them(names: str) -> None:
    found = plan("0/1.jpg", "1/1.jpg", names)
    assert codes(found) == ["labels_are_numbers"] and names in found.warnings[0]
    assert codes(plan("0/1.jpg", "1/1.jpg", "readme.txt")) == []


def test_a_folder_that_is_given_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="--split-folders: found the folder 'extra' twice"):
        parse_split_folders("extra=train,extra=test")


def test_one_split_of_classes_is_one_where_those_beside_it_hold_no_folders() -> None:
    found = plan("train/cat/1.jpg", "train/dog/2.jpg", "test/3.jpg", "unlabeled/4.jpg")
    assert read(found) == {
        "train/cat/1.jpg": ("train", "cat"),
        "train/dog/2.jpg": ("train", "dog"),
        "test/3.jpg": ("test", None),
        "unlabeled/4.jpg": (None, None),
    }
    assert codes(found) == ["folder_without_classes"]


def test_a_copy_of_the_dataset_inside_of_it_is_called_so() -> None:
    files = [
        f"{around}{split}/{label}/1.jpg"
        for around in ("", "chest_xray/")
        for split in ("train", "test")
        for label in "ab"
    ]
    with pytest.raises(
        FolderError, match=r"'chest_xray' holds folders called like the splits .* as a copy of the dataset does"
    ):
        plan(*files)


@pytest.mark.parametrize(("folder", "beside", "split"), [("Trian", "test", "train"), ("eval", "train", "validation")])
def test_the_split_that_is_missing_is_the_one_that_is_proposed(folder: str, beside: str, split: str) -> None:
    with pytest.raises(FolderError, match=f"--split-folders {folder}={split},"):
        plan(*(f"{name}/{label}/1.jpg" for name in (folder, beside) for label in ("cat", "dog")))


def test_folders_that_hold_the_same_folders_may_be_splits() -> None:
    found = plan(*(f"{name}/{label}/1.jpg" for name in ("koe", "opetus") for label in ("kissa", "koira")))
    (doubt,) = found.doubts
    assert doubt.code == "class_level" and "--split-folders koe=SPLIT,opetus=SPLIT" in doubt.message
    (doubt,) = plan("a/x/1.jpg", "b/y/1.jpg").doubts
    assert "--split-folders" not in doubt.message


@pytest.mark.parametrize(
    "folders",
    [("entrenamiento", "validación", "prueba"), ("训练集", "验证集", "测试集"), ("обучение", "валидация", "тест")],
)
def test_splits_in_other_languages_are_splits_and_told(folders: tuple[str, ...]) -> None:
    found = plan(*(f"{name}/{label}/1.jpg" for name in folders for label in ("cat", "dog")))
    assert [doubt.code for doubt in found.doubts] == ["split_folders"]
    assert {item.path.partition("/")[0]: item.split for item in found.items} == dict(
        zip(folders, ("train", "validation", "test"), strict=True)
    )
    assert {item.label for item in found.items} == {"cat", "dog"}
