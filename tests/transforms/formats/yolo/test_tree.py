"""YOLO trees: which label file, split and names each image has, by the listing and by what describes the dataset."""

from __future__ import annotations

import pytest

from labelbeam.schemas.doubts import Doubted
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.reasons import Skipped
from tests.transforms.formats.yolo.trees import codes, labels, plan, splits

# Label files.


def test_an_image_without_a_label_file_is_background() -> None:
    found = plan(["images/1.jpg", "images/2.jpg", "labels/1.txt"])
    assert labels(found) == {"images/1.jpg": "labels/1.txt", "images/2.jpg": None}
    assert Doubted.IMAGES_WITHOUT_LABELS not in codes(found)
    assert Doubted.IMAGES_WITHOUT_LABELS in codes(
        plan(["images/1.jpg", "images/2.jpg", "images/3.jpg", "labels/1.txt"])
    )


def test_one_label_file_of_several_images_is_told() -> None:
    found = plan(["images/1.jpg", "images/1.png", "images/2.jpg", "labels/1.txt", "labels/2.txt"])
    assert set(labels(found).values()) == {"labels/1.txt", "labels/2.txt"}
    (doubt,) = [doubt for doubt in found.doubts if doubt.code == Doubted.LABELS_OF_SEVERAL_IMAGES]
    assert (doubt.count, doubt.example) == (1, "labels/1.txt")


def test_a_label_file_without_an_image_is_that_of_one_that_is_missing() -> None:
    found = plan(["images/1.png", "labels/1.txt", "labels/2.txt", "README.txt", "labels/classes.txt", "notes.txt"])
    assert labels(found) == {"images/1.png": "labels/1.txt", "images/2.png": "labels/2.txt"}
    found = plan(["1.png", "1.txt", "2.txt", "README.roboflow.txt", "train.txt"])
    assert labels(found) == {"1.png": "1.txt", "2.png": "2.txt"}


def test_listed_images_that_are_missing_from_several_folders_are_told_apart_by_these() -> None:
    names = ["train/a/1", "train/b/1", "val/a/1"]
    found = plan(
        [f"labels/{name}.txt" for name in names],
        data_dot_yaml="train: train.txt\nval: val.txt\nnames: [cat]\n",
        train_dot_txt="./images/train/a/1.jpg\n./images/train/b/1.png\n",
        val_dot_txt="/home/me/set/images/val/a/1.jpg\n",
    )
    assert splits(found) == {
        "images/train/a/1.jpg": "train",
        "images/train/b/1.png": "train",
        "images/val/a/1.jpg": "validation",
    }
    assert set(labels(found).values()) == {f"labels/{name}.txt" for name in names}
    assert not [item for item in found.items if item.skipped]


def test_images_may_lie_in_a_directory_of_their_own() -> None:
    assert labels(plan(["labels/train/1.txt"], ["train/1.jpg"])) == {"train/1.jpg": "labels/train/1.txt"}
    assert labels(plan(["train/1.txt"], ["train/1.jpg"])) == {"train/1.jpg": "train/1.txt"}
    assert labels(plan(["labels/train/1.txt"], [])) == {"train/1.jpg": "labels/train/1.txt"}


def test_hidden_files_are_none_of_it() -> None:
    assert labels(plan(["images/1.jpg", "labels/1.txt", "images/._1.jpg", ".git/2.jpg", "labels/.x.txt"])) == {
        "images/1.jpg": "labels/1.txt"
    }


def test_pictures_of_no_folder_of_images_are_skipped() -> None:
    found = plan(["images/1.jpg", "labels/1.txt", "docs/logo.png", "test/2.jpg"])
    assert {item.image: item.skipped for item in found.items} == {
        "docs/logo.png": Skipped.OUTSIDE_SPLITS,
        "images/1.jpg": None,
        "test/2.jpg": None,
    }
    assert [doubt.count for doubt in found.doubts if doubt.code == Doubted.OUTSIDE_LISTS] == [1]


# Darknet.


