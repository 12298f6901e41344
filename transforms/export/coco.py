"""COCO: a file of images, categories and annotations for each split.

Ids of images and annotations count from 1 in the order of the records, those of categories in the order of their names. Numbers are
pixels, and images are named by their paths. Rings combine by XOR in records and are united in COCO, so an object with a hole, or with
parts that overlap, becomes a mask of run lengths. The format: https://cocodataset.org/#format-data
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec
import numpy as np

from labelbeam.schemas.manifest import Manifest
from labelbeam.schemas.tasks import TASKS
from labelbeam.transforms.evaluation.pixels import length
from labelbeam.transforms.export.batch import Batch, Image, PixelBox, PixelMask
from labelbeam.transforms.export.exporter import Exporter, Lost, Told
from labelbeam.transforms.export.files import Files
from labelbeam.transforms.geometry.raster import rasterise
from labelbeam.transforms.geometry.rings import ring_area
from labelbeam.transforms.geometry.rle import GeometryError, counts_from_string
from labelbeam.transforms.geometry.unite import parts_overlap

_ENCODER = msgspec.json.Encoder()


class _Writer:
    def __init__(self, manifest: Manifest, files: Files, told: Told, copied: bool) -> None:
        self._manifest = manifest
        self._files = files
        self._told = told
        self._categories = {label: number for number, label in enumerate(manifest.labels, 1)}
        self._stream: BinaryIO | None = None
        self._annotations: BinaryIO | None = None
        self._image_id = self._annotation_id = 0

    def begin(self, split: str) -> None:
        self._stream = stream = self._files.stream(f"annotations/instances_{split}.json")
        # Both lists grow at once, and stand one after the other in the file.
        self._annotations = self._files.spool()
        self._image_id = self._annotation_id = 0
        build, version = self._manifest.build, self._manifest.labelbeam_version
        info = {
            "description": f"{self._manifest.task}, build {build}",
            "version": build,
            "contributor": f"labelbeam {version}",
        }
        categories = [{"id": number, "name": label, "supercategory": ""} for label, number in self._categories.items()]
        head = f'{{"info":{_text(info)},"licenses":[],"categories":{_text(categories)},"images":['
        stream.write(head.encode())

    def add(self, batch: Batch) -> None:
        assert self._stream is not None and self._annotations is not None
        for image, objects in self._read(batch):
            self._image_id += 1
            entry = {"id": self._image_id, "file_name": image.name, "width": image.width, "height": image.height}
            self._stream.write((b",\n" if self._image_id > 1 else b"\n") + _ENCODER.encode(entry))
            for annotation in objects:
                self._annotation_id += 1
                ids = {"id": self._annotation_id, "image_id": self._image_id}
                self._annotations.write(
                    (b",\n" if self._annotation_id > 1 else b"\n") + _ENCODER.encode(ids | annotation)
                )

    def _read(self, batch: Batch) -> Iterator[tuple[Image, list[dict[str, Any]]]]:
        if self._manifest.task == "image_object_detection":
            for image, boxes in batch.boxes():
                yield image, [self._of_box(box) for box in boxes]
        elif self._manifest.task == "image_instance_segmentation":
            for image, masks in batch.masks():
                yield image, [self._of_mask(mask, image) for mask in masks]
        else:
            for image, labels in batch.labels():
                yield image, [{"category_id": self._categories[label], "iscrowd": 0} for label in labels]

    def _of_box(self, box: PixelBox) -> dict[str, Any]:
        width, height = length(box.left, box.right), length(box.top, box.bottom)
        return {
            "category_id": self._categories[box.label],
            "bbox": [box.left, box.top, width, height],
            "area": _short(width * height),
            "segmentation": [],
            "iscrowd": box.crowd,
        }

    def _of_mask(self, mask: PixelMask, image: Image) -> dict[str, Any]:
        corners = np.concatenate(mask.rings)
        (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
        outline: Any = [ring.ravel().tolist() for ring in mask.rings]
        area = sum(map(ring_area, mask.rings))
        if len(mask.rings) > 1:
            try:
                if parts_overlap(mask.rings, image.width, image.height):
                    outline = rasterise(mask.rings, image.width, image.height)
                    area = float(counts_from_string(outline["counts"])[1::2].sum())
                    if (corners % 1).any():
                        self._told.add(Lost.RASTERISED)
            except GeometryError:
                self._told.add(Lost.FILLED)
        return {
            "category_id": self._categories[mask.label],
            "bbox": [left, top, length(left, right), length(top, bottom)],
            "area": _short(area),
            "segmentation": outline,
            "iscrowd": mask.crowd,
        }

    def end(self, split: str) -> None:
        assert self._stream is not None and self._annotations is not None
        self._stream.write(b'\n],"annotations":[')
        with self._annotations as annotations:
            annotations.seek(0)
            shutil.copyfileobj(annotations, self._stream)
        self._stream.write(b"\n]}\n")

    def finish(self) -> None:
        """Nothing is left to be written."""


def _text(value: Any) -> str:
    return _ENCODER.encode(value).decode()


def _short(area: float) -> float:
    """An area without the noise of floats."""
    return round(area, 6)


def _image_path(split: str, image: Image) -> str:
    return f"images/{image.path}"


EXPORTER = Exporter(
    "coco", "a JSON file of images, categories and annotations for each split", TASKS, "beside", _Writer, _image_path
)
