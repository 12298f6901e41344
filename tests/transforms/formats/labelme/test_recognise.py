"""Recognising LabelMe: by what its files hold, and never for what another format reads."""

from __future__ import annotations

import json

import pytest

from labelbeam.schemas.errors import LabelBeamError, UsageError
from tests.transforms.formats.planned import plan

DETECTION = "image_object_detection"
SHAPE = {"label": "cat", "points": [[1, 2], [3, 4]], "shape_type": "rectangle"}
LABELME = json.dumps({"version": "5.0", "shapes": [SHAPE], "imagePath": "1.jpg", "imageData": None})
OLD = json.dumps({"imageData": "x" * 100, "shapes": [], "lineColor": [0, 255, 0, 128]})
COCO = '{"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": [], "categories": [{"id": 1, "name": "a"}]}'
XML = "<annotation><filename>1.jpg</filename></annotation>"


@pytest.mark.parametrize(
    ("files", "source"),
    [
        ({"1.jpg": "", "1.json": LABELME}, ""),
        ({"1.jpg": "", "1.json": "\ufeff" + LABELME}, ""),
        ({"1.jpg": "", "1.json": OLD}, ""),
        ({"images/1.jpg": "", "annotations/1.json": LABELME, "config.json": "{}"}, ""),
        ({"1.jpg": "", "1.json": LABELME, "2.json": LABELME}, "1.json"),
    ],
)
def test_its_files_are_recognised(files: dict[str, str], source: str, memory: str) -> None:
    found = plan(memory, files, source=source)
    assert (found.format, len(found.units)) == ("labelme", 1)


@pytest.mark.parametrize("task", ["image_classification", "image_object_detection"])
def test_images_are_classes_by_their_folders_only_for_classification(task: str, memory: str) -> None:
    files = {"cat/1.jpg": "", "dog/2.jpg": "", "cat/1.json": LABELME}
    assert plan(memory, files, task).format == ("folder" if "classification" in task else "labelme")
    assert plan(memory, files, task, format="labelme").format == "labelme"


@pytest.mark.parametrize("other", [{"_annotations.coco.json": COCO}, {"1.xml": XML}])
def test_beside_another_format_neither_is_chosen(other: dict[str, str], memory: str) -> None:
    with pytest.raises(UsageError, match="more than one format"):
        plan(memory, {"1.jpg": "", "1.json": LABELME} | other)


def test_where_it_is_asked_for_and_not_there_it_says_so(memory: str) -> None:
    with pytest.raises(LabelBeamError, match="holds no JSON file with shapes"):
        plan(memory, {"1.jpg": ""}, format="labelme")
