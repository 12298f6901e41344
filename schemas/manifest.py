"""Documents of a build: the manifest, and the receipts of its shards that it is made from."""

from __future__ import annotations

from typing import Any

import msgspec

from labelbeam.schemas.doubts import Doubt
from labelbeam.schemas.statistics import SplitStatistics

FORMAT_VERSION = 1


class FileEntry(msgspec.Struct, frozen=True):
    """A file of a build; `path` is relative to the build, `records` its lines or rows."""

    path: str
    records: int
    bytes: int
    sha256: str


class Tally(msgspec.Struct):
    """Number found, and what became of them; found = written + rejected + skipped."""

    found: int = 0
    written: int = 0
    rejected: int = 0
    skipped: int = 0

    def add(self, other: Tally) -> None:
        """Add the counts of another part."""
        self.found += other.found
        self.written += other.written
        self.rejected += other.rejected
        self.skipped += other.skipped

    @property
    def balanced(self) -> bool:
        """Tell whether all that was found is accounted for."""
        return self.found == self.written + self.rejected + self.skipped


class Counts(msgspec.Struct):
    """The tallies of images and of objects (for classification: of labels of images)."""

    images: Tally = msgspec.field(default_factory=Tally)
    objects: Tally = msgspec.field(default_factory=Tally)


class Transcoded(msgspec.Struct, frozen=True):
    """What a copy was made from that is no copy of bytes: the image's path and size in bytes, and how; and what came of it, in pixels."""

    path: str
    bytes: int
    how: str
    format: str
    width: int
    height: int


class CopiedImage(msgspec.Struct, frozen=True, omit_defaults=True):
    """An image as it was copied, a line of `copied/*.ndjson`: `path` is relative to the images' directory and to the copies'.

    `source` and `target` are hashes of what the two stores said of the files beyond their size (an ETag, else the time), by
    which the next build knows that nothing has changed. They differ from store to store, so that these lists, other than
    the `.jsonl` files, are not the same bytes in every build from the same inputs.
    """

    path: str
    bytes: int
    sha256: str
    source: str
    target: str
    transcoded: Transcoded | None = None

    @property
    def image(self) -> str:
        """Path of the image below the images' directory."""
        return self.path if self.transcoded is None else self.transcoded.path


class Copies(msgspec.Struct):
    """Copied images: the URL that they were copied to, without credentials; how many; and the files that list them."""

    target: str
    images: int = 0
    bytes: int = 0
    files: list[FileEntry] = []

    def add(self, other: Copies) -> None:
        """Add those of another part."""
        self.images += other.images
        self.bytes += other.bytes
        self.files = self.files + other.files


class SplitCounts(msgspec.Struct):
    """Contents of one split."""

    images: int = 0
    objects: int = 0
    files: list[FileEntry] = []


class Oddity(msgspec.Struct):
    """Objects in which something stands out that is no fault of any one of them: how many of how many, and an image of one."""

    count: int = 0
    of: int = 0
    example: str = ""

    def add(self, other: Oddity) -> None:
        """Add those of another part; the lesser example is kept, so that the order does not matter."""
        self.count += other.count
        self.of += other.of
        self.example = min(filter(None, (self.example, other.example)), default="")


class Twin(msgspec.Struct, frozen=True, order=True):
    """An image that is written and has the same bytes as others, or looks like them; `first` is the one that they are compared with."""

    first: str
    path: str
    split: str


class SameContent(msgspec.Struct):
    """Images that are written and have the same bytes as others, or look like them: in how many groups, and how many of these lie in several
    splits.

    `listed` are the first of these groups, those across splits before all others.
    """

    images: int = 0
    groups: int = 0
    across_splits: int = 0
    listed: list[list[Twin]] = []


