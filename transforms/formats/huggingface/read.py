"""Rows of Hugging Face's tables, read into the neutral form.

`objects` holds a list of boxes and a list of categories, as `datasets` loads a sequence, or a list of objects. Boxes are those of COCO
(https://huggingface.co/docs/datasets/object_detection): x, y, width and height in pixels. Categories are names, or numbers of a ClassLabel.
"""

from __future__ import annotations

import ast
import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from labelbeam.schemas.neutral import Ring, SourceImage, SourceObject
from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.formats.coco.evidence import Collector
from labelbeam.transforms.formats.drawn import (
    DrawnError,
    JsonError,
    add_label,
    declare_size,
    decode_json,
    extent,
    label_of,
    number,
)
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.json_objects import json_object
from labelbeam.transforms.formats.named_images import ImageFinder, image_named, reject_image, reject_object
from labelbeam.transforms.formats.turned import may_turn, turned_beside, turns
from labelbeam.transforms.geometry.rle import GeometryError, read_rle
from labelbeam.transforms.geometry.trace import trace

_BOXES = ("bbox", "bboxes", "boxes", "box")
_LABELS = (
    *("category", "categories", "label", "labels", "category_name", "class_name", "class", "classes", "name", "names"),
    *("category_id", "category_ids", "class_id", "class_label", "label_id"),
)
_OUTLINES = ("segmentation", "segmentations", "polygon", "polygons")
_CROWDS = ("iscrowd", "is_crowd")
_AREAS = ("area", "areas")
_KINDS = {"bbox": _BOXES, "label": _LABELS, "outline": _OUTLINES, "crowd": _CROWDS, "area": _AREAS}

_LONGEST_CELL = 2**20
"""Characters of a cell that is read as Python writes it."""

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
    if csv.field_size_limit() < _LONGEST_CELL:
        csv.field_size_limit(_LONGEST_CELL)
    rows = csv.reader(io.StringIO(data.decode("utf-8-sig", "replace"), newline=""))
    columns: list[str] = []
    try:
        for count, cells in enumerate(rows, 1):
            if not columns:
                columns = [cell.strip() for cell in cells]
            elif any(cells):
                # The limit is of the whole process, and another reader may have raised it.
                if max(map(len, cells)) > _LONGEST_CELL:
                    raise csv.Error(f"row {count} has a cell of more than {_LONGEST_CELL:,} characters")
                wrong = f"the row has {len(cells)} cells, expected {len(columns)}"
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
        return decode_json(cell.encode("utf-8", "surrogatepass"))
    except JsonError:
        pass
    try:
        return ast.literal_eval(cell.strip()) if len(cell) <= _LONGEST_CELL else cell
    except (ValueError, SyntaxError, RecursionError, MemoryError):
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
) -> HuggingFaceImages:
    """Read rows of the table at `path`; what their boxes tell of their frame goes into `evidence`. `names` are categories by number."""
    read: list[SourceImage] = []
    numbers: list[tuple[float, ...]] = []
    outlines: list[tuple[float, ...]] = []
    about: list[tuple[float, int, int, int]] = []
    without = unnamed = 0
    for locator, row in rows:
        image = _image_of(row, images, path, source, f"{path} {locator}")
        read.append(image)
        found = _objects_of(row.get("objects")) if isinstance(row, dict) else []
        if isinstance(found, str):
            reject_image(image, Rejected.INVALID_RECORD, found)
            continue
        if isinstance(row, dict):
            declare_size(image, row.get("width"), row.get("height"))
        if "classification" in task:
            labels: dict[str, SourceObject] = {}
            for place, item in enumerate(found):
                value, _ = _named(item.get("label"), names)
                add_label(image, value, f"objects[{place}]", labels)
            image.objects = list(labels.values())
            continue
        for place, item in enumerate(found):
            made = _object(image, item, names, f"objects[{place}]", "segmentation" in task)
            if made is None:
                continue
            image.objects.append(made)
            image.turned_beside += bool(item["turned"]) and made.rings is None
            unnamed += isinstance(item.get("label"), int) and not names
            without += made.rings is None and "segmentation" in task
            box = made.bbox or (np.nan,) * 4
            numbers.append((box[0], box[1], box[2] - box[0], box[3] - box[1]))
            outlines.append(extent(made.rings) if made.rings and not made.from_mask else (np.nan,) * 4)
            about.append((number(item.get("area")) or np.nan, image.width or 0, image.height or 0, len(read) - 1))
    _tell(evidence, [read[row[3]].locator for row in about], numbers, outlines, about)
    return HuggingFaceImages(read, without, unnamed)


def _tell(
    evidence: Evidence,
    places: Sequence[str],
    numbers: Sequence[tuple[float, ...]],
    outlines: Sequence[tuple[float, ...]],
    about: Sequence[tuple[float, int, int, int]],
) -> None:
    """Tally what boxes and outlines tell of their unit and layout, as for COCO."""
    if not about:
        return
    collector = Collector(evidence, places.__getitem__)
    boxes, extents, known = (np.array(rows, np.float64) for rows in (numbers, outlines, about))
    collector.boxes(boxes, known[:, 1:3].astype(np.int32), known[:, 0], known[:, 3].astype(np.int64))
    if np.isfinite(extents).any():
        collector.outlines(extents)
        collector.outlines_in_boxes(
            extents, np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1), known[:, 1:3].astype(np.int32)
        )


