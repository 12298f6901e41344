"""Rows of Hugging Face's tables: each object is read or rejected, whichever way the row spells them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labelbeam.schemas.neutral import SourceImage
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.huggingface.read import HuggingFaceImages, read_rows, rows_of_csv, rows_of_lines
from labelbeam.transforms.formats.named_images import ImageFinder

IMAGES = ImageFinder(["train/1.jpg", "train/a/2.jpg"])
DETECTION, SEGMENTATION, LABELS = (
    "image_object_detection",
    "image_instance_segmentation",
    "image_classification_multilabel",
)
NAMES = {0: "cat", 1: "dog"}
SQUARE = [10, 20, 40, 20, 40, 60, 10, 60]


def read(
    objects: Any, task: str = DETECTION, names: Any = NAMES, evidence: Evidence | None = None, **more: Any
) -> HuggingFaceImages:
    row = {"file_name": "1.jpg", "width": 200, "height": 100, "objects": objects} | more
    return read_rows(
        [("byte 0", row)],
        names,
        IMAGES,
        evidence or Evidence(),
        path="train/metadata.jsonl",
        source="memory://x",
        task=task,
    )


def image_of(objects: Any, **more: Any) -> SourceImage:
    return read(objects, **more).images[0]


BOXES = {"bbox": [[10, 20, 30, 40], [1, 2, 3, 4]], "category": [0, 1]}


@pytest.mark.parametrize(
    "objects",
    [
        BOXES,
        {"bboxes": BOXES["bbox"], "categories": ["cat", "dog"], "id": [7, 8], "area": [1200, 12]},
        [{"bbox": [10, 20, 30, 40], "label": "cat"}, {"bbox": [1, 2, 3, 4], "label": 1}],
    ],
)
def test_objects_are_lists_of_each_or_a_list_of_objects(objects: Any) -> None:
    image = image_of(objects)
    assert (image.path, image.width, image.height, image.split) == ("train/1.jpg", 200, 100, "train")
    assert [(item.label, item.bbox) for item in image.objects] == [("cat", (10, 20, 40, 60)), ("dog", (1, 2, 4, 6))]
    assert image.rejected == []


@pytest.mark.parametrize("objects", [None, {}, [], {"bbox": [], "category": []}])
def test_an_image_without_objects_is_background(objects: Any) -> None:
    assert (image_of(objects).objects, image_of(objects).rejected) == ([], [])


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        (7, "objects is 7"),
        ([7], "an object is 7"),
        ({"bbox": 7}, "something else than lists"),
        ({"bbox": [[1, 2, 3, 4]], "category": []}, "lists of several lengths (bbox: 1, label: 0)"),
    ],
)
def test_objects_of_another_form_reject_their_image(objects: Any, message: str) -> None:
    (rejection,) = image_of(objects).rejected
    assert (rejection.kind, rejection.code) == ("image", "invalid_record")
    assert message in rejection.message


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"bbox": [1, 2, 3, 4], "category": 2}, "unknown_category"),
        ({"bbox": [1, 2, 3, 4], "category": " "}, "invalid_label"),
        ({"bbox": [1, 2, 3, 4]}, "invalid_label"),
        ({"category": 0}, "missing_bbox"),
        ({"bbox": [1, 2, 3], "category": 0}, "invalid_bbox"),
        ({"bbox": [1, 2, None, 4], "category": 0}, "invalid_bbox"),
        ({"bbox": "1 2 3 4", "category": 0}, "invalid_bbox"),
        ({"category": 0, "segmentation": [[1, 2, 3, 4]]}, "invalid_polygon"),
        ({"category": 0, "segmentation": "x"}, "invalid_polygon"),
        ({"category": 0, "segmentation": {"size": [9, 9], "counts": [81]}}, "rle_size_mismatch"),
        ({"category": 0, "segmentation": {"size": [100, 200], "counts": [1]}}, "invalid_rle"),
    ],
)
def test_an_object_that_cannot_be_read_is_rejected_beside_the_others(item: Any, code: str) -> None:
    image = image_of([item, {"bbox": [1, 2, 3, 4], "category": 0}])
    assert [(each.kind, each.code) for each in image.rejected] == [("object", code)]
    assert len(image.objects) == 1


def test_run_lengths_need_a_size() -> None:
    image = image_of([{"category": 0, "segmentation": {"size": [9, 9], "counts": [81]}}], width=None, height=None)
    assert image.rejected[0].code == "rle_size_mismatch"


@pytest.mark.parametrize(
    ("outline", "corners", "traced"),
    [([SQUARE], 4, False), (SQUARE, 4, False), ({"size": [100, 200], "counts": [1020, 3, 18977]}, 4, True)],
)
def test_outlines_are_those_of_coco(outline: Any, corners: int, traced: bool) -> None:
    found = read(
        [{"category": 0, "segmentation": outline, "iscrowd": 1}, {"category": 0, "bbox": [1, 2, 3, 4]}], SEGMENTATION
    )
    item = found.images[0].objects[0]
    assert item.rings is not None
    assert (item.bbox, item.crowd, item.from_mask, len(item.rings[0])) == (None, True, traced, corners)
    assert found.without == 1
    assert found.images[0].adjusted == ["mask_to_polygon"] * traced


def test_numbers_without_names_are_labels_and_counted() -> None:
    found = read(BOXES, names={})
    assert [item.label for item in found.images[0].objects] == ["0", "1"]
    assert found.unnamed == 2
    assert found.images[0].adjusted == ["label_from_number"] * 2


def test_labels_of_an_image_are_those_of_its_objects_once() -> None:
    image = image_of({"category": [0, 0, "dog", 9]}, task=LABELS)
    assert [item.label for item in image.objects] == ["cat", "dog"]
    assert [item.code for item in image.rejected] == ["invalid_label"]


def test_boxes_tell_of_their_frame_as_those_of_coco() -> None:
    evidence = Evidence()
    read({"bbox": [[0.1, 0.2, 0.3, 0.4], [10, 20, 500, 40]], "category": [0, 0]}, evidence=evidence)
    assert (evidence.count("boxes"), evidence.count("boxes_under_a_pixel"), evidence.count("boxes_beyond_1")) == (
        2,
        1,
        1,
    )
    assert evidence.example("boxes_under_a_pixel") == "train/metadata.jsonl byte 0"


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("it is no JSON", "invalid_record"),
        ({"objects": BOXES}, "invalid_record"),
        ({"file_name": 7, "objects": BOXES}, "invalid_record"),
        ({"file_name": "../../9.jpg", "objects": BOXES}, "unsafe_path"),
        ({"file_name": "1.jpg", "width": "x", "height": 2, "objects": BOXES}, "invalid_size"),
    ],
)
def test_a_row_without_a_usable_image_is_rejected(row: Any, code: str) -> None:
    found = read_rows(
        [("byte 9", row)], NAMES, IMAGES, Evidence(), path="train/metadata.jsonl", source="memory://x", task=DETECTION
    )
    (image,) = found.images
    assert [(item.kind, item.code) for item in image.rejected] == [("image", code)]
    assert image.locator == "train/metadata.jsonl byte 9"


def test_the_image_may_stand_under_a_longer_name() -> None:
    found = read_rows(
        [("byte 0", {"image_file_name": "a/2.jpg"})],
        NAMES,
        IMAGES,
        Evidence(),
        path="train/m",
        source="s",
        task=DETECTION,
    )
    assert found.images[0].path == "train/a/2.jpg"


def test_lines_stand_where_they_begin_and_blank_ones_say_nothing() -> None:
    block = b'\xef\xbb\xbf{"file_name": "1.jpg"}\r\n\n[]\n{"a": 1, "a": 2}'
    rows = list(rows_of_lines(block, 5))
    assert [locator for locator, _ in rows] == ["byte 5", "byte 33", "byte 36"]
    assert rows[0][1] == {"file_name": "1.jpg"}
    assert all(isinstance(row, str) for _, row in rows[1:])


def test_cells_of_a_csv_are_json_or_as_python_writes_them() -> None:
    python = str(BOXES).replace('"', '""')
    plain = json.dumps(BOXES).replace('"', '""')
    text = f'file_name,width,objects\n1.jpg,200,"{python}"\n\n1.jpg,200,"{plain}"\n1.jpg,x,\n1.jpg,200\n1.jpg,1,[\n1.jpg,1,{"(" * 500}\n'
    rows = list(rows_of_csv(b"\xef\xbb\xbf" + text.encode()))
    assert [locator for locator, _ in rows] == [f"row {number}" for number in (2, 4, 5, 6, 7, 8)]
    found = [row if isinstance(row, str) else (row["width"], row["objects"]) for _, row in rows]
    assert found[:3] == [(200, BOXES), (200, BOXES), ("x", None)]
    assert found[3] == "the row has 2 cells, expected 3"
    assert found[4:] == [(1, "["), (1, "(" * 500)]


def test_a_csv_that_breaks_off_says_so() -> None:
    (row,) = rows_of_csv(b"file_name,objects\n1.jpg," + b"x" * (17 * 2**20))
    assert row[0] == "its end" and "no CSV" in str(row[1])