def test_darknet_s_files_are_read() -> None:
    found = plan(
        ["obj_train_data/1.jpg", "obj_train_data/1.txt", "obj_valid_data/2.jpg", "obj_valid_data/2.txt"],
        obj_dot_data="classes = 1\ntrain = data/train.txt\nvalid = data/valid.txt\nnames = data/obj.names\n",
        obj_dot_names="cat\n",
        train_dot_txt="data/obj_train_data/1.jpg\n",
        valid_dot_txt="data/obj_valid_data/2.jpg\n",
    )
    assert splits(found) == {"obj_train_data/1.jpg": "train", "obj_valid_data/2.jpg": "validation"}
    assert [names and names.by_number for names in found.names] == [{0: "cat"}]
    assert codes(found) == []


def test_darknet_s_files_without_images_tell_what_the_images_are_called() -> None:
    found = plan(
        ["obj_train_data/1.txt"],
        obj_dot_data="classes = 1\ntrain = data/train.txt\nnames = data/obj.names\n",
        obj_dot_names="cat\n",
        train_dot_txt="data/obj_train_data/1.PNG\n",
    )
    assert labels(found) == {"obj_train_data/1.PNG": "obj_train_data/1.txt"}
    assert splits(found) == {"obj_train_data/1.PNG": "train"}


def test_names_that_are_not_there_are_asked_for() -> None:
    with pytest.raises(LabelBeamError, match=r"obj\.data: names leads to '/x/a\.names', which is not in the source"):
        plan(["1.jpg", "1.txt"], obj_dot_data="classes = 1\nnames = /x/a.names\n")


# Names.


def test_names_are_those_of_the_next_file_above_as_labelimg_keeps_them() -> None:
    found = plan(["a/1.jpg", "a/1.txt", "b/c/2.jpg", "b/c/2.txt"], a__classes_dot_txt="cat", b__classes_dot_txt="dog")
    tables = [names and names.by_number for names in found.names]
    assert {item.image: tables[item.names] for item in found.items} == {"a/1.jpg": {0: "cat"}, "b/c/2.jpg": {0: "dog"}}


def test_a_sole_file_of_names_holds_wherever_it_lies() -> None:
    for path in ("labels__classes_dot_txt", "x__obj_dot_names", "train___darknet_dot_labels"):
        found = plan(["images/1.jpg", "labels/1.txt"], **{path: "cat\ndog\n"})
        assert [names and names.by_number for names in found.names] == [{0: "cat", 1: "dog"}]
        assert codes(found) == []


def test_without_names_labels_are_numbers_and_that_is_told() -> None:
    found = plan(["images/1.jpg", "labels/1.txt"])
    assert found.names == [None]
    assert codes(found) == [Doubted.LABELS_ARE_NUMBERS]


def test_names_that_differ_or_are_counted_otherwise_are_told() -> None:
    found = plan(["images/1.jpg", "labels/1.txt"], data_dot_yaml="nc: 3\nnames: [cat, dog]", classes_dot_txt="cat\ncow")
    assert codes(found) == [Doubted.CLASS_NAMES_DIFFER, Doubted.CLASS_NAMES_DIFFER]
    assert "'cow' and 'dog' for 1" in found.doubts[1].message


def test_of_two_descriptions_one_has_to_be_named() -> None:
    texts = {"a_dot_yaml": "names: [cat]\nnc: 1", "b_dot_yaml": "names: [dog]\nnc: 1"}
    with pytest.raises(UsageError, match=r"a\.yaml and b\.yaml .* --yolo-data"):
        plan(["images/1.jpg", "labels/1.txt"], **texts)
    found = plan(["images/1.jpg", "labels/1.txt"], data="b.yaml", **texts)
    assert found.names[0] is not None
    assert found.names[0].by_number == {0: "dog"}
    assert plan(["images/1.jpg", "labels/1.txt"], a_dot_yaml=texts["a_dot_yaml"], c_dot_yaml=texts["a_dot_yaml"]).items
    with pytest.raises(UsageError, match=r"--yolo-data: found no file 'c\.yaml'"):
        plan(["images/1.jpg", "labels/1.txt"], data="c.yaml", **texts)
    with pytest.raises(UsageError, match=r"a/classes\.txt and a/obj\.names name classes otherwise"):
        plan(["a/1.jpg", "a/1.txt"], a__classes_dot_txt="cat", a__obj_dot_names="dog")


def test_a_file_of_names_can_be_named() -> None:
    found = plan(["images/1.jpg", "labels/1.txt"], data="vocabulary.txt", vocabulary_dot_txt="cat\n")
    assert found.names[0] is not None
    assert found.names[0].by_number == {0: "cat"}
