"""CSV: one row an object, or one row a label of an image, in a single file (RFC 4180, UTF-8, lines that end with LF).

Numbers are the fractions of the image that the records hold. An outline is JSON in its cell, and its box is its extent.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import msgspec

from labelbeam.schemas.manifest import Manifest
from labelbeam.schemas.records import Box, Mask
from labelbeam.schemas.tasks import TASKS
from labelbeam.transforms.export.batch import Batch, Image, text_of
from labelbeam.transforms.export.exporter import Exporter, Lost, Told
from labelbeam.transforms.export.files import Files

NAME = "labels.csv"

_HEADS = ["image_url", "split", "label"]
_BOX = ["topX", "topY", "bottomX", "bottomY", "isCrowd"]
_COLUMNS = {
    "image_classification": _HEADS,
    "image_classification_multilabel": _HEADS,
    "image_object_detection": [*_HEADS, *_BOX],
    "image_instance_segmentation": [*_HEADS, *_BOX, "polygon"],
}


class _Writer:
    def __init__(self, manifest: Manifest, files: Files, told: Told, copied: bool) -> None:
        self._told = told
        self._stream = files.stream(NAME)
        self._write([_COLUMNS[manifest.task]])

    def begin(self, split: str) -> None:
        """All splits stand in one file."""

    def add(self, batch: Batch) -> None:
        self._write([row for image in batch.images for row in self._rows(image, batch.split)])

    def _write(self, rows: list[list[str]]) -> None:
        self._stream.write("".join(map(_line, rows)).encode())

    def _rows(self, image: Image, split: str) -> Iterator[list[str]]:
        label: Any = image.record.label
        items = label if isinstance(label, list) else [label]
        if not items:
            self._told.add(Lost.BACKGROUND)
        for item in items:
            name = item if isinstance(item, str) else item.label
            yield [image.record.image_url, split, name, *_geometry(item)]

    def end(self, split: str) -> None:
        """All splits stand in one file."""

    def finish(self) -> None:
        """Nothing is left to be written."""


def _line(row: list[str]) -> str:
    """A line of the file. Python's csv quotes a cell for the characters that end its lines: both are, so that a lone CR is quoted too.

    >>> _line(["a\\rb", "c"])
    '"a\\rb",c\\n'
    """
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow(row)
    return text.getvalue().removesuffix("\r\n") + "\n"


def _geometry(item: str | Box | Mask) -> list[str]:
    if isinstance(item, str):
        return []
    if isinstance(item, Box):
        numbers = item.topX, item.topY, item.bottomX, item.bottomY
        return [*map(text_of, numbers), str(item.isCrowd)]
    xs, ys = ([number for ring in item.polygon for number in ring[axis::2]] for axis in (0, 1))
    extent = map(text_of, (min(xs), min(ys), max(xs), max(ys)))
    return [*extent, str(item.isCrowd), msgspec.json.encode(item.polygon).decode()]


EXPORTER = Exporter("csv", "a table: a row for each object, or for each label of an image", TASKS, "none", _Writer)
