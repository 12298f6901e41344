"""The images and categories of a COCO file: an index that annotations are read against, and the images as fragments."""

from __future__ import annotations

import posixpath
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from labelbeam.schemas.doubts import Doubt
from labelbeam.schemas.neutral import Rejection
from labelbeam.schemas.packed import Packed
from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.columns.fragments import Fragment
from labelbeam.transforms.columns.hashes import bucket_of, buckets_of, stable_hashes
from labelbeam.transforms.columns.images import ImageNote, Images
from labelbeam.transforms.columns.listed import Listed
from labelbeam.transforms.formats.coco.beside import ImagesBeside
from labelbeam.transforms.formats.coco.categories import Categories
from labelbeam.transforms.formats.coco.foreign_names import ForeignName, find_foreign, part_below
from labelbeam.transforms.formats.coco.names import are_plain
from labelbeam.transforms.formats.coco.other_names import doubts_of_names
from labelbeam.transforms.formats.coco.records import (
    BadElement,
    CocoImage,
    decode_range,
    elements,
    image_name,
)
from labelbeam.transforms.formats.coco.store_names import doubts_of_missing, find_in_store, with_double_slashes
from labelbeam.transforms.formats.coco.urls import url_of
from labelbeam.transforms.formats.coco.values import Id, table_of
from labelbeam.transforms.images.names import image_path
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.messages.words import printable

KEYS_A_SOURCE = 1 << 40
"""Every source has so many image keys to itself."""
_OF_NO_PICTURE = frozenset({"id", "file_name", "width", "height", "license"})
"""Fields of an image's record in which two records of one picture may differ; of sizes see `fold_duplicates`."""

_NOTHING: tuple[Any, ...] = (None, "", 0, "0", [], {})
"""What a field says nothing with."""


@dataclass(slots=True)
class CocoIndex:
    """The images and categories of one file.

    rows: image id → row. table: the same as `table_of` makes it. refused: image id → why annotations of it have no image to go to. sizes: width and height in
    pixels by row, 0 where unknown. paths, buckets: by row. labels: sorted. empty: those of them, by index, that say that there
    is no object. label_of: category id → index in labels.
    refused_labels: category id → why it has no usable name, as a code and in words.
    """

    source: str
    first_key: int
    rows: dict[Id, int] = field(default_factory=dict)
    table: npt.NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    refused: dict[Id, Rejected] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    sizes: npt.NDArray[np.int32] = field(default_factory=lambda: np.empty((0, 2), np.int32))
    buckets: npt.NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    labels: list[str] = field(default_factory=list)
    empty: frozenset[int] = frozenset()
    label_of: dict[Id, int] = field(default_factory=dict)
    refused_labels: dict[Id, tuple[Rejected, str]] = field(default_factory=dict)


