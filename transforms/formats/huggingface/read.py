"""Rows of Hugging Face's tables, read into the neutral form.

`objects` holds a list of boxes and a list of categories, as `datasets` loads a sequence, or a list of objects. Boxes are those of COCO
(https://huggingface.co/docs/datasets/object_detection): x, y, width and height in pixels. Categories are names, or numbers of a ClassLabel.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from labelbeam.schemas.neutral import SourceImage
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.huggingface.objects import Samples
from labelbeam.transforms.formats.json_objects import json_object
from labelbeam.transforms.formats.named_images import ImageFinder, image_named, reject_image
from labelbeam.transforms.formats.text_values import LONGEST_LITERAL, value_in_text
from labelbeam.transforms.messages.words import counted

LABELS = ("label", "labels")
"""Fields of a metadata.parquet that hold the labels of images: of other tables, those of a table of labels are read."""

OF_TABLES = frozenset({"objects", "width", "height", *LABELS})
"""What is read of a row, beside the image's name."""

Row = tuple[str, dict[str, Any] | str]
"""Where a row stands, and its fields, or what is wrong with it."""


class HuggingFaceImages(NamedTuple):
    """Images that were read; how many objects have no outline, and how many a number that nothing names."""

    images: list[SourceImage]
    without: int
    unnamed: int


def rows_of_lines(block: bytes, first: int) -> Iterator[Row]:
    """Rows of a metadata.jsonl, from whole lines whose first begins at byte `first`."""
    at = first
    for line in block.split(b"\n"):
        text = line.removeprefix(b"\xef\xbb\xbf").strip()
        if text:
            yield f"byte {at}", json_object(text)
        at += len(line) + 1


def rows_of_csv(data: bytes) -> Iterator[Row]:
    """Rows of a metadata.csv, whose objects are JSON, or a mapping as Python writes it."""
    if csv.field_size_limit() < LONGEST_LITERAL:
        csv.field_size_limit(LONGEST_LITERAL)
    rows = csv.reader(io.StringIO(data.decode("utf-8-sig", "replace"), newline=""))
    columns: list[str] = []
    try:
        for count, cells in enumerate(rows, 1):
            if not columns:
                columns = [cell.strip() for cell in cells]
            elif any(cells):
                # The limit is of the whole process, and another reader may have raised it.
                if max(map(len, cells)) > LONGEST_LITERAL:
                    raise csv.Error(f"row {count} has a cell of more than {LONGEST_LITERAL:,} characters")
                wrong = f"the row has {counted(len(cells), 'cell')}, expected {len(columns)}"
                row: dict[str, Any] = dict(zip(columns, cells, strict=False))
                row["objects"] = _parsed(row.get("objects", ""))
                for side in ("width", "height"):
                    row[side] = int(row[side]) if str(row.get(side, "")).isdecimal() else row.get(side)
                yield f"row {count}", row if len(cells) == len(columns) else wrong
    except csv.Error as error:
        yield "its end", f"it is no CSV: {error}"


def _parsed(cell: str) -> Any:
    if not cell.strip():
        return None
    try:
        return value_in_text(cell, "objects")
    except ValueError:
        return cell


def read_rows(
    rows: Iterable[Row],
    names: Mapping[int, str],
    images: ImageFinder,
    evidence: Evidence,
    *,
    path: str,
    source: str,
    task: str,
    by_xor: bool = False,
    labels: bool = False,
) -> HuggingFaceImages:
    """Read rows of the table at `path`; what their boxes tell of their frame goes into `evidence`. `names` are categories by number;
    `by_xor` says that the parts of an outline combine so, as in exports of builds; `labels` that a row's own go before its objects, for
    classification.
    """
    samples = Samples(names, task, by_xor)
    for locator, row in rows:
        image = _image_of(row, images, path, source, f"{path} {locator}")
        fields = row if isinstance(row, dict) else {}
        size = fields.get("width"), fields.get("height")
        column = next((name for name in LABELS if labels and name in fields), None)
        if column is not None and not image.rejected:
            samples.label_by(image, column, fields[column], *size)
        else:
            samples.add(image, fields.get("objects"), *size)
    samples.tell(evidence)
    return HuggingFaceImages(samples.images, samples.without, samples.unnamed)


def _image_of(row: dict[str, Any] | str, images: ImageFinder, path: str, source: str, locator: str) -> SourceImage:
    name = next((row[key] for key in row if key.endswith("file_name")), None) if isinstance(row, dict) else None
    if isinstance(name, str) and name.strip():
        return image_named(name.strip(), images, path, source, locator)
    image = SourceImage(path, source, locator)
    message = row if isinstance(row, str) else f"file_name is {name!r:.60}, expected the image's name"
    reject_image(image, Rejected.INVALID_RECORD, message)
    return image
