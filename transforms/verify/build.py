"""Check a published build against its manifest: its layout, its files as such, and its counts.

Pure: paths, bytes and counts in, differences out. `verify.records` looks into the shards, and
`verify.check` reads them.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import pyarrow as pa

from labelbeam.schemas.config import SPLITS
from labelbeam.schemas.manifest import FORMAT_VERSION, FileEntry, Manifest
from labelbeam.schemas.neutral import Rejection
from labelbeam.schemas.records import RECORDS
from labelbeam.schemas.statistics import SplitStatistics
from labelbeam.transforms.builds.publish import MLTABLE
from labelbeam.transforms.builds.shards import shard_name
from labelbeam.transforms.formats.safe_yaml import NoYamlError, load_yaml
from labelbeam.transforms.messages.words import counted
from labelbeam.transforms.tasks.statistics import merge_statistics, statistics_of_rows
from labelbeam.transforms.verify.differences import Differences, Kind

UNHASHED = frozenset({"manifest.json", "report.html"})
"""Files of a build that its manifest does not list; beside them, an MLTable in each split."""


@dataclass(slots=True)
class Recount:
    """Counts of the files of a build: images and objects by split, objects by split and label, rejections."""

    images: Counter[str] = field(default_factory=Counter)
    objects: Counter[str] = field(default_factory=Counter)
    labels: dict[str, Counter[str]] = field(default_factory=dict)
    rejected: Counter[str] = field(default_factory=Counter)
    """By kind, "image" or "object"."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Rejections by code."""
    statistics: dict[str, SplitStatistics] | None = field(default_factory=dict)
    """Histograms by split; None where not every shard could be counted."""

    def add_statistics(self, split: str, copy: pa.Table | None) -> None:
        """Count the images and objects of a shard once more, into histograms, from the rows of its Parquet copy."""
        if self.statistics is None:
            return
        try:
            if copy is None:
                raise ValueError
            found = statistics_of_rows(copy)
        except ValueError:  # What is wrong with the copy is told elsewhere.
            self.statistics = None
        else:
            self.statistics[split] = merge_statistics([self.statistics.get(split, SplitStatistics()), found])

    def add_shard(self, split: str, images: int, labels: Counter[str]) -> None:
        """Count a shard of JSONL, with the labels of its objects."""
        self.images[split] += images
        self.objects[split] += labels.total()
        self.labels.setdefault(split, Counter()).update(labels)

    def add_rejections(self, rejections: Iterable[Rejection]) -> None:
        """Count rejections by kind and by code."""
        for rejection in rejections:
            self.rejected[rejection.kind] += 1
            self.reasons[str(rejection.code)] += 1


def entries_of(manifest: Manifest) -> list[FileEntry]:
    """Every file that a manifest lists."""
    shards = [entry for part in manifest.splits.values() for entry in part.files]
    copied = manifest.copied.files if manifest.copied is not None else []
    return [*shards, *manifest.parquet, *manifest.rejected, *copied, *files_about(manifest)]


def files_about(manifest: Manifest) -> list[FileEntry]:
    """The files that say what is in a build, as far as its version wrote them: labels and description."""
    return [entry for entry in (manifest.label_list, manifest.description) if entry is not None]


def check_layout(manifest: Manifest, build: str, present: Collection[str], differences: Differences) -> None:
    """Check what the manifest says of itself, and its list of files against the files there are.

    Args:
        build: the name that `latest.json` calls the build by.
        present: the paths of all files below the build.
    """
    for name, found, expected in (
        ("format_version", manifest.format_version, str(FORMAT_VERSION)),
        ("build", manifest.build, build),
    ):
        if str(found) != expected:
            differences.add(Kind.MANIFEST, "manifest.json", f"{name} {found!r}", expected)
    if manifest.task not in RECORDS:
        differences.add(Kind.MANIFEST, "manifest.json", f"task {manifest.task!r}", f"one of {', '.join(RECORDS)}")
    for split in manifest.splits:
        if split not in SPLITS:
            differences.add(Kind.MANIFEST, "manifest.json", f"split {split!r}", f"one of {', '.join(SPLITS)}")
    tables = {f"{split}/MLTable" for split in manifest.splits}
    listed = Counter(entry.path for entry in entries_of(manifest))
    for path in sorted(listed.keys() | tables):
        if path not in present:
            differences.add(Kind.MISSING_FILE, path, "no such file", "a file, as the manifest says")
    for path in sorted(set(present) - listed.keys() - tables - UNHASHED):
        differences.add(Kind.UNLISTED_FILE, path, "a file", "none, as the manifest does not list it")
    _check_numbering(manifest, listed, differences)


