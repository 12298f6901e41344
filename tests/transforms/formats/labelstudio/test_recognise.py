"""Recognising Label Studio: by the keys of tasks that were annotated."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.labelstudio.recognise import holds_tasks
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate

VALUE = {"x": 1, "y": 2, "width": 3, "height": 4, "rectanglelabels": ["cat"]}
RESULT = {"from_name": "label", "to_name": "image", "type": "rectanglelabels", "value": VALUE}
FULL = json.dumps([{"id": 1, "annotations": [{"id": 2, "result": [RESULT]}], "data": {"image": "1.jpg"}}])
MINIMAL = json.dumps(
    [{"image": "1.jpg", "id": 1, "label": [VALUE | {"original_width": 9}], "annotator": 1, "annotation_id": 2}]
)
STORED = json.dumps({"id": 2, "result": [], "was_cancelled": False, "task": {"id": 1, "data": {"image": "1.jpg"}}})
BRUSH = '[{"image": "1.jpg", "id": 1, "tag": [{"format": "rle", "rle": [' + "0, " * 50_000 + "0]}]}]"


def plan(root: str, files: dict[str, str], task: Any = "image_object_detection", source: str = "") -> Plan:
    for name, text in files.items():
        put(locate(root, {}).below(name), text.encode())
    return make_plan(ConvertConfig(task=task, output="memory://nowhere", source=[f"{root}/{source}".rstrip("/")]), {})


@pytest.mark.parametrize("task", ["image_object_detection", "image_classification"])
@pytest.mark.parametrize(
    ("files", "source", "units"),
    [
        ({"images/1.jpg": "", "project-1-at-2024.json": FULL}, "", 1),
        ({"images/1.jpg": "", "project-1.json": MINIMAL}, "project-1.json", 1),
        ({"images/1.jpg": "", "export/1.json": BRUSH}, "", 1),
        ({"1.jpg": "", "train.json": FULL, "val.json": FULL}, "", 2),
    ],
)
def test_its_files_are_recognised(files: dict[str, str], source: str, units: int, task: str, memory: str) -> None:
    found = plan(memory, files, task, source)
    assert (found.format, len(found.units)) == ("labelstudio", units)


def test_two_exports_of_one_project_are_asked_about(memory: str) -> None:
    with pytest.raises(
        UsageError, match=r"several files of Label Studio that may describe the same images \(a.json, b.json\)"
    ):
        plan(memory, {"1.jpg": "", "a.json": FULL, "b.json": MINIMAL})


@pytest.mark.parametrize(
    ("text", "held"),
    [
        (STORED, True),
        ("\ufeff " + FULL, True),
        (json.dumps([{"data": {"image": "1.jpg"}}]), False),
        (json.dumps([{"image": "1.jpg", "annotations": [{"label": "a", "coordinates": {"x": 1}}]}]), False),
        (
            json.dumps(
                {"images": [{"file_name": "a"}], "annotations": [], "categories": [], "from_name": 1, "to_name": 1}
            ),
            False,
        ),
        ('"from_name": "to_name":', False),
        ("", False),
    ],
)
def test_only_annotated_tasks_are_its_own(text: str, held: bool) -> None:
    assert holds_tasks(text.encode()) is held
