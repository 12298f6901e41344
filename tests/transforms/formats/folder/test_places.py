"""Tables of labels in a tree: where they are looked for, which ones count, and where their images lie."""

from __future__ import annotations

import pytest

from labelbeam.transforms.formats.folder.layout import (
    FolderItem,
    plan_folder,
    table_candidates,
)
from labelbeam.transforms.formats.folder.places import FolderError
from labelbeam.transforms.formats.folder.tables import LabelTable
from tests.transforms.formats.folder.folder_plans import LABELLED, ONE_HOT, SEVERAL, SINGLE, labels, plan, problems


@pytest.mark.parametrize("name", ["labels.csv", "Labels.CSV", "metadata.csv", "metadata.jsonl"])
def test_a_table_known_by_its_name_gives_the_labels(name: str) -> None:
    found = plan(name, "1.jpg", "2.jpg")
    assert found.tables == [LabelTable(name)]
    assert found.items == [FolderItem("1.jpg"), FolderItem("2.jpg")]
    assert (found.ignored, found.warnings) == (0, [])


def test_the_fridge_layout_has_its_images_in_a_folder_beside_the_table() -> None:
    found = plan("labels.csv", "images/1.jpg", "images/2.jpg")
    assert found.tables == [LabelTable("labels.csv", "images")]
    assert problems(found) == {"images/1.jpg": None, "images/2.jpg": None}


def test_a_table_inside_the_folder_of_images_is_found() -> None:
    assert plan("images/metadata.csv", "images/1.jpg").tables == [LabelTable("images/metadata.csv", "images")]


def test_each_split_folder_may_have_a_table_of_its_own() -> None:
    found = plan("train/metadata.csv", "train/1.jpg", "valid/metadata.csv", "valid/images/2.jpg")
    assert found.tables == [
        LabelTable("train/metadata.csv", "train", "train"),
        LabelTable("valid/metadata.csv", "valid/images", "validation"),
    ]


def test_a_table_inside_images_inside_a_split_has_the_split() -> None:
    found = plan("train/images/metadata.jsonl", "train/images/1.jpg", "test/images/2.jpg")
    assert found.tables == [LabelTable("train/images/metadata.jsonl", "train/images", "train")]


def test_one_table_above_split_folders_tells_splits_by_the_images_folders() -> None:
    found = plan("metadata.csv", "train/1.jpg", "dev/2.jpg")
    assert found.tables == [LabelTable("metadata.csv", "", None, {"train": "train", "dev": "validation"})]


def test_a_table_by_another_name_counts_where_its_columns_are_recognised() -> None:
    files = ["annotations.csv", "classes.csv", "img/1.jpg"]
    heads = {"annotations.csv": LABELLED, "classes.csv": b"id,name\n0,cat\n"}
    found = plan_folder(files, SEVERAL, heads=heads)
    assert (found.tables, found.ignored) == ([LabelTable("annotations.csv", "img")], 1)


def test_a_one_hot_table_in_each_split_folder_is_recognised_by_its_rows() -> None:
    files = ["train/_classes.csv", "train/1.jpg", "valid/_classes.csv", "valid/1.jpg"]
    found = plan_folder(files, SEVERAL, heads=dict.fromkeys(["train/_classes.csv", "valid/_classes.csv"], ONE_HOT))
    assert [(table.path, table.split) for table in found.tables] == [
        ("train/_classes.csv", "train"),
        ("valid/_classes.csv", "validation"),
    ]


def test_a_table_for_each_split_is_recognised_by_the_splits_name() -> None:
    files = ["Val.csv", "train.csv", "Train/1.jpg", "images/val/2.jpg", "images/3.jpg"]
    found = plan_folder(files, SINGLE, heads=dict.fromkeys(["train.csv", "Val.csv"], LABELLED))
    assert found.tables == [
        LabelTable("Val.csv", "images/val", "validation"),
        LabelTable("train.csv", "Train", "train"),
    ]


def test_candidates_are_the_tables_of_the_places_where_one_is_looked_for() -> None:
    files = [
        "train/a.csv",
        "train/cat/b.csv",
        "x.tsv",
        ".h.csv",
        "notes.txt",
        "train/1.jpg",
        "test/2.jpg",
        "docs/c.csv",
    ]
    assert table_candidates(files) == ["train/a.csv", "x.tsv"]


