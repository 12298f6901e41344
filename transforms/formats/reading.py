"""Reading of a unit: what a reader needs, and what it gives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce

from labelbeam.schemas.config import ConvertConfig
from labelbeam.transforms.columns.fragments import Fragment
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.stores.location import StorageOptions
from labelbeam.transforms.workers import parcels
from labelbeam.transforms.workers.staged_units import StagedUnit


def merge_findings(items: Iterable[Findings]) -> Findings:
    """The findings of a whole build."""
    return reduce(Findings.merge, items, Findings())


def relative_sources(findings: Findings, coco_boxes: str) -> frozenset[str]:
    """The sources whose coordinates are fractions of the image, by the option --coco-boxes."""
    if coco_boxes == "pixels":
        return frozenset()
    return frozenset(
        source for source, evidence in findings.evidence.items() if coco_boxes == "relative" or evidence.relative
    )


@dataclass(slots=True)
class Findings:
    """What reading found out beyond the records; `merge` makes those of the whole build.

    `records` counts images and annotations as they were parsed. `unsafe` names files that turned out to be cut wrongly.
    `zero_based` counts VOC objects with a coordinate of 0, which data that counts pixels from 1 cannot have.
    """

    records: int = 0
    evidence: dict[str, Evidence] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    unsafe: list[str] = field(default_factory=list)
    zero_based: int = 0
    sent: int = 0
    """The `parcel_sum` of the fragments that were handed on: listings, and all else that crosses the shuffle, are in these."""

    def merge(self, other: Findings) -> Findings:
        """The findings of both."""
        evidence = dict(self.evidence)
        for source, item in other.evidence.items():
            evidence[source] = evidence.get(source, Evidence()).merge(item)
        return Findings(
            self.records + other.records,
            evidence,
            sorted({*self.warnings, *other.warnings}),
            sorted({*self.unsafe, *other.unsafe}),
            self.zero_based + other.zero_based,
            self.sent + other.sent,
        )


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What readers need of a build's options."""

    config: ConvertConfig
    storage: StorageOptions
    buckets: int
    staging: str | None = None
    """The URL below which workers leave files for each other; None where they share memory or a disk."""


@dataclass(slots=True)
class ReadResult:
    """What reading one unit gives: encoded fragments by bucket, findings, and a COCO file's index, or where it was left."""

    findings: Findings
    fragments: list[tuple[int, bytes]] = field(default_factory=list)
    index: bytes | StagedUnit | None = None

    def __post_init__(self) -> None:
        self.findings.sent = parcels.parcel_sum(data for _, data in self.fragments)


def encode_fragments(fragments: Iterable[tuple[int, Fragment]]) -> list[tuple[int, bytes]]:
    """Fragments as bytes for the shuffle."""
    return [(bucket, parcels.wrap(fragment.encode())) for bucket, fragment in fragments]
