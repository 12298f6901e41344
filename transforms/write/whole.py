"""What the writers of single buckets have to know of the whole source, from what the readers have tallied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zlib import crc32

from labelbeam.schemas.label_map import LabelMap
from labelbeam.transforms.formats.frames import Frame
from labelbeam.transforms.formats.reading import Findings
from labelbeam.transforms.write.stratify import Strata
from labelbeam.transforms.write.twins import Twins


@dataclass(frozen=True, slots=True)
class Whole:
    """What is known of the whole source.

    rare: the labels of the build that too few of its objects have. sampled: images whose `sample_hash` is below this are in
    the sample; None where all are. twins: which of the bucket's images are the same, where images were compared. strata: the splits of the bucket's images, where they are drawn by label.
    """

    rare: frozenset[str] = frozenset()
    sampled: int | None = None
    twins: Twins | None = None
    strata: Strata | None = None


NOTHING_OF_ALL = Whole()


def whole_source(findings: Findings, labels: LabelMap | None, sample: int | float | None) -> Whole:
    """What the findings of all readers say."""
    rare = frozenset() if labels is None else labels.rare(findings.labels)
    if isinstance(sample, int):
        return Whole(rare, findings.lowest[-1] + 1 if len(findings.lowest) == sample else None)
    return Whole(rare, None if sample is None else int(sample * 2**64))


def told_sum(whole: Whole, frames: Mapping[str, Frame] | None = None) -> int:
    """A checksum of what decides about each bucket and comes from the findings of all readers: on every worker the same, and on the driver."""
    return crc32(repr((sorted(whole.rare), whole.sampled, sorted((frames or {}).items()))).encode())