def test_several_tables_for_the_same_images_are_refused_by_name() -> None:
    with pytest.raises(FolderError, match=r"'labels\.csv', 'metadata\.csv'"):
        plan("labels.csv", "metadata.csv", "1.jpg")
    with pytest.raises(FolderError, match=r"'labels\.csv', 'train/labels\.csv'"):
        plan("labels.csv", "train/labels.csv", "train/1.jpg")


def test_a_labels_csv_that_lists_classes_does_not_take_the_labels_from_class_folders() -> None:
    found = plan_folder(["labels.csv", "0/1.jpg", "1/2.jpg"], SINGLE, heads={"labels.csv": b"ClassId,Name\n0,cat\n"})
    assert (found.tables, labels(found)["0/1.jpg"]) == ([], (None, "0"))
    assert any("'labels.csv' not read" in warning for warning in found.warnings)


def test_a_table_that_names_images_and_no_known_labels_is_told() -> None:
    head = b"lesion_id,image_id,dx,age,localization\nl1,I1,bkl,80.0,scalp\nl2,I2,nv,70.0,ear\n"
    found = plan_folder(
        ["metadata_of_skin.csv", "part_1/I1.jpg", "part_2/I2.jpg"], SINGLE, heads={"metadata_of_skin.csv": head}
    )
    assert [(doubt.code, doubt.option) for doubt in found.doubts] == [("table_not_read", "--label-columns")]


def test_a_form_for_answers_is_no_table_of_labels() -> None:
    files = ["train.csv", "sample_submission.csv", "train_images/1.jpg", "test_images/2.jpg"]
    found = plan_folder(files, SINGLE, heads=dict.fromkeys(files[:2], LABELLED))
    assert found.tables == [LabelTable("train.csv", "train_images", "train")]


def test_an_unrecognised_table_is_still_read_where_nothing_else_gives_labels() -> None:
    found = plan_folder(["metadata.csv", "1.jpg"], SINGLE, heads={"metadata.csv": b"file_name,caption\n1.jpg,A cat.\n"})
    assert found.tables == [LabelTable("metadata.csv")]


def test_a_table_goes_before_folder_names_and_says_so() -> None:
    found = plan("labels.csv", "a/1.jpg", "b/2.jpg")
    assert labels(found) == {"a/1.jpg": (None, None), "b/2.jpg": (None, None)}
    assert any("'a', 'b'" in warning for warning in found.warnings)


def test_a_named_table_where_none_is_looked_for_is_warned_of() -> None:
    found = plan("cat/metadata.csv", "cat/1.jpg", "dog/2.jpg")
    assert found.tables == []
    assert any("cat/metadata.csv" in warning for warning in found.warnings)


@pytest.mark.parametrize("folder", ["annotations", "csv", "Labels", "meta", "ds/annotations"])
def test_a_table_in_a_folder_beside_the_images_counts_where_nothing_else_does(folder: str) -> None:
    above = folder.rpartition("/")[0]
    images = [f"{above}/images/{name}.jpg".removeprefix("/") for name in "12"]
    path = f"{folder}/list.csv"
    assert path in table_candidates([path, *images], beside=True) and path not in table_candidates([path, *images])
    found = plan_folder([path, *images], SINGLE, heads={path: LABELLED})
    assert found.tables == [LabelTable(path, images[0].rpartition("/")[0])]


def test_a_table_beside_folders_of_classes_does_not_count() -> None:
    files = ["annotations/list.csv", "cat/1.jpg", "dog/2.jpg"]
    found = plan_folder(files, SINGLE, heads={"annotations/list.csv": LABELLED})
    assert found.tables == [] and {label for _, label in labels(found).values()} == {"cat", "dog"}


def test_tables_whose_names_differ_by_the_split_are_those_of_splits() -> None:
    files = ["pets_train.csv", "pets_val.csv", "train/1.jpg", "val/2.jpg"]
    found = plan_folder(files, SINGLE, heads=dict.fromkeys(files[:2], LABELLED))
    assert [(table.path, table.images, table.split) for table in found.tables] == [
        ("pets_train.csv", "train", "train"),
        ("pets_val.csv", "val", "validation"),
    ]
    with pytest.raises(FolderError, match="--source"):
        plan_folder(
            ["a_train.csv", "b_val.csv", "1.jpg"], SINGLE, heads=dict.fromkeys(["a_train.csv", "b_val.csv"], LABELLED)
        )