_NUMBERED = re.compile(r"-\d{5}-of-(\d{5})\.(?:jsonl|ndjson|parquet)$")


def _check_numbering(manifest: Manifest, listed: Counter[str], differences: Differences) -> None:
    """Every split has as many shards, numbered from 0, once as JSONL and once as Parquet."""
    for path, times in listed.items():
        if times > 1:
            differences.add(Kind.NUMBERING, "manifest.json", f"{path} listed {times} times", "once")
    totals = Counter(int(match[1]) for path in listed if (match := _NUMBERED.search(path)))
    numbers = range(totals.most_common(1)[0][0] if totals else 0)
    groups = [
        (part.files, [shard_name(split, split, number, len(numbers), "jsonl") for number in numbers])
        for split, part in manifest.splits.items()
    ]
    columnar = [
        shard_name("parquet", split, number, len(numbers), "parquet") for split in manifest.splits for number in numbers
    ]
    groups.append((manifest.parquet, columnar))
    if manifest.rejected:
        names = [shard_name("rejected", "rejected", number, len(numbers), "jsonl") for number in numbers]
        groups.append((manifest.rejected, names))
    if manifest.copied is not None and manifest.copied.files:
        names = [shard_name("copied", "copied", number, len(numbers), "ndjson") for number in numbers]
        groups.append((manifest.copied.files, names))
    for entries, expected in groups:
        paths = {entry.path for entry in entries}
        for path in sorted(set(expected) - paths):
            differences.add(Kind.NUMBERING, path, "not in its place in the manifest", f"one of {len(numbers)} shards")
        for path in sorted(paths - set(expected)):
            differences.add(
                Kind.NUMBERING, path, "listed in the manifest", f"no such name among {counted(len(numbers), 'shard')}"
            )


def check_content(entry: FileEntry, data: bytes, differences: Differences) -> None:
    """Check size and hash of a file against its entry in the manifest."""
    if len(data) != entry.bytes:
        differences.add(Kind.CONTENT, entry.path, f"{len(data)} bytes", f"{entry.bytes} bytes")
    elif (digest := hashlib.sha256(data).hexdigest()) != entry.sha256:
        differences.add(Kind.CONTENT, entry.path, f"sha256 {digest}", entry.sha256)


@cache
def _loaded(made: bytes) -> Any:
    return load_yaml(made)


def check_mltable(
    split: str, data: bytes, shards: Sequence[FileEntry], present: Collection[str], differences: Differences
) -> None:
    """Check that a split's MLTable loads precisely the split's shards, and as the trainer needs them.

    Args:
        data: the MLTable's bytes.
        shards: what the manifest lists for the split.
        present: the paths of all files below the build.
    """
    path = f"{split}/MLTable"
    made = MLTABLE.format(split=split).encode()
    template = _loaded(made)
    try:
        table = template if data == made else load_yaml(data)
    except NoYamlError as error:
        differences.add(Kind.MLTABLE, path, f"no YAML: {error}", "an MLTable")
        return
    table = table if isinstance(table, dict) else {"paths": table}
    patterns = list(_patterns(table.get("paths")))
    expected = {entry.path for entry in shards}
    loaded = {file for file in expected.union(present) if any(_matches(file, split, item) for item in patterns)}
    if loaded != expected or not patterns:
        names = ", ".join(map(repr, patterns)) or repr(table.get("paths"))
        odd = sorted(loaded ^ expected)
        which = f": not {odd[0]}" if odd and odd[0] in expected else f": also {odd[0]}" if odd else ""
        differences.add(
            Kind.MLTABLE,
            path,
            f"paths {names} load {counted(len(loaded), 'file')}{which}",
            f"the {len(expected)} shards of {split}",
        )
    if table.get("transformations") != template["transformations"]:
        found = f"transformations {table.get('transformations')!r}"
        differences.add(Kind.MLTABLE, path, found, repr(template["transformations"]))


