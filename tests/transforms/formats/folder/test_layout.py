from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.config import SPLIT_ALIASES
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.layout import (
    FolderItem,
    doubts_of_unlisted,
    image_of_item,
    plan_folder,
    unlisted_images,
)
from labelbeam.transforms.formats.folder.places import FolderError
from tests.transforms.formats.folder.folder_plans import LABELLED, SINGLE, labels, plan, problems

# Classes from folders


def test_a_folder_is_the_class_of_its_images() -> None:
    found = plan("dog/2.png", "cat/1.jpg")
    assert found.items == [FolderItem("cat/1.jpg", "cat"), FolderItem("dog/2.png", "dog")]
    assert (found.tables, found.ignored, found.warnings) == ([], 0, [])


@pytest.mark.parametrize(("folder", "split"), sorted(SPLIT_ALIASES.items()))
def test_every_spelling_of_a_split_is_mapped(folder: str, split: str) -> None:
    assert labels(plan(f"{folder}/cat/1.jpg", f"{folder}/dog/2.jpg")) == {
        f"{folder}/cat/1.jpg": (split, "cat"),
        f"{folder}/dog/2.jpg": (split, "dog"),
    }


def test_split_folders_are_read_in_any_case() -> None:
    assert labels(plan("Train/cat/1.jpg", "VAL/dog/1.jpg")) == {
        "Train/cat/1.jpg": ("train", "cat"),
        "VAL/dog/1.jpg": ("validation", "dog"),
    }


def test_a_class_called_test_beside_other_classes_is_a_class_and_warned_of() -> None:
    found = plan("cat/1.jpg", "test/2.jpg")
    assert labels(found) == {"cat/1.jpg": (None, "cat"), "test/2.jpg": (None, "test")}
    assert len(found.warnings) == 1 and "'test'" in found.warnings[0] and "'cat'" in found.warnings[0]


def test_a_folder_without_images_does_not_make_splits_classes() -> None:
    found = plan("train/cat/1.jpg", "test/dog/2.jpg", "docs/readme.txt", "scripts/x.py")
    assert labels(found)["train/cat/1.jpg"] == ("train", "cat")
    assert found.ignored == 2


def test_images_right_inside_split_folders_have_no_label_rather_than_the_split_as_class() -> None:
    found = plan("train/1.jpg", "test/2.jpg")
    assert labels(found) == {"train/1.jpg": ("train", None), "test/2.jpg": ("test", None)}
    assert set(problems(found).values()) == {Rejected.NO_LABEL}


@pytest.mark.parametrize("outer", ["images", "Images", "data", "data/images"])
def test_a_folder_of_all_images_is_no_class(outer: str) -> None:
    assert labels(plan(f"{outer}/cat/1.jpg", f"{outer}/dog/2.jpg")) == {
        f"{outer}/cat/1.jpg": (None, "cat"),
        f"{outer}/dog/2.jpg": (None, "dog"),
    }


def test_splits_are_found_below_images_and_images_below_splits() -> None:
    assert labels(plan("images/train/cat/1.jpg", "images/val/cat/2.jpg"))["images/val/cat/2.jpg"] == (
        "validation",
        "cat",
    )
    assert labels(plan("train/images/cat/1.jpg", "val/images/cat/2.jpg"))["val/images/cat/2.jpg"] == (
        "validation",
        "cat",
    )


def test_a_folder_called_images_beside_others_is_a_class() -> None:
    assert labels(plan("images/1.jpg", "drawings/2.jpg"))["images/1.jpg"] == (None, "images")


def test_deeper_folders_take_the_top_one_by_default_and_say_what_the_parent_would_give() -> None:
    found = plan("cat/siamese/1.jpg", "dog/2.jpg")
    assert labels(found) == {"cat/siamese/1.jpg": (None, "cat"), "dog/2.jpg": (None, "dog")}
    (warning,) = found.warnings
    assert "is 'cat'; with --class-level parent it is 'siamese'" in warning


