"""A dataset that changes from night to night, and the command that builds it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.datasets import coco_box, coco_image, write_coco, write_image

IMAGES = 24


@dataclass(frozen=True)
class Nights:
    """A COCO file for each version of a dataset, with images beside them; `current` is where the nightly build looks."""

    folder: Path
    versions: tuple[Path, ...]

    @property
    def current(self) -> Path:
        """The file that the build reads."""
        return self.folder / "current.json"

    def become(self, version: int) -> None:
        """Replace the current file by a version of it."""
        fresh = self.folder / "fresh.json"
        fresh.write_bytes(self.versions[version].read_bytes())
        fresh.replace(self.current)

    def command(self, output: str, *options: str | Path, source: Path | None = None) -> list[str | Path]:
        """The nightly build, of the current file or of another."""
        return [
            *("convert", "--task", "image_object_detection", "--source", source or self.current, "--output", output),
            *("--images", self.folder / "images", "--image-url", "https://images.example.org/c/"),
            *("--split", "train=0.7,validation=0.3", "--max-rejected", "0.5", *options),
        ]


def make_nights(folder: Path, versions: int, seed: int) -> Nights:
    """Versions that differ in their boxes and in which images there are; some boxes and images of each are rejected."""
    chance = random.Random(seed)
    for number in range(IMAGES):
        write_image(folder / "images" / f"{number}.jpg")
    files = []
    for version in range(versions):
        there = sorted(chance.sample(range(IMAGES), IMAGES - 4))
        boxes = [
            coco_box(number, chance.choice(there), [chance.randrange(60), chance.randrange(40), 20, 20], 1 + number % 2)
            for number in range(3 * IMAGES)
        ]
        boxes += [coco_box(len(boxes), there[0], category=77), coco_box(len(boxes) + 1, there[1], [500, 500, 5, 5])]
        images = [coco_image(number) for number in there]
        files.append(write_coco(folder / f"version-{version}.json", images, boxes))
    return Nights(folder, tuple(files))
