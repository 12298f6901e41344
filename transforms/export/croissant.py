"""Croissant: `croissant.json`, which describes `records.jsonl` beside it to loaders of datasets.

A line of `records.jsonl` is an image: its URL, split and size, and for its labels lists that run side by side, as `samples` says.
Croissant 1.0 has no lists in lists: the outlines of an object are JSON in a text. The format:
https://docs.mlcommons.org/croissant/docs/croissant-spec.html
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from labelbeam.schemas.manifest import Manifest
from labelbeam.schemas.tasks import TASKS
from labelbeam.transforms.export.batch import Batch
from labelbeam.transforms.export.exporter import Exporter, Told
from labelbeam.transforms.export.files import Files
from labelbeam.transforms.export.samples import samples

_RECORDS = "records.jsonl"

_IMAGE = {
    "image_url": ("sc:Text", False, "URL of the image"),
    "split": ("sc:Text", False, "train, validation, test, or another split of the build"),
    "width": ("sc:Integer", False, "width of the image in pixels"),
    "height": ("sc:Integer", False, "height of the image in pixels"),
}
_LABEL = {"label": ("sc:Text", False, "the label of the image")}
_LABELS = {"labels": ("sc:Text", True, "the labels of the image")}
_OBJECTS = {
    "category": ("sc:Text", True, "the label of each object"),
    "bbox": ("cr:BoundingBox", True, "the box of each object: left, top, width and height in pixels"),
    "iscrowd": ("sc:Integer", True, "whether each object is a crowd: 1, or 0"),
}
_OUTLINES = {
    "segmentation": (
        "sc:Text",
        True,
        "the outlines of each object, as JSON: rings of x1, y1, x2, y2, … that combine by XOR",
    ),
}
_FIELDS = {
    "image_classification": _IMAGE | _LABEL,
    "image_classification_multilabel": _IMAGE | _LABELS,
    "image_object_detection": _IMAGE | _OBJECTS,
    "image_instance_segmentation": _IMAGE | _OBJECTS | _OUTLINES,
}

_TERMS = (
    *(
        "citeAs",
        "column",
        "conformsTo",
        "dataBiases",
        "dataCollection",
        "extract",
        "field",
        "fileProperty",
        "fileObject",
        "fileSet",
    ),
    *(
        "format",
        "includes",
        "isLiveDataset",
        "jsonPath",
        "key",
        "md5",
        "parentField",
        "path",
        "personalSensitiveInformation",
    ),
    *("recordSet", "references", "regex", "repeated", "replace", "separator", "source", "subField", "transform"),
)
"""Terms of Croissant 1.0, which its documents have in one context, whichever of them they use."""

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{term: f"cr:{term}" for term in _TERMS},
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "sc": "https://schema.org/",
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
        document = msgspec.json.encode(_document(self._manifest, self._hash.hexdigest()))
        self._files.put_last("croissant.json", msgspec.json.format(document) + b"\n")


def _document(manifest: Manifest, sha256: str) -> dict[str, Any]:
    about = f"{manifest.task}, build {manifest.build}, written by labelbeam {manifest.labelbeam_version}."
    file = {
        "@type": "cr:FileObject",
        "@id": _RECORDS,
        "name": _RECORDS,
        "contentUrl": _RECORDS,
        "encodingFormat": "application/jsonlines",
        "sha256": sha256,
    }
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"images/{name}",
            "name": name,
            "description": text,
            "dataType": kind,
            **({"repeated": True} if repeated else {}),
            "source": {"fileObject": {"@id": _RECORDS}, "extract": {"column": name}},
        }
        for name, (kind, repeated, text) in _FIELDS[manifest.task].items()
    ]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": f"build-{manifest.build}",
        "description": about,
        "datePublished": manifest.created,
        "version": "1.0.0",
        "distribution": [file],
        "recordSet": [
            {"@type": "cr:RecordSet", "@id": "images", "name": "images", "description": "the images", "field": fields}
        ],
    }


EXPORTER = Exporter("croissant", "a description of the records, for loaders of datasets", TASKS, "none", _Writer)
