"""The images and categories of a COCO file: an index that annotations are read against, and the images as fragments."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.neutral import Rejection
from schemas.reasons import Adjusted, Rejected
from transforms.fragments import Fragment, ImageNote, Images, bucket_of
from transforms.sources.coco_records import CocoCategory, CocoImage, Id, decode_range
from transforms.stores import safe_relative

URL_SCHEMES = ("https://", "http://", "wasbs://", "abfss://", "azureml://subscriptions/", "AmlDatastore://")
"""Schemes of image URLs that the trainer reads; an image's name that is such a URL is passed on as it is."""

KEYS_A_SOURCE = 1 << 40
"""Every source has so many image keys to itself."""

_DOUBTFUL_NAME = re.compile(
    r"""[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff\\:]|//|(?:^|[/\n])\.{1,2}(?:[/\n]|$)|(?:^|\n)/|/(?:\n|$)"""
)
"""Names, one a line, among which one may have to be normalised or refused; the rest are paths as they stand."""


@dataclass(slots=True)
class CocoIndex:
    """The images and categories of one file.

    rows: image id → row. refused: image id → why annotations of it have no image to go to. sizes: width and height in
    pixels by row, 0 where unknown. paths, buckets: by row. labels: sorted. label_of: category id → index in labels.
    refused_labels: category id → why its name is unusable.
    """

    source: str
    first_key: int
    rows: dict[Id, int] = field(default_factory=dict)
    refused: dict[Id, Rejected] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    sizes: npt.NDArray[np.int32] = field(default_factory=lambda: np.empty((0, 2), np.int32))
    buckets: npt.NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    labels: list[str] = field(default_factory=list)
    label_of: dict[Id, int] = field(default_factory=dict)
    refused_labels: dict[Id, str] = field(default_factory=dict)


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
        self.ids: list[Id] = []
        self.sizes: list[tuple[int, int]] = []
        self.normalized: set[int] = set()
        self.found = 0

    def add_images(self, block: bytes) -> None:
        """Take in a range of `images`."""
        decoded = decode_range(block, CocoImage)
        self.found += len(decoded.records) + len(decoded.bad)
        for bad in decoded.bad:
            self._reject(bad.known.get("id"), bad.known.get("file_name"), bad.code, bad.message, bad.raw)
        if not self._add_all(decoded.records):
            for image in decoded.records:
                self._add(image)

    def _add_all(self, images: Sequence[CocoImage]) -> bool:
        """Add images that are beyond doubt, all at once; False, and nothing done, when one of them needs a look."""
        names = [image.file_name for image in images]
        sizes = [(image.width, image.height) for image in images]
        ids = [image.id for image in images]
        rows = dict(zip(ids, range(len(self.ids), len(self.ids) + len(ids)), strict=True))
        listed = "\n".join(names)
        if (
            _DOUBTFUL_NAME.search(listed)
            or listed.count("\n") != max(0, len(names) - 1)
            or not all(names)
            or not all(0 < (width or 1) < 2**31 and 0 < (height or 1) < 2**31 for width, height in sizes)
            or len(rows) < len(ids)
            or not self.index.rows.keys().isdisjoint(rows)
        ):
            return False
        index = self.index
        index.rows |= rows
        paths = [self.prefix + name for name in names] if self.prefix else names
        index.paths += paths
        self.sizes += [(width or 0, height or 0) for width, height in sizes]
        self.ids += ids
        return True

    def _add(self, image: CocoImage) -> None:
        path, code, normalized = image_path(image.file_name, self.prefix)
        if path is None and code is not None:
            self._reject(image.id, image.file_name, code, f"file_name is {image.file_name!r:.200}: {code.doc}")
            return
        for name, value in (("width", image.width), ("height", image.height)):
            if value is not None and not 0 < value < 2**31:
                message = f"{name} is {value}, expected a positive number of pixels"
                self._reject(image.id, path, Rejected.INVALID_SIZE, message)
                return
        index = self.index
        row = index.rows.get(image.id)
        if row is not None:
            if index.paths[row] == path:
                message = f"images id={image.id!r} stands twice; the first was kept"
                self._reject(None, path, Rejected.DUPLICATE_IMAGE, message)
                return
            index.refused[image.id] = Rejected.AMBIGUOUS_IMAGE_ID
        index.rows[image.id] = len(index.paths)
        if normalized:
            self.normalized.add(len(index.paths))
        index.paths.append(str(path))
        self.sizes.append((image.width or 0, image.height or 0))
        self.ids.append(image.id)

    def _reject(self, identity: Any, path: str | None, code: Rejected, message: str, raw: str = "") -> None:
        if identity is not None:
            self.index.refused.setdefault(identity, Rejected.IMAGE_REJECTED)
        locator = f"images id={identity!r}" if identity is not None else f"images[{self.found}]"
        self.rejections.append(Rejection(self.index.source, locator, path, "image", code, message, raw))

    def add_categories(self, block: bytes) -> None:
        """Take in a range of `categories`."""
        decoded = decode_range(block, CocoCategory)
        index = self.index
        names = {identity: index.labels[label] for identity, label in index.label_of.items()}
        for category in decoded.records:
            try:
                category.name.encode()
            except UnicodeEncodeError:
                index.refused_labels[category.id] = f"category {category.id!r} has a name that is not valid Unicode"
                continue
            if not category.name.strip():
                index.refused_labels[category.id] = f"category {category.id!r} has an empty name"
                continue
            names.setdefault(category.id, category.name)
        for bad in decoded.bad:
            if "id" in bad.known:
                index.refused_labels[bad.known["id"]] = f"category {bad.known['id']!r} cannot be read: {bad.message}"
        index.labels = sorted(set(names.values()))
        position = {name: number for number, name in enumerate(index.labels)}
        index.label_of = {identity: position[name] for identity, name in names.items()}

    def finish(self) -> Iterator[tuple[int, Fragment]]:
        """The fragments of the images, by bucket; `self.index` is complete after that."""
        index = self.index
        ambiguous = {id for id, code in index.refused.items() if code is Rejected.AMBIGUOUS_IMAGE_ID}
        index.sizes = np.array(self.sizes, np.int32).reshape(-1, 2)
        index.buckets = np.array([bucket_of(path, self.bucket_count) for path in index.paths], np.int32)
        rows_of: defaultdict[int, list[int]] = defaultdict(list)
        for row, bucket in enumerate(index.buckets.tolist()):
            if self.ids[row] in ambiguous:
                path = index.paths[row]
                message = f"images id={self.ids[row]!r} stands for several files, {path!r} among them"
                code = Rejected.AMBIGUOUS_IMAGE_ID
                self.rejections.append(Rejection(index.source, self._locator(row), path, "image", code, message))
            else:
                rows_of[bucket].append(row)
        fragments = {bucket: Fragment(self._columns(rows)) for bucket, rows in rows_of.items()}
        for identity in index.refused:
            index.rows.pop(identity, None)
        for rejection in self.rejections:
            bucket = bucket_of(rejection.image or rejection.locator, self.bucket_count)
            fragments.setdefault(bucket, Fragment()).rejections.append(rejection)
        yield from sorted(fragments.items())

    def _locator(self, row: int) -> str:
        return f"images id={self.ids[row]!r}"

    def _columns(self, rows: list[int]) -> Images:
        index = self.index
        return Images(
            np.array(rows, np.int64) + index.first_key,
            index.sizes[rows],
            [index.paths[row] for row in rows],
            [index.source] * len(rows),
            [self._locator(row) for row in rows],
            [self.split] * len(rows),
            {
                number: ImageNote(adjusted=(Adjusted.PATH_NORMALIZED,))
                for number, row in enumerate(rows)
                if row in self.normalized
            }
            if self.normalized
            else {},
        )
