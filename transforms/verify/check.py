"""Verify a published build as a whole."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.layout import LATEST, manifest_path
from labelbeam.schemas.manifest import CopiedImage, Copies, FileEntry, Latest, Manifest
from labelbeam.schemas.records import RECORDS
from labelbeam.transforms.builds.image_places import configured_prefix
from labelbeam.transforms.builds.published import check_no_predictions, nothing_published
from labelbeam.transforms.messages.redact import is_redacted
from labelbeam.transforms.stores.errors import MissingFileError, TooLongError
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, StorageOptions, within
from labelbeam.transforms.stores.paths import safe_relative
from labelbeam.transforms.stores.reading import DOCUMENT, read_bounded, size_of
from labelbeam.transforms.stores.threads import in_threads
from labelbeam.transforms.verify.build import (
    Recount,
    check_content,
    check_counts,
    check_layout,
    check_mltable,
    entries_of,
    files_about,
)
from labelbeam.transforms.verify.copies import check_copied_image, check_copied_list, check_copied_total
from labelbeam.transforms.verify.differences import Differences, Kind
from labelbeam.transforms.verify.parquet import Copy, check_copy
from labelbeam.transforms.verify.records import RecordFacts, ShardCheck, check_rejected, check_shard, check_unique
from labelbeam.transforms.workers.budget import reading
from labelbeam.transforms.workers.quiet_gc import quiet_gc

_Read = TypeVar("_Read")


@dataclass(slots=True)
class Checked:
    """Outcome of a check: the build's name, if there is one, and how many files, records and copied images were looked at."""

    build: str | None = None
    files: int = 0
    records: int = 0
    copies: int | None = None
    differences: Differences = field(default_factory=Differences)


def check(output: Location, storage: StorageOptions, copies_url: str | None = None) -> Checked:
    """Check the current build at `output`: read all of it, and note every way in which it is not as it was published.

    `copies_url` is where its copied images lie, by default the place that the manifest names.

    Raises:
        UsageError: the manifest does not tell where the copied images are, or none were copied.
        StoreError: nothing was published there, or a file cannot be read.
    """
    checked = Checked()
    differences = checked.differences
    latest = _latest(output, differences)
    if latest is None:
        return checked
    checked.build = latest.build
    manifest = _manifest(output.below(latest.manifest), differences)
    if manifest is None:
        return checked
    build = output.below(posixpath.dirname(latest.manifest))
    listing = list_files(build)
    present = frozenset(file.path for file in listing.files)
    for warning in listing.warnings:
        differences.add(Kind.UNLISTED_FILE, ".", warning, "files as they were published")
    check_layout(manifest, latest.build, present, differences)
    tables = {f"{split}/MLTable" for split in manifest.splits}
    checked.files = len(present & {*tables, *(entry.path for entry in entries_of(manifest))})
    for split, part in manifest.splits.items():
        if f"{split}/MLTable" in present:
            data = read_bounded(build.below(f"{split}/MLTable"))
            check_mltable(split, data, part.files, present, differences)
    if manifest.task in RECORDS:
        recount, copied = _check_files(build, manifest, present, differences)
        checked.records = recount.images.total()
        check_counts(manifest, recount, differences)
        if manifest.copied is not None:
            checked.copies = len(copied)
            _check_copies(_copies(manifest.copied, copies_url, storage), copied, differences)
        elif copies_url is not None:
            raise UsageError(
                f"--copy-images: build {manifest.build} copied no images, so there is nothing to check there"
            )
    return checked


def _copies(copies: Copies, url: str | None, storage: StorageOptions) -> Location:
    """Place of the copies: at `url`, or where the manifest says, which holds no credentials."""
    if url is None and is_redacted(copies.target):
        raise UsageError(
            f"the images were copied to {copies.target}, whose credentials the manifest does not keep; name the place with "
            "--copy-images URL"
        )
    return locate(url or copies.target, storage)


def _check_copies(target: Location, images: Sequence[CopiedImage], differences: Differences) -> None:
    """Check that each copied image is in its place, as it was copied."""

    def read(image: CopiedImage) -> Differences:
        found = Differences()
        with reading().take(image.bytes, image.path):
            data = None
            too_long = False
            try:
                if within(target, image.path):
                    data = read_bounded(target.below(image.path), image.bytes)
            except MissingFileError:
                pass
            except TooLongError:
                too_long = True
                found.add(
                    Kind.COPY,
                    image.path,
                    f"a copy of {size_of(target.below(image.path))} bytes",
                    f"{image.bytes} bytes",
                )
            if not too_long:
                check_copied_image(image, data, found)
        return found

    for found in in_threads(read, images):
        differences.merge(found)


