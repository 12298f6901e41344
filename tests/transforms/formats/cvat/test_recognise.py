"""Recognising CVAT: files of images, one a task; never tracks of a video."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate

META = "<?xml version='1.0'?>\n<annotations><version>1.1</version><meta><task><id>7</id></task></meta>"
IMAGES = f"{META}<image id='0' name='1.jpg' width='9' height='8'/></annotations>"
VIDEO = f"{META}<track id='0' label='cat'><box frame='0' xtl='1'/></track></annotations>"
LATE = META.replace("</task>", f"</task><!-- {'x' * 100_000} -->") + "<image id='0' name='1.jpg'/></annotations>"


def plan(root: str, files: dict[str, str], task: Any = "image_object_detection", source: str = "") -> Plan:
    for name, text in files.items():
        put(locate(root, {}).below(name), text.encode())
    return make_plan(ConvertConfig(task=task, output="memory://nowhere", source=[f"{root}/{source}".rstrip("/")]), {})


@pytest.mark.parametrize("task", ["image_object_detection", "image_classification"])
@pytest.mark.parametrize(
    ("files", "source", "units"),
    [
        ({"images/1.jpg": "", "annotations.xml": IMAGES}, "", 1),
        ({"images/1.jpg": "", "annotations.xml": IMAGES}, "annotations.xml", 1),
        ({"train/images/1.jpg": "", "train/a.xml": IMAGES, "val/2.jpg": "", "val/a.xml": IMAGES}, "", 2),
        ({"1.jpg": "", "task_7.xml": IMAGES, "task_8.xml": IMAGES.replace("<id>7", "<id>8")}, "", 2),
        ({"1.jpg": "", "annotations.xml": LATE}, "", 1),
        ({"1.jpg": "", "annotations.xml": META + "</annotations>"}, "", 1),
    ],
)
def test_its_files_are_recognised(files: dict[str, str], source: str, units: int, task: str, memory: str) -> None:
    found = plan(memory, files, task, source)
    assert (found.format, len(found.units)) == ("cvat", units)


def test_two_exports_of_one_task_are_asked_about(memory: str) -> None:
    with pytest.raises(UsageError, match=r"several files of CVAT that may describe the same images \(a.xml, b.xml\)"):
        plan(memory, {"1.jpg": "", "a.xml": IMAGES, "b.xml": IMAGES})


def test_tracks_of_a_video_are_named_with_what_to_do(memory: str) -> None:
    with pytest.raises(
        LabelBeamError, match=r"tracks of CVAT for video.*which is not read; export the task from CVAT as"
    ):
        plan(memory, {"images/1.jpg": "", "annotations.xml": VIDEO})


def test_class_folders_go_before_it_for_classification(memory: str) -> None:
    files = {"cat/1.jpg": "", "dog/1.jpg": "", "annotations.xml": IMAGES}
    assert plan(memory, files, "image_classification").format == "folder"
