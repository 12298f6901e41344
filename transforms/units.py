"""The units of work that a plan consists of, and what every format's plan has in common."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from schemas.config import ConvertConfig
from schemas.errors import LabelBeamError
from transforms.listed import Listed
from transforms.listing import Listing, list_files
from transforms.locations import Location, StorageOptions, is_below, locate
from transforms.sources.coco_split import ElementRange
from transforms.sources.folder import FolderItem, FolderPlan
from transforms.sources.voc import VocItem
from transforms.sources.voc_images import ImageIndex
from transforms.stores import StoredFile, stat

SHARD_TARGET = 32 * 2**20
"""Bytes of source for each shard, where --shards is auto: a shard is held in memory while it is written."""

IMAGES_A_SHARD = 100_000
"""Images for each shard where the source is names rather than annotations."""

BATCH = 1000
"""Small files (or image paths) in one unit of work."""

LISTED = 20_000
"""Files of a listing in one unit of work, half a megabyte."""

HEAD = 64 * 2**10
"""Bytes of a table or JSON file that are looked at to recognise it."""


@dataclass(frozen=True, slots=True)
class CocoFile:
    """One COCO file: its number among the sources, and where its arrays lie."""

    number: int
    url: str
    prefix: str
    split: str | None
    ranges: tuple[ElementRange, ...]

    @property
    def size(self) -> int:
        """Bytes of the index's ranges, for progress."""
        return sum(part.end - part.start for part in self.ranges)


@dataclass(frozen=True, slots=True)
class CocoUnit:
    """A range of annotations of one COCO file."""

    url: str
    range: ElementRange

    @property
    def size(self) -> int:
        """Bytes of the unit, for progress."""
        return self.range.end - self.range.start


@dataclass(frozen=True, slots=True)
class FolderUnit:
    """A batch of images of a folder; their keys start at `first_key`."""

    root: str
    items: tuple[FolderItem, ...]
    first_key: int

    @property
    def size(self) -> int:
        """Images in the unit, for progress."""
        return len(self.items)


@dataclass(frozen=True, slots=True)
class TableUnit:
    """A folder whose labels stand in tables."""

    root: str
    plan: FolderPlan

    @property
    def size(self) -> int:
        """Images in the unit, for progress."""
        return len(self.plan.items)


@dataclass(frozen=True, slots=True)
class VocUnit:
    """A batch of annotation files of a VOC tree; the keys of their images start at `first_key`.

    `images` finds the images of items whose own name did not settle it, None where there is none. `sizes` are what the listing
    says of the annotation files and masks, in bytes, 0 where it may not know.
    """

    root: str
    items: tuple[VocItem, ...]
    first_key: int
    images: ImageIndex | None
    sizes: dict[str, int]

    @property
    def size(self) -> int:
        """Annotation files in the unit, for progress."""
        return len(self.items)


@dataclass(frozen=True, slots=True)
class ListingUnit:
    """A part of the listing of the images' root, to be divided among the buckets of the images."""

    listed: Listed

    @property
    def size(self) -> int:
        """Nothing, for progress: there are no records in it."""
        return 0


@dataclass(slots=True)
class Plan:
    """What will be read, and what is known of it before it is."""

    format: str
    recognised: str
    images_root: str
    buckets: int
    fingerprint: str
    covers: dict[str, Any]
    coco_files: list[CocoFile] = field(default_factory=list)
    units: list[Any] = field(default_factory=list)
    listed: Listed | None = None
    """What the listing of the images' root says of each image, where the build looks at images or copies them."""
    read_in_parts: list[tuple[str, StoredFile]] = field(default_factory=list)
    """Files, by URL, that must not change while they are read: parts of two versions do not make a whole."""
    warnings: list[str] = field(default_factory=list)

    @property
    def work(self) -> int:
        """The sizes of all units together."""
        return sum(unit.size for unit in [*self.coco_files, *self.units])


def listing_units(listed: Listed | None) -> list[ListingUnit]:
    """A listing in parts that are worth a unit of work each; none where nothing was listed."""
    listed = listed or Listed()
    return [ListingUnit(listed.take(slice(start, start + LISTED))) for start in range(0, len(listed), LISTED)]


def asks_for_images(config: ConvertConfig) -> bool:
    """Whether a build may look at image files or copy them, so that it needs what the listing says of them."""
    return config.check_images != "none" or config.copy_images is not None


def list_dataset(root: Location, config: ConvertConfig, options: StorageOptions) -> Listing:
    """The files below `root` without those that this configuration's own builds put there.

    Raises:
        StoreError: it cannot be listed.
    """
    listing = list_files(root)
    output = locate(config.output, options)
    ours = [output.below("builds"), output.below("latest.json")]
    ours += [locate(config.copy_images, options)] if config.copy_images else []
    inside = [place.path[len(root.path) :].lstrip("/") for place in ours if root.holds(place)]
    if not inside:
        return listing
    files = [file for file in listing.files if not any(place and is_below(file.path, place) for place in inside)]
    return Listing(files, listing.warnings)


def fingerprint_of(files: Iterable[tuple[str, StoredFile]]) -> tuple[str, dict[str, Any]]:
    """A hash over URL, size and token of every input file, in any order and however often it is named; what it covers."""
    digest = hashlib.sha256()
    files = sorted(set(files))
    for url, file in files:
        digest.update(repr((url, *file)).encode())  # Which names cannot forge, whatever they hold.
    covers = {"files": len(files), "bytes": sum(file.size for _, file in files), "by": "path, size, and ETag or time"}
    return digest.hexdigest(), covers


def check_unmodified(plan: Plan, options: StorageOptions) -> None:
    """Make sure, after reading, that no file that was read in parts has changed since it was planned.

    Raises:
        LabelBeamError: one has.
        StoreError: one cannot be looked at.
    """
    for url, planned in plan.read_in_parts:
        location = locate(url, options)
        if stat(location) != planned:
            raise LabelBeamError(
                f"{location.shown}: the file changed while it was read, so that parts of two versions were; nothing was "
                "published. Run again when it is complete"
            )


def bucket_count(config: ConvertConfig, size: int) -> int:
    """Shards a split: the option, or by the size of the source, never by the number of workers."""
    if config.shards == "auto":
        return max(1, math.ceil(size / SHARD_TARGET))
    return config.shards
