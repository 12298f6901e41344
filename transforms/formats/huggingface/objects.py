"""Objects of samples as Hugging Face's datasets have them: lists of boxes and categories side by side, or a list of objects."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from labelbeam.schemas.neutral import Ring, SourceImage, SourceObject
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from labelbeam.transforms.formats.beside import tell_beside, telling
from labelbeam.transforms.formats.class_numbers import add_ends
from labelbeam.transforms.formats.coco.evidence import Collector
from labelbeam.transforms.formats.drawn import DrawnError, add_label, declare_size, extent, label_of, number
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.labels import says_there_is_none
from labelbeam.transforms.formats.named_images import reject_image, reject_object
from labelbeam.transforms.geometry.rle import GeometryError, read_rle
from labelbeam.transforms.geometry.trace import trace
from labelbeam.transforms.messages.words import counted

BOXES = ("bbox", "bboxes", "boxes", "box")
_LABELS = (
    *("category", "categories", "label", "labels", "category_name", "class_name", "class", "classes", "name", "names"),
    *("category_id", "category_ids", "class_id", "class_label", "label_id"),
)
_OUTLINES = ("segmentation", "segmentations", "polygon", "polygons")
_CROWDS = ("iscrowd", "is_crowd")
_AREAS = ("area", "areas")
_KINDS = {"bbox": BOXES, "label": _LABELS, "outline": _OUTLINES, "crowd": _CROWDS, "area": _AREAS}
_READ = frozenset(key for keys in _KINDS.values() for key in keys)
FIELDS = tuple(key for keys in _KINDS.values() for key in keys)
"""What the fields of objects are called."""


class Samples:
    """Images of a unit, which get their objects here, and what the boxes of these tell.

    `without` objects have no outline, where the task needs one; `unnamed` have a number that nothing names; `ends` counts the numbers
    before the first name, of it, of the last one, and behind it.
    """

    def __init__(self, names: Mapping[int, str], task: str, by_xor: bool = False) -> None:
        """`names` are categories by number; `by_xor` says that the parts of an outline combine so, as in exports of builds."""
        self._names, self.task, self._by_xor = names, task, by_xor
        self.images: list[SourceImage] = []
        self.without = self.unnamed = 0
        first, last = min(names, default=0), max(names, default=0)
        self._at_ends = {first - 1: 0, first: 1, last: 2, last + 1: 3} if len(names) > 1 else {}
        self.ends = [0, 0, 0, 0]
        self._numbers: list[tuple[float, ...]] = []
        self._outlines: list[tuple[float, ...]] = []
        self._about: list[tuple[float, int, int, int]] = []

    def add(self, image: SourceImage, objects: Any, width: Any = None, height: Any = None) -> None:
        """Give an image its declared size, and the objects that a value holds: boxes, or their labels for classification."""
        self.images.append(image)
        found = objects_of(objects)
        if isinstance(found, str):
            reject_image(image, Rejected.INVALID_RECORD, found)
            return
        declare_size(image, width, height)
        if "classification" in self.task:
            labels: dict[str, SourceObject] = {}
            for place, item in enumerate(found):
                self._count_end(item.get("label"))
                add_label(image, _named(item.get("label"), self._names)[0], f"objects[{place}]", labels)
            image.objects = list(labels.values())
            return
        outlined = "segmentation" in self.task
        for place, item in enumerate(found):
            self._count_end(item.get("label"))
            made = _object(image, item, self._names, f"objects[{place}]", outlined, self._by_xor)
            if made is None:
                continue
            image.objects.append(made)
            tell_beside(image, item["beside"], upright=made.rings is None)
            self.unnamed += isinstance(item.get("label"), int) and not self._names
            self.without += made.rings is None and outlined
            box = made.bbox or (np.nan,) * 4
            self._numbers.append((box[0], box[1], box[2] - box[0], box[3] - box[1]))
            self._outlines.append(extent(made.rings) if made.rings and not made.from_mask else (np.nan,) * 4)
            self._about.append(
                (number(item.get("area")) or np.nan, image.width or 0, image.height or 0, len(self.images) - 1)
            )

    def label_by(self, image: SourceImage, column: str, value: Any, width: Any = None, height: Any = None) -> None:
        """Give an image its declared size, and the labels that a column holds for it; without any it is rejected."""
        several = isinstance(value, list)
        labels = [plain for item in (value if several else [value]) if (plain := _plain(item)) is not None]
        if labels or several:
            self.label(image, labels, width, height)
            return
        what = "is null" if value is None else f"is {value!r:.20}, which stands for none"
        reject_image(image, Rejected.NO_LABEL, f"the row has no label: {column} {what}")
        self.images.append(image)

    def label(self, image: SourceImage, labels: Iterable[Any], width: Any = None, height: Any = None) -> None:
        """Give an image its declared size, and labels of its own, for classification."""
        self.images.append(image)
        declare_size(image, width, height)
        found: dict[str, SourceObject] = {}
        for label in labels:
            self._count_end(label)
            value, unknown = _named(label, self._names)
            self.unnamed += isinstance(value, int) and not isinstance(value, bool)
            if unknown:
                message = f"the label {label} is beyond the {counted(len(self._names), 'name')}"
                reject_object(image, Rejected.UNKNOWN_CATEGORY, message, "label")
            else:
                add_label(image, value, "label", found)
        image.objects = list(found.values())

    def _count_end(self, label: Any) -> None:
        if isinstance(label, int) and not isinstance(label, bool) and (end := self._at_ends.get(label)) is not None:
            self.ends[end] += 1

    def tell(self, evidence: Evidence) -> None:
        """Tally what boxes and outlines tell of their unit and layout, as for COCO; and the numbers at the ends of the names."""
        if self.images:
            add_ends(evidence, self.ends, self.images[0].locator)
        if not self._about:
            return
        places = [self.images[row[3]].locator for row in self._about]
        collector = Collector(evidence, places.__getitem__)
        boxes, extents, known = (np.array(rows, np.float64) for rows in (self._numbers, self._outlines, self._about))
        collector.boxes(boxes, known[:, 1:3].astype(np.int32), known[:, 0], known[:, 3].astype(np.int64))
        if np.isfinite(extents).any():
            collector.outlines(extents)
            collector.outlines_in_boxes(
                extents,
                np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1),
                known[:, 1:3].astype(np.int32),
            )


def _plain(value: Any) -> Any:
    """A label as it is, numbers as whole ones; None where there is none: null, NaN, and -1 as in test sets of `datasets`."""
    if isinstance(value, float):
        value = None if math.isnan(value) else int(value) if value.is_integer() else value
    return None if value == -1 and not isinstance(value, bool) else value


def objects_of(value: Any) -> list[dict[str, Any]] | str:
    """Objects, each with what is known of it, from lists of each or a list of objects; else what is wrong."""
    if value is None:
        return []
    if isinstance(value, list):
        wrong = [item for item in value if not isinstance(item, dict)]
        if wrong:
            return f"an object is {wrong[0]!r:.60}, expected a mapping"
        return [
            {kind: _first(item, keys) for kind, keys in _KINDS.items()} | {"beside": telling(item, _READ)}
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
    beside = {key: column for key, column in telling(value, _READ).items() if isinstance(column, list)}
    return [
        {kind: column[place] for kind, column in lists.items()}
        | {"beside": {key: column[place] for key, column in beside.items() if place < len(column)}}
        for place in range(count)
    ]


def _first(fields: dict[str, Any], keys: Sequence[str]) -> Any:
    return next((fields[key] for key in keys if fields.get(key) is not None), None)


def _named(value: Any, names: Mapping[int, str]) -> tuple[Any, bool]:
    """The name of a category; and whether it is a number that the names do not have."""
    if isinstance(value, int) and not isinstance(value, bool) and names:
        return names.get(value), value not in names
    return value, False


def _object(
    image: SourceImage, item: dict[str, Any], names: Mapping[int, str], locator: str, outlined: bool, by_xor: bool
) -> SourceObject | None:
    """One object; None where it is rejected."""
    try:
        value, unknown = _named(item.get("label"), names)
        if unknown:
            raise DrawnError(
                Rejected.UNKNOWN_CATEGORY, f"the category {item['label']} is beyond the {counted(len(names), 'name')}"
            )
        label = label_of(value, image)
        if label is None:
            raise DrawnError(Rejected.INVALID_LABEL, f"the category is {value!r:.60}, expected a name or a number")
        if says_there_is_none(label) and not _is_drawn(item.get("bbox")) and not item.get("outline"):
            image.skipped.append(Skipped.EMPTY_LABEL)
            return None
        rings, traced = _rings(item.get("outline"), image) if outlined or not item.get("bbox") else (None, False)
        box = _box(item.get("bbox"), bool(rings))
    except DrawnError as error:
        reject_object(image, error.code, error.message, locator, json.dumps(item, default=str)[:500])
        return None
    image.adjusted += [Adjusted.MASK_TO_POLYGON] * traced
    crowd = item.get("crowd") in (1, True, "1", "true")
    return SourceObject(label, locator, box, rings, crowd=crowd, from_mask=traced, by_xor=by_xor and bool(rings))


def _is_drawn(box: Any) -> bool:
    return isinstance(box, list | tuple) and any(number(side) != 0 for side in box)


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
