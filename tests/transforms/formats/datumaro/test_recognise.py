"""Recognising Datumaro: files of items, each a subset; never taken for COCO, however long they are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.transforms.formats.datumaro.recognise import holds_items
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate

ITEM = {"id": "1", "annotations": [{"type": "bbox", "label_id": 0, "bbox": [1, 2, 3, 4]}], "image": {"path": "1.jpg"}}
OLD = {"info": {}, "categories": {"label": {"labels": [{"name": "cat"}]}}, "items": [ITEM]}
NEW = {"dm_format_version": "1.0", "media_type": 2, "infos": {}, "categories": {}, "items": []}
STUDIO = [{"id": 1, "data": {"image": "1.jpg"}, "annotations": [{"result": [], "note": "x" * 50}]}]


@pytest.mark.parametrize("task", ["image_object_detection", "image_classification"])
@pytest.mark.parametrize(
    ("files", "source", "expected", "units"),
    [
        ({"images/1.jpg": "", "annotations/default.json": json.dumps(OLD)}, "", "datumaro", 1),
        (
            {"images/1.jpg": "", "annotations/a.json": json.dumps(OLD), "annotations/b.json": json.dumps(NEW)},
            "",
            "datumaro",
            2,
        ),
        ({"1.jpg": "", "default.json": json.dumps(NEW)}, "default.json", "datumaro", 1),
        ({"1.jpg": "", "default.json": json.dumps(OLD | {"items": [ITEM] * 2000})}, "", "datumaro", 1),
        ({"1.jpg": "", "project.json": json.dumps(STUDIO * 2000)}, "", "labelstudio", 1),
    ],
)
def test_its_files_are_recognised(
    files: dict[str, str], source: str, expected: str, units: int, task: Any, memory: str
) -> None:
    for name, text in files.items():
        put(locate(memory, {}).below(name), text.encode())
    config = ConvertConfig(task=task, output="memory://nowhere", source=[f"{memory}/{source}".rstrip("/")])
    found = make_plan(config, {})
    assert (found.format, len(found.units)) == (expected, units)


@pytest.mark.parametrize(
    ("content", "held"),
    [
        (OLD, True),
        (NEW, True),
        ({"info": {}, "images": [], "annotations": [], "categories": [{"name": "cat"}]}, False),
        ([OLD], False),
        ({"categories": {}}, False),
    ],
)
def test_its_categories_are_no_list_as_those_of_coco_are(content: Any, held: bool) -> None:
    assert holds_items(json.dumps(content).encode()) is held
