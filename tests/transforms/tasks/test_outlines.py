"""Outlines of segmentation: coordinates as text, and polygons in parts."""

from __future__ import annotations

import random
import re
from typing import Any

import msgspec
import numpy as np

from labelbeam.schemas.neutral import SourceImage, SourceObject
from labelbeam.schemas.records import Mask
from labelbeam.transforms.geometry.boxes import STEPS
from labelbeam.transforms.tasks.registry import TASKS
from labelbeam.transforms.tasks.task import Labels
from tests.transforms.tasks.drawn import json_lines, records_of


def labels_with(corners: np.ndarray) -> tuple[Labels, Any]:
    """Return the labels of one object whose polygon has these corners, in millionths."""
    ring = np.array([(0, 0), (1, 0), (1, 1.0)])
    one = SourceImage("a.jpg", "s", "1", 2, 2, objects=[SourceObject("cat", "1", rings=[ring])])
    records = records_of([one], "image_instance_segmentation")
    assert records is not None
    polygons = records.labels.judged.geometry
    polygons.corners, polygons.offsets = corners, np.array([0, len(corners)])
    return records.labels, polygons


def test_every_coordinate_is_written_with_six_decimals_and_read_back_as_the_same_number() -> None:
    chance = random.Random(1)
    picked = [0, 1, 9, 10, 99_999, 100_000, 499_999, 500_000, 999_999, 1_000_000, *chance.sample(range(STEPS), 20_000)]
    labels, _ = labels_with(np.array(picked, np.int32).reshape(-1, 2))
    (written,) = TASKS["image_instance_segmentation"].json_labels(labels)
    assert f'"polygon":[[{",".join(f"{number / 1e6:.6f}" for number in picked)}]]' in bytes(written).decode()
    assert msgspec.json.decode(written, type=list[Mask])[0].polygon == [[number / STEPS for number in picked]]
    (row,) = TASKS["image_instance_segmentation"].arrow_labels(labels).to_pylist()
    assert row[0]["polygon"] == [[number / STEPS for number in picked]]


def test_a_polygon_keeps_its_parts() -> None:
    parts = [np.array([(0, 0), (2, 0), (2, 2.0)]), np.array([(4, 4), (8, 4), (8, 8), (4, 8.0)])]
    one = SourceImage("a.jpg", "s", "1", 8, 8, objects=[SourceObject("cat", "1", rings=parts, crowd=True)])
    records = records_of([one], "image_instance_segmentation")
    assert records is not None
    (line,) = json_lines(records, "image_instance_segmentation")
    assert line["label"] == [
        {
            "label": "cat",
            "isCrowd": 1,
            "polygon": [[0, 0, 0.25, 0, 0.25, 0.25], [0.5, 0.5, 1, 0.5, 1, 1, 0.5, 1]],
        }
    ]


def test_objects_of_images_with_several_one_and_none_are_written_each_with_its_label_and_parts() -> None:
    low, high = np.array([(0, 0), (2, 0), (2, 2.0)]), np.array([(4, 4), (8, 4), (8, 8), (4, 8.0)])
    drawn = {
        "a.jpg": [('Ärger "\\\n\u2028', [low, high], False), ("cat", [low], True), ("cat", [high], False)],
        "b.jpg": [],
        "c.jpg": [("cat", [high, low], True)],
        "d.jpg": [],
        "e.jpg": [("dog", [low], False), ("cat", [high], False)],
    }
    images = [
        SourceImage(
            path,
            "s",
            "1",
            8,
            8,
            objects=[SourceObject(label, "1", rings=rings, crowd=crowd) for label, rings, crowd in objects],
        )
        for path, objects in drawn.items()
    ]
    records = records_of(images, "image_instance_segmentation")
    assert records is not None
    labels = records.labels
    labels.names = [*labels.names, "\ud800"]  # No row has it, so that nobody has to write it.
    lines = json_lines(records, "image_instance_segmentation")
    assert [line["label"] for line in lines] == [
        [
            {"label": label, "isCrowd": int(crowd), "polygon": [(ring / 8).ravel().tolist() for ring in rings]}
            for label, rings, crowd in objects
        ]
        for objects in drawn.values()
    ]
    for written, line in zip(TASKS["image_instance_segmentation"].json_labels(labels), lines, strict=True):
        masks = msgspec.json.decode(written, type=list[Mask])
        assert [mask.label for mask in masks] == [item["label"] for item in line["label"]]
        # As msgspec writes the record but for the zeros at the ends of numbers.
        plain = re.sub(r"\d\.\d{6}", "0.5", bytes(written).decode())
        assert plain == re.sub(r"\d\.\d+", "0.5", msgspec.json.encode(masks).decode())
