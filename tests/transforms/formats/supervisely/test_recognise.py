"""Recognising Supervisely: by what its files hold, and never for what another format reads."""

from __future__ import annotations

import json

import pytest

from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.formats.supervisely.recognise import annotation_files, holds_objects
from labelbeam.transforms.stores.files import StoredFile
from tests.transforms.formats.planned import plan

OBJECT = {"classTitle": "cat", "geometryType": "rectangle", "points": {"exterior": [[1, 2], [3, 4]], "interior": []}}
FULL = json.dumps({"description": "", "tags": [], "size": {"height": 9, "width": 9}, "objects": [OBJECT]})
EMPTY = json.dumps({"description": "", "tags": [], "size": {"height": 9, "width": 9}, "objects": []})
META = json.dumps({"classes": [{"title": "cat", "shape": "rectangle", "color": "#FF0000"}], "tags": []})
COCO = '{"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": [], "categories": [{"id": 1, "name": "a"}]}'


@pytest.mark.parametrize(
    ("files", "source", "units"),
    [
        ({"meta.json": META, "ds/img/1.jpg": "", "ds/ann/1.jpg.json": FULL}, "", 1),
        ({"ds/img/1.jpg": "", "ds/ann/1.jpg.json": EMPTY}, "", 1),
        ({"ds/img/1.jpg": "", "ds/datasets/b/ann/1.jpg.json": "\ufeff" + FULL, "ds/img_info/1.jpg.json": "{}"}, "", 1),
        ({"1.jpg": "", "1.jpg.json": json.dumps({"annotation": json.loads(FULL)})}, "", 1),
        ({"ds/img/1.jpg": "", "ds/ann/1.jpg.json": FULL, "ds/ann/2.jpg.json": FULL}, "ds/ann/1.jpg.json", 1),
    ],
)
def test_its_files_are_recognised(files: dict[str, str], source: str, units: int, memory: str) -> None:
    found = plan(memory, files, source=source)
    assert (found.format, len(found.units)) == ("supervisely", units)
    assert found.work == (1 if source else sum("/ann/" in f"/{name}" for name in files) or 1)


def test_one_file_is_read_with_the_images_of_its_dataset(memory: str) -> None:
    files = {"ds/img/1.jpg": "", "ds/ann/1.jpg.json": FULL}
    (index,) = plan(memory, files, source="ds/ann/1.jpg.json").indexes
    assert getattr(index, "names", None) == ("img/1.jpg",)


@pytest.mark.parametrize("task", ["image_classification", "image_object_detection"])
def test_datasets_are_no_classes_and_class_folders_are(task: str, memory: str) -> None:
    files = {f"{name}/{path}": FULL for name in ("a", "b") for path in ("img/1.jpg", "ann/1.jpg.json")}
    assert plan(memory, files, task).format == "supervisely"
    files = {"cat/1.jpg": "", "dog/2.jpg": "", "cat/1.jpg.json": FULL}
    expected = "folder" if "classification" in task else "supervisely"
    assert plan(f"{memory}/classes", files, task).format == expected


def test_beside_another_format_neither_is_chosen(memory: str) -> None:
    with pytest.raises(UsageError, match="more than one format"):
        plan(memory, {"1.jpg": "", "_annotations.coco.json": COCO, "ann/1.jpg.json": FULL})


def test_where_it_is_asked_for_and_not_there_it_says_so(memory: str) -> None:
    with pytest.raises(LabelBeamError, match="holds no JSON file of objects"):
        plan(memory, {"1.jpg": "", "meta.json": META}, format="supervisely")


@pytest.mark.parametrize(
    "text", ["[]", META, FULL.replace('"size"', '"framesCount": 3, "size"'), '{"objects": []}', COCO]
)
def test_other_files_hold_none(text: str) -> None:
    assert not holds_objects(text.encode())


def test_only_folders_called_ann_count_where_there_are_any() -> None:
    names = ["meta.json", "ds/ann/1.jpg.json", "ds/img_info/1.jpg.json", "ds/img/1.jpg"]
    files = [StoredFile(name, 1, "") for name in names]
    assert [file.path for file in annotation_files(files)] == ["ds/ann/1.jpg.json"]
    assert [file.path for file in annotation_files([files[0], files[2]])] == ["ds/img_info/1.jpg.json"]
