"""Exports, read by tools that nobody here wrote: they find the images, labels and boxes of the records."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import labelbeam
from tests.end_to_end.builds import convert
from tests.schedules.environment import tools_python
from tests.transforms.export.published import (
    CLASSIFICATION,
    DETECTION,
    MULTILABEL,
    PREFIX,
    SEGMENTATION,
    box,
    mask,
    publish,
    record,
)

pytestmark = pytest.mark.installation

LABELS = ["hex bolt", "Füße/µ <&>", "no", "1"]


def _boxes(folder: str) -> list[list[dict[str, Any]]]:
    one = [box(LABELS[0], 0.1, 0.2, 0.3, 0.41), box(LABELS[1], 0.0, 0.0, 1.0, 1.0, 1)]
    return [
        [record(f"{folder}a 1.png", one), record(f"{folder}ü2.png", [box(LABELS[2], 0.205, 0.33, 0.415, 0.67)])],
        [record(f"{folder}3.png", [box(LABELS[3], 0.5, 0.5, 0.75, 0.99)], 486, 333), record(f"{folder}4.png", [])],
    ]


def _masks(folder: str) -> list[list[dict[str, Any]]]:
    outer, hole = [0.1, 0.1, 0.9, 0.1, 0.9, 0.9, 0.1, 0.9], [0.5, 0.3, 0.3, 0.3, 0.3, 0.6, 0.5, 0.6]
    return [
        [
            record(
                f"{folder}1.png",
                [mask(LABELS[0], outer, hole), mask(LABELS[1], [0.2, 0.2, 0.4, 0.2, 0.4, 0.8, 0.2, 0.8])],
            ),
            record(f"{folder}2.png", []),
        ]
    ]


def _labels(task: str, folder: str) -> list[list[dict[str, Any]]]:
    if task == CLASSIFICATION:
        return [[record(f"{folder}{number}.png", LABELS[number % 4]) for number in range(5)]]
    return [[record(f"{folder}{number}.png", LABELS[:number]) for number in range(4)]]


def shards_of(task: str, folder: str) -> list[list[dict[str, Any]]]:
    """Shards of records of a task, of images in a folder."""
    if task == DETECTION:
        return _boxes(folder)
    return _masks(folder) if task == SEGMENTATION else _labels(task, folder)


TASKS = (CLASSIFICATION, MULTILABEL, DETECTION, SEGMENTATION)

READERS = [
    ("pycocotools", "coco", (DETECTION, SEGMENTATION, MULTILABEL)),
    ("supervision_coco", "coco", (DETECTION,)),
    ("supervision_yolo", "yolo", (DETECTION,)),
    ("supervision_voc", "voc", (DETECTION,)),
    ("datasets", "huggingface", TASKS),
    ("webdataset", "webdataset", TASKS),
    ("mlcroissant", "croissant", TASKS),
]


@pytest.mark.parametrize(("reader", "to", "tasks"), READERS, ids=[reader for reader, _, _ in READERS])
def test_readers_of_others_find_what_was_exported(reader: str, to: str, tasks: Sequence[str], tmp_path: Path) -> None:
    flat = reader.startswith("supervision")  # It looks for images in one folder, and in no folders below it.
    expected = []
    for task in tasks:
        splits = {
            "train": shards_of(task, "" if flat else "a/"),
            "validation": shards_of(task, "v" if flat else "test/"),
        }
        place = tmp_path / task
        publish(place / "published", task, splits, place / "images")
        labelbeam.export(place / "published", place / "out", to=to, copy_images=to in ("coco", "yolo", "voc"))
        expected.append(by_split(splits, to))
    for task, found, wanted in zip(tasks, read(reader, tmp_path, tasks), expected, strict=True):
        assert {split: sorted(images) for split, images in found.items()} == {
            split: sorted(images) for split, images in wanted.items()
        }
        for split, images in wanted.items():
            for name, (sides, objects) in images.items():
                assert found[split][name][0] == sides, (task, split, name)
                compare(found[split][name][1], objects, abs=1 if to == "voc" else 1e-3)


def test_mlcroissant_reads_builds_by_the_description_that_lies_in_them(tmp_path: Path) -> None:
    expected = []
    for task in TASKS:
        splits = {"train": shards_of(task, "a/"), "validation": shards_of(task, "test/")}
        published = publish(tmp_path / task / "published", task, splits)
        background = ("--background", "keep") if task != CLASSIFICATION else ()
        build = convert("--source", published, *background, output=tmp_path / task / "out", task=task)
        expected.append(by_split({split: [lines] for split, lines in build.lines.items()}, "croissant"))
    for found, wanted in zip(read("mlcroissant_of_a_build", tmp_path, TASKS), expected, strict=True):
        assert found.keys() == wanted.keys()
        for split, images in wanted.items():
            assert found[split].keys() == images.keys()
            for name, (sides, objects) in images.items():
                assert found[split][name][0] == sides
                compare(found[split][name][1], objects, abs=1e-3)


def compare(found: list[list[Any]], expected: list[list[Any]], **near: float) -> None:
    """Compare the objects of an image; Supervision has whole pixels of VOC, and floats of 32 bits."""
    assert [one[0] for one in found] == [one[0] for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert not other[1:] or one[1] == pytest.approx(other[1], **near)
        assert len(one) < 3 or one[2] == pixels_of(one[0])


def by_split(splits: dict[str, list[list[dict[str, Any]]]], to: str) -> dict[str, dict[str, Any]]:
    """What a reader should find of records."""
    expected: dict[str, dict[str, Any]] = {}
    for split, shards in splits.items():
        of_split = expected.setdefault("all" if to == "voc" else split, {})
        for item in (item for shard in shards for item in shard):
            name = item["image_url"] if to == "croissant" else item["image_url"].removeprefix(PREFIX)
            of_split[name] = [sides_of(item), objects_of(item)]
    return expected


def pixels_of(label: str) -> int:
    """Pixels of the outlines of `_masks`: 160 × 80 without 40 × 30, and 40 × 60."""
    return {LABELS[0]: 160 * 80 - 40 * 30, LABELS[1]: 40 * 60}[label]


def sides_of(item: dict[str, Any]) -> list[int]:
    details = item["image_details"]
    return [details["width"], details["height"]]


def objects_of(item: dict[str, Any]) -> list[list[Any]]:
    """Labels of a record, with boxes in pixels."""
    width, height = sides_of(item)
    label = item["label"]
    if isinstance(label, str) or not label or isinstance(label[0], str):
        return [[name] for name in ([label] if isinstance(label, str) else label)]
    objects = []
    for one in label:
        if "polygon" in one:
            xs, ys = ([number for ring in one["polygon"] for number in ring[axis::2]] for axis in (0, 1))
            edges = [min(xs), min(ys), max(xs), max(ys)]
        else:
            edges = [one[side] for side in ("topX", "topY", "bottomX", "bottomY")]
        objects.append([one["label"], [edge * side for edge, side in zip(edges, (width, height) * 2, strict=True)]])
    return objects


def read(reader: str, folder: Path, tasks: Sequence[str]) -> list[dict[str, dict[str, Any]]]:
    """What a reader finds, by task. `-P`, as a module beside the script is called like one of theirs."""
    script = Path(__file__).with_name("foreign_readers.py")
    places = [str(folder / task / "out") for task in tasks]
    command = [str(tools_python("readers")), "-P", "-W", "ignore", str(script), reader, *places]
    home = {"HOME": str(folder), "HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1"}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **home})
    assert ran.returncode == 0, ran.stderr[-3000:]
    found: list[dict[str, dict[str, Any]]] = json.loads(ran.stdout.splitlines()[-1])
    return found
