"""YOLO trees: which label file, split and names each image has, by the listing and by what describes the dataset."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from labelbeam.schemas.doubts import Doubted
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.reasons import Skipped
from labelbeam.transforms.formats.yolo.tree import YoloPlan, plan_yolo

YAML = "nc: 1\nnames: [cat]\n"


def plan(
    files: Sequence[str], images: Sequence[str] | None = None, data: str | None = None, **texts: str | bytes
) -> YoloPlan:
    """Plan a tree of empty files, and of `texts` by their path with `__` for `/` and `_dot_` for `.`."""
    contents = {
        path.replace("__", "/").replace("_dot_", "."): text.encode() if isinstance(text, str) else text
        for path, text in texts.items()
    }
    return plan_yolo([*reversed(list(files)), *contents], lambda path: contents.get(path, b""), images, data)


def labels(found: YoloPlan) -> dict[str, str | None]:
    return {item.image: item.labels for item in found.items}


def splits(found: YoloPlan) -> dict[str, str | None]:
    return {item.image: item.split for item in found.items if item.skipped is None}


def codes(found: YoloPlan) -> list[str]:
    return [doubt.code for doubt in found.doubts]


# Label files.


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


def test_an_image_without_a_label_file_is_background() -> None:
    found = plan(["images/1.jpg", "images/2.jpg", "labels/1.txt"])
    assert labels(found) == {"images/1.jpg": "labels/1.txt", "images/2.jpg": None}
    assert Doubted.IMAGES_WITHOUT_LABELS not in codes(found)
    assert Doubted.IMAGES_WITHOUT_LABELS in codes(
        plan(["images/1.jpg", "images/2.jpg", "images/3.jpg", "labels/1.txt"])
    )


def test_a_label_file_without_an_image_is_that_of_one_that_is_missing() -> None:
    found = plan(["images/1.png", "labels/1.txt", "labels/2.txt", "README.txt", "labels/classes.txt", "notes.txt"])
    assert labels(found) == {"images/1.png": "labels/1.txt", "images/2.png": "labels/2.txt"}
    found = plan(["1.png", "1.txt", "2.txt", "README.roboflow.txt", "train.txt"])
    assert labels(found) == {"1.png": "1.txt", "2.png": "2.txt"}


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


# Splits.

ROBOFLOW = [f"{split}/{kind}" for split in ("train", "valid", "test") for kind in ("images/1.jpg", "labels/1.txt")]


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
