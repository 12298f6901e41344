"""Builds of small COCO files of objects that each have an image of their own, for tests of what a file means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.end_to_end.builds import DETECTION, PREFIX, Answer, Build, attempt, convert
from tests.end_to_end.datasets import coco_box, coco_image, write_coco

CAT = ("cat", 0.1, 0.25, 0.3, 0.5, 0)
"""The box of `coco_box`, [10, 20, 20, 20] in an image of 100×80."""

LARGE = {"width": 640, "height": 480}


def build_of(folder: Path, objects: list[dict[str, Any]], *options: str, task: str = DETECTION, **image: Any) -> Build:
    """A build of objects that each have an image of their own, `1.jpg` and so on."""
    images = [coco_image(number, f"{number}.jpg", **image) for number in range(1, len(objects) + 1)]
    found = [coco_box(number, number, **fields) for number, fields in enumerate(objects, 1)]
    source = write_coco(folder / "d.json", images, found)
    return convert("--source", source, "--image-url", PREFIX, *options, task=task, output=folder / "out")


def refusal_of(
    folder: Path, objects: list[dict[str, Any]], *options: str, task: str = DETECTION, **image: Any
) -> Answer:
    images = [coco_image(number, f"{number}.jpg", **image) for number in range(1, len(objects) + 1)]
    found = [coco_box(number, number, **fields) for number, fields in enumerate(objects, 1)]
    answer = attempt(write_coco(folder / "d.json", images, found), folder / "out", *options, task=task)
    assert not (folder / "out" / "latest.json").exists()
    return answer


def doubts(build: Build) -> dict[str, dict[str, Any]]:
    return {doubt["code"]: doubt for doubt in build.manifest["doubts"]}
