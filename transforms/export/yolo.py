"""YOLO as Ultralytics reads it: `data.yaml`, and a text file an image with a class number and fractions in each line.

Label files stand where Ultralytics looks for them: at the image's path with `labels` for its last `images`. Six decimals hold the
millionths of records, but for the centre of a box of an odd width, which is half a millionth off. An object is one line: rings of one
object are joined by bridges of no width, which leave the same area inside under the even-odd rule.
The format: https://docs.ultralytics.com/datasets/detect/
"""

from __future__ import annotations

import posixpath
from typing import BinaryIO

from labelbeam.schemas.manifest import Manifest
from labelbeam.schemas.records import Box, Mask
from labelbeam.transforms.export.batch import Batch, Image
from labelbeam.transforms.export.exporter import Exporter, Lost, Told
from labelbeam.transforms.export.files import Files
from labelbeam.transforms.export.outlines import bridged
from labelbeam.transforms.geometry.boxes import STEPS
from labelbeam.transforms.messages.yaml_text import yaml_text

_KEYS = {"train": "train", "validation": "val", "test": "test"}


class _Writer:
    def __init__(self, manifest: Manifest, files: Files, told: Told, copied: bool) -> None:
        self._files = files
        self._told = told
        self._copied = copied
        self._classes = {label: number for number, label in enumerate(manifest.labels)}
        self._splits: dict[str, str] = {}
        self._list: BinaryIO | None = None

    def begin(self, split: str) -> None:
        if not self._copied:
            self._splits[_KEYS.get(split, split)] = f"{split}.txt"
            self._list = self._files.stream(f"{split}.txt")

    def add(self, batch: Batch) -> None:
        if self._copied and batch.images:
            # Of an empty split there is no folder, and Ultralytics refuses one that is named and not there.
            self._splits[_KEYS.get(batch.split, batch.split)] = f"images/{batch.split}"
        paths = [_image_path(batch.split, image) for image in batch.images]
        texts = [self._lines(image).encode() for image in batch.images]
        self._files.put_all([(label_path(path), text) for path, text in zip(paths, texts, strict=True)])
        if self._list is not None:
            self._list.write("".join(f"./{path}\n" for path in paths).encode())

    def _lines(self, image: Image) -> str:
        lines = []
        for item in image.record.label:
            if isinstance(item, Box | Mask):
                if item.isCrowd:
                    self._told.add(Lost.CROWDS)
                numbers = _of_box(item) if isinstance(item, Box) else self._of_mask(item)
                lines.append(f"{self._classes[item.label]} {' '.join(numbers)}\n")
        return "".join(lines)

    def _of_mask(self, mask: Mask) -> list[str]:
        if len(mask.polygon) > 1:
            self._told.add(Lost.BRIDGED)
        return [f"{number:.6f}" for number in bridged(mask.polygon)]

    def end(self, split: str) -> None:
        self._list = None

    def finish(self) -> None:
        names = {number: label for label, number in self._classes.items()}
        self._files.put_last("data.yaml", yaml_text({**self._splits, "nc": len(names), "names": names}).encode())


def label_path(image_path: str) -> str:
    """The path at which Ultralytics looks for the labels of an image.

    >>> label_path("images/train/a/1.jpg"), label_path("images/train/images/1.jpg")
    ('labels/train/a/1.txt', 'images/train/labels/1.txt')
    """
    before, _, after = f"/{image_path}".rpartition("/images/")
    return f"{posixpath.splitext(f'{before}/labels/{after}')[0]}.txt".lstrip("/")


def _of_box(box: Box) -> list[str]:
    """Centre and size. Half a millionth is rounded towards the middle, so that no box leaves its image."""
    left, top, right, bottom = (round(number * STEPS) for number in (box.topX, box.topY, box.bottomX, box.bottomY))
    centres = [total // 2 + (total % 2 if total < STEPS else 0) for total in (left + right, top + bottom)]
    return [_decimal(number) for number in (*centres, right - left, bottom - top)]


def _decimal(millionths: int) -> str:
    return f"{millionths // STEPS}.{millionths % STEPS:06d}"


def _image_path(split: str, image: Image) -> str:
    return f"images/{split}/{image.path}"


EXPORTER = Exporter(
    "yolo",
    "data.yaml, and a text file an image",
    ("image_object_detection", "image_instance_segmentation"),
    "beside",
    _Writer,
    _image_path,
    listed=True,
)
