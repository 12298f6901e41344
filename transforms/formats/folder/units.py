"""Units of a folder: batches of images, and tables of labels."""

from __future__ import annotations

from dataclasses import dataclass

from labelbeam.transforms.columns.fragments import Fragment, fragments_of
from labelbeam.transforms.columns.hashes import bucket_of
from labelbeam.transforms.formats.folder.layout import FolderItem, FolderPlan, unlisted_images
from labelbeam.transforms.formats.folder.tables import read_table
from labelbeam.transforms.formats.reading import Findings, ReadOptions
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.reading import read_file


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


def read_tables(unit: TableUnit, options: ReadOptions) -> tuple[dict[int, Fragment], Findings]:
    """Fragments of all tables of a folder by bucket, and findings.

    Raises:
        StoreError: a table cannot be read.
        LabelBeamError: a table is malformed as a whole.
    """
    root = locate(unit.root, options.storage)
    files = {item.path for item in unit.plan.items}
    config = options.config
    contents = [
        read_table(table, read_file(root.below(table.path)), files, config.task, config.label_separator)
        for table in unit.plan.tables
    ]
    images = [image for content in contents for image in content.images]
    images += unlisted_images(unit.plan, {image.path for image in images}, unit.root)
    fragments = dict(fragments_of(images, options.buckets, 0))
    for rejection in (rejection for content in contents for rejection in content.rejected):
        bucket = bucket_of(rejection.image or rejection.locator, options.buckets)
        fragments.setdefault(bucket, Fragment()).rejections.append(rejection)
    return fragments, Findings(warnings=[warning for content in contents for warning in content.warnings])
