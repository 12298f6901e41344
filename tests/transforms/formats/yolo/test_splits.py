"""Splits of a YOLO dataset: by its entries, else by lists, else by folders."""

from __future__ import annotations

import pytest

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.yolo.splits import path_of_missing, read_splits
from tests.transforms.formats.yolo.trees import ROBOFLOW, YAML, codes, labels, plan, splits


@pytest.mark.parametrize(
    ("root", "before"),
    [
        ("", "../"),
        ("", ""),
        ("", "./"),
        ("", "/content/datasets/project-1/"),
        ("", "C:\\data\\project\\"),
        ("path: ../datasets/other\n", ""),
        ("path: /home/me/project\n", ""),
        ("path: .\n", ""),
    ],
)
def test_entries_are_found_whatever_machine_they_were_written_for(root: str, before: str) -> None:
    entries = f"train: {before}train/images\nval: {before}valid/images\ntest: {before}test/images\n"
    found = plan(ROBOFLOW, data_dot_yaml=root + entries + YAML)
    assert splits(found) == {
        "train/images/1.jpg": "train",
        "valid/images/1.jpg": "validation",
        "test/images/1.jpg": "test",
    }
    assert codes(found) == []


def test_a_path_and_a_directory_below_it() -> None:
    text = "path: set\ntrain: images/a\nval: images/b\n" + YAML
    files = ["set/images/a/1.jpg", "set/labels/a/1.txt", "set/images/b/2.jpg"]
    assert splits(plan(files, data_dot_yaml=text)) == {
        "set/images/a/1.jpg": "train",
        "set/images/b/2.jpg": "validation",
    }


def test_a_dataset_in_one_folder_is_described_there() -> None:
    files = [f"project/{path}" for path in ROBOFLOW]
    text = "train: ../train/images\nval: ../valid/images\n" + YAML
    assert splits(plan(files, project__data_dot_yaml=text)) == {
        "project/train/images/1.jpg": "train",
        "project/valid/images/1.jpg": "validation",
    }


@pytest.mark.parametrize(
    "lines",
    [
        "./images/1.jpg\n./images/2.jpg\n",
        "images/1.jpg\r\nimages/2.jpg",
        "data/obj/images/1.jpg\n\ndata/obj/images/2.jpg\n\n",
        "/home/me/set/images/1.jpg\n/home/me/set/images/2.jpg",
        "D:\\set\\images\\1.jpg\n'images/2.jpg'\n",
        "\ufeffimages/1.jpg\nIMAGES/2.JPG",
        "1.jpg\n2.jpg\n",
    ],
)
def test_entries_may_be_lists_of_images(lines: str) -> None:
    files = [*(f"images/{number}.jpg" for number in (1, 2, 3)), "labels/1.txt"]
    found = plan(files, data_dot_yaml="train: train.txt\nval: images\n" + YAML, train_dot_txt=lines)
    assert splits(found)["images/3.jpg"] == "validation"
    found = plan(files, data_dot_yaml="train: train.txt\n" + YAML, train_dot_txt=lines)
    assert splits(found) == {"images/1.jpg": "train", "images/2.jpg": "train"}


def test_entries_may_be_several() -> None:
    files = ["a/images/1.jpg", "b/images/2.jpg", "a/labels/1.txt"]
    text = "train: [a/images, b.txt]\nval: []\n" + YAML
    assert splits(plan(files, data_dot_yaml=text, b_dot_txt="b/images/2.jpg")) == {
        "a/images/1.jpg": "train",
        "b/images/2.jpg": "train",
    }


def test_what_no_entry_names_is_skipped() -> None:
    found = plan(ROBOFLOW, data_dot_yaml="train: train/images\nval: valid/images\n" + YAML)
    assert {item.image for item in found.items if item.skipped} == {"test/images/1.jpg"}
    assert codes(found) == [Doubted.OUTSIDE_LISTS]


