"""Recognising YOLO: by label files and descriptions, and never for what another format reads."""

from __future__ import annotations

import pytest

from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.formats.yolo.format import YoloOptions
from tests.transforms.formats.planned import plan

DETECTION = "image_object_detection"
CLASSIFICATION = "image_classification"
BOX = "0 0.5 0.5 0.25 0.25\n1 0.1 0.1 0.05 0.05\n"
YAML = "train: ../train/images\nnames: [a, b]\n"
COCO = '{"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": [], "categories": [{"id": 1, "name": "a"}]}'
XML = "<annotation><filename>1.jpg</filename></annotation>"
SPLIT = {"train/images/1.jpg": "", "train/labels/1.txt": BOX, "valid/images/2.jpg": "", "valid/labels/2.txt": ""}


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"images/train/1.jpg": "", "labels/train/1.txt": BOX, "data.yaml": YAML}, "1 label file,.*, and data.yaml"),
        (SPLIT, "2 label files, such as train/labels/1.txt"),
        ({"obj_train_data/1.jpg": "", "obj_train_data/1.txt": BOX, "obj.names": "a\n"}, "such as obj_train_data/1.txt"),
        ({"obj_train_data/1.txt": BOX, "obj.data": "classes=1\nnames=obj.names\n", "obj.names": "a\n"}, "and obj.data"),
        ({"1.jpg": "", "1.txt": "0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8\n"}, "such as 1.txt"),
        ({"1.jpg": "", "1.txt": BOX + "x\n" + BOX}, "such as 1.txt"),
        ({"1.jpg": "", "1.txt": "0,0.5,0.5,0.1,0.1\n"}, "such as 1.txt"),
        ({"labels/1.txt": BOX}, "such as labels/1.txt"),
        ({"images/1.jpg": "", "labels/1.txt": "", "sub/x.yml": YAML, "x.json": "{}"}, "found sub/x.yml"),
    ],
)
@pytest.mark.parametrize("task", [DETECTION, "image_instance_segmentation", CLASSIFICATION])
def test_a_tree_is_recognised_and_the_reason_is_told(files: dict[str, str], why: str, task: str, memory: str) -> None:
    found = plan(memory, files, task)
    assert found.format == "yolo"
    assert any(part in found.recognised for part in why.split(".*"))


def test_data_yaml_can_be_the_source(memory: str) -> None:
    for options in ({}, {"format": "yolo"}):
        found = plan(memory, SPLIT | {"my.yaml": "names: [a]\ntrain: train/images\n"}, source="my.yaml", **options)
        assert (found.format, found.images_root) == ("yolo", memory)


def test_two_formats_in_one_tree_are_asked_about(memory: str) -> None:
    with pytest.raises(UsageError, match=r"more than one format .*coco: .*; yolo: .*--format"):
        plan(memory, SPLIT | {"train.json": COCO})
    with pytest.raises(UsageError, match=r"more than one format .*voc: .*; yolo: .*--format"):
        plan(f"{memory}/voc", SPLIT | {"train/images/1.xml": XML})
    assert plan(memory, {}, format="yolo").format == "yolo"


def test_a_description_without_label_files_is_no_match_for_annotations(memory: str) -> None:
    files = {"1.jpg": "", "annotations.json": COCO, "data.yaml": YAML}
    assert plan(memory, files).format == "coco"


@pytest.mark.parametrize("task", [DETECTION, CLASSIFICATION])
def test_a_description_without_label_files_is_refused_with_where_they_are_expected(task: str, memory: str) -> None:
    with pytest.raises(LabelBeamError, match=r"no label file among 2 files .*labels/1\.txt"):
        plan(memory, {"images/1.jpg": "", "data.yaml": YAML}, task, format="yolo")


def test_labels_of_another_format_beside_a_description_are_refused_by_name_and_leave_no_image_as_background(
    memory: str,
) -> None:
    line = "1 1 9 1 9 5 1 5 cat 0\n"
    files = {f"{split}/images/{split}.jpg": "" for split in ("train", "val")}
    files |= {f"{split}/labelTxt/{split}.txt": line for split in ("train", "val")}
    with pytest.raises(UsageError, match=r"this looks like DOTA .*no label file among 5 files belongs to an image"):
        plan(memory, files | {"data.yaml": "names: [cat]\ntrain: ../train/images\nval: ../valid/images\n"})


@pytest.mark.parametrize(
    "files",
    [
        {"train/cat/1.jpg": "", "train/dog/2.jpg": "", "val/cat/3.jpg": "", "val/dog/4.jpg": ""},
        {"train/cat/1.jpg": "", "train/dog/2.jpg": "", "data.yaml": "names: [cat, dog]\nnc: 2\n"},
        {"cat/1.jpg": "", "dog/1.jpg": "", "cat/1.txt": BOX},
        {"labels.csv": "filename,label\n1.jpg,cat\n", "1.jpg": "", "1.txt": BOX},
    ],
)
def test_class_folders_and_tables_of_labels_are_folders_as_ultralytics_classify_trees_are(
    files: dict[str, str], memory: str
) -> None:
    assert plan(memory, files, CLASSIFICATION).format == "folder"


@pytest.mark.parametrize("text", ["cat\ndog\n", "Car 0.00 0 1.85 387 181 423 203 1.67 1.87 3.69 -16.5 2.39 58.4 1.5\n"])
def test_other_text_files_are_none(text: str, memory: str) -> None:
    with pytest.raises(UsageError, match="this looks like"):
        plan(memory, {"1.jpg": "", "1.txt": text})


@pytest.mark.parametrize(("name", "text"), [("1.txt", BOX), ("hyp.yaml", "lr0: 0.1\n")])
def test_another_file_is_no_source(name: str, text: str, memory: str) -> None:
    with pytest.raises(UsageError, match=rf"{name} is no data\.yaml and no obj\.data"):
        plan(memory, {name: text}, source=name, format="yolo")


def test_a_file_that_describes_is_read_up_to_a_limit(memory: str) -> None:
    large = "names: [a]\nnc: 1\n#" + "x" * 2**20
    with pytest.raises(LabelBeamError, match=r"data\.yaml: has 1,048,\d+ bytes, expected at most 1,048,576"):
        plan(memory, SPLIT | {"data.yaml": large})


@pytest.mark.parametrize("named", ["../x/data.yaml", "/etc/passwd", "no.yaml"])
def test_an_option_names_no_file_out_of_the_root(named: str, memory: str) -> None:
    with pytest.raises(UsageError, match="--yolo-data: found no file"):
        plan(memory, SPLIT, of_formats=(YoloOptions(yolo_data=named),), format="yolo")
