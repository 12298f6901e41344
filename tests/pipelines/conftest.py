"""Real runs of the command, made once for all tests here: one process, which loads Beam once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.one_process import Runs, run_in_one

COCO: dict[str, Any] = {
    "images": [{"id": number, "file_name": f"a {number}.jpg", "width": 100, "height": 50} for number in range(4)],
    "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dög"}],
    "annotations": [
        {"image_id": 0, "category_id": 1, "bbox": [10, 10, 20, 20], "segmentation": [[10, 10, 30, 10, 30, 30, 10, 30]]},
        {
            "image_id": 1,
            "category_id": 2,
            "bbox": [90, 40, 20, 5],
            "segmentation": [[90, 40, 110, 40, 110, 45, 90, 45]],
        },
        {"image_id": 2, "category_id": 2, "bbox": [5, 5, 9, 9], "segmentation": [[5, 5, 14, 5, 14, 14, 5, 14]]},
        {"image_id": 2, "category_id": 1, "bbox": [5, 5, 0, 9], "segmentation": [[5, 5, 5, 14, 5, 9]], "iscrowd": 0},
    ],
}
"""Four images: one with an object that leaves it, one with a box without width, one without objects."""


def command_of_coco(folder: Path) -> list[str]:
    """Write these images below a folder, and return the words of a build of them, into `built` there."""
    source = folder / "coco.json"
    source.write_text(json.dumps(COCO), encoding="utf-8")
    return ["convert", "--task", "image_object_detection", "--source", str(source), "--output", str(folder / "built")]


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Builds of a small COCO file for every task, and what may come of one."""
    folder = tmp_path_factory.mktemp("run s")
    annotations = [{"id": number, "iscrowd": 0, **item} for number, item in enumerate(COCO["annotations"])]
    (folder / "coco.json").write_text(json.dumps({**COCO, "annotations": annotations}), encoding="utf-8")
    detection = ["--task", "image_object_detection", "--source", "coco.json"]
    (folder / "unwritable").mkdir()
    (folder / "unwritable/builds").write_text("a file where builds are to be", encoding="utf-8")
    tasks = ("image_classification", "image_classification_multilabel", "image_instance_segmentation")
    commands = {
        "plain": ["convert", *detection, "--output", "plain"],
        "json": ["convert", *detection, "--output", "json", "--json", "--split", "train=0.5,validation=0.5"],
        "unchanged": ["convert", *detection, "--output", "plain", "--if-changed"],
        "unchanged json": ["convert", *detection, "--output", "plain", "--if-changed", "--json"],
        "inspect": ["inspect", "coco.json", "--task", "image_object_detection"],
        "inspect json": ["inspect", "coco.json", "--json"],
        "refused": ["convert", "--task", tasks[0], "--source", "coco.json", "--output", "refused", "--json"],
        "unwritable": ["convert", *detection, "--output", "unwritable"],
        **{
            task: ["convert", "--task", task, "--source", "coco.json", "--output", task, "--max-rejected", "1"]
            for task in tasks
        },
    }
    return run_in_one(commands, folder, COLUMNS="80", NO_COLOR="1")
