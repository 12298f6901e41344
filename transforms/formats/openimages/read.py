"""Rows of Open Images' tables, read into the neutral form.

The columns are those that the dataset's own description gives them (storage.googleapis.com/openimages/web/download_v7.html): boxes are
fractions of the image; flags are 1, 0, or -1 where nobody knows; a label of confidence 0 was verified to be absent.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from labelbeam.schemas.neutral import SourceImage, SourceObject
from labelbeam.schemas.reasons import Rejected, Skipped
from labelbeam.transforms.formats.beside import tell_beside
from labelbeam.transforms.formats.drawn import label_of
from labelbeam.transforms.formats.named_images import ImageFinder, image_named, reject_image, reject_object
from labelbeam.transforms.formats.openimages.recognise import BOX
from labelbeam.transforms.formats.openimages.rows import LONGEST_ROW, Row
from labelbeam.transforms.messages.words import counted

OVERSHOOT = 0.5
"""How far fractions may lie outside of the image; what lies farther is none."""

_READ = frozenset({"isgroupof", "confidence"})
_CODES = ("/m/", "/g/", "/t/")


class OpenImagesRows(NamedTuple):
    """Images that were read, and what rows say of themselves, counted.

    `missing` counts images that are not in the listing, `coded` labels that are codes, `unsure` those of a confidence between 0 and 1,
    `contradicted` those that are absent by another row. `codes` are those of the labels that have a name. `boxes` counts all boxes, `far`
    those of them that are no fractions.
    """

    images: list[SourceImage]
    missing: int = 0
    coded: int = 0
    unsure: int = 0
    contradicted: int = 0
    codes: frozenset[str] = frozenset()
    boxes: int = 0
    far: int = 0


def read_descriptions(data: bytes) -> dict[str, str]:
    """Names of classes by code, from rows of a code and a name."""
    rows = csv.reader(io.StringIO(data.decode("utf-8-sig", "replace"), newline=""))
    try:
        return {row[0].strip(): row[1] for row in rows if len(row) >= 2 and row[0].strip().startswith(_CODES)}
    except csv.Error:
        return {}


def read_rows(
    rows: Iterable[Row],
    columns: Sequence[str],
    names: Mapping[str, str],
    images: ImageFinder,
    *,
    path: str,
    source: str,
    task: str,
    split: str | None,
) -> OpenImagesRows:
    """Read the rows of a table at `path` whose `columns` are known, in lower case. `names` are those of classes by code."""
    of_boxes = all(side in columns for side in BOX)
    by_id: dict[str, SourceImage] = {}
    labels: dict[str, dict[str, bool]] = {}
    codes: set[str] = set()
    missing = coded = unsure = contradicted = boxes = far = 0
    for at, cells in rows:
        row = dict(zip(columns, cells, strict=False))
        name = row.get("imageid", "").strip()
        image = by_id.get(name)
        if image is None:
            image = by_id[name] = _image_of(name, images, path, source, at)
            image.split = split or image.split
            missing += image.left_out is not None
        if image.left_out is not None:
            continue
        locator, raw = f"byte {at}", ",".join(cells)[:500]
        if len(cells) != len(columns):
            message = f"the row has {counted(len(cells), 'cell')}, expected {len(columns)}"
            message = message if cells else f"the row has more than {LONGEST_ROW:,} bytes, and is not read"
            reject_object(image, Rejected.INVALID_RECORD, message, locator, raw)
            continue
        code = row["labelname"].strip()
        if code.startswith(_CODES) and names and code not in names:
            reject_object(image, Rejected.UNKNOWN_CATEGORY, f"no class description names {code}", locator, raw)
            continue
        label = label_of(names.get(code, code), image)
        if label is None:
            reject_object(image, Rejected.INVALID_LABEL, "LabelName is empty", locator, raw)
            continue
        coded += code not in names and code.startswith(_CODES)
        if code in names:
            codes.add(code)
        if of_boxes and "classification" not in task:
            boxes += 1
            far += _add_box(image, label, row, locator, raw)
            continue
        confidence = _number(row.get("confidence", "1")) if not of_boxes else 1.0
        if confidence is None or not 0 <= confidence <= 1:
            reject_object(image, Rejected.INVALID_RECORD, "Confidence is no number from 0 to 1", locator, raw)
            continue
        unsure += 0 < confidence < 1
        known = labels.setdefault(name, {})
        present = confidence > 0
        contradicted += known.get(label, present) != present
        if present and not known.get(label):
            image.objects.append(SourceObject(label, locator))
        elif not present:
            image.skipped.append(Skipped.LABEL_ABSENT)
        known[label] = present or known.get(label, False)
    counts = (missing, coded, unsure, contradicted)
    return OpenImagesRows(list(by_id.values()), *counts, frozenset(codes), boxes, far)


def _image_of(name: str, images: ImageFinder, path: str, source: str, at: int) -> SourceImage:
    locator = f"{path} byte {at}"
    if not name:
        image = SourceImage(path, source, locator)
        reject_image(image, Rejected.INVALID_RECORD, "ImageID is empty")
        return image
    found = images.find(name, path.rpartition("/")[0])
    if found.path is not None or found.candidates:
        return image_named(name, images, path, source, locator)
    # Tables are those of the whole dataset, of which people download a part of the images.
    image = image_named(f"{name}.jpg", images, path, source, locator)
    if not image.rejected and len(images):
        image.left_out = Skipped.IMAGE_NOT_HERE
    return image


def _number(cell: str) -> float | None:
    try:
        found = float(cell)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _add_box(image: SourceImage, label: str, row: Mapping[str, str], locator: str, raw: str) -> bool:
    """Add a box, or reject it; whether its numbers are no fractions."""
    left, right, top, bottom = (_number(row[side]) for side in BOX)
    if left is None or right is None or top is None or bottom is None:
        reject_object(
            image, Rejected.INVALID_BBOX, "XMin, XMax, YMin and YMax are no four finite numbers", locator, raw
        )
        return False
    box = (left, top, right, bottom)
    if min(box) < -OVERSHOOT or max(box) > 1 + OVERSHOOT:
        reject_object(
            image, Rejected.INVALID_BBOX, "a side is no fraction of the image's width or height", locator, raw
        )
        return True
    tell_beside(image, row, upright=True, read=_READ)
    image.objects.append(
        SourceObject(label, locator, box, crowd=row.get("isgroupof", "").strip() in ("1", "1.0", "true", "True"))
    )
    return False
