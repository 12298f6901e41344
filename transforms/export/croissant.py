"""Croissant: `croissant.json`, which describes `records.jsonl` beside it to loaders of datasets.

A line of `records.jsonl` is an image: its URL, split and size, and for its labels lists that run side by side, as `samples` says.
Croissant 1.0 has no lists in lists: the outlines of an object are JSON in a text. The format:
https://docs.mlcommons.org/croissant/docs/croissant-spec.html
"""

from __future__ import annotations

import hashlib

import msgspec

from labelbeam.schemas.manifest import Manifest
from labelbeam.schemas.tasks import TASKS
from labelbeam.transforms.builds.croissant import Field, describe
from labelbeam.transforms.export.batch import Batch
from labelbeam.transforms.export.exporter import Exporter, Told
from labelbeam.transforms.export.files import Files
from labelbeam.transforms.export.samples import samples

_RECORDS = "records.jsonl"

_IMAGE = (
    Field("image_url", "sc:Text", "URL of the image"),
    Field("split", "sc:Text", "train, validation, test, or another split of the build"),
    Field("width", "sc:Integer", "width of the image in pixels"),
    Field("height", "sc:Integer", "height of the image in pixels"),
)
_OBJECTS = (
    Field("category", "sc:Text", "the label of each object", True),
    Field("bbox", "cr:BoundingBox", "the box of each object: left, top, width and height in pixels", True),
    Field("iscrowd", "sc:Integer", "whether each object is a crowd: 1, or 0", True),
)
_OUTLINES = Field(
    "segmentation",
    "sc:Text",
    "the outlines of each object, as JSON: rings of x1, y1, x2, y2, … that combine by XOR",
    True,
)
_FIELDS = {
    "image_classification": (*_IMAGE, Field("label", "sc:Text", "the label of the image")),
    "image_classification_multilabel": (*_IMAGE, Field("labels", "sc:Text", "the labels of the image", True)),
    "image_object_detection": (*_IMAGE, *_OBJECTS),
    "image_instance_segmentation": (*_IMAGE, *_OBJECTS, _OUTLINES),
}


class _Writer:
    def __init__(self, manifest: Manifest, files: Files, told: Told, copied: bool) -> None:
        self._manifest = manifest
        self._files = files
        self._stream = files.stream(_RECORDS)
        self._hash = hashlib.sha256()

    def begin(self, split: str) -> None:
        """All splits stand in one file."""

    def add(self, batch: Batch) -> None:
        lines = []
        for image, sample in samples(batch, self._manifest.task):
            labels = sample.pop("objects", {})
            if "segmentation" in labels:
                labels["segmentation"] = [msgspec.json.encode(rings).decode() for rings in labels["segmentation"]]
            lines.append(
                msgspec.json.encode({"image_url": image.record.image_url, "split": batch.split} | sample | labels)
            )
        data = b"".join(line + b"\n" for line in lines)
        self._hash.update(data)
        self._stream.write(data)

    def end(self, split: str) -> None:
        """All splits stand in one file."""

    def finish(self) -> None:
        file = {
            "@type": "cr:FileObject",
            "@id": _RECORDS,
            "name": _RECORDS,
            "contentUrl": _RECORDS,
            "encodingFormat": "application/jsonlines",
            "sha256": self._hash.hexdigest(),
        }
        self._files.put_last("croissant.json", describe(self._manifest, file, _FIELDS[self._manifest.task]))


EXPORTER = Exporter("croissant", "a description of the records, for loaders of datasets", TASKS, "none", _Writer)
