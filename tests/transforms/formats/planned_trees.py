"""Folders and VOC trees in a store, and their plans."""

from __future__ import annotations

from typing import Any

from labelbeam.schemas.config import ConvertConfig
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate

XML = "<annotation><filename>1.jpg</filename></annotation>"


def shown(made: Plan, *paths: str) -> list[str]:
    """Which of `paths` the plan says are listed."""
    assert made.listed is not None
    return sorted(path for path in paths if made.listed.find(path) is not None)


def fill(root: str, files: dict[str, str]) -> str:
    for name, content in files.items():
        put(locate(root, {}).below(name), content.encode())
    return locate(root, {}).url


def plan(*sources: str, task: Any = "image_classification", output: str = "memory://nowhere", **options: Any) -> Plan:
    return make_plan(ConvertConfig(task=task, source=list(sources), output=output, **options), {})


def labels(made: Plan) -> dict[str, str | None]:
    return {item.path: item.label for unit in made.units for item in unit.items}


CLASSES = {"cat/1.jpg": "", "dog/2.jpg": "", "dog/3.jpg": ""}


TABLE = {"labels.csv": "filename,label\n1.jpg,cat\n2.jpg,dog\n", "images/1.jpg": "", "images/2.jpg": ""}


VOC = {f"Annotations/{number}.xml": XML for number in range(5)} | {
    f"JPEGImages/{number}.jpg": "" for number in range(5)
}
