"""The annotations of a COCO file, read range by range against the index of its images.

The index is small (some dozen bytes an image), belongs to one file, and goes to every worker; annotations are many, and leave
here as columns, already cut by the bucket of the image that they belong to.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cached_property
from itertools import chain, pairwise, repeat
from operator import attrgetter
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from labelbeam.schemas.neutral import Rejection
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from labelbeam.transforms.columns.arrays import Floats, Integers
from labelbeam.transforms.columns.fragments import Fragment
from labelbeam.transforms.columns.hashes import bucket_of
from labelbeam.transforms.columns.objects import ObjectId, Objects, make_rings, no_objects
from labelbeam.transforms.formats.coco.beside import add_fields_beside, add_names_beside
from labelbeam.transforms.formats.coco.brackets import BracketScanner
from labelbeam.transforms.formats.coco.evidence import Collector, extents
from labelbeam.transforms.formats.coco.index import CocoIndex
from labelbeam.transforms.formats.coco.other_names import may_hold
from labelbeam.transforms.formats.coco.outlines import (
    RawOutlined,
    UnreadableOutlineError,
    is_drawn,
    lay_masks,
    lay_outlines,
    raw_outlined,
)
from labelbeam.transforms.formats.coco.records import (
    BadElement,
    Boxed,
    Decoded,
    LabelOnly,
    Outlined,
    areas_of,
    decode_range,
)
from labelbeam.transforms.formats.coco.references import References, lookup
from labelbeam.transforms.formats.coco.scan import split_elements
from labelbeam.transforms.formats.coco.values import Id, rows_of
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.plans import HEAD

_ID, _IMAGE_ID, _CATEGORY_ID = attrgetter("id"), attrgetter("image_id"), attrgetter("category_id")
_BBOX, _ISCROWD, _IGNORE = attrgetter("bbox"), attrgetter("iscrowd"), attrgetter("ignore")
_ATTRIBUTES, _ROTATION = attrgetter("attributes"), attrgetter("rotation")
_ANGLE, _SEGMENTATION = attrgetter("angle"), attrgetter("segmentation")

_NO_BBOX = (math.nan,) * 4

_INT64 = 2**63

Flags = npt.NDArray[np.bool_]


def read_annotations(
    block: bytes, offset: int, index: CocoIndex, task: str, buckets: int
) -> tuple[dict[int, Fragment], Evidence, int]:
    """Read a range of `annotations`.

    Args:
        block: the range's bytes, which lie at `offset` of the file.

    Returns:
        Fragments by bucket, evidence on the frame of the coordinates, and how many annotations were found, without those
        that the fragments count as skipped.

    Raises:
        UnsafeSplitError: the range does not hold whole elements only.
    """
    record: type[LabelOnly] = LabelOnly
    if task == "image_object_detection":
        record = Boxed
    elif task == "image_instance_segmentation":
        record = Outlined
    decoded: Decoded[Any] = (raw_outlined(block) if record is Outlined else None) or decode_range(block, record)
    # A box is a tuple that is not empty, which is asked for in a third of the time that a comparison with None takes.
    without_box = record is not LabelOnly and not all(map(_BBOX, decoded.records))
    patient = without_box and (may_hold(block, "bbox") or may_hold(block, "segmentation"))
    if record is Outlined and patient:
        decoded = decode_range(block, record, patient)
    upright = record is Boxed and not _are_turned(decoded.records)
    if record is Boxed and (without_box or not upright):
        # A box that is missing or turned can be derived from the outline, which was not parsed so far.
        outlined = decode_range(block, Outlined, patient)
        for item in outlined.records:
            if item.angle and item.segmentation:
                item.bbox = None
            item.segmentation = None if item.bbox is not None else item.segmentation
        decoded, upright = outlined, False
    try:
        fragments, evidence, found = _RangeReader(index, block, offset, buckets, decoded, upright).read()
    except UnreadableOutlineError:
        fragments, evidence, found = _RangeReader(index, block, offset, buckets, decode_range(block, record)).read()
    add_fields_beside(block, evidence, boxed=record is not LabelOnly)
    add_names_beside(block, evidence, index.labels, index.label_of)
    if record is Boxed:
        _sample_outlines(block, evidence, index)
    return fragments, evidence, found


def _sample_outlines(block: bytes, evidence: Evidence, index: CocoIndex) -> None:
    """Compare boxes with outlines also where only boxes are read: in the first records of the range."""
    head = block[:HEAD]
    if b'"segmentation"' not in head:
        return
    at, opening, depth = BracketScanner().feed(head)
    ends = at[~opening & (depth == 0)]
    if not len(ends):
        return
    kept: list[tuple[Outlined, list[float]]] = []
    for item in decode_range(head[: int(ends[-1]) + 1], Outlined).records:
        if item.bbox is not None and isinstance(item.segmentation, list) and not item.angle:
            rings = [part for part in item.segmentation if len(part) >= 6 and len(part) % 2 == 0]
            if rings:
                kept.append((item, list(chain.from_iterable(rings))))
    if not kept:
        return
    bbox = np.array([item.bbox for item, _ in kept])
    with np.errstate(over="ignore", invalid="ignore"):
        bbox[:, 2:] += bbox[:, :2]
    extent = np.array([(min(c[::2]), min(c[1::2]), max(c[::2]), max(c[1::2])) for _, c in kept])
    references = References(index)
    rows = [references.row(item.image_id)[0] for item, _ in kept]
    sizes = np.array([index.sizes[row] if row >= 0 else (0, 0) for row in rows])
    Collector(evidence, lambda row: f"annotations id={kept[row][0].id!r}").outlines_in_boxes(extent, bbox, sizes)


def _are_turned(records: Sequence[Any]) -> bool:
    """Tell whether an angle stands beside a box; most files have no field that could hold one."""
    return (any(map(_ATTRIBUTES, records)) or any(map(_ROTATION, records))) and any(map(_ANGLE, records))


class _RangeReader:
    """Sorts one range's annotations into fragments; `upright` says that none of them is known to have an angle."""

    def __init__(
        self, index: CocoIndex, block: bytes, offset: int, buckets: int, decoded: Decoded[Any], upright: bool = False
    ) -> None:
        self.index = index
        self.block = block
        self.offset = offset
        self.buckets = buckets
        self.decoded = decoded
        self.upright = upright
        self.fragments: defaultdict[int, Fragment] = defaultdict(Fragment)
        self.adjusted: Counter[Adjusted] = Counter()
        self.found = 0
        self.evidence = Evidence()

    def read(self) -> tuple[dict[int, Fragment], Evidence, int]:
        decoded = self.decoded
        for bad in decoded.bad:
            self._reject_bad(bad)
        self.found = len(decoded.records) + len(decoded.bad)
        for (field, name), count in decoded.renamed.items():
            self.evidence.add(f"renamed_{field}", count, name)
        records, positions, rows, labels = self._resolve(decoded.records)
        if self.index.empty and records and isinstance(records[0], Boxed):
            said = self._says_empty(records, labels)
            if said.any():
                self._skip(rows[said])
                kept = np.flatnonzero(~said)
                records = [records[at] for at in kept.tolist()]
                positions, rows, labels = positions[kept], rows[kept], labels[kept]
        objects, evidence = self._columns(records, positions, rows, labels)
        bucket = self.index.buckets[objects.image - self.index.first_key]
        ends = np.cumsum(np.bincount(bucket, minlength=self.buckets)).tolist()
        for number, (start, end) in enumerate(pairwise([0, *ends])):
            if end > start:
                fragment = self.fragments[number]
                fragment.objects = objects.slice(start, end)
                fragment.labels = self.index.labels
        if decoded.adjusted or self.adjusted:
            self.fragments[0].adjusted = dict(Counter(decoded.adjusted) + self.adjusted)
        return self.fragments, evidence.merge(self.evidence), self.found

    def _tell_without_box(self, records: Sequence[Any], boxes: Sequence[Any], labels: Integers) -> None:
        bare = [
            at
            for at, box in enumerate(boxes)
            if box is None and not is_drawn(getattr(records[at], "segmentation", None))
        ]
        names = sorted({self.index.labels[labels[at]] for at in bare})
        self.evidence.add("objects_without_box", len(bare), names[0] if names else "")

    def _says_empty(self, records: Sequence[Any], labels: Integers) -> Flags:
        """Mask of records that have no box and a label that says that there is no object: they tell of background."""
        said: Flags = np.isin(labels, list(self.index.empty))
        for at in np.flatnonzero(said).tolist():
            item = records[at]
            said[at] = not (item.bbox and any(item.bbox[2:])) and not is_drawn(getattr(item, "segmentation", None))
        return said

    def _skip(self, rows: Integers) -> None:
        """Count annotations that are left out on purpose."""
        for bucket, count in Counter(self.index.buckets[rows].tolist()).items():
            self.fragments[bucket].skipped[Skipped.EMPTY_LABEL] = count
        self.found -= len(rows)

    def _resolve(self, records: Sequence[Any]) -> tuple[Sequence[Any], Integers, Integers, Integers]:
        """The records with a usable image and category; for each, its position in the range, its row, its label."""
        index = self.index
        count = len(records)
        rows = rows_of(list(map(_IMAGE_ID, records)), index.table, index.rows)
        labels = np.fromiter(map(index.label_of.get, map(_CATEGORY_ID, records), repeat(-1)), np.int64, count)
        doubtful = np.flatnonzero((rows < 0) | (labels < 0)).tolist()
        references = References(index)
        for position in doubtful:
            item = records[position]
            row, by_file = references.row(item.image_id)
            rows[position] = row
            self.evidence.add("images_by_name", int(by_file), repr(item.image_id)[:60])
            labels[position], by_name = references.label(item.category_id)
            self.evidence.add("categories_by_name", int(by_name), repr(item.category_id)[:60])
            if row < 0:
                code = lookup(index.refused, item.image_id, Rejected.UNKNOWN_IMAGE)
                self._reject(item, position, None, code, f"image_id is {item.image_id!r}: {code.doc}")
            elif labels[position] < 0:
                self._reject(item, position, row, *self._why_no_label(item.category_id))
        self._tell_references(records, rows, labels, doubtful)
        if not doubtful:
            return records, np.arange(count), rows, labels
        kept = np.flatnonzero((rows >= 0) & (labels >= 0))
        return [records[at] for at in kept.tolist()], kept, rows[kept], labels[kept]

    def _tell_references(self, records: Sequence[Any], rows: Integers, labels: Integers, doubtful: list[int]) -> None:
        """Tally annotations of images and categories that the file does not list."""
        known = [identity for identity in self.index.label_of if isinstance(identity, int)]
        collect = Collector(self.evidence, lambda at: self._locator(records[at].id, at))
        self.evidence.add("annotations", len(records))
        if len(known) > 1:
            first, last = min(known), max(known)
            collect.add("of_first_category", labels == self.index.label_of[first])
            collect.add("of_last_category", labels == self.index.label_of[last])
            for name, missing in (("before_first", first - 1), ("after_last", last + 1)) if doubtful else ():
                off = np.zeros(len(records), bool)
                off[[at for at in doubtful if records[at].category_id in (missing, str(missing))]] = True
                collect.add(f"of_category_{name}", off & (labels < 0))
        if doubtful:
            refused = self.index.refused
            gone = np.zeros(len(records), bool)
            gone[[at for at in doubtful if rows[at] < 0 and lookup(refused, records[at].image_id, None) is None]] = True
            collect.add("of_unknown_image", gone)

    def _why_no_label(self, category: Id) -> tuple[Rejected, str]:
        unknown = Rejected.UNKNOWN_CATEGORY, f"category_id is {category!r}: {Rejected.UNKNOWN_CATEGORY.doc}"
        why: tuple[Rejected, str] = lookup(self.index.refused_labels, category, unknown)
        return why

    def _columns(
        self, records: Sequence[Any], positions: Integers, rows: Integers, labels: Integers
    ) -> tuple[Objects, Evidence]:
        """The records as columns, bucket by bucket, less those whose mask turns out to be malformed."""
        if not records:
            return no_objects(), Evidence()
        count = len(records)
        evidence = Evidence()
        # Records lie in memory as they were read, which is the order in which they are soon gone through. Sorted by bucket
        # before anything is laid out, each bucket's share of every column is one piece of it.
        order = np.argsort(self.index.buckets[rows], kind="stable")
        rows, places, labels_of = rows[order], positions[order], labels[order]
        collect = Collector(evidence, lambda at: self._locator(records[int(order[at])].id, int(places[at])))
        bbox = np.full((count, 4), np.nan)
        crowd = np.zeros(count, np.uint8)
        area = np.full(count, np.nan)
        if isinstance(records[0], Boxed):
            boxes = list(map(_BBOX, records))
            if not all(boxes):
                self._tell_without_box(records, boxes, labels)
                boxes = [box or _NO_BBOX for box in boxes]
            bbox = np.fromiter(chain.from_iterable(boxes), np.float64, 4 * count).reshape(count, 4)
            bbox = np.asfortranarray(bbox[order])
            area = areas_of(records)[order]
            collect.boxes(bbox, self.index.sizes[rows], area, rows)
            with np.errstate(over="ignore"):
                bbox[:, 2:] += bbox[:, :2]
            self._turn(records, order, bbox, self.index.sizes[rows], collect)
            crowd = np.fromiter(map(_ISCROWD, records), bool, count).view(np.uint8)
            for at in np.flatnonzero([item.ignored for item in records]).tolist() if any(map(_IGNORE, records)) else ():
                self.adjusted[Adjusted.IGNORED_AS_CROWD] += int(not crowd[at])
                crowd[at] = 1
            crowd = crowd[order]
        objects = Objects(
            image=rows + self.index.first_key,
            order=places + self.offset,
            label=labels_of,
            crowd=crowd,
            bbox=bbox,
            mask_size=np.zeros((count, 2), np.int32),
            ring_start=np.zeros(count, np.int64),
            ring_count=np.zeros(count, np.int64),
            rings=make_rings([]),
            ids=self._ids(records, order, places),
            area=area,
        )
        if not isinstance(records[0], Outlined | RawOutlined):
            return objects, evidence
        outlines = list(map(_SEGMENTATION, records))
        masks, joined = lay_outlines(objects, [outlines[at] for at in order.tolist()])
        evidence.add("outlines_by_axis", len(joined), min((collect.name(at) for at in joined), default=""))
        failed, by_rows = lay_masks(objects, masks, self.index.sizes[rows])
        evidence.add("masks", len(masks) - len(failed))
        evidence.add("masks_by_rows", len(by_rows), min((collect.name(at) for at in by_rows), default=""))
        for mask, error in failed:
            self._reject(records[int(order[mask])], int(places[mask]), int(rows[mask]), error.code, str(error))
        extent, are_masks = extents(objects), np.array(list(masks), np.int64)
        of_masks = extent[are_masks]
        extent[are_masks] = np.nan
        collect.outlines(extent)
        collect.outlines_in_boxes(extent, objects.bbox, self.index.sizes[rows])
        masked = Collector(evidence, lambda at: collect.name(int(are_masks[at])))
        masked.outlines_in_boxes(of_masks, objects.bbox[are_masks], self.index.sizes[rows[are_masks]])
        if failed:
            keep = np.ones(count, bool)
            keep[[at for at, _ in failed]] = False
            objects = objects.take(np.flatnonzero(keep))
        return objects, evidence

    def _ids(self, records: Sequence[Any], order: Integers, positions: Integers) -> Sequence[ObjectId]:
        """Ids in order, as an array where all are whole numbers (eight bytes each rather than an object), else as locators."""
        ids = list(map(_ID, records))
        if set(map(type, ids)) == {int}:
            array = np.array(ids)
            if array.dtype == np.int64:
                return cast(Sequence[ObjectId], array[order])
        # Each by itself, so that it does not matter which others are in its range.
        return [
            item if type(item) is int and abs(item) < _INT64 else self._locator(item, position)
            for item, position in zip([ids[at] for at in order.tolist()], positions.tolist(), strict=True)
        ]

    def _locator(self, identity: Id | None, position: int) -> str:
        if identity is not None:
            return f"annotations id={identity!r}"
        return f"annotations at byte {self.offset + self._starts[position]}"

    @cached_property
    def _starts(self) -> list[int]:
        """Offsets in the range at which records begin."""
        bad = {item.offset for item in self.decoded.bad}
        return [start for start, _ in split_elements(self.block) if start not in bad]

    def _turn(
        self, records: Sequence[Boxed], order: Integers, bbox: Floats, sizes: npt.NDArray[np.int32], collect: Collector
    ) -> None:
        """Put the box around the turned rectangle in the place of one that stands with an angle."""
        if self.upright or not _are_turned(records):
            return
        degrees = np.fromiter(map(_ANGLE, records), np.float64, len(records))[order]
        turned = (degrees != 0) & np.isfinite(bbox).all(1)
        if not turned.any():
            return
        angle = np.deg2rad(degrees[turned])
        box = bbox[turned]
        # Fractions of an image that is not square are turned as the pixels that they stand for.
        units = np.where((np.abs(box).max(1) <= 1)[:, None], np.maximum(sizes[turned], 1), 1)
        middle, half = (box[:, :2] + box[:, 2:]) / 2, (box[:, 2:] - box[:, :2]) / 2 * units
        across, along = np.abs(np.cos(angle)), np.abs(np.sin(angle))
        reach = np.stack([half[:, 0] * across + half[:, 1] * along, half[:, 0] * along + half[:, 1] * across], axis=1)
        bbox[turned] = np.concatenate([middle - reach / units, middle + reach / units], axis=1)
        self.adjusted[Adjusted.BBOX_TURNED] += int(turned.sum())
        collect.add("turned_boxes", turned)
        collect.add("turned_below_a_turn", turned & (np.abs(degrees) <= 2 * math.pi))

    def _reject_bad(self, bad: BadElement) -> None:
        row = lookup(self.index.rows, bad.known.get("image_id"), -1)
        path = self.index.paths[row] if row >= 0 else None
        identity = bad.known.get("id")
        locator = (
            f"annotations id={identity!r}"
            if identity is not None
            else f"annotations at byte {self.offset + bad.offset}"
        )
        self._put(row, Rejection(self.index.source, locator, path, "object", bad.code, bad.message, bad.raw))

    def _reject(self, item: LabelOnly, position: int, row: int | None, code: Rejected, message: str) -> None:
        path = None if row is None else self.index.paths[row]
        locator = self._locator(item.id, position)
        raw = f'{{"id": {item.id!r}, "image_id": {item.image_id!r}, "category_id": {item.category_id!r}}}'
        rejection = Rejection(self.index.source, locator, path, "object", code, message, raw)
        self._put(-1 if row is None else row, rejection)

    def _put(self, row: int, rejection: Rejection) -> None:
        bucket = int(self.index.buckets[row]) if row >= 0 else bucket_of(rejection.locator, self.buckets)
        fragment = self.fragments[bucket]
        fragment.rejections.append(rejection)
        if row >= 0:
            key = self.index.first_key + row
            fragment.rejected_of[key] = fragment.rejected_of.get(key, 0) + 1
