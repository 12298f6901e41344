"""Plans of files that are put in memory, as a build makes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelbeam.schemas.config import ConvertConfig
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate


def plan(
    root: str, files: Mapping[str, str], task: Any = "image_object_detection", source: str = "", **options: Any
) -> Plan:
    """Put files below a root, and plan a build of them, or of the one named `source`."""
    for name, text in files.items():
        put(locate(root, {}).below(name), text.encode())
    options["source"] = [f"{root}/{source}".rstrip("/")]
    return make_plan(ConvertConfig(task=task, output="memory://nowhere", **options), {})
