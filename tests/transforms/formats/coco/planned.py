"""COCO files in a store, and their plans."""

from __future__ import annotations

import json
from typing import Any

from labelbeam.schemas.config import ConvertConfig
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate

BOX = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]}


def shown(made: Plan, *paths: str) -> list[str]:
    """Which of `paths` the plan says are listed."""
    assert made.listed is not None
    return sorted(path for path in paths if made.listed.find(path) is not None)


def coco(*file_names: str, sized: bool = True, annotation: dict[str, Any] | None = None, **sections: Any) -> str:
    size = {"width": 4, "height": 3} if sized else {}
    images = [{"id": number, "file_name": name, **size} for number, name in enumerate(file_names or ("1.jpg",))]
    content = {"images": images, "annotations": [annotation or BOX], "categories": [{"id": 1, "name": "a"}]}
    return json.dumps({**content, **sections})


def fill(root: str, files: dict[str, str | bytes]) -> str:
    for name, content in files.items():
        put(locate(root, {}).below(name), content.encode() if isinstance(content, str) else content)
    return locate(root, {}).url


def plan(*sources: str, task: Any = "image_object_detection", **options: Any) -> Plan:
    return make_plan(ConvertConfig(task=task, source=list(sources), output="memory://nowhere", **options), {})
