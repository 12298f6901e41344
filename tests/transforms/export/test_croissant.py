"""Croissant: the records, and that their description names each of their keys."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.transforms.export.published import (
    CLASSIFICATION,
    DETECTION,
    MULTILABEL,
    ODD,
    SEGMENTATION,
    box,
    export,
    mask,
    record,
    tree,
)

RINGS = [[0.1, 0.1, 0.5, 0.1, 0.5, 0.9], [0.6, 0.6, 0.7, 0.6, 0.7, 0.7]]


@pytest.mark.parametrize(
    ("task", "label", "expected"),
    [
        (CLASSIFICATION, ODD[0], {"label": ODD[0]}),
        (MULTILABEL, ODD, {"labels": ODD}),
        (DETECTION, [box("a", 0.1, 0.2, 0.3, 0.7)], {"bbox": [[20, 20, 40, 50]], "category": ["a"], "iscrowd": [0]}),
        (
            SEGMENTATION,
            [mask("a", *RINGS)],
            {
                **{"bbox": [[20, 10, 120, 80]], "category": ["a"], "iscrowd": [0]},
                "segmentation": ["[[20.0,10.0,100.0,10.0,100.0,90.0],[120.0,60.0,140.0,60.0,140.0,70.0]]"],
            },
        ),
    ],
)
def test_the_description_names_each_key_of_the_records(task: str, label: Any, expected: Any, tmp_path: Path) -> None:
    one = record("1.png", label)
    export(tmp_path, task, [one], "croissant")
    files = tree(tmp_path / "out")
    (line,) = map(json.loads, files["records.jsonl"].splitlines())
    assert line == {"image_url": one["image_url"], "split": "train", "width": 200, "height": 100} | expected
    about = json.loads(files["croissant.json"])
    (file,), (images,) = about["distribution"], about["recordSet"]
    assert file["sha256"] == hashlib.sha256(files["records.jsonl"]).hexdigest()
    assert {field["name"] for field in images["field"]} == set(line)
    assert {field["name"] for field in images["field"] if field.get("repeated")} == {
        name for name, value in line.items() if isinstance(value, list)
    }