def test_deeper_folders_take_the_parent_where_it_is_asked_for() -> None:
    files = ["train/cat/siamese/1.jpg", "train/dog/2.jpg"]
    found = plan_folder(files, SINGLE, FolderOptions(class_level="parent"))
    assert labels(found) == {"train/cat/siamese/1.jpg": ("train", "siamese"), "train/dog/2.jpg": ("train", "dog")}
    (warning,) = found.warnings
    assert "is 'siamese'; with --class-level top it is 'cat'" in warning


def test_a_single_class_is_warned_of() -> None:
    found = plan("cat/1.jpg", "cat/2.jpg")
    assert [(doubt.code, doubt.example) for doubt in found.doubts] == [("one_class", "cat")]


def test_an_image_in_no_class_folder_is_rejected_beside_those_in_one() -> None:
    found = plan("cat/1.jpg", "logo.png")
    assert problems(found) == {"cat/1.jpg": None, "logo.png": Rejected.NO_LABEL}


@pytest.mark.parametrize(
    "junk",
    [
        ".DS_Store",
        "cat/.DS_Store",
        "cat/Thumbs.db",
        "cat/.ipynb_checkpoints/1-checkpoint.jpg",
        ".git/x.png",
        "__MACOSX/cat/._1.jpg",
        "__MACOSX/cat/1.jpg",
        "cat/._1.jpg",
        "cat/@eaDir/1.jpg",
        "cat/.hidden.jpg",
        "cat/notes.txt",
        "cat/jpg",
        "cat/1.jpg.txt",
        "cat/",
        "README",
    ],
)
def test_hidden_system_and_other_files_are_ignored_and_counted(junk: str) -> None:
    found = plan("cat/1.jpg", "dog/2.jpg", junk)
    assert [item.path for item in found.items] == ["cat/1.jpg", "dog/2.jpg"]
    assert found.ignored == 1


@pytest.mark.parametrize("name", ["a.jpg", "a.JPG", "a.jpeg", "a.png", "a.Jpe", "a.jfif", "a.BMP", "a.tif", "a.TIFF"])
def test_the_eight_formats_are_images_in_any_case(name: str) -> None:
    assert problems(plan(f"cat/{name}")) == {f"cat/{name}": None}


@pytest.mark.parametrize("name", ["a.webp", "a.GIF", "a.heic", "a.avif", "a.svg", "a.ico", "a.jp2"])
def test_other_image_formats_are_found_and_rejected_by_name(name: str) -> None:
    found = plan(f"cat/{name}")
    assert (problems(found), found.ignored) == ({f"cat/{name}": Rejected.UNSUPPORTED_FORMAT}, 0)


@pytest.mark.parametrize(
    "name", ["cat[1]/a*b?.jpg", "50%/100% #1.jpg", "a cat/b c.jpg", "кот/猫.jpg", "a\\b/c.jpg", "c++/[!x]{y}.jpg"]
)
def test_names_are_kept_to_the_letter(name: str) -> None:
    image = image_of_item(plan(name).items[0], "root")
    assert (image.path, image.locator, image.objects[0].label) == (name, name, name.partition("/")[0])


@pytest.mark.parametrize("name", ["cat/a\nb.jpg", "cat/\udcff.jpg", "cat/../1.jpg"])
def test_a_name_that_cannot_be_published_is_rejected_and_can_be_printed(name: str) -> None:
    (item,) = plan(name).items
    assert item.problem is Rejected.UNSAFE_PATH
    item.path.encode()


def test_the_order_of_the_listing_does_not_matter() -> None:
    files = ["b/2.jpg", "a/3.jpg", "a/1.jpg", "x.txt", "labels.txt"]
    assert plan(*files) == plan(*reversed(files))


