"""Units of a COCO file: its index, and ranges of annotations that are read against it."""

from __future__ import annotations

import pickle
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from labelbeam.transforms.formats.coco.annotations import read_annotations
from labelbeam.transforms.formats.coco.index import CocoIndex, IndexBuilder
from labelbeam.transforms.formats.coco.scan import ElementRange, UnsafeSplitError
from labelbeam.transforms.formats.reading import Findings, ReadOptions, ReadResult, encode_fragments
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import StorageOptions
from labelbeam.transforms.stores.reading import read_range
from labelbeam.transforms.workers.quiet_gc import quiet_gc
from labelbeam.transforms.workers.staged_units import StagedUnit, stage_alone, staged_unit


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


def index_coco(options: ReadOptions, file: CocoFile) -> ReadResult:
    """Read the images and categories of a COCO file.

    Raises:
        StoreError: it cannot be read, or its index cannot be left for others.
    """
    location = locate(file.url, options.storage)
    builder = IndexBuilder(file.url, file.number, file.prefix, file.split, options.buckets)
    try:
        with quiet_gc():
            for part in file.ranges:
                block = read_range(location, part.start, part.end)
                if part.section == "images":
                    builder.add_images(block, part.start)
                else:
                    builder.add_categories(block)
            fragments = encode_fragments(builder.finish())
    except UnsafeSplitError:
        return ReadResult(Findings(unsafe=[file.url]))
    index: bytes | StagedUnit
    if options.staging is None:
        index = pickle.dumps(builder.index, protocol=5)
    else:
        left_at = locate(options.staging, options.storage).below(f"index-{file.number:05d}")
        index = stage_alone(builder.index, left_at, put)
    return ReadResult(Findings(records=builder.found), fragments, index)


_loaded: deque[tuple[bytes | str | StagedUnit, CocoIndex]] = deque(maxlen=2)
_loading = Lock()


def _load_index(index: bytes | str | StagedUnit, storage: StorageOptions) -> CocoIndex:
    """An index from its bytes, from the path of a file that holds them, or from where another worker has left it.

    A process keeps the last two. A cluster's workers have many threads, the first of which loads it for the others.
    """
    with _loading:
        for known, loaded in _loaded:
            if known == index:
                return loaded
        if isinstance(index, StagedUnit):
            fresh: CocoIndex = staged_unit(index, storage)
        else:
            fresh = pickle.loads(index if isinstance(index, bytes) else Path(index).read_bytes())
        _loaded.append((index, fresh))
        return fresh


def read_coco(options: ReadOptions, unit: CocoUnit, index: bytes | str | StagedUnit) -> ReadResult:
    """Read a range of annotations against the file's index: its bytes, the path of a file of them, or where it was left.

    Raises:
        StoreError: it cannot be read.
    """
    block = read_range(locate(unit.url, options.storage), unit.range.start, unit.range.end)
    try:
        with quiet_gc():
            fragments, evidence, found = read_annotations(
                block, unit.range.start, _load_index(index, options.storage), options.config.task, options.buckets
            )
            return ReadResult(Findings(found, {unit.url: evidence}), encode_fragments(sorted(fragments.items())))
    except UnsafeSplitError:
        return ReadResult(Findings(unsafe=[unit.url]))