class Receipt(msgspec.Struct):
    """Receipt of one bucket of images: its share of every file of the build, and its share of the counts."""

    bucket: int
    splits: dict[str, SplitCounts]
    parquet: list[FileEntry]
    rejected: FileEntry | None
    counts: Counts
    labels: dict[str, dict[str, int]]
    """Objects written, by split and label."""
    rejected_by_reason: dict[str, int]
    skipped_by_reason: dict[str, int]
    adjusted_by_reason: dict[str, int]
    records_in: int
    """Images and annotations that reached this bucket, counted where they arrive; must equal what the readers found."""
    listed_in: int = 0
    """Files of the images' listing that reached this bucket."""
    arrived: int = 0
    """The `parcel_sum` of what reached this bucket in this run; all buckets' together must equal what the readers sent."""
    told: int = 0
    """A checksum of what its writer was told of the whole source; must equal that of what the readers found."""
    samples: list[dict[str, Any]] = []
    """A few rejections, for the summary."""
    copied: Copies | None = None
    """Its images as they were copied, where they were."""
    reused: bool = False
    """Whether an earlier run wrote the files, and this one found them intact."""
    statistics: dict[str, SplitStatistics] = {}
    """Histograms, by split."""
    image_roots: dict[str, int] = {}
    """Images written, by the datastore or scheme that their URLs begin with."""
    oddities: dict[str, Oddity] = {}
    """What stands out in its objects, by name; see `transforms.write.oddities`."""
    copies_of: dict[str, dict[str, str]] = {}
    """Some of the images of which it has augmented copies: for each, a copy in each of its splits; see `transforms.write.augmented`."""

    twins: list[Twin] = []
    """Its images that have the same bytes as others, where images were compared."""
    similar: list[Twin] = []
    """Its images that look like others, where their looks were compared."""

    def files(self) -> list[FileEntry]:
        """Every file of the bucket."""
        shards = [entry for part in self.splits.values() for entry in part.files]
        copied = self.copied.files if self.copied is not None else []
        return [*shards, *self.parquet, *([self.rejected] if self.rejected is not None else []), *copied]


class SourceLabel(msgspec.Struct, omit_defaults=True):
    """A label of the source, and what became of it.

    `label` is the build's name for it. `ids` are the source's own, where it numbers its labels. `objects` are as they were read,
    before any was rejected; None where they were not counted by label. `left_out` is the code under which they were skipped.
    """

    name: str
    label: str
    ids: list[int | str] = []
    objects: int | None = None
    left_out: str = ""


class Sample(msgspec.Struct):
    """A sample of the images that were found: what --sample asked for, and how many of how many are in it, whatever became of them."""

    asked: int | float
    images: int
    of: int


class Stratification(msgspec.Struct):
    """Shares by label: which were asked for, and which the images that were written have, in all and of each label.

    `scheme` is how they were drawn. Shares are by split.
    """

    scheme: str
    asked: dict[str, float]
    images: dict[str, float]
    labels: dict[str, dict[str, float]]


class Source(msgspec.Struct):
    """Source that was read: `fingerprint` changes when any byte of it may have; `covers` says what it covers."""

    fingerprint: str
    covers: dict[str, Any]
    format: str
    recognised: str
    warnings: list[str] = []
    files: list[str] = []
    """The files that were read in parts, by URL, without credentials."""
    trees: list[str] = []
    """The directories that were listed, by URL, without credentials."""
    images: str = ""
    """The directory that the images' names are relative to, by URL, without credentials."""
    image_prefix: str | None = None
    """What image URLs start with where neither --image-url nor `images` says it; "" where each image has a URL of its own."""


class Manifest(msgspec.Struct):
    """`manifest.json`."""

    format_version: int
    build: str
    labelbeam_version: str
    task: str
    created: str
    config: dict[str, Any]
    source: Source
    labels: list[str]
    counts: Counts
    rejected_by_reason: dict[str, int]
    skipped_by_reason: dict[str, int]
    adjusted_by_reason: dict[str, int]
    splits: dict[str, SplitCounts]
    label_counts: dict[str, dict[str, int]]
    parquet: list[FileEntry]
    rejected: list[FileEntry]
    label_list: FileEntry | None = None
    """`labels.json`, a record for each label; builds of earlier versions have none."""
    description: FileEntry | None = None
    """`croissant.json`, which describes one set of records; builds of earlier versions have none."""
    copied: Copies | None = None
    warnings: list[str] = []
    """The messages of `doubts`, as builds of version 1 had them."""
    doubts: list[Doubt] = []
    evidence: dict[str, int] = {}
    """Records that speak for a reading, by what they show: `boxes_beyond_1`, say. Of all sources together."""
    statistics: dict[str, SplitStatistics] | None = None
    """Histograms, by split; None in builds of versions that kept none."""
    source_labels: list[SourceLabel] = []
    """The labels of the source, where --labels was given or the source numbers its labels."""
    same_content: SameContent | None = None
    """Images that have the same bytes as others; None where images were not compared."""
    similar_content: SameContent | None = None
    """Images that look like others; None where their looks were not compared."""
    stratification: Stratification | None = None
    """The shares of labels that were reached, where --stratify was given."""
    sample: Sample | None = None
    """What the build is a sample of; None where it is of the whole source."""
    image_roots: dict[str, int] = {}
    """Images, by the datastore or scheme that their URLs begin with; empty in builds of versions that did not count them."""


class Latest(msgspec.Struct):
    """`latest.json`, the pointer to the current build."""

    build: str
    manifest: str
