"""Units of a COCO file: its index, and ranges of annotations that are read against it."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

from labelbeam.schemas.doubts import Doubt
from labelbeam.schemas.split_group import group_column
from labelbeam.transforms.columns.listed import Listed
from labelbeam.transforms.formats.coco.annotations import read_annotations
from labelbeam.transforms.formats.coco.index import CocoIndex, IndexBuilder
from labelbeam.transforms.formats.coco.scan import ElementRange, UnsafeSplitError
from labelbeam.transforms.formats.indexes import load_index
from labelbeam.transforms.formats.inputs import list_dataset
from labelbeam.transforms.formats.reading import Findings, Reading, ReadOptions, ReadResult
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import read_range
from labelbeam.transforms.workers.quiet_gc import quiet_gc
from labelbeam.transforms.workers.staged_units import stage_alone


@dataclass(frozen=True, slots=True)
class StoredImages:
    """Contents of the store: its listing by hash, the URL of the directory that was listed, whether images are checked later, and
    whether they lie in other folders than their names give.
    """

    listed: Listed
    root: str
    checked: bool
    by_last: bool = False


@dataclass(frozen=True, slots=True)
class CocoFile:
    """One COCO file: its number among the sources, and where its arrays lie."""

    number: int
    url: str
    prefix: str
    split: str | None
    ranges: tuple[ElementRange, ...]
    images: StoredImages | None = None
    """Where names are compared with what the store has; None where they are believed."""
    by_url: bool = False
    """Whether images are named by the URLs that their records give."""
    flat: bool = False
    """Whether the store has the images without the folder that their names begin with."""
    keys_below: str | None = None
    """The URL of the images' directory in an object store, where `//` in a name makes another name; None elsewhere."""

    @property
    def size(self) -> int:
        """Bytes of the index's ranges, for progress."""
        return sum(part.end - part.start for part in self.ranges)

    @property
    def makes(self) -> str:
        """The file's URL."""
        return self.url

    def read(self, reading: Reading) -> ReadResult:
        """Read the images and categories of the file.

        Raises:
            StoreError: it cannot be read, or its index cannot be left for others.
        """
        options = reading.options
        location = locate(self.url, options.storage)
        builder = IndexBuilder(self.url, self.number, self.prefix, self.split, options.buckets, self.flat)
        try:
            with quiet_gc():
                for part in self.ranges:
                    block = read_range(location, part.start, part.end)
                    if part.section == "images":
                        builder.add_images(block, part.start)
                    else:
                        builder.categories.add(block)
                doubts = self._settle_names(builder, location, options)
                result = reading.result(Findings(), builder.finish())
        except UnsafeSplitError:
            return ReadResult(Findings(unsafe=[self.url]))
        findings = result.findings
        findings.records, findings.doubts = builder.found, [*builder.doubts, *doubts]
        findings.label_ids = builder.categories.ids()
        if options.staging is None:
            result.index = pickle.dumps(builder.index, protocol=5)
        else:
            left_at = locate(options.staging, options.storage).below(f"index-{self.number:05d}")
            result.index = stage_alone(builder.index, left_at, put)
        return result

    def _settle_names(self, builder: IndexBuilder, location: Location, options: ReadOptions) -> list[Doubt]:
        """Find images under the names that the store has, and tell apart those that share one."""
        doubts: list[Doubt] = []
        if builder.foreign:
            # Without a listing none of them is found.
            stored = self._stored(self.images.root, options) if self.images is not None else []
            doubts = builder.take_foreign(stored, self.images.root if self.images is not None else self.url)
        if self.by_url:
            images = [part for part in self.ranges if part.section == "images"]
            builder.take_urls(read_range(location, part.start, part.end) for part in images)
        elif builder.doubled and self.keys_below is not None:
            builder.take_double_slashes(set(self._stored(self.keys_below, options)))
        if self.images is not None:
            missing = builder.missing(self.images.listed)
            if missing:
                stored = self._stored(self.images.root, options)
                doubts += builder.take_stored_names(missing, stored, self.images.checked, self.images.by_last)
        if column := group_column(options.config):
            images = [part for part in self.ranges if part.section == "images"]
            builder.take_groups((read_range(location, part.start, part.end) for part in images), column)
        if repeated := builder.repeated():
            images = [part for part in self.ranges if part.section == "images"]
            builder.tell_apart(repeated, (read_range(location, part.start, part.end) for part in images))
        return doubts

    def _stored(self, root: str, options: ReadOptions) -> list[str]:
        """Paths of all files below the images' directory."""
        files = list_dataset(locate(root, options.storage), options.config, options.storage).files
        return [f"{self.prefix}{file.path}" for file in files]


@dataclass(frozen=True, slots=True)
class CocoUnit:
    """A range of annotations of one COCO file, read against the file's index."""

    url: str
    range: ElementRange

    @property
    def size(self) -> int:
        """Bytes of the unit, for progress."""
        return self.range.end - self.range.start

    @property
    def index(self) -> str:
        """The file's URL."""
        return self.url

    def read(self, reading: Reading) -> ReadResult:
        """Read the annotations.

        Raises:
            StoreError: they cannot be read.
        """
        options = reading.options
        block = read_range(locate(self.url, options.storage), self.range.start, self.range.end)
        assert reading.index is not None, "the index of the file comes first"
        index: CocoIndex = load_index(reading.index, options.storage)
        try:
            with quiet_gc():
                fragments, evidence, found = read_annotations(
                    block, self.range.start, index, options.config.task, options.buckets
                )
                return reading.result(Findings(found, {self.url: evidence}), sorted(fragments.items()))
        except UnsafeSplitError:
            return ReadResult(Findings(unsafe=[self.url]))
