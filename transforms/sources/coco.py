"""COCO: index a file's images and categories, then read its annotations against that index, range by range.

The index is small (a few dozen bytes an image), belongs to one file, and goes to every worker; annotations are many, and
leave here as columns, already grouped by the bucket of the image they belong to.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, cast

import numpy as np

from schemas.neutral import Rejection
from schemas.reasons import Adjusted, Rejected
from transforms.fragments import Fragment, ImageRow, ObjectId, Objects, bucket_of, concatenate, no_objects
from transforms.geometry.rle import GeometryError, box_of_runs, read_rle
from transforms.geometry.trace import trace
from transforms.sources.coco_records import (
    BadElement,
    Boxed,
    CocoCategory,
    CocoImage,
    Decoded,
    Id,
    LabelOnly,
    Outlined,
    Rle,
    decode_range,
)
from transforms.stores import safe_relative

URL_SCHEMES = ("https://", "http://", "wasbs://", "abfss://", "azureml://subscriptions/", "AmlDatastore://")
"""Schemes of image URLs that the trainer reads; an image's name that is such a URL is passed on as it is."""

KEYS_A_SOURCE = 1 << 40
"""Every source has so many image keys to itself."""

_NO_BBOX = (math.nan,) * 4


@dataclass(slots=True)
class CocoIndex:
    """The images and categories of one file.

    rows: image id → row. refused: image id → why annotations of it have no image to go to. widths, heights: pixels by
    row, 0 where unknown. paths, buckets: by row. labels: sorted. label_of: category id → index in labels.
    refused_labels: category id → why its name is unusable.
    """

    source: str
    first_key: int
    rows: dict[Id, int] = field(default_factory=dict)
    refused: dict[Id, Rejected] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    heights: list[int] = field(default_factory=list)
    buckets: list[int] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    label_of: dict[Id, int] = field(default_factory=dict)
    refused_labels: dict[Id, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the coordinates of one range say about their frame; `merge` with the others of the file decides.

    `boxes` and `corners` count coordinates seen; `*_unit` says that all of them lie in [0, 1]; `*_fraction` that one of
    them lies strictly between 0 and 1.
    """

    boxes: int = 0
    box_unit: bool = True
    box_fraction: bool = False
    corners: int = 0
    corner_unit: bool = True
    corner_fraction: bool = False

    def merge(self, other: Evidence) -> Evidence:
        """The evidence of both."""
        return Evidence(
            self.boxes + other.boxes,
            self.box_unit and other.box_unit,
            self.box_fraction or other.box_fraction,
            self.corners + other.corners,
            self.corner_unit and other.corner_unit,
            self.corner_fraction or other.corner_fraction,
        )

    @property
    def relative(self) -> bool:
        """Whether the file's coordinates are fractions of the image.

        Only where every box lies in [0, 1] and one has a fraction: a file of 1×1-pixel boxes in the corner is all ones
        and zeros, and in pixels. Without boxes the polygons decide.
        """
        if self.boxes:
            return self.box_unit and self.box_fraction
        return self.corners > 0 and self.corner_unit and self.corner_fraction


def image_path(file_name: str, prefix: str) -> tuple[str | None, Rejected | None, bool]:
    """The identity of an image by its `file_name`: path, or why there is none, and whether it had to be normalised."""
    if "://" in file_name:
        usable = file_name.startswith(URL_SCHEMES) and not any(char < " " or char == "\x7f" for char in file_name)
        return (file_name, None, False) if usable else (None, Rejected.UNSUPPORTED_URL, False)
    safe = safe_relative(file_name)
    if safe is None:
        return None, Rejected.UNSAFE_PATH, False
    return (f"{prefix}{safe}" if prefix else safe), None, safe != file_name


class IndexBuilder:
    """Builds the index of one file from its ranges, and the fragments of its images by bucket.

    Args:
        source: the file's URL, for locators.
        prefix: what stands before a file_name to make it a path below the build's images root; empty or ends in `/`.
        split: the file's own split, or None.
    """

    def __init__(self, source: str, number: int, prefix: str, split: str | None, buckets: int) -> None:
        self.index = CocoIndex(source, number * KEYS_A_SOURCE)
        self.prefix = prefix
        self.split = split
        self.bucket_count = buckets
        self.rejections: list[Rejection] = []
        self.images: list[tuple[CocoImage, list[Adjusted]]] = []
        self.found = 0

    def add_images(self, block: bytes) -> None:
        """Take in a range of `images`."""
        decoded = decode_range(block, CocoImage)
        self.found += len(decoded.records) + len(decoded.bad)
        for bad in decoded.bad:
            self._reject(bad.known.get("id"), bad.known.get("file_name"), bad.code, bad.message, bad.raw)
        for image in decoded.records:
            self._add(image)

    def _add(self, image: CocoImage) -> None:
        path, code, normalized = image_path(image.file_name, self.prefix)
        if path is None and code is not None:
            self._reject(image.id, image.file_name, code, f"file_name is {image.file_name!r:.200}: {code.doc}")
            return
        for name, value in (("width", image.width), ("height", image.height)):
            if value is not None and not 0 < value < 2**31:
                self._reject(
                    image.id, path, Rejected.INVALID_SIZE, f"{name} is {value}, expected a positive number of pixels"
                )
                return
        index = self.index
        row = index.rows.get(image.id)
        if row is not None:
            if index.paths[row] == path:
                self._reject(
                    None, path, Rejected.DUPLICATE_IMAGE, f"images id={image.id!r} stands twice; the first was kept"
                )
                return
            index.refused[image.id] = Rejected.AMBIGUOUS_IMAGE_ID
        index.rows[image.id] = len(index.paths)
        index.paths.append(str(path))
        index.widths.append(image.width or 0)
        index.heights.append(image.height or 0)
        index.buckets.append(bucket_of(str(path), self.bucket_count))
        self.images.append((image, [Adjusted.PATH_NORMALIZED] if normalized else []))

    def _reject(self, identity: Any, path: str | None, code: Rejected, message: str, raw: str = "") -> None:
        if identity is not None:
            self.index.refused.setdefault(identity, Rejected.IMAGE_REJECTED)
        locator = f"images id={identity!r}" if identity is not None else f"images[{self.found}]"
        self.rejections.append(Rejection(self.index.source, locator, path, "image", code, message, raw))

    def add_categories(self, block: bytes) -> None:
        """Take in a range of `categories`."""
        decoded = decode_range(block, CocoCategory)
        names: dict[Id, str] = {}
        for category in decoded.records:
            try:
                category.name.encode()
            except UnicodeEncodeError:
                self.index.refused_labels[category.id] = (
                    f"category {category.id!r} has a name that is not valid Unicode"
                )
                continue
            if not category.name.strip():
                self.index.refused_labels[category.id] = f"category {category.id!r} has an empty name"
                continue
            names.setdefault(category.id, category.name)
        for bad in decoded.bad:
            if "id" in bad.known:
                self.index.refused_labels[bad.known["id"]] = (
                    f"category {bad.known['id']!r} cannot be read: {bad.message}"
                )
        known = {identity: self.index.labels[label] for identity, label in self.index.label_of.items()}
        names = {**names, **known}
        self.index.labels = sorted(set(names.values()))
        position = {name: number for number, name in enumerate(self.index.labels)}
        self.index.label_of = {identity: position[name] for identity, name in names.items()}

    def finish(self) -> Iterator[tuple[int, Fragment]]:
        """The fragments of the images, by bucket; `self.index` is complete after that."""
        index = self.index
        by_bucket: defaultdict[int, Fragment] = defaultdict(Fragment)
        for row, (image, adjusted) in enumerate(self.images):
            path = index.paths[row]
            locator = f"images id={image.id!r}"
            if index.refused.get(image.id) is Rejected.AMBIGUOUS_IMAGE_ID:
                message = f"images id={image.id!r} stands for several files, {path!r} among them"
                self.rejections.append(
                    Rejection(index.source, locator, path, "image", Rejected.AMBIGUOUS_IMAGE_ID, message)
                )
                continue
            by_bucket[index.buckets[row]].images.append(
                ImageRow(
                    index.first_key + row,
                    path,
                    index.source,
                    locator,
                    image.width,
                    image.height,
                    self.split,
                    adjusted=tuple(adjusted),
                )
            )
        for identity in index.refused:
            index.rows.pop(identity, None)
        for rejection in self.rejections:
            bucket = bucket_of(rejection.image or rejection.locator, self.bucket_count)
            by_bucket[bucket].rejections.append(rejection)
        yield from sorted(by_bucket.items())


def read_annotations(
    block: bytes, offset: int, index: CocoIndex, task: str, buckets: int
) -> tuple[dict[int, Fragment], Evidence, int]:
    """Read a range of `annotations`.

    Args:
        block: the range's bytes, which lie at `offset` of the file.

    Returns:
        Fragments by bucket, evidence on the frame of the coordinates, and how many annotations were found.

    Raises:
        UnsafeSplitError: the range does not hold whole elements only.
    """
    record: type[LabelOnly] = LabelOnly
    if task == "image_object_detection":
        record = Boxed
    elif task == "image_instance_segmentation":
        record = Outlined
    decoded = decode_range(block, record)
    if record is Boxed and any(item.bbox is None for item in cast(list[Boxed], decoded.records)):
        # A box that is missing can be derived from the outline, which was not parsed so far.
        outlined = decode_range(block, Outlined)
        for item in outlined.records:
            item.segmentation = None if item.bbox is not None else item.segmentation
        decoded = cast(Decoded[LabelOnly], outlined)
    reader = _RangeReader(index, offset, buckets)
    return reader.read(decoded)


class _RangeReader:
    """Sorts one range's annotations into fragments."""

    def __init__(self, index: CocoIndex, offset: int, buckets: int) -> None:
        self.index = index
        self.offset = offset
        self.buckets = buckets
        self.fragments: defaultdict[int, Fragment] = defaultdict(Fragment)

    def read(self, decoded: Decoded[Any]) -> tuple[dict[int, Fragment], Evidence, int]:
        for bad in decoded.bad:
            self._reject_bad(bad)
        found = len(decoded.records) + len(decoded.bad)
        kept = self._resolve(decoded.records)
        objects, evidence = self._columns(*kept)
        bucket = np.array(self.index.buckets, np.int64)[objects.image - self.index.first_key]
        order = np.argsort(bucket, kind="stable")
        ends = np.cumsum(np.bincount(bucket, minlength=self.buckets)).tolist()
        for number, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
            if end > start:
                fragment = self.fragments[number]
                fragment.objects = objects.take(order[start:end])
                fragment.labels = self.index.labels
        if decoded.adjusted:
            self.fragments[0].adjusted = decoded.adjusted
        return self.fragments, evidence, found

    def _resolve(self, records: Sequence[Any]) -> tuple[Sequence[Any], list[int], list[int], list[int]]:
        """The records with a usable image and category; for each, its position in the range, its row, its label."""
        index = self.index
        rows = [index.rows.get(item.image_id, -1) for item in records]
        labels = [index.label_of.get(item.category_id, -1) for item in records]
        positions = list(range(len(records)))
        if min(rows, default=0) >= 0 and min(labels, default=0) >= 0:
            return records, positions, rows, labels
        kept: list[int] = []
        for position, item in enumerate(records):
            if rows[position] < 0:
                rows[position] = _lookup(index.rows, item.image_id, -1)
            if labels[position] < 0:
                labels[position] = _lookup(index.label_of, item.category_id, -1)
            if rows[position] < 0:
                code = _lookup(index.refused, item.image_id, Rejected.UNKNOWN_IMAGE)
                self._reject(item, position, None, code, f"image_id is {item.image_id!r}: {code.doc}")
            elif labels[position] < 0:
                self._reject(item, position, rows[position], *self._why_no_label(item.category_id))
            else:
                kept.append(position)
        return [records[at] for at in kept], kept, [rows[at] for at in kept], [labels[at] for at in kept]

    def _why_no_label(self, category: Id) -> tuple[Rejected, str]:
        reason = _lookup(self.index.refused_labels, category, "")
        if reason:
            return Rejected.INVALID_LABEL, reason
        return Rejected.UNKNOWN_CATEGORY, f"category_id is {category!r}: {Rejected.UNKNOWN_CATEGORY.doc}"

    def _columns(
        self, records: Sequence[Any], positions: list[int], rows: list[int], labels: list[int]
    ) -> tuple[Objects, Evidence]:
        if not records:
            return no_objects(), Evidence()
        count = len(records)
        boxed = isinstance(records[0], Boxed)
        bbox = np.full((count, 4), np.nan)
        if boxed:
            flat = chain.from_iterable([item.bbox or _NO_BBOX for item in records])
            bbox = np.fromiter(flat, np.float64, 4 * count).reshape(count, 4)
        evidence = _box_evidence(bbox)
        bbox[:, 2:] += bbox[:, :2]
        objects = Objects(
            image=np.array(rows, np.int64) + self.index.first_key,
            order=np.array(positions, np.int64) + self.offset,
            label=np.array(labels, np.int64),
            crowd=np.array([1 if item.iscrowd else 0 for item in records] if boxed else [0] * count, np.uint8),
            bbox=bbox,
            mask_size=np.zeros((count, 2), np.int32),
            rings_of=np.zeros(count + 1, np.int64),
            corners_of=np.zeros(1, np.int64),
            corners=np.empty((0, 2)),
            ids=_ids([item.id for item in records]),
        )
        if not isinstance(records[0], Outlined):
            return objects, evidence
        masks = [at for at, item in enumerate(records) if isinstance(item.segmentation, Rle)]
        evidence = self._outline(
            objects,
            [[] if isinstance(item.segmentation, Rle) else item.segmentation or [] for item in records],
            evidence,
        )
        if not masks:
            return objects, evidence
        return self._trace(objects, masks, records, positions, rows), evidence

    def _outline(self, objects: Objects, polygons: list[list[list[float]]], evidence: Evidence) -> Evidence:
        """Fill in the rings of the polygons; parts that are no ring are dropped."""
        parts = list(chain.from_iterable(polygons))
        per_object = np.fromiter(map(len, polygons), np.int64, len(polygons))
        per_part = np.fromiter(map(len, parts), np.int64, len(parts))
        usable = (per_part >= 6) & (per_part % 2 == 0)
        if not usable.all():
            owner = np.repeat(np.arange(len(polygons)), per_object)
            parts = [part for part, good in zip(parts, usable.tolist(), strict=True) if good]
            kept = np.bincount(owner[usable], minlength=len(polygons))
            # An object that keeps a part was adjusted; one that keeps none is rejected further down.
            dropped = int(((per_object - kept) * (kept > 0)).sum())
            if dropped:
                tally = self.fragments[0].adjusted
                tally[Adjusted.POLYGON_PART_DROPPED] = tally.get(Adjusted.POLYGON_PART_DROPPED, 0) + dropped
            per_object, per_part = kept, per_part[usable]
        total = int(per_part.sum())
        objects.corners = np.fromiter(chain.from_iterable(parts), np.float64, total).reshape(-1, 2)
        objects.corners_of = np.concatenate([[0], np.cumsum(per_part // 2)])
        objects.rings_of = np.concatenate([[0], np.cumsum(per_object)])
        if evidence.boxes or not total:
            return evidence
        unit, fraction = _unit(objects.corners)
        return replace(evidence, corners=total, corner_unit=unit, corner_fraction=fraction)

    def _trace(
        self, objects: Objects, masks: list[int], records: Sequence[Any], positions: list[int], rows: list[int]
    ) -> Objects:
        """Replace the objects that are masks by the rings along their pixels' edges."""
        traced: list[int] = []
        ring_lists: list[list[Any]] = []
        for at in masks:
            rle = records[at].segmentation
            size = (self.index.widths[rows[at]], self.index.heights[rows[at]])
            try:
                width, height = size if all(size) else _own_size(rle)
                runs = read_rle(rle.size, rle.counts, width, height)
            except GeometryError as error:
                self._reject(records[at], positions[at], rows[at], error.code, str(error))
                continue
            traced.append(at)
            ring_lists.append(trace(runs, height, width))
            objects.mask_size[at] = (height, width)
            if np.isnan(objects.bbox[at]).all():
                objects.bbox[at] = box_of_runs(runs, height)
        polygons = np.ones(len(objects), bool)
        polygons[masks] = False
        masked = objects.take(np.array(traced, np.int64))
        corners = list(chain.from_iterable(ring_lists))
        masked.rings_of = np.cumsum([0, *map(len, ring_lists)], dtype=np.int64)
        masked.corners_of = np.cumsum([0, *map(len, corners)], dtype=np.int64)
        masked.corners = np.concatenate(corners) if corners else np.empty((0, 2))
        return concatenate([objects.take(np.flatnonzero(polygons)), masked])

    def _reject_bad(self, bad: BadElement) -> None:
        row = _lookup(self.index.rows, bad.known.get("image_id"), -1)
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
        locator = (
            f"annotations id={item.id!r}"
            if item.id is not None
            else f"annotation {position} from byte {self.offset} on"
        )
        raw = f'{{"id": {item.id!r}, "image_id": {item.image_id!r}, "category_id": {item.category_id!r}}}'
        rejection = Rejection(self.index.source, locator, path, "object", code, message, raw)
        self._put(-1 if row is None else row, rejection)

    def _put(self, row: int, rejection: Rejection) -> None:
        bucket = self.index.buckets[row] if row >= 0 else bucket_of(rejection.locator, self.buckets)
        fragment = self.fragments[bucket]
        fragment.rejections.append(rejection)
        if row >= 0:
            key = self.index.first_key + row
            fragment.rejected_of[key] = fragment.rejected_of.get(key, 0) + 1


def _lookup(table: dict[Id, Any], identity: Any, default: Any) -> Any:
    """Find an id, also where one side writes it as a number and the other as text."""
    found = table.get(identity)
    if found is None and isinstance(identity, int):
        found = table.get(str(identity))
    if found is None and isinstance(identity, str) and identity.isdecimal():
        found = table.get(int(identity))
    return default if found is None else found


def _ids(values: list[ObjectId]) -> Sequence[ObjectId]:
    try:
        return np.array(values, np.int64) if all(type(value) is int for value in values) else values  # type: ignore[return-value]
    except OverflowError:
        return values


def _own_size(rle: Rle) -> tuple[int, int]:
    """Width and height as the mask itself says, where the file does not know its image's; `read_rle` checks them."""
    size = rle.size
    if isinstance(size, list) and len(size) == 2 and all(type(side) is int for side in size):
        return size[1], size[0]
    return 0, 0


def _unit(values: Any) -> tuple[bool, bool]:
    with np.errstate(invalid="ignore"):
        inside = bool(((values >= -1e-6) & (values <= 1 + 1e-6)).all())
        return inside, inside and bool(((values > 0) & (values < 1)).any())


def _box_evidence(bbox: Any) -> Evidence:
    known = bbox[~np.isnan(bbox).any(1)]
    if not len(known):
        return Evidence()
    unit, fraction = _unit(known)
    return Evidence(boxes=len(known), box_unit=unit, box_fraction=fraction)


def merge_evidence(items: Iterable[Evidence]) -> Evidence:
    """The evidence of a whole file."""
    total = Evidence()
    for item in items:
        total = total.merge(item)
    return total
