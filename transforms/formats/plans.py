"""The units of work that a plan consists of, and what every format's plan has in common."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from labelbeam.schemas.config import ConvertConfig
from labelbeam.transforms.columns.listed import Listed
from labelbeam.transforms.formats.coco.units import CocoFile
from labelbeam.transforms.stores.files import StoredFile

SHARD_TARGET = 32 * 2**20
"""Bytes of source for each shard, where --shards is auto: a shard is held in memory while it is written."""

MOST_SHARDS = 99_999
"""Their numbers have five digits, so that the order of the names is that of the numbers."""

IMAGES_A_SHARD = 100_000
"""Images for each shard where the source is names rather than annotations."""

BATCH = 1000
"""Small files (or image paths) in one unit of work."""

LISTED = 20_000
"""Files of a listing in one unit of work, half a megabyte."""

HEAD = 64 * 2**10
"""Bytes of a table or JSON file that are looked at to recognise it."""


@dataclass(frozen=True, slots=True)
class ListingUnit:
    """A part of the listing of the images' root, or of where they are copied to, to be divided among the images' buckets."""

    listed: Listed
    of_copies: bool = False

    @property
    def size(self) -> int:
        """Nothing, for progress: there are no records in it."""
        return 0


@dataclass(frozen=True, slots=True)
class CopiedUnit:
    """A file in which the build before listed the images that it copied; to be believed only with this hash."""

    url: str
    sha256: str

    @property
    def size(self) -> int:
        """Nothing, as of a listing."""
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
    files: list[tuple[str, StoredFile]] = field(default_factory=list)
    """The files, by URL, that are read in parts, and so must not change: parts of two versions do not make a whole."""
    trees: list[str] = field(default_factory=list)
    """The URLs of the directories that were listed and are inputs of the build."""
    warnings: list[str] = field(default_factory=list)

    @property
    def work(self) -> int:
        """The sizes of all units together."""
        return sum(unit.size for unit in [*self.coco_files, *self.units])


def listing_units(listed: Listed | None, of_copies: bool = False) -> list[ListingUnit]:
    """A listing in parts that are worth a unit of work each; none where nothing was listed."""
    listed = listed or Listed()
    starts = range(0, len(listed), LISTED)
    return [ListingUnit(listed.take(slice(start, start + LISTED)), of_copies) for start in starts]


def asks_for_images(config: ConvertConfig) -> bool:
    """Whether a build may look at image files or copy them, so that it needs what the listing says of them."""
    return config.check_images != "none" or config.copy_images is not None


def bucket_count(config: ConvertConfig, size: int) -> int:
    """Shards a split: the option, or by the size of the source, never by the number of workers."""
    if config.shards == "auto":
        return min(MOST_SHARDS, max(1, math.ceil(size / SHARD_TARGET)))
    return config.shards