def test_an_entry_that_leads_nowhere_is_told_and_the_folder_called_so_is_taken() -> None:
    found = plan(ROBOFLOW, data_dot_yaml="train: train/images\nval: val/images\n" + YAML)
    assert splits(found) == {"train/images/1.jpg": "train", "valid/images/1.jpg": "validation"}
    (doubt,) = [doubt for doubt in found.doubts if doubt.code == Doubted.SPLIT_NOT_FOUND]
    assert (doubt.example, doubt.count) == ("val/images", 1)


@pytest.mark.parametrize(
    "entry", ["../../../etc", "/etc/passwd", "..", "../secret/images", "s3://bucket/x", "\\\\host\\x"]
)
def test_entries_out_of_the_root_lead_nowhere(entry: str) -> None:
    found = plan(ROBOFLOW, data_dot_yaml=f"train: '{entry}'\nval: '{entry}'\n" + YAML)
    assert set(splits(found).values()) == {"train", "validation", "test"}
    assert all(item.labels is not None for item in found.items)
    assert Doubted.SPLIT_NOT_FOUND in codes(found)


def test_lines_of_lists_out_of_the_root_are_images_that_nobody_finds() -> None:
    lines = "images/1.jpg\n../../etc/shadow.jpg\n/etc/x.jpg\nimages/gone.jpg"
    found = plan(["images/1.jpg", "labels/1.txt"], data_dot_yaml="train: t.txt\n" + YAML, t_dot_txt=lines)
    assert labels(found) == {
        "images/1.jpg": "labels/1.txt",
        "../../etc/shadow.jpg": None,
        "etc/x.jpg": None,
        "images/gone.jpg": None,
    }


def test_an_image_of_two_splits_is_held_out_unless_nothing_would_be_left_to_train_on() -> None:
    files = ["images/1.jpg", "images/2.jpg", "labels/1.txt"]
    both = plan(files, data_dot_yaml="train: images\nval: images\n" + YAML)
    assert splits(both) == {"images/1.jpg": "train", "images/2.jpg": "train"}
    some = plan(files, data_dot_yaml="train: images\nval: v.txt\n" + YAML, v_dot_txt="images/2.jpg")
    assert splits(some) == {"images/1.jpg": "train", "images/2.jpg": "validation"}
    assert codes(both)[0] == codes(some)[0] == Doubted.LISTED_IN_TWO_SPLITS


@pytest.mark.parametrize(
    ("folder", "split"),
    [("train2017", "train"), ("val", "validation"), ("valid", "validation"), ("Test", "test"), ("a", None)],
)
def test_without_entries_folders_are_splits(folder: str, split: str | None) -> None:
    files = [f"images/{folder}/1.jpg", f"labels/{folder}/1.txt"]
    assert splits(plan(files, classes_dot_txt="cat")) == {f"images/{folder}/1.jpg": split}
    assert splits(plan(files, data_dot_yaml=YAML)) == {f"images/{folder}/1.jpg": split}


def test_lists_called_like_splits_need_no_description() -> None:
    files = ["images/1.jpg", "images/2.jpg", "labels/1.txt"]
    found = plan(files, train_dot_txt="images/1.jpg\n", val_dot_txt="data/images/2.jpg\n", classes_dot_txt="cat")
    assert splits(found) == {"images/1.jpg": "train", "images/2.jpg": "validation"}


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("./images/1.jpg", "images/1.jpg"),
        ("C:\\a\\1.jpg", "a/1.jpg"),
        ("/home/1.jpg", "home/1.jpg"),
        ("a/../../1.jpg", "a/../../1.jpg"),
    ],
)
def test_an_image_that_nobody_finds_lies_below_the_root_or_stays_hostile(written: str, path: str) -> None:
    assert path_of_missing(written) == path


def test_where_nothing_names_a_split_folders_do() -> None:
    doubts: list[Doubt] = []
    found = read_splits(None, ["images/train/1.jpg", "images/2.jpg"], [], lambda path: b"", doubts)
    assert not found.given and doubts == []
    assert (found.split_of("images/train/1.jpg"), found.split_of("images/2.jpg")) == ("train", None)


def test_text_beside_an_image_that_is_called_like_a_split_is_no_list() -> None:
    found = read_splits(None, ["train.jpg", "1.jpg"], ["train.txt"], lambda path: b"1.jpg\n", [])
    assert not found.given
