"""One small dataset in three formats, with real images, as one directory that any store can hold."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

from tests.end_to_end.datasets import (
    coco,
    coco_box,
    coco_image,
    encoded,
    put,
    voc_object,
    voc_xml,
    write_json,
)

DETECTION = "image_object_detection"
CLASSIFICATION = "image_classification"

SIZES = [(100, 80), (64, 48), (120, 90), (33, 57), (80, 80), (100, 80)]
"""Width and height of the images, in pixels."""

NAMES = ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/zwei ü.jpg", "b/c/1.jpg", "b/c/background.jpg"]
"""The images' paths: equal names in several directories, a space, a letter that URLs encode, and one without annotations."""


class Format(NamedTuple):
    """How a format is built from the directory: task, source below it, and whether --images may name another place."""

    task: str
    source: str
    images: str | None


FORMATS = {
    "coco": Format(DETECTION, "coco/instances.json", "coco/images"),
    "voc": Format(DETECTION, "voc", None),
    "folder": Format(CLASSIFICATION, "folder", None),
}


def write_raw_data(root: Path) -> Path:
    """Write the directories `coco`, `voc` and `folder`; an object of each of the first two is rejected."""
    for number, (name, size) in enumerate(zip(NAMES, SIZES, strict=True)):
        image = encoded(size=size)
        put(root / "coco/images" / name, image)
        put(root / f"voc/JPEGImages/{number}.jpg", image)
        put(root / "folder" / ("cat" if number % 2 else "dog") / name, image)
        objects = [voc_object("cat", (11, 21, 30, 40)), voc_object("dog", (1, 1, 5 + number, 9))]
        objects += [voc_object("cat", (400, 400, 410, 410))] if number == 2 else []
        xml = voc_xml(*(objects if number < 5 else []), filename=f"{number}.jpg", size=None)
        put(root / f"voc/Annotations/{number}.xml", xml)
    lists = {"train": range(4), "val": range(4, 6)}
    for split, numbers in lists.items():
        put(root / f"voc/ImageSets/Main/{split}.txt", "".join(f"{number}\n" for number in numbers))
    images = [
        coco_image(number, name, width=size[0], height=size[1])
        for number, (name, size) in enumerate(zip(NAMES, SIZES, strict=True))
    ]
    boxes = [coco_box(10 * number, number, (1, 2, 20 + number, 30), 1 + number % 2) for number in range(5)]
    boxes.append(coco_box(99, 2, (400, 400, 10, 10)))
    write_json(root / "coco/instances.json", coco(images, boxes), ensure_ascii=False)
    return root


def zipped(root: Path) -> bytes:
    """All files below `root` as a ZIP archive."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(root.rglob("*")):
            archive.write(path, path.relative_to(root).as_posix())
    return sink.getvalue()


def tarred(root: Path) -> bytes:
    """All files below `root` as a TAR archive."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        archive.add(root, arcname=".", recursive=True)
    return sink.getvalue()