def _patterns(paths: Any) -> Iterator[str]:
    for item in paths if isinstance(paths, list) else []:
        if isinstance(item, dict) and isinstance(item.get("pattern"), str):
            yield item["pattern"]


def _matches(path: str, split: str, pattern: str) -> bool:
    """Tell whether a pattern of the MLTable of `split` names the file; `*` stays within one directory."""
    names = path.split("/")
    parts = posixpath.normpath(posixpath.join(split, pattern)).split("/")
    return len(names) == len(parts) and all(map(fnmatchcase, names, parts))


def _by_key(bins: list[int] | dict[str, int]) -> dict[Any, int]:
    """A histogram by bin or by label; one of nothing may be empty or hold zeros."""
    return bins if isinstance(bins, dict) else dict(enumerate(bins))


def check_counts(manifest: Manifest, recount: Recount, differences: Differences) -> None:
    """Check every number of the manifest against the recounted files, and that what was found is accounted for."""

    def same(name: str, found: Any, expected: Any) -> None:
        if found != expected:
            differences.add(Kind.COUNT, "manifest.json", f"{name} {found!r}", f"{expected!r}, as its files hold")

    def same_counts(name: str, found: dict[str, int], expected: Counter[str]) -> None:
        for key in sorted(found.keys() | expected.keys()):
            same(f"{name} {key!r}", found.get(key, 0), expected[key])

    for split, part in manifest.splits.items():
        same(f"images of {split}", part.images, recount.images[split])
        same(f"objects of {split}", part.objects, recount.objects[split])
    for split in sorted(manifest.label_counts.keys() | recount.labels.keys()):
        found = manifest.label_counts.get(split, {})
        same_counts(f"label_counts of {split}:", found, recount.labels.get(split, Counter()))
    if manifest.statistics is not None and recount.statistics is not None:
        for split in sorted(manifest.statistics.keys() | recount.statistics.keys()):
            said, held = (part.get(split, SplitStatistics()) for part in (manifest.statistics, recount.statistics))
            for name in SplitStatistics.__struct_fields__:
                bins, again = _by_key(getattr(said, name)), _by_key(getattr(held, name))
                for key in bins | again:
                    same(f"statistics of {split}: {name}[{key!r}]", bins.get(key, 0), again.get(key, 0))
    labels = sorted({label for part in recount.labels.values() for label in part})
    if manifest.labels != labels:
        odd = sorted(set(manifest.labels) ^ set(labels))
        order = f"differing in {odd[0]!r}" if odd else "not sorted"
        found_labels = f"{counted(len(manifest.labels), 'label')}, {order}"
        differences.add(Kind.COUNT, "manifest.json", found_labels, f"the {len(labels)} labels of its files, sorted")
    for name, tally, key in (
        ("images", manifest.counts.images, "image"),
        ("objects", manifest.counts.objects, "object"),
    ):
        same(f"{name} written", tally.written, sum(getattr(part, name) for part in manifest.splits.values()))
        same(f"{name} rejected", tally.rejected, recount.rejected[key])
        if not tally.balanced:
            parts = f"{tally.written} written + {tally.rejected} rejected + {tally.skipped} skipped"
            differences.add(Kind.COUNT, "manifest.json", f"{tally.found} {name} found", parts)
    same_counts("rejected_by_reason", manifest.rejected_by_reason, recount.reasons)
    skipped = manifest.counts.images.skipped + manifest.counts.objects.skipped
    same("the sum of skipped_by_reason", sum(manifest.skipped_by_reason.values()), skipped)
