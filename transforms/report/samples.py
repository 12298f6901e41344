"""Choose the records and rejections of a build that are shown: the same ones each time, few, and as different as can be.

Only the first shards are looked at, and of those a part of bounded size: their images were drawn by hash, so they are as good as any.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from labelbeam.schemas.config import SPLITS
from labelbeam.schemas.manifest import FileEntry, Manifest
from labelbeam.schemas.neutral import Rejection
from labelbeam.schemas.records import RECORDS, Record, pixels
from labelbeam.transforms.columns.hashes import stable_hash
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.location import Location, within
from labelbeam.transforms.stores.paths import safe_relative
from labelbeam.transforms.stores.reading import read_range
from labelbeam.transforms.stores.threads import in_threads

IMAGES = 24
"""Images that are shown."""

CANDIDATES = 1000
"""Records of a split that are looked at."""

ENOUGH = 500
"""Records of a split from which on no further shard is read."""

SHARDS = 6
"""Shards that are read of a split, where they hold few records each."""

MOST_BYTES = 32 * 2**20
"""Bytes that are read of a split, and of the rejections."""

OF_A_CODE = 3
"""Rejections that are shown of each code."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A record as it was published: in which split, file and line (from 1 on)."""

    split: str
    file: str
    line: int
    url: str
    format: str
    width: int
    height: int
    label: Any
    """As JSON has it."""

    @property
    def labels(self) -> Counter[str]:
        """Counts by label."""
        items = self.label if isinstance(self.label, list) else [self.label]
        return Counter(item if isinstance(item, str) else str(item["label"]) for item in items)


class Found(NamedTuple):
    """Samples, and why some could not be read."""

    samples: list[Sample]
    notes: list[str]


def sample_records(build: Location, manifest: Manifest) -> Found:
    """Records to show of each split: such as cover its labels first, then others, in the order of hashes of their names."""
    splits = {split: manifest.splits[split] for split in SPLITS if split in manifest.splits}
    splits = {split: part for split, part in splits.items() if part.images}
    quotas = dict(zip(splits, shares([part.images for part in splits.values()], IMAGES), strict=True))
    decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(RECORDS[manifest.task])
    parts = [(name, part.files) for name, part in splits.items()]
    read = in_threads(lambda part: _candidates(build, decoder, *part), parts)
    found = Found([], [])
    for quota, (candidates, note) in zip(quotas.values(), read, strict=True):
        found.samples.extend(choose(candidates, quota))
        found.notes.extend([note] if note else [])
    return found


def shares(counts: Sequence[int], most: int) -> list[int]:
    """Number of each that is shown, together at most `most` where there are fewer parts: as many of each, as far as it has so many.

    >>> shares([1000, 5], 24), shares([100, 100, 100], 24)
    ([19, 5], [8, 8, 8])
    """
    given = [0] * len(counts)
    left = most
    for rank, part in enumerate(sorted(range(len(counts)), key=lambda part: counts[part])):
        given[part] = min(counts[part], max(left // (len(counts) - rank), 1))
        left -= given[part]
    return given


def choose(candidates: Iterable[Sample], quota: int) -> list[Sample]:
    """At most `quota` of the candidates: first those that show a label that those before them do not."""
    ordered = sorted(candidates, key=lambda sample: stable_hash(f"report {sample.url}"))
    seen: set[str] = set()
    first: list[Sample] = []
    later: list[Sample] = []
    for sample in ordered:
        new = sample.labels.keys() - seen
        (first if new else later).append(sample)
        seen |= new
    chosen = [*first, *later][:quota]
    return sorted(chosen, key=lambda sample: (sample.file, sample.line))


def _candidates(
    build: Location, decoder: msgspec.json.Decoder[Record], split: str, files: Sequence[FileEntry]
) -> tuple[list[Sample], str]:
    samples: list[Sample] = []
    try:
        for entry, lines in _lines(build, files, ENOUGH):
            step = math.ceil(len(lines) / CANDIDATES)
            for number in range(0, len(lines), step):
                samples.append(_sample(split, entry.path, number + 1, decoder.decode(lines[number])))
    except (StoreError, msgspec.DecodeError, ValueError, RecursionError) as error:
        return samples, f"records of {split} could not be read: {error}"
    return samples, ""


def _sample(split: str, file: str, line: int, record: Record) -> Sample:
    details = record.image_details
    width, height = pixels(details.width), pixels(details.height)
    return Sample(split, file, line, record.image_url, details.format, width, height, msgspec.to_builtins(record.label))


def _lines(build: Location, files: Sequence[FileEntry], enough: int) -> Iterator[tuple[FileEntry, list[bytes]]]:
    """The whole lines at the beginning of the first files that hold some."""
    left, found = MOST_BYTES, 0
    for entry in [entry for entry in files if entry.records][:SHARDS]:
        if safe_relative(entry.path) != entry.path or not within(build, entry.path):
            raise StoreError(f"{entry.path}: leads out of the build")
        end = min(entry.bytes, left)
        lines = read_range(build.below(entry.path), 0, end).split(b"\n")
        lines.pop()  # Nothing, or the beginning of a line that goes on.
        yield entry, lines
        left, found = left - end, found + len(lines)
        if found >= enough or left <= 0:
            return


class FoundRejections(NamedTuple):
    """Rejections, and why some could not be read."""

    samples: list[Rejection]
    notes: list[str]


def sample_rejections(build: Location, manifest: Manifest) -> FoundRejections:
    """A few rejections of each code, as they were published, in the order of the codes' frequency."""
    wanted = manifest.rejected_by_reason
    by_code: dict[str, list[Rejection]] = {}
    notes: list[str] = []
    try:
        for _, lines in _lines(build, manifest.rejected, 10**9):
            for line in lines:
                rejection = msgspec.json.decode(line, type=Rejection)
                samples = by_code.setdefault(rejection.code, [])
                if len(samples) < OF_A_CODE:
                    samples.append(rejection)
            if _complete(by_code, wanted):
                break
    except (StoreError, msgspec.DecodeError, ValueError, RecursionError) as error:
        notes.append(f"rejected records could not be read: {error}")
    codes = sorted(by_code, key=lambda code: (-wanted.get(code, 0), code))
    return FoundRejections([rejection for code in codes for rejection in by_code[code]], notes)


def _complete(by_code: Mapping[str, list[Rejection]], wanted: Mapping[str, int]) -> bool:
    return all(len(by_code.get(code, [])) >= min(count, OF_A_CODE) for code, count in wanted.items())
