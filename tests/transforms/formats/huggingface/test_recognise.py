"""Recognising Hugging Face's image folders: by tables with objects; labels of images go first for classification."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.huggingface.recognise import Objects, objects_in, objects_of_columns
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate

ROW = {"file_name": "1.jpg", "objects": {"bbox": [[1, 2, 3, 4]], "category": ["cat"]}}
LINES = json.dumps(ROW) + "\n"
TABLE = "file_name,objects\n1.jpg,\n"
LABELLED = json.dumps(ROW | {"label": "wet"})


def plan(root: str, files: dict[str, str], task: Any = "image_object_detection", source: str = "") -> Plan:
    for name, text in files.items():
        put(locate(root, {}).below(name), text.encode())
    return make_plan(ConvertConfig(task=task, output="memory://nowhere", source=[f"{root}/{source}".rstrip("/")]), {})


@pytest.mark.parametrize("task", ["image_object_detection", "image_classification"])
@pytest.mark.parametrize(
    ("files", "source", "units"),
    [
        ({"1.jpg": "", "metadata.jsonl": LINES}, "", 1),
        ({"train/1.jpg": "", "train/metadata.jsonl": LINES, "test/1.jpg": "", "test/metadata.csv": TABLE}, "", 2),
        ({"1.jpg": "", "metadata.csv": TABLE}, "metadata.csv", 1),
        ({"1.jpg": "", "metadata.jsonl": LINES}, "metadata.jsonl", 1),
    ],
)
def test_its_tables_are_recognised(files: dict[str, str], source: str, units: int, task: str, memory: str) -> None:
    found = plan(memory, files, task, source)
    assert (found.format, len(found.units)) == ("huggingface", units)


def test_labels_of_images_go_before_objects_for_classification(memory: str) -> None:
    files = {"1.jpg": "", "metadata.jsonl": LABELLED}
    assert plan(memory, files, "image_classification").format == "folder"
    assert plan(memory, files).format == "huggingface"


def test_two_tables_of_one_folder_are_asked_about(memory: str) -> None:
    with pytest.raises(UsageError, match="several files of Hugging Face that may describe the same images"):
        plan(memory, {"1.jpg": "", "metadata.csv": TABLE, "metadata.jsonl": LINES})


@pytest.mark.parametrize(
    ("path", "head", "found"),
    [
        ("a/metadata.jsonl", LINES, Objects(False)),
        ("a/Metadata.JSONL", "\ufeff" + LABELLED, Objects(True)),
        ("metadata.jsonl", LINES[:40], Objects(False)),
        ("metadata.csv", '"file_name","objects"\n', Objects(False)),
        ("metadata.csv", "file_name,label,objects\n", Objects(True)),
        ("other.jsonl", LINES, None),
        ("metadata.jsonl", json.dumps({"file_name": "1.jpg", "label": 3}), None),
        ("metadata.csv", "file_name,label\n", None),
        ("metadata.jsonl", "", None),
    ],
)
def test_a_table_is_told_by_its_name_and_first_row(path: str, head: str, found: Any) -> None:
    assert objects_in(path, head.encode()) == found


@pytest.mark.parametrize(
    ("columns", "detection", "classification"),
    [
        (["file_name", "objects"], True, True),
        (["image_file_name", "objects", "label"], True, True),
        (["file_name", "label"], False, True),
        (["file_name", "labels"], False, True),
        (["file_name", "caption"], False, False),
        (["image", "objects"], False, False),
    ],
)
def test_a_metadata_parquet_is_known_by_its_columns(columns: list[str], detection: bool, classification: bool) -> None:
    assert (objects_of_columns(columns, "image_object_detection") is not None) == detection
    assert (objects_of_columns(columns, "image_classification") is not None) == classification
