"""A dataset in three formats that is large enough for several units and shards, with the oddities that are rejected or adjusted."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tests.end_to_end.datasets import (
    HEIGHT,
    WIDTH,
    coco,
    coco_image,
    encoded,
    put,
    rectangle,
    rle_counts,
    voc_object,
    voc_xml,
    write_json,
)

IMAGES = 3000
"""Images in all COCO files together."""

FILES = 80
"""Image files of each of the two other formats."""


class Build(NamedTuple):
    """One build of the dataset: task, source below its directory, and further options."""

    task: str
    source: str
    options: tuple[str, ...]


_SURVEYED = ("--split", "train=0.6,validation=0.2,test=0.2", "--stratify", "--duplicates", "drop")
"""What needs a second look at all images behind the shuffle."""

BUILDS = {
    "coco": Build("image_instance_segmentation", "coco/*.json", ("--shards", "5", "--out-of-bounds", "clip")),
    "voc": Build("image_object_detection", "voc", ("--shards", "3", "--check-images", "header")),
    "folder": Build("image_classification", "folder", ("--shards", "2", "--check-images", "header", *_SURVEYED)),
}


def write_raw_data(root: Path) -> Path:
    """Write the directories `coco`, `voc` and `folder`."""
    _write_coco(root / "coco")
    _write_voc(root / "voc")
    for number in range(FILES):
        data = encoded("PNG", (40 + number // 2, 30))  # Of each two, one is a duplicate.
        put(root / "folder" / f"class {number % 5}" / f"{number:03}.png", data[:20] if number % 20 == 7 else data)
    return root


def _picture(number: int, format_name: str) -> bytes:
    """An image; every twentieth is cut in its header."""
    data = encoded(format_name, (40 + number % 7, 30))
    return data[:20] if number % 20 == 7 else data


def _write_coco(folder: Path) -> None:
    """Three files with lists of their own, so that there are several units; boxes, polygons, masks, and what is wrong."""
    random = Random(20)
    for part in range(3):
        numbers = range(part, IMAGES, 3)
        images = [coco_image(number, f"{number % 7}/{number:05}.jpg") for number in numbers]
        objects = [_object(random, number * 10 + nth, number) for number in numbers for nth in range(number % 6)]
        write_json(folder / f"instances_{('train', 'val', 'test')[part]}.json", coco(images, objects))


def _object(random: Random, identity: int, image: int) -> dict[str, Any]:
    left, top = random.randrange(-5, WIDTH - 10), random.randrange(-5, HEIGHT - 10)
    width, height = random.randrange(0, 40), random.randrange(1, 30)
    box = [left, top, width, height]
    polygon: Any = [[left, top, left + width, top, left + width, top + height]]
    if identity % 11 == 0:
        mask = rectangle(max(left, 0), max(top, 0), max(left, 0) + 9, max(top, 0) + 7)
        polygon = {"size": [HEIGHT, WIDTH], "counts": rle_counts(mask)}
    if identity % 23 == 0:
        polygon = {"size": [HEIGHT, WIDTH], "counts": [5, 5]}
    if identity % 29 == 0:
        polygon = []
    return {
        "id": identity,
        "image_id": image if identity % 31 else image + 10**6,
        "category_id": 1 + identity % 2 if identity % 37 else 9,
        "bbox": box,
        "segmentation": polygon,
        "iscrowd": int(identity % 11 == 0),
    }


def _write_voc(root: Path) -> None:
    for number in range(FILES):
        objects = [voc_object("cat", (1, 2, 3 + number % 30, 20)), voc_object("dog", (5, 5, 90, 25))]
        objects += [voc_object("cat", (400, 400, 410, 410))] if number % 9 == 0 else []
        xml = voc_xml(*objects, filename=f"{number:03}.jpg", size=None)
        put(root / "Annotations" / f"{number:03}.xml", xml if number % 13 else xml[:-20])
        put(root / "JPEGImages" / f"{number:03}.jpg", _picture(number, "JPEG"))
