"""The units of work that a plan consists of, and what every format's plan has in common."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt
from labelbeam.transforms.columns.listed import Listed
from labelbeam.transforms.formats.reading import IndexUnit, Unit
from labelbeam.transforms.stores.files import StoredFile

SHARD_TARGET = 32 * 2**20
"""Bytes of source for each shard, where --shards is auto: a shard is held in memory while it is written."""

MOST_SHARDS = 99_999
"""Their numbers have five digits, so that the order of the names is that of the numbers."""

IMAGES_A_SHARD = 100_000
"""Images for each shard where the source is names rather than annotations."""

BATCH = 1000
"""Small files (or image paths) in one unit of work."""

HEAD = 64 * 2**10
"""Bytes of a table or JSON file that are looked at to recognise it."""


@dataclass(slots=True)
class Plan:
    """Plan of a build: what will be read, and what is known of it before."""

    format: str
    recognised: str
    images_root: str
    buckets: int
    fingerprint: str
    covers: dict[str, Any]
    in_bytes: bool = False
    """The sizes of its units are bytes, not files."""
    indexes: list[IndexUnit] = field(default_factory=list)
    """Units that are read first: others are read against what they make."""
    units: list[Unit] = field(default_factory=list)
    listed: Listed | None = None
    """What the listing of the images' root says of each image, where the build looks at images or copies them."""
    readers_look: bool = True
    """Its units look at images where there are more of them than of shards; where they don't, writers do."""
    files: list[tuple[str, StoredFile]] = field(default_factory=list)
    """The files, by URL, that are read in parts, and so must not change: parts of two versions do not make a whole."""
    trees: list[str] = field(default_factory=list)
    """The URLs of the directories that were listed and are inputs of the build."""
    unseen: frozenset[str] = frozenset()
    """The sources none of whose images was found, so that one name in two of them need not mean one picture."""
    doubts: list[Doubt] = field(default_factory=list)
    columns: bool = False
    """Whether its records have further columns, one of which --split-group may name."""
    label_ids: dict[str, list[int | str]] = field(default_factory=dict)
    """The source's own ids by label, where it numbers labels beside the data."""
    image_prefix: str | None = None
    """What image URLs start with without --image-url, where it is not the images' own place; "" where each has its own."""

    @property
    def warnings(self) -> list[str]:
        """The messages of its doubts."""
        return [doubt.message for doubt in self.doubts]

    @property
    def work(self) -> int:
        """The sizes of all units together."""
        return sum(unit.size for unit in self.indexes) + sum(unit.size for unit in self.units)


def asks_for_images(config: ConvertConfig) -> bool:
    """Tell whether a build may look at image files or copy them, so that it needs what the listing says of them."""
    return config.check_images != "none" or config.copy_images is not None or config.duplicates is not None


def bucket_count(config: ConvertConfig, size: int) -> int:
    """Shards a split: the option, or by the size of the source, never by the number of workers."""
    if config.shards == "auto":
        return min(MOST_SHARDS, max(1, math.ceil(size / SHARD_TARGET)))
    return config.shards
