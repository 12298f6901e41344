"""The list of a build's labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.builds import PREFIX, convert, labelbeam
from tests.end_to_end.datasets import coco_box, coco_image, write_coco

CATEGORIES = [
    {"id": 7, "name": "zebra"},
    {"id": 3, "name": "cat"},
    {"id": 5, "name": "Éclair"},
    {"id": 9, "name": "unused"},
]


def test_labels_have_ids_in_the_order_of_their_names_and_counts_by_split(tmp_path: Path) -> None:
    images = [coco_image(number, f"{number}.jpg") for number in range(1, 21)]
    found = [coco_box(number, number, category=(7, 3, 5)[number % 3]) for number in range(1, 21)]
    source = write_coco(tmp_path / "d.json", images, found, CATEGORIES)
    split = ("--split", "train=0.5,test=0.5")
    build = convert("--source", source, "--image-url", PREFIX, *split, output=tmp_path / "out")
    said = json.loads((build.root / "labels.json").read_bytes())
    assert said["task"] == "image_object_detection"
    assert [(label["id"], label["name"]) for label in said["labels"]] == [(0, "cat"), (1, "zebra"), (2, "Éclair")]
    for label in said["labels"]:
        counts = {
            split: sum(item["label"] == label["name"] for line in lines for item in line["label"])
            for split, lines in build.lines.items()
        }
        assert label["counts"] == {split: count for split, count in sorted(counts.items()) if count}
        assert label["count"] == sum(counts.values())


@pytest.mark.parametrize(
    "damage", [lambda file: file.unlink(), lambda file: file.write_bytes(file.read_bytes() + b" ")]
)
def test_verify_misses_a_list_that_is_gone_or_another(damage: Callable[[Path], object], tmp_path: Path) -> None:
    source = write_coco(tmp_path / "d.json", [coco_image(1, "1.jpg")], [coco_box(1, 1)])
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    damage(build.root / "labels.json")
    answer = labelbeam("verify", build.output)
    assert (answer.status, "labels.json" in answer.err + answer.out) == (3, True)
