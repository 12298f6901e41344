"""Units of a folder: batches of images, and tables of labels."""

from __future__ import annotations

from dataclasses import dataclass

from labelbeam.schemas.split_group import group_column
from labelbeam.transforms.columns.fragments import Fragment, fragments_of
from labelbeam.transforms.columns.hashes import bucket_of
from labelbeam.transforms.formats.folder.classes import numbers_for_names
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.layout import (
    FolderItem,
    FolderPlan,
    doubts_of_unlisted,
    image_of_item,
    unlisted_images,
)
from labelbeam.transforms.formats.folder.lookup import ImageNames
from labelbeam.transforms.formats.folder.tables import read_table
from labelbeam.transforms.formats.look_ahead import look_ahead
from labelbeam.transforms.formats.reading import Findings, Reading, ReadResult
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import ANY, read_bounded
from labelbeam.transforms.workers.budget import check_room


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

    @property
    def index(self) -> None:
        """None: an image's folder stands by itself."""
        return None

    def read(self, reading: Reading) -> ReadResult:
        """Make an image of each item."""
        images = [image_of_item(item, self.root) for item in self.items]
        options = reading.options
        fragments = dict(fragments_of(images, options.buckets, self.first_key))
        look_ahead(options, fragments.values())
        records = sum(fragment.records for fragment in fragments.values())
        return reading.result(Findings(records), sorted(fragments.items()))


@dataclass(frozen=True, slots=True)
class TableUnit:
    """A folder whose labels stand in tables."""

    root: str
    plan: FolderPlan

    @property
    def size(self) -> int:
        """Images in the unit, for progress."""
        return len(self.plan.items)

    @property
    def index(self) -> None:
        """None: all tables are read together."""
        return None

    def read(self, reading: Reading) -> ReadResult:
        """Read the tables, and add the images that none of them names.

        Raises:
            StoreError: a table cannot be read.
            LabelBeamError: a table is malformed as a whole.
        """
        options = reading.options
        root = locate(self.root, options.storage)
        files = ImageNames({item.path for item in self.plan.items})
        task, how = options.config.task, options.config.of(FolderOptions)
        group = group_column(options.config)
        contents = [
            read_table(table, _content(root.below(table.path)), files, task, how, group) for table in self.plan.tables
        ]
        images = [image for content in contents for image in content.images]
        listed = {item.path: item.split for item in self.plan.items if item.split is not None}
        for image in images:
            image.split = image.split or listed.get(image.path)
        unlisted = unlisted_images(self.plan, {image.path for image in images}, self.root)
        images += unlisted
        fragments = dict(fragments_of(images, options.buckets, 0))
        for rejection in (rejection for content in contents for rejection in content.rejected):
            bucket = bucket_of(rejection.image or rejection.locator, options.buckets)
            fragments.setdefault(bucket, Fragment()).rejections.append(rejection)
        records = sum(fragment.records for fragment in fragments.values())
        doubts = [doubt for content in contents for doubt in content.doubts]
        doubts += doubts_of_unlisted(self.plan, unlisted)
        doubts += numbers_for_names({item.label for image in images for item in image.objects}, self.plan.names)
        return reading.result(Findings(records, doubts=doubts), sorted(fragments.items()))


_ROW, _CELL = 2000, 60
"""Bytes of memory that a row of a table takes while it is read, and each of its cells beyond the second."""


def _content(table: Location) -> bytes:
    """The bytes of a table, whose rows are held all together.

    Raises:
        StoreError: it cannot be read.
        ShortageError: there is no memory for its rows.
    """
    data = read_bounded(table, ANY)
    rows = data.count(b"\n") + data.count(b"\r")
    cells = max(0, sum(map(data.count, (b",", b";", b"\t", b"|"))) - rows)
    check_room(3 * len(data) + _ROW * rows + _CELL * cells, f"{table.shown}, of {rows:,} rows")
    return data