class IndexBuilder:
    """Builds the index of one file from its ranges, and the fragments of its images by bucket.

    Args:
        source: the file's URL, for locators.
        prefix: what stands before a file_name to make it a path below the build's images root; empty or ends in `/`.
        split: the file's own split, or None.
        flat: whether the store has the images without the folder that their names begin with.
    """

    def __init__(
        self, source: str, number: int, prefix: str, split: str | None, buckets: int, flat: bool = False
    ) -> None:
        self.index = CocoIndex(source, number * KEYS_A_SOURCE)
        self.prefix = prefix
        self.split = split
        self.bucket_count = buckets
        self.flat = flat
        self.doubled: dict[int, str] = {}
        self.foreign: list[tuple[CocoImage, Rejected]] = []
        self.rejections: Packed[Rejection] = Packed()
        self.ids: list[Id] = []
        self.sizes: list[tuple[int, int]] = []
        self.normalized: set[int] = set()
        self.categories = Categories(source)
        self.other_names: set[int] = set()
        self.groups: dict[int, str] = {}
        self.ambiguous_paths: dict[str, str] = {}
        self.refused_paths: defaultdict[Id, set[str | None]] = defaultdict(set)
        self.adjusted: Counter[Adjusted] = Counter()
        self.found = 0
        self.beside = ImagesBeside()
        self.renamed: Counter[tuple[str, str]] = Counter()

    def add_images(self, block: bytes, offset: int = 0) -> None:
        """Take in a range of `images`, whose bytes lie at `offset` of the file."""
        decoded = decode_range(block, CocoImage)
        if not all(image.file_name for image in decoded.records):
            decoded = decode_range(block, CocoImage, patient=True)  # Other fields may tell its name.
        self.found += len(decoded.records) + len(decoded.bad)
        self.adjusted.update(decoded.adjusted)
        self.renamed.update(decoded.renamed)
        self.beside.add(block)
        for bad in decoded.bad:
            self._add_bad(bad, offset)
        if self.flat:
            for image in decoded.records:
                image.file_name = posixpath.basename(image.file_name)
        if not self._add_all(decoded.records):
            for image in decoded.records:
                self._add(image)

    def _add_all(self, images: Sequence[CocoImage]) -> bool:
        """Add images that are beyond doubt, all at once; False, and nothing done, when one of them needs a look."""
        names = [image.file_name for image in images]
        widths, heights = [image.width or 0 for image in images], [image.height or 0 for image in images]
        ids = [image.id for image in images]
        rows = dict(zip(ids, range(len(self.ids), len(self.ids) + len(ids)), strict=True))
        if (
            not are_plain(names)
            or not all(0 <= min(sides, default=0) <= max(sides, default=0) < 2**31 for sides in (widths, heights))
            or len(rows) < len(ids)
            or not self.index.rows.keys().isdisjoint(rows)
        ):
            return False
        index = self.index
        index.rows |= rows
        paths = [self.prefix + name for name in names] if self.prefix else names
        index.paths += paths
        self.sizes += zip(widths, heights, strict=True)
        self.ids += ids
        return True

    def _add(self, image: CocoImage) -> None:
        path, code, normalized = image_path(image.file_name, self.prefix)
        if path is None and code is not None and part_below(image.file_name) is not None:
            self.foreign.append((image, code))  # It may be here all the same, which the listing tells.
        elif path is None and code is not None:
            message = f"file_name is {image.file_name!r:.200}: {code.doc}"
            self._refuse(image.id, printable(image.file_name), code, message)
        else:
            self._add_at(image, path, normalized)

    def _add_at(self, image: CocoImage, path: str | None, normalized: bool) -> None:
        for name, value in (("width", image.width), ("height", image.height)):
            if value is not None and not 0 <= value < 2**31:
                message = f"{name} is {value}, expected a positive number of pixels"
                self._refuse(image.id, path, Rejected.INVALID_SIZE, message)
                return
        index = self.index
        row = index.rows.get(image.id)
        if row is not None:
            if index.paths[row] == path:
                message = f"images id={image.id!r} occurs twice; the first was kept"
                self._reject(_locator(image.id), path, Rejected.DUPLICATE_IMAGE, message)
                return
            index.refused[image.id] = Rejected.AMBIGUOUS_IMAGE_ID
        index.rows[image.id] = len(index.paths)
        if normalized:
            self.normalized.add(len(index.paths))
            if (doubled := with_double_slashes(image.file_name)) is not None:
                self.doubled[len(index.paths)] = self.prefix + doubled
        index.paths.append(str(path))
        self.sizes.append((image.width or 0, image.height or 0))
        self.ids.append(image.id)

    def _add_bad(self, bad: BadElement, offset: int) -> None:
        name = bad.known.get("file_name")
        path = None if name is None else image_path(name, self.prefix)[0] or printable(name)
        if "id" in bad.known:
            self._refuse(bad.known["id"], path, bad.code, bad.message, bad.raw)
        else:
            self._reject(f"images at byte {offset + bad.offset}", path, bad.code, bad.message, bad.raw)

    def _refuse(self, identity: Id, path: str | None, code: Rejected, message: str, raw: str = "") -> None:
        """Reject a record, and with it the annotations that name its id."""
        self.index.refused.setdefault(identity, Rejected.IMAGE_REJECTED)
        self.refused_paths[identity].add(path)
        self._reject(_locator(identity), path, code, message, raw)

    def _reject(self, locator: str, path: str | None, code: Rejected, message: str, raw: str = "") -> None:
        self.rejections.append(Rejection(self.index.source, locator, path, "image", code, message, raw))

    @property
    def doubts(self) -> list[Doubt]:
        """Fields by other names, labels that join categories of several supercategories, and images that a flag takes out."""
        shown = redact(self.index.source)
        renamed = doubts_of_names(shown, self.renamed + self.categories.renamed)
        return [*renamed, *self.beside.doubts(shown, self.found), *self.categories.doubts]

    # Identity: two records of one name, and names that the store has otherwise. ---------------------------------------

    def missing(self, listed: Listed) -> list[int]:
        """The rows whose path the listing lacks, without those that are URLs."""
        paths = self.index.paths
        unlisted = np.flatnonzero(~np.isin(stable_hashes(paths), listed.hashes)).tolist()
        return [row for row in unlisted if "://" not in paths[row]]

    def take_double_slashes(self, stored: Collection[str]) -> None:
        """Give the images whose names hold `//` the paths that the store has to the letter."""
        for row, path in self.doubled.items():
            if path in stored:
                self.index.paths[row] = path
                self.normalized.discard(row)

    def take_foreign(self, stored: Collection[str], root: str) -> list[Doubt]:
        """Give images whose names are absolute, or lead out, the paths that the store has for a part of them; refuse the others."""
        images, self.foreign = self.foreign, []
        names = [ForeignName(image.file_name, self.prefix, code) for image, code in images]
        looked_for = find_foreign(self.index.source, root, names, self.index.paths, frozenset(stored), self.found)
        for (image, code), path, message in zip(images, looked_for.paths, looked_for.messages, strict=True):
            if path is None:
                self._refuse(image.id, printable(image.file_name), code, message)
                continue
            row = len(self.index.paths)
            self._add_at(image, path, False)
            self.other_names.update(range(row, len(self.index.paths)))
        return looked_for.doubts

    def take_stored_names(
        self, missing: Sequence[int], stored: Sequence[str], checked: bool, by_last: bool = False
    ) -> list[Doubt]:
        """Give the images at `missing` the paths that the store has for them; those that it does not have are told.

        Args:
            checked: whether images are looked at later, so that what is missing is rejected then.
            by_last: whether they may lie in other folders than their names give.
        """
        paths = self.index.paths
        apart = set(missing)
        wanted = [paths[row] for row in missing]
        taken = (path for row, path in enumerate(paths) if row not in apart)
        found = find_in_store(wanted, stored, taken, by_last)
        lost: list[str] = []
        for row in missing:
            candidates = found.get(paths[row], [])
            if len(candidates) == 1:
                paths[row] = candidates[0]
                self.other_names.add(row)
            elif candidates:
                self.ambiguous_paths[paths[row]] = f"the store has {' and '.join(map(repr, candidates[:3]))}"
            else:
                lost.append(paths[row])
        return doubts_of_missing(redact(self.index.source), lost, len(paths)) if lost and not checked else []

    def take_urls(self, blocks: Iterable[bytes]) -> None:
        """Name images by the URLs that their records give, those that give one."""
        for row, fields in self._described(blocks):
            if (url := url_of(fields)) is not None:
                self.index.paths[row] = url

    def take_groups(self, blocks: Iterable[bytes], column: str) -> None:
        """Note what a field of each image's record holds: what the image belongs to."""
        for row, fields in self._described(blocks):
            value = fields.get(column)
            if isinstance(value, int | float | str) and not isinstance(value, bool):
                value = int(value) if isinstance(value, float) and value.is_integer() else value
                self.groups[row] = str(value).strip()

    def _described(self, blocks: Iterable[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
        """The rows of the images with all fields of their records."""
        rows = self.index.rows
        for block in blocks:
            for fields in elements(block):
                identity = fields.get("id")
                identity = int(identity) if isinstance(identity, float) and identity.is_integer() else identity
                row = rows.get(identity) if isinstance(identity, int | str) else None
                if row is not None:
                    yield row, fields

    def repeated(self) -> frozenset[str]:
        """The paths that several image records name."""
        paths = self.index.paths
        if len(set(paths)) == len(paths):
            return frozenset()
        return frozenset(path for path, count in Counter(paths).items() if count > 1)

    def tell_apart(self, repeated: frozenset[str], blocks: Iterable[bytes]) -> None:
        """Find out which of the paths that stand several times mean different pictures, by all that the records say.

        An exporter names the frames of each video anew, and annotators their own folders: what two records say beside the
        name shows that their objects do not belong on one picture. A record that says less is no contradiction.
        """
        described: dict[str, dict[str, Any]] = {}
        for block in blocks:
            for fields in elements(block):
                name = image_name(fields)
                path = self._path_among(repeated, name) if isinstance(name, str) else None
                if path is None:
                    continue
                says = {
                    key: value for key, value in fields.items() if key not in _OF_NO_PICTURE and value not in _NOTHING
                }
                first = described.setdefault(path, says)
                for key in sorted(first.keys() & says.keys()):
                    if first[key] != says[key]:
                        self.ambiguous_paths.setdefault(path, f"{key} is {first[key]!r:.60} and {says[key]!r:.60}")
                described[path] = says | first

    def _path_among(self, paths: Collection[str], name: str) -> str | None:
        """The one of some paths that a record's name has become."""
        doubled = with_double_slashes(name)
        ways = [image_path(posixpath.basename(name) if self.flat else name, self.prefix)[0]]
        ways += [self.prefix + doubled] if doubled is not None else []
        return next((path for path in ways if path is not None and path in paths), None)

    def finish(self) -> Iterator[tuple[int, Fragment]]:
        """The fragments of the images, by bucket; `self.index` is complete after that."""
        index = self.index
        if self.foreign:
            self.take_foreign((), "")  # Nobody knows what is stored.
        for row, path in enumerate(index.paths) if self.ambiguous_paths else ():
            if path in self.ambiguous_paths:
                index.refused.setdefault(self.ids[row], Rejected.AMBIGUOUS_IMAGE)
        index.labels, index.label_of, index.empty = self.categories.labels()
        index.refused_labels = self.categories.refused
        self._settle_refused()
        ambiguous = {id for id, code in index.refused.items() if code is Rejected.AMBIGUOUS_IMAGE_ID}
        index.sizes = np.fromiter(chain.from_iterable(self.sizes), np.int32).reshape(-1, 2)
        index.buckets = buckets_of(index.paths, self.bucket_count)
        kept = np.ones(len(index.paths), bool)
        for row, path in enumerate(index.paths) if self.ambiguous_paths or ambiguous else ():
            if path in self.ambiguous_paths:
                message = f"{path!r} may mean more than one picture: {self.ambiguous_paths[path]}"
                self._reject(_locator(self.ids[row]), path, Rejected.AMBIGUOUS_IMAGE, message)
            elif self.ids[row] in ambiguous:
                message = f"images id={self.ids[row]!r} stands for more files than {path!r}"
                self._reject(_locator(self.ids[row]), path, Rejected.AMBIGUOUS_IMAGE_ID, message)
            else:
                continue
            kept[row] = False
        left = np.flatnonzero(kept)
        left = left[np.argsort(index.buckets[left], kind="stable")]
        ends = np.cumsum(np.bincount(index.buckets[left], minlength=self.bucket_count)).tolist()
        fragments = {
            bucket: Fragment(self._columns(left[start:end].tolist()))
            for bucket, (start, end) in enumerate(pairwise([0, *ends]))
            if end > start
        }
        for identity in index.refused:
            index.rows.pop(identity, None)
        index.table = table_of(index.rows)
        for rejection in self.rejections:
            bucket = bucket_of(rejection.image or rejection.locator, self.bucket_count)
            fragments.setdefault(bucket, Fragment()).rejections.append(rejection)
        if adjusted := self.adjusted + self.categories.adjusted:
            fragments.setdefault(0, Fragment()).adjusted = dict(adjusted)
        yield from sorted(fragments.items())

    def _settle_refused(self) -> None:
        """Ids that one record was refused under and another is kept under: of the same file, or nobody's."""
        index = self.index
        for identity, paths in self.refused_paths.items():
            row = index.rows.get(identity)
            if row is None or index.refused[identity] is Rejected.AMBIGUOUS_IMAGE_ID:
                continue
            if paths == {index.paths[row]}:
                del index.refused[identity]
            else:
                index.refused[identity] = Rejected.AMBIGUOUS_IMAGE_ID

    def _columns(self, rows: list[int]) -> Images:
        index, ids = self.index, self.ids
        return Images(
            np.array(rows, np.int64) + index.first_key,
            index.sizes[rows],
            [index.paths[row] for row in rows],
            [index.source] * len(rows),
            [f"images id={ids[row]!r}" for row in rows],
            [self.split] * len(rows),
            self._notes(rows) if self.normalized or self.other_names or self.groups else {},
        )

    def _notes(self, rows: list[int]) -> dict[int, ImageNote]:
        notes: dict[int, ImageNote] = {}
        for number, row in enumerate(rows):
            adjusted = [Adjusted.PATH_NORMALIZED] if row in self.normalized else []
            adjusted += [Adjusted.IMAGE_BY_OTHER_NAME] if row in self.other_names else []
            group = self.groups.get(row, "")
            if adjusted or group:
                notes[number] = ImageNote(adjusted=tuple(adjusted), group=group)
        return notes


def _locator(identity: Id) -> str:
    return f"images id={identity!r}"