@given(st.lists(st.text("ab./ [*", min_size=1, max_size=8).map(lambda name: f"{name}.jpg"), unique=True))
def test_every_file_is_an_item_or_ignored(files: list[str]) -> None:
    try:
        found = plan(*files)
    except FolderError:
        return
    assert len(found.items) + found.ignored == len(files)
    assert [item.path for item in found.items] == sorted({item.path for item in found.items})


def test_a_folder_without_any_image_is_an_error_that_says_what_is_expected() -> None:
    with pytest.raises(FolderError, match=r"no image among 2 files.*labels\.csv"):
        plan("a.txt", ".x.jpg")


@pytest.mark.parametrize("task", ["image_object_detection", "image_instance_segmentation"])
def test_tasks_that_need_boxes_or_outlines_are_refused_by_name(task: str) -> None:
    with pytest.raises(UsageError, match=task):
        plan_folder(["cat/1.jpg"], task)


# Items to images


def test_an_image_carries_its_label_path_and_split_and_no_size() -> None:
    image = image_of_item(FolderItem("train/cat/1.jpg", "cat", "train"), "s3://bucket/root")
    assert (image.path, image.source, image.locator) == ("train/cat/1.jpg", "s3://bucket/root", "train/cat/1.jpg")
    assert (image.width, image.height, image.split, image.rejected) == (None, None, "train", [])
    assert [(item.label, item.locator, item.bbox) for item in image.objects] == [("cat", "train/cat/1.jpg", None)]


def test_a_rejected_image_keeps_its_label_so_that_the_object_is_counted() -> None:
    image = image_of_item(FolderItem("cat/1.webp", "cat", None, Rejected.UNSUPPORTED_FORMAT), "root")
    (rejection,) = image.rejected
    assert (rejection.kind, rejection.code, rejection.image) == ("image", Rejected.UNSUPPORTED_FORMAT, "cat/1.webp")
    assert ".webp" in rejection.message and "jpg" in rejection.message
    assert [item.label for item in image.objects] == ["cat"]


def test_an_image_without_class_folder_has_no_object_and_says_why() -> None:
    image = image_of_item(FolderItem("1.jpg", None, None, Rejected.NO_LABEL), "root")
    assert image.objects == []
    assert "<class>/<image>" in image.rejected[0].message


# Tables


def test_images_that_no_table_names_are_found_without_label() -> None:
    found = plan("labels.csv", "images/1.jpg", "images/2.jpg", "images/3.gif")
    unlisted = unlisted_images(found, {"images/1.jpg"}, "root")
    assert [(image.path, image.objects, image.locator) for image in unlisted] == [
        ("images/2.jpg", [], "images/2.jpg"),
        ("images/3.gif", [], "images/3.gif"),
    ]
    assert [[rejection.code for rejection in image.rejected] for image in unlisted] == [
        [],
        [Rejected.UNSUPPORTED_FORMAT],
    ]


def test_without_tables_no_image_is_unlisted() -> None:
    assert unlisted_images(plan("cat/1.jpg"), set(), "root") == []


def test_images_in_folders_of_classes_that_no_row_names_are_told_where_they_are_many() -> None:
    files = ["train/cat/1.jpg", "train/dog/2.jpg", "val/3.jpg", "solution.csv"]
    found = plan_folder(files, SINGLE, heads={"solution.csv": b"filename,label\n3.jpg,cat\n"})
    unlisted = unlisted_images(found, {"val/3.jpg"}, "root")
    (doubt,) = doubts_of_unlisted(found, unlisted)
    assert (doubt.code, doubt.count, doubt.example) == ("images_without_row", 2, "train/cat/1.jpg")
    assert doubts_of_unlisted(found, []) == []
    flat = plan_folder(["1.jpg", "2.jpg", "labels.csv"], SINGLE, heads={"labels.csv": LABELLED})
    assert doubts_of_unlisted(flat, unlisted_images(flat, {"1.jpg"}, "root")) == []
