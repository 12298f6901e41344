"""Reading of a unit: what a reader needs, and what it gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Protocol

import msgspec
import numpy as np

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt, merge_doubts
from labelbeam.schemas.label_map import LONGEST_LABEL
from labelbeam.transforms.columns.fragments import Fragment
from labelbeam.transforms.columns.hashes import sample_hash
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.labels import normalized
from labelbeam.transforms.stores.location import StorageOptions
from labelbeam.transforms.workers import parcels
from labelbeam.transforms.workers.staged_units import StagedUnit


def merge_findings(items: Iterable[Findings]) -> Findings:
    """The findings of a whole build."""
    return reduce(Findings.merge, items, Findings())


class Findings(msgspec.Struct):
    """Findings of reading beyond the records; `merge` makes those of the whole build.

    `records` counts images and annotations as they were parsed. `evidence` is by source. `unsafe` names files that turned
    out to be cut wrongly.
    """

    records: int = 0
    evidence: dict[str, Evidence] = {}
    doubts: list[Doubt] = []
    unsafe: list[str] = []
    sent: int = 0
    """The `parcel_sum` of the fragments that were handed on: listings, and all else that crosses the shuffle, are in these."""
    labels: dict[str, int] = {}
    """Objects as they were read, by the source's label; counted only where --labels asks for it."""
    label_ids: dict[str, list[int | str]] = {}
    """The source's own ids by label, where it numbers labels in the data that is read."""
    sample: int = 0
    """Images that --sample asks for, where it says a number."""
    lowest: list[int] = []
    """The lowest hashes of so many images, in order: those below which the sample lies."""
    units: int = 0
    """The `unit_sum` of the units that were read: one that finds nothing is missed too where the runner loses it."""

    def merge(self, other: Findings) -> Findings:
        """The findings of both."""
        evidence = dict(self.evidence)
        for source, item in other.evidence.items():
            evidence[source] = evidence.get(source, Evidence()).merge(item)
        return Findings(
            self.records + other.records,
            evidence,
            merge_doubts([*self.doubts, *other.doubts]),
            sorted({*self.unsafe, *other.unsafe}),
            self.sent + other.sent,
            _added(self.labels, other.labels),
            _joined(self.label_ids, other.label_ids),
            size := max(self.sample, other.sample),
            sorted({*self.lowest, *other.lowest})[:size],
            self.units + other.units,
        )


def unit_sum(numbers: Iterable[int]) -> int:
    """A number by which units are compared where they are planned and where they were read, in any order: how many, and a sum of checksums."""
    return parcels.parcel_sum(number.to_bytes(8, "little") for number in numbers)


def _added(some: dict[str, int], more: dict[str, int]) -> dict[str, int]:
    if not some or not more:
        return some or more
    return {name: some.get(name, 0) + more.get(name, 0) for name in {**some, **more}}


def _joined(some: dict[str, list[int | str]], more: dict[str, list[int | str]]) -> dict[str, list[int | str]]:
    if not some or not more:
        return some or more
    return {name: in_order([*some.get(name, ()), *more.get(name, ())]) for name in {**some, **more}}


def ids_by_label(pairs: Iterable[tuple[Any, Any]]) -> dict[str, list[int | str]]:
    """The ids of each label, from pairs of an id and a name as a source has them; what is no id or no label is left out.

    >>> ids_by_label([(7, "cat"), ("t", " cat"), (7, "cat"), (None, "dog"), (True, "cow"), (2, 5)])
    {'cat': [7, 't']}
    """
    found: dict[str, set[int | str]] = {}
    for known, name in pairs:
        if not isinstance(known, int | str) or isinstance(known, bool) or not isinstance(name, str):
            continue
        label = normalized(name)
        # Objects of a label that is longer are rejected; and what is long would stand in each report.
        if label and max(len(label), len(str(known))) <= LONGEST_LABEL:
            # Other programs read larger numbers as other ones.
            found.setdefault(label, set()).add(str(known) if isinstance(known, int) and abs(known) > 2**53 else known)
    return {label: in_order(ids) for label, ids in found.items()}


def in_order(ids: Iterable[int | str]) -> list[int | str]:
    """Ids of a label, each once: numbers first."""
    return sorted(set(ids), key=lambda item: (isinstance(item, str), item))


@dataclass(frozen=True, slots=True)
class Looks:
    """Looks at image files by readers: `images` is the URL of their root, `listed` the path at which the pickled `Listed` of them lies for the
    processes of this machine, None where it was not listed.
    """

    images: str
    listed: str | None = None


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Options of a build that readers need."""

    config: ConvertConfig
    storage: StorageOptions
    buckets: int
    staging: str | None = None
    """The URL below which workers leave files for each other; None where they share memory or a disk."""
    looks: Looks | None = None
    """How readers look at image files; None where writers do."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Context of reading a unit: options, and the index that it names, or where that was left."""

    options: ReadOptions
    index: bytes | str | StagedUnit | None = None

    def result(self, findings: Findings, fragments: Iterable[tuple[int, Fragment]]) -> ReadResult:
        """The result of a unit: fragments as bytes for the shuffle, and what of them has to be known of the whole source."""
        labels: Counter[str] = Counter()
        encoded: list[tuple[int, bytes]] = []
        config = self.options.config
        # A fraction is drawn image by image; for a number of images, all have to be known.
        size = config.sample if isinstance(config.sample, int) else 0
        lowest: set[int] = set()
        for bucket, fragment in fragments:
            if size:
                lowest.update(map(sample_hash, fragment.images.read_paths()))
            if config.labels is not None:
                counts = np.bincount(fragment.objects.label, minlength=len(fragment.labels)).tolist()
                labels.update(dict(zip(fragment.labels, counts, strict=True)))
            encoded.append((bucket, parcels.wrap(fragment.encode())))
        findings.labels = dict(labels)
        findings.sample, findings.lowest = size, sorted(lowest)[:size]
        return ReadResult(findings, encoded)


@dataclass(slots=True)
class ReadResult:
    """Result of reading one unit: encoded fragments by bucket, findings, and an index, or where it was left."""

    findings: Findings
    fragments: list[tuple[int, bytes]] = field(default_factory=list)
    index: bytes | StagedUnit | None = None

    def __post_init__(self) -> None:
        self.findings.sent = parcels.parcel_sum(data for _, data in self.fragments)


class Unit(Protocol):
    """A unit of work: it can be pickled, and reads itself."""

    @property
    def size(self) -> int:
        """The unit's share of the progress: bytes or files, as the plan measures."""

    @property
    def index(self) -> str | None:
        """The name of the index that it is read against; None where it needs none."""

    def read(self, reading: Reading) -> ReadResult:
        """Read it into fragments by bucket.

        Raises:
            StoreError: a file cannot be read.
            LabelBeamError: a file is malformed as a whole.
        """


class IndexUnit(Protocol):
    """A unit whose result holds an index, against which other units are read."""

    @property
    def size(self) -> int:
        """The unit's share of the progress."""

    @property
    def makes(self) -> str:
        """The name of the index that it makes."""

    def read(self, reading: Reading) -> ReadResult:
        """Read it into fragments by bucket, and an index; without one, the plan was wrong.

        Raises:
            StoreError: a file cannot be read, or its index cannot be left for others.
        """
