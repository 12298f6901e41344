"""Recognising VIA: by what its files hold, one in each folder."""

from __future__ import annotations

import json

import pytest

from labelbeam.schemas.errors import UsageError
from tests.transforms.formats.planned import plan

PROJECT = json.dumps({"_via_settings": {}, "_via_img_metadata": {"1.jpg7": {"filename": "1.jpg", "regions": []}}})
EXPORT = json.dumps({"1.jpg7": {"filename": "1.jpg", "regions": {"0": {"shape_attributes": {"name": "rect"}}}}})
TABLE = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"


@pytest.mark.parametrize("task", ["image_object_detection", "image_classification"])
@pytest.mark.parametrize(
    ("files", "source", "units"),
    [
        ({"images/1.jpg": "", "via_project.json": PROJECT}, "", 1),
        ({"train/1.jpg": "", "train/v.json": EXPORT, "val/2.jpg": "", "val/v.json": EXPORT}, "", 2),
        ({"images/1.jpg": "", "via_export.csv": TABLE}, "", 1),
        ({"1.jpg": "", "v.csv": TABLE, "v.json": PROJECT}, "v.csv", 1),
        ({"1.jpg": "", "via_train.json": EXPORT, "via_val.json": EXPORT}, "", 2),
    ],
)
def test_its_files_are_recognised(files: dict[str, str], source: str, units: int, task: str, memory: str) -> None:
    found = plan(memory, files, task, source)
    assert (found.format, len(found.units)) == ("via", units)


def test_a_project_beside_what_was_exported_from_it_is_asked_about(memory: str) -> None:
    with pytest.raises(UsageError, match=r"several files of VIA that may describe the same images \(v.csv, v.json\)"):
        plan(memory, {"1.jpg": "", "v.csv": TABLE, "v.json": PROJECT})
