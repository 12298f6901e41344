"""Datasets as tools export them, each with oddities that public reports tell of: what is read of them, in pixels, to the object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.builds import CLASSIFICATION, DETECTION, PREFIX, SEGMENTATION, Build, labelbeam
from tests.end_to_end.tool_exports import CASES, PICTURE, cvat, label_studio


def write(folder: Path, files: dict[str, Any]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str | bytes) else json.dumps(content)
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def built(folder: Path, files: dict[str, Any], task: str) -> Build:
    source = write(folder / "source", files)
    options = ("--task", task, "--output", folder / "out", "--image-url", PREFIX, "--max-rejected", "1")
    answer = labelbeam("convert", "--source", source, *options)
    assert answer.status == 0, answer.err
    return Build(folder / "out", answer.err)


@pytest.mark.parametrize("case", CASES)
def test_an_export_is_read_to_the_object(case: str, tmp_path: Path) -> None:
    files, expected, rejected = CASES[case]
    build = built(tmp_path, files, DETECTION)
    assert build.records.keys() == expected.keys()
    for path, objects in expected.items():
        found = [(item[0], *(pytest.approx(side, abs=1e-3) for side in _pixels(item))) for item in build.boxes(path)]
        assert found == objects, path
    assert build.manifest["rejected_by_reason"] == rejected


def _pixels(item: tuple[Any, ...]) -> list[float]:
    return [side * whole for side, whole in zip(item[1:5], (100, 60) * 2, strict=True)]


def test_flags_and_choices_are_labels_of_whole_images(tmp_path: Path) -> None:
    labelme = {
        "version": "5.0",
        "flags": {"cat": False, "dog": True},
        "shapes": [],
        "imagePath": "1.jpg",
        "imageData": None,
    }
    build = built(tmp_path / "labelme", {"1.json": labelme, "1.jpg": PICTURE}, CLASSIFICATION)
    assert [line["label"] for line in build.records.values()] == ["dog"]
    tasks = label_studio(
        {"type": "choices", "from_name": "c", "value": {"choices": ["cat"]}},
        {"type": "rating", "from_name": "r", "value": {"rating": 4}},
    )
    build = built(tmp_path / "studio", {"p.json": tasks, "1.jpg": PICTURE}, CLASSIFICATION)
    assert [line["label"] for line in build.records.values()] == ["cat"]


def test_outlines_of_a_format_are_those_of_its_shapes(tmp_path: Path) -> None:
    shapes = "<polygon label='p' points='10,10;30,10;30,30'/><mask label='m' rle='2, 2, 2, 2' left='10' top='10' width='4' height='2'/>"
    build = built(tmp_path, {"annotations.xml": cvat(shapes), "1.jpg": PICTURE}, SEGMENTATION)
    found = {item["label"]: item["polygon"] for item in build.records["1.jpg"]["label"]}
    corners = {
        name: {(round(x * 100, 2), round(y * 60, 2)) for x, y in zip(ring[::2], ring[1::2], strict=True)}
        for name, (ring,) in found.items()
    }
    assert corners == {"p": {(10, 10), (30, 10), (30, 30)}, "m": {(12, 10), (14, 10), (14, 12), (12, 12)}}
