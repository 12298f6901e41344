"""One dataset of turned boxes, written in every format that holds these: all give the same records, or none and say so."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.transforms.formats.same_records import Way, records, same
from tests.transforms.formats.turned_dataset import (
    TurnedPicture,
    turned_pictures,
    write_coco,
    write_cvat,
    write_datumaro,
    write_labelme,
    write_labelstudio,
    write_supervisely,
    write_voc,
    write_yolo,
)

DETECTION = "image_object_detection"
SEGMENTATION = "image_instance_segmentation"
WAYS: dict[str, Way[TurnedPicture]] = {
    "yolo box": ("yolo", write_yolo, {"yolo_oriented": "box"}),
    "yolo polygon": ("yolo", write_yolo, {"yolo_oriented": "polygon"}),
    "yolo reject": ("yolo", write_yolo, {"yolo_oriented": "reject"}),
    "yolo detect": ("yolo", write_yolo, {}),
    "cvat": ("cvat", write_cvat, {}),
    "labelstudio": ("labelstudio", write_labelstudio, {}),
    "datumaro bbox": ("datumaro", lambda made: write_datumaro(made, "bbox"), {}),
    "datumaro rotated_bbox": ("datumaro", lambda made: write_datumaro(made, "rotated_bbox"), {}),
    "voc robndbox": ("voc", lambda made: write_voc(made, "robndbox"), {"voc_origin": 0}),
    "voc bndbox": ("voc", lambda made: write_voc(made, "bndbox"), {"voc_origin": 0}),
    "coco attributes": ("coco", lambda made: write_coco(made, "attributes"), {}),
    "coco rotation": ("coco", lambda made: write_coco(made, "rotation"), {}),
    "labelme rotation": ("labelme", lambda made: write_labelme(made, "rotation"), {}),
    "labelme rectangle": ("labelme", lambda made: write_labelme(made, "rectangle"), {}),
    "supervisely": ("supervisely", lambda made: write_supervisely(made, edges=False), {}),
    "supervisely edges": (
        "supervisely",
        lambda made: write_supervisely(made, edges=True),
        {"supervisely_corners": "edges"},
    ),
}
REJECTING = ("yolo reject", "yolo detect")
IMAGES, OBJECTS = 8, 24


def expected(task: str) -> dict[str, list[Any]]:
    """The records, made from corners alone."""
    lines: dict[str, list[Any]] = {"train": [], "validation": []}
    for split, name, width, height, objects in turned_pictures():
        label = []
        for item in objects:
            xs, ys = zip(*((x / width, y / height) for x, y in item.corners()), strict=True)
            box: dict[str, Any] = {"topX": min(xs), "topY": min(ys), "bottomX": max(xs), "bottomY": max(ys)}
            shape = {**box, "isCrowd": 0}
            if task == SEGMENTATION:
                shape = {"isCrowd": 0, "polygon": [[side for corner in zip(xs, ys, strict=True) for side in corner]]}
            label.append({"label": item.label, **shape})
        details = {"format": "jpg", "width": width, "height": height}
        url = f"https://h/images/{split}/{name}.jpg"
        lines[{"val": "validation"}.get(split, split)].append(
            {"image_url": url, "image_details": details, "label": label}
        )
    return lines


@pytest.mark.parametrize("name", [name for name in WAYS if name not in REJECTING])
def test_the_same_turned_boxes_are_the_same_boxes_around_them_in_every_format(name: str, memory: str) -> None:
    found, rejected = records(memory, turned_pictures(), WAYS[name], DETECTION)
    assert rejected == []
    same(found, expected(DETECTION))


@pytest.mark.parametrize("name", REJECTING)
@pytest.mark.parametrize("task", [DETECTION, SEGMENTATION])
def test_four_corners_that_nobody_says_how_to_read_are_rejected_one_by_one(name: str, task: str, memory: str) -> None:
    found, rejected = records(memory, turned_pictures(), WAYS[name], task)
    assert Counter(str(item.code) for item in rejected) == {"oriented_box": OBJECTS, "no_valid_object": IMAGES}
    assert found == {}


@pytest.mark.parametrize("name", [name for name in WAYS if name not in REJECTING])
def test_a_turned_box_is_an_outline_only_where_it_is_said_to_be_one(name: str, memory: str) -> None:
    found, rejected = records(memory, turned_pictures(), WAYS[name], SEGMENTATION)
    if name == "yolo polygon":
        assert rejected == []
        same(found, expected(SEGMENTATION))
    else:
        assert Counter(str(item.code) for item in rejected) == {
            "missing_segmentation": OBJECTS,
            "no_valid_object": IMAGES,
        }