def _image_of(row: dict[str, Any] | str, images: ImageFinder, path: str, source: str, locator: str) -> SourceImage:
    name = next((row[key] for key in row if key.endswith("file_name")), None) if isinstance(row, dict) else None
    if isinstance(name, str) and name.strip():
        return image_named(name.strip(), images, path, source, locator)
    image = SourceImage(path, source, locator, rejected=[], adjusted=[], objects=[], skipped=[])
    message = row if isinstance(row, str) else f"file_name is {name!r:.60}, expected the image's name"
    reject_image(image, Rejected.INVALID_RECORD, message)
    return image


def _objects_of(value: Any) -> list[dict[str, Any]] | str:
    """Objects, each with what is known of it, from lists of each or a list of objects; else what is wrong."""
    if value is None:
        return []
    if isinstance(value, list):
        wrong = next((item for item in value if not isinstance(item, dict)), None)
        if wrong is not None:
            return f"an object is {wrong!r:.60}, expected a mapping"
        return [
            {kind: _first(item, keys) for kind, keys in _KINDS.items()} | {"turned": turned_beside(item)}
            for item in value
        ]
    if not isinstance(value, dict):
        return f"objects is {value!r:.60}, expected lists of boxes and categories, or a list of objects"
    columns = {kind: _first(value, keys) for kind, keys in _KINDS.items()}
    lists = {kind: column for kind, column in columns.items() if column is not None}
    if any(not isinstance(column, list) for column in lists.values()):
        return "objects holds something else than lists of boxes and categories"
    lengths = {kind: len(column) for kind, column in lists.items()}
    if len(set(lengths.values())) > 1:
        return f"objects holds lists of several lengths ({', '.join(f'{kind}: {count}' for kind, count in lengths.items())})"
    count = next(iter(lengths.values()), 0)
    angles = {key: column for key, column in value.items() if may_turn(key) and isinstance(column, list)}
    turned = [
        any(place < len(column) and turns(key, column[place]) for key, column in angles.items())
        for place in range(count)
    ]
    return [
        {kind: column[place] for kind, column in lists.items()} | {"turned": turned[place]} for place in range(count)
    ]


def _first(fields: dict[str, Any], keys: Sequence[str]) -> Any:
    return next((fields[key] for key in keys if fields.get(key) is not None), None)


def _named(value: Any, names: Mapping[int, str]) -> tuple[Any, bool]:
    """The name of a category; and whether it is a number that the names do not have."""
    if isinstance(value, int) and not isinstance(value, bool) and names:
        return names.get(value), value not in names
    return value, False


def _object(
    image: SourceImage, item: dict[str, Any], names: Mapping[int, str], locator: str, outlined: bool
) -> SourceObject | None:
    """One object; None where it is rejected."""
    try:
        value, unknown = _named(item.get("label"), names)
        if unknown:
            raise DrawnError(
                Rejected.UNKNOWN_CATEGORY, f"the category {item['label']} is beyond the {len(names)} names"
            )
        label = label_of(value, image)
        if label is None:
            raise DrawnError(Rejected.INVALID_LABEL, f"the category is {value!r:.60}, expected a name or a number")
        rings, traced = _rings(item.get("outline"), image) if outlined or not item.get("bbox") else (None, False)
        box = _box(item.get("bbox"), bool(rings))
    except DrawnError as error:
        reject_object(image, error.code, error.message, locator, json.dumps(item, default=str)[:500])
        return None
    image.adjusted += [Adjusted.MASK_TO_POLYGON] * traced
    crowd = item.get("crowd") in (1, True, "1", "true")
    return SourceObject(label, locator, box, rings, crowd=crowd, from_mask=traced)


def _box(value: Any, derived: bool) -> tuple[float, float, float, float] | None:
    if value in (None, []):
        if not derived:
            raise DrawnError(Rejected.MISSING_BBOX, "the object has no box, and nothing that one could be derived from")
        return None
    sides = [number(side) for side in value] if isinstance(value, list | tuple) else []
    if len(sides) != 4 or None in sides:
        raise DrawnError(Rejected.INVALID_BBOX, f"bbox is {value!r:.80}, expected four finite numbers")
    left, top, width, height = (side for side in sides if side is not None)
    return left, top, left + width, top + height


def _rings(value: Any, image: SourceImage) -> tuple[list[Ring] | None, bool]:
    """The outline of an object, and whether it was traced: polygons as COCO has them, or run lengths."""
    if value in (None, []):
        return None, False
    if isinstance(value, dict):
        width, height = image.width, image.height
        if width is None or height is None:
            raise DrawnError(Rejected.RLE_SIZE_MISMATCH, "run lengths need the image's width and height beside them")
        try:
            runs = read_rle(value.get("size"), value.get("counts"), width, height)
        except GeometryError as error:
            raise DrawnError(error.code, str(error)) from None
        return trace(runs, height, width), True
    parts = value if isinstance(value, list) and all(isinstance(part, list) for part in value) else [value]
    rings: list[Ring] = []
    for part in parts:
        sides = [number(side) for side in part] if isinstance(part, list) else []
        if len(sides) < 6 or len(sides) % 2 or None in sides:
            raise DrawnError(Rejected.INVALID_POLYGON, f"a part is {part!r:.60}, expected three corners or more")
        rings.append(np.array(sides, np.float64).reshape(-1, 2))
    return rings, False
