"""What is published, read by the trainer's own reader and `mltable`: rows, images and objects are those of the manifest."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.builds import (
    CLASSIFICATION,
    DETECTION,
    MULTILABEL,
    PREFIX,
    SEGMENTATION,
    Build,
    convert,
)
from tests.end_to_end.datasets import put, touch, voc_object, voc_xml, write_coco, write_image
from tests.end_to_end.facts import Table
from tests.end_to_end.test_coco_facts import FACTS, write_odd
from tests.end_to_end.test_coco_outline_facts import FACTS as OUTLINE_FACTS
from tests.end_to_end.test_consumer_rules import BOX, MASK, TRIANGLE, line
from tests.end_to_end.trainer import MLTABLE, problems_of_record
from tests.schedules.environment import tools_python

pytestmark = pytest.mark.installation


def read(task: str, splits: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """What the reader says of each split, by its directory."""
    script = Path(__file__).with_name("trainers_reader.py")
    command = [str(tools_python("trainer")), "-W", "ignore", str(script), task, *map(str, splits)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    said: dict[str, dict[str, Any]] = json.loads(ran.stdout.splitlines()[-1])
    return said


def of_facts(folder: Path) -> Build:
    source = write_odd(folder, Table(FACTS))
    return convert("--source", source, "--images", folder / "images", task=DETECTION, output=folder / "out")


def of_outlines(folder: Path) -> Build:
    table = Table(OUTLINE_FACTS)
    source = write_coco(folder / "outlines.json", table.images, table.annotations)
    return convert("--source", source, "--image-url", PREFIX, task=SEGMENTATION, output=folder / "out")


def of_voc(folder: Path) -> Build:
    for number, split in enumerate(["train"] * 5 + ["val"] * 2):
        put(
            folder / f"d/Annotations/{number}.xml",
            voc_xml(f"{number}.jpg", voc_object() + voc_object("dog é", (1, 1, 100, 80))),
        )
        write_image(folder / f"d/JPEGImages/{number}.jpg", (100, 80))
        lists = folder / f"d/ImageSets/Main/{split}.txt"
        put(lists, (lists.read_text() if lists.exists() else "") + f"{number}\n")
    return convert("--source", folder / "d", task=DETECTION, output=folder / "out")


def of_folders(folder: Path, task: str) -> Build:
    for number in range(12):
        label = ("cat", "dog", "ice bear")[number % 3]
        write_image(folder / "d" / ("train", "val")[number % 2] / label / f"{label} {number} ü#.jpg", (8, 6))
    return convert("--source", folder / "d", task=task, output=folder / "out")


def of_table(folder: Path) -> Build:
    rows = [f"{number}.jpg,{'|'.join(['a', 'b', 'c'][: number % 4])}" for number in range(10)]
    put(folder / "d/labels.csv", "\n".join(["filename,labels", *rows]))
    for number in range(10):
        write_image(folder / f"d/{number}.jpg", (8, 6))
    return convert("--source", folder / "d", "--split", "train=0.7,test=0.3", task=MULTILABEL, output=folder / "out")


@pytest.mark.parametrize("kind", ["coco", "outlines", "voc", "folders", "several", "table"])
def test_the_trainers_reader_takes_all_that_the_manifest_counts(kind: str, tmp_path: Path) -> None:
    build, task = {
        "coco": lambda: (of_facts(tmp_path), DETECTION),
        "outlines": lambda: (of_outlines(tmp_path), SEGMENTATION),
        "voc": lambda: (of_voc(tmp_path), DETECTION),
        "folders": lambda: (of_folders(tmp_path, CLASSIFICATION), CLASSIFICATION),
        "several": lambda: (of_folders(tmp_path, MULTILABEL), MULTILABEL),
        "table": lambda: (of_table(tmp_path), MULTILABEL),
    }[kind]()
    splits = build.manifest["splits"]
    assert splits
    said = read(task, [build.root / split for split in splits])
    for split, counts in splits.items():
        assert said[str(build.root / split)] == {
            "rows": counts["images"],
            "images": counts["images"],
            "valid": counts["objects"],
            "invalid": 0,
            "labels": build.manifest["label_counts"][split],
            "columns": ["image_details", "image_url", "label"],
        }


GOOD: dict[str, list[Any]] = {
    DETECTION: [BOX, BOX | {"isCrowd": 1}, BOX | {"topX": 0.0, "bottomX": 1.0}, BOX | {"label": "ü x"}],
    SEGMENTATION: [MASK, MASK | {"polygon": [TRIANGLE, [0.6, 0.6, 0.9, 0.6, 0.9, 0.9]]}],
}
BAD: dict[str, list[Any]] = {
    DETECTION: [
        BOX | {"topX": -1e-12},
        BOX | {"bottomX": 1.0000000001},
        BOX | {"topX": 0.3},
        BOX | {"topY": 0.5},
        BOX | {"polygon": []},
    ],
    SEGMENTATION: [
        BOX,
        MASK | {"polygon": []},
        MASK | {"polygon": [[], TRIANGLE]},
        MASK | {"polygon": [TRIANGLE[:4]]},
        MASK | {"polygon": [[*TRIANGLE, 0.5]]},
        MASK | {"polygon": [[*TRIANGLE, 1.5, 0.5]]},
    ],
}


@pytest.mark.parametrize("task", [DETECTION, SEGMENTATION])
def test_the_checker_of_these_tests_agrees_with_the_trainers_reader(task: str, tmp_path: Path) -> None:
    objects = [*GOOD[task], *BAD[task]]
    splits = []
    for number, item in enumerate(objects):
        split = tmp_path / str(number)
        put(split / "MLTable", MLTABLE.format(split="train"))
        record = line([item], f"file://{touch(split / '1.jpg')}")
        put(split / "train-00000-of-00001.jsonl", f"{json.dumps(record)}\n")
        splits.append(split)
    said = read(task, splits)
    taken = [said[str(split)]["valid"] == 1 for split in splits]
    assert taken == [True] * len(GOOD[task]) + [False] * len(BAD[task])
    assert taken == [not list(problems_of_record(line([item]), task)) for item in objects]