def _latest(output: Location, differences: Differences) -> Latest | None:
    """The pointer, if it points to a manifest below `output`."""
    try:
        data = read_bounded(output.below(LATEST))
    except MissingFileError:
        raise nothing_published(output) from None
    try:
        latest = msgspec.json.decode(data, type=Latest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        differences.add(Kind.POINTER, LATEST, f"{data[:80]!r} ({error})", '{"build": …, "manifest": …}')
        return None
    path = manifest_path(latest.build)
    if latest.manifest != path or safe_relative(path) != path:
        found = f"build {latest.build!r}, manifest {latest.manifest!r}"
        differences.add(Kind.POINTER, LATEST, found, "the manifest builds/ID/manifest.json of a build ID")
    elif not within(output, path):
        differences.add(Kind.POINTER, path, f"a link out of {output.shown}", "a file")
    else:
        return latest
    return None


def _manifest(location: Location, differences: Differences) -> Manifest | None:
    try:
        return msgspec.json.decode(read_bounded(location, DOCUMENT), type=Manifest)
    except MissingFileError:
        differences.add(Kind.POINTER, "manifest.json", "no such file", "the manifest that latest.json names")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        check_no_predictions(location)
        differences.add(
            Kind.MANIFEST, "manifest.json", f"{error}", "a manifest, as labelbeam schema manifest prints it"
        )
    return None


def _check_files(
    build: Location, manifest: Manifest, present: Collection[str], differences: Differences
) -> tuple[Recount, list[CopiedImage]]:
    """Check every file that the manifest lists and that is there; what they hold, and which images were copied."""
    facts = _facts(manifest)
    reader = _Reader(build, present, facts.task)
    copies = {_stem(entry): entry for entry in manifest.parquet}
    shards = [(split, entry) for split, part in manifest.splits.items() for entry in part.files]
    pairs = [(entry, copies.pop(_stem(entry), None)) for _, entry in shards]
    recount = Recount()
    checks: list[ShardCheck] = []
    with quiet_gc():
        for (split, entry), (found, data, copy) in zip(shards, _ahead(reader.shard, pairs), strict=True):
            differences.merge(found)
            if data is not None:
                check = check_shard(entry.path, data, entry.records, facts, copy, differences)
                recount.add_shard(split, len(check.hashes), check.labels)
                if manifest.statistics is not None:
                    recount.add_statistics(split, copy.rows if copy is not None else None)
                checks.append(check)
        for found, _ in _ahead(reader.copy, [(entry,) for entry in copies.values()]):
            differences.merge(found)
        for entry, (found, data) in zip(
            manifest.rejected, _ahead(reader.file, [(entry,) for entry in manifest.rejected]), strict=True
        ):
            differences.merge(found)
            if data is not None:
                recount.add_rejections(check_rejected(entry.path, data, entry.records, differences))
        said = manifest.copied or Copies("")
        copied: list[CopiedImage] = []
        for entry, (found, data) in zip(
            said.files, _ahead(reader.file, [(entry,) for entry in said.files]), strict=True
        ):
            differences.merge(found)
            if data is not None:
                copied += check_copied_list(entry.path, data, entry.records, differences)
    for entry in files_about(manifest):
        found, _ = reader.file(entry)
        differences.merge(found)
    check_unique(checks, differences)
    check_copied_total(said, copied, facts.prefix, checks, differences)
    if len(differences):
        recount.statistics = None  # They would only say the same again.
    return recount, copied


def _facts(manifest: Manifest) -> RecordFacts:
    prefix = configured_prefix(manifest)
    if prefix is not None and not prefix.endswith("/"):
        prefix += "/"
    return RecordFacts(manifest.task, manifest.config.get("dimensions") == "px", prefix)


def _stem(entry: FileEntry) -> str:
    """Stem that a shard and its Parquet copy have in common, such as train-00000-of-00016."""
    return posixpath.splitext(posixpath.basename(entry.path))[0]


def _ahead(read: Callable[..., _Read], arguments: Iterable[tuple[Any, ...]]) -> Iterator[_Read]:
    """Results of `read` for each of `arguments`, the next one being read while the caller works on this one."""
    with ThreadPoolExecutor(1) as pool:
        under_way: Future[_Read] | None = None
        for each in arguments:
            following = pool.submit(read, *each)
            if under_way is not None:
                yield under_way.result()
            under_way = following
        if under_way is not None:
            yield under_way.result()


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads files that a manifest lists, and checks them as such; each call notes its own differences."""

    build: Location
    present: Collection[str]
    task: str

    def shard(self, entry: FileEntry, copied: FileEntry | None) -> tuple[Differences, bytes | None, Copy | None]:
        """A shard of JSONL and the rows of its Parquet copy, as far as they are there."""
        differences, data = self.file(entry)
        copy = None
        if copied is not None:
            of_copy, copy = self.copy(copied)
            differences.merge(of_copy)
        return differences, data, copy

    def copy(self, entry: FileEntry) -> tuple[Differences, Copy | None]:
        """The rows of a Parquet file; None where it is not there, or not as it was published."""
        differences, data = self.file(entry)
        # Damaged columns are not decoded: whatever they say is not what was published.
        if data is None or len(differences):
            return differences, None
        return differences, check_copy(entry.path, data, entry.records, self.task, differences)

    def file(self, entry: FileEntry) -> tuple[Differences, bytes | None]:
        """A file's bytes, or None where it is not there, which the check of the layout tells."""
        differences = Differences()
        if entry.path not in self.present:
            return differences, None
        try:
            data = read_bounded(self.build.below(entry.path), entry.bytes)
        except TooLongError:
            differences.add(
                Kind.CONTENT, entry.path, f"{size_of(self.build.below(entry.path))} bytes", f"{entry.bytes} bytes"
            )
            return differences, None
        check_content(entry, data, differences)
        return differences, data
