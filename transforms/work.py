"""The work of a build as pure functions of picklable arguments: index, read, assemble and write one unit each.

Beam calls them on a cluster, and `transforms.workers` on this machine; none of them knows which. Nothing here imports Beam, so a
worker process is up in a fraction of a second.
"""

from __future__ import annotations

import hashlib
import pickle
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from schemas.config import ConvertConfig
from schemas.manifest import Receipt
from schemas.neutral import SourceImage
from schemas.reasons import Rejected
from transforms import parcels
from transforms.assemble import AssembleOptions, assemble
from transforms.copy_images import CopyOptions, Known, copier, copies_stand, decode_copied
from transforms.fragments import Fragment, decode, fragments_of
from transforms.hashes import bucket_of
from transforms.listed import by_bucket, join_listed
from transforms.look import LookOptions, looker, shows_all
from transforms.quiet_gc import quiet_gc
from transforms.resume import Target, finished_bucket, keep_receipt
from transforms.sources.coco import Evidence, read_annotations
from transforms.sources.coco_index import CocoIndex, IndexBuilder
from transforms.sources.coco_split import UnsafeSplitError
from transforms.sources.folder import image_of_item, unlisted_images
from transforms.sources.tables import read_table
from transforms.sources.voc import VocOptions
from transforms.sources.voc_masks import MaskError
from transforms.sources.voc_read import VocImage, read_voc, rejected_voc
from transforms.staged_units import StagedUnit, stage_alone, staged_unit
from transforms.stores.errors import StoreError
from transforms.stores.files import put, read_file, read_many, read_range
from transforms.stores.locations import StorageOptions, locate
from transforms.units import CocoFile, CocoUnit, CopiedUnit, FolderUnit, ListingUnit, TableUnit, VocUnit
from transforms.write import write_bucket, write_copied


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
        )


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What readers need of a build's options."""

    config: ConvertConfig
    storage: StorageOptions
    buckets: int
    staging: str | None = None
    """The URL below which workers leave files for each other; None where they share memory or a disk."""


@dataclass(frozen=True, slots=True)
class ShardOptions:
    """What the writers of shards need; without a `target` they write nothing. `report` is where the pipeline's report goes."""

    assemble: AssembleOptions
    check_images: str | None
    images_root: str
    images_listed: bool
    coco_boxes: str
    buckets: int
    target: Target | None
    report: str
    px: bool
    copy_images: str | None
    storage: StorageOptions


class Report(msgspec.Struct):
    """What a pipeline leaves for the driver: the receipts of all buckets, and what reading found."""

    receipts: list[Receipt]
    records: int
    relative_sources: list[str]
    warnings: list[str]
    unsafe: list[str]
    zero_based: int


@dataclass(slots=True)
class ReadResult:
    """What reading one unit gives: encoded fragments by bucket, findings, and a COCO file's index, or where it was left."""

    findings: Findings
    fragments: list[tuple[int, bytes]] = field(default_factory=list)
    index: bytes | StagedUnit | None = None


def _encode(fragments: Iterable[tuple[int, Fragment]]) -> list[tuple[int, bytes]]:
    return [(bucket, parcels.wrap(fragment.encode())) for bucket, fragment in fragments]


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
            fragments = _encode(builder.finish())
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
            return ReadResult(Findings(found, {unit.url: evidence}), _encode(sorted(fragments.items())))
    except UnsafeSplitError:
        return ReadResult(Findings(unsafe=[unit.url]))


def read_unit(
    options: ReadOptions, unit: CopiedUnit | FolderUnit | ListingUnit | StagedUnit | TableUnit | VocUnit
) -> ReadResult:
    """Read a batch of images of a folder or VOC tree, the tables of a folder, or a part of what is known of the images.

    Raises:
        StoreError: a table cannot be read.
        LabelBeamError: a table is malformed as a whole, or a staged unit is not what was staged.
    """
    if isinstance(unit, StagedUnit):
        return read_unit(options, staged_unit(unit, options.storage))
    findings = Findings()
    if isinstance(unit, ListingUnit):
        return ReadResult(findings, _encode(_listed_by_bucket(unit, options.buckets)))
    if isinstance(unit, CopiedUnit):
        return ReadResult(findings, _encode(_copied_by_bucket(unit, options)))
    if isinstance(unit, TableUnit):
        fragments, findings = _read_tables(unit, options)
    else:
        if isinstance(unit, FolderUnit):
            images = [image_of_item(item, unit.root) for item in unit.items]
        else:
            read = read_voc_unit(unit, options)
            images = [item.image for item in read]
            findings.zero_based = sum(item.zero_based for item in read)
        fragments = dict(fragments_of(images, options.buckets, unit.first_key))
    findings.records = sum(fragment.records for fragment in fragments.values())
    return ReadResult(findings, _encode(sorted(fragments.items())))


def _listed_by_bucket(unit: ListingUnit, buckets: int) -> Iterator[tuple[int, Fragment]]:
    for bucket, rows in by_bucket(unit.listed.hashes, buckets):
        part = unit.listed.take(rows)
        yield bucket, Fragment(listed_copies=part) if unit.of_copies else Fragment(listed=part)


def _copied_by_bucket(unit: CopiedUnit, options: ReadOptions) -> Iterator[tuple[int, Fragment]]:
    """What the build before has copied; nothing where its list is gone or damaged, since it only saves work."""
    with suppress(StoreError):
        data = read_file(locate(unit.url, options.storage))
        if hashlib.sha256(data).hexdigest() == unit.sha256:
            fragments: dict[int, Fragment] = {}
            for image in decode_copied(data):
                fragments.setdefault(bucket_of(image.path, options.buckets), Fragment()).copied.append(image)
            yield from sorted(fragments.items())


def read_voc_unit(unit: VocUnit, options: ReadOptions) -> list[VocImage]:
    """Read a batch of annotation files, and their masks, many at a time; what is there is parsed while others are read."""
    root = locate(unit.root, options.storage)
    config = options.config
    voc_options = VocOptions(config.voc_origin, config.difficult_as_crowd)
    wanted = [item for item in unit.items if item.skipped is None]
    paths = [path for item in wanted for path in (item.xml, item.mask) if path is not None]
    contents = read_many(root, paths, [unit.sizes.get(path) or None for path in paths])
    images: list[VocImage] = []
    for item in unit.items:
        if item.skipped is not None:
            path = item.image or item.xml
            images.append(VocImage(SourceImage(path, unit.root, item.xml, left_out=item.skipped), 0))
            continue
        xml = next(contents)
        mask: Any = next(contents) if item.mask is not None else None
        if isinstance(xml, StoreError):
            bad = rejected_voc(item, Rejected.UNREADABLE_FILE, str(xml), source=unit.root, images=unit.images)
            images.append(VocImage(bad, 0))
            continue
        if isinstance(mask, StoreError):
            mask = MaskError(Rejected.UNREADABLE_MASK, str(mask))
        images.append(read_voc(item, xml, mask, voc_options, task=config.task, source=unit.root, images=unit.images))
    return images


def _read_tables(unit: TableUnit, options: ReadOptions) -> tuple[dict[int, Fragment], Findings]:
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


def write_shard(options: ShardOptions, bucket: int, encoded: Sequence[bytes], relative: frozenset[str]) -> Receipt:
    """Assemble one bucket from its encoded fragments, and write its files.

    Args:
        relative: the sources whose coordinates are fractions of the image.

    Raises:
        StoreError: a file cannot be written.
    """
    root = locate(options.images_root, options.storage)
    target = options.target
    build = locate(target.build, options.storage) if target else None
    copies = locate(options.copy_images, options.storage) if target and options.copy_images is not None else None
    with quiet_gc():
        fragments = [decode(parcels.unwrap(data)) for data in encoded]
        known = _known(fragments)
        if target and build and target.resumes:
            finished = finished_bucket(target, options.storage, bucket, options.buckets, Receipt)
            if finished is not None and copies_stand(build, finished, known.copies):
                return finished
        complete = options.images_listed and shows_all(root)
        look_at = looker(LookOptions(options.check_images, root, complete), known.images)
        copy_to = copier(CopyOptions(root, copies, complete), known) if copies else None
        assembled = assemble(fragments, options.assemble, relative, look_at, copy_to)
        receipt = write_bucket(assembled, bucket, options.buckets, options.assemble.task, options.px, build)
        if build and copies:
            receipt.copied = write_copied(assembled.copied, bucket, options.buckets, build, copies.shown)
    if target:
        keep_receipt(target, options.storage, options.buckets, receipt)
    return receipt


def _known(fragments: Sequence[Fragment]) -> Known:
    return Known(
        join_listed([fragment.listed for fragment in fragments if fragment.listed is not None]),
        join_listed([fragment.listed_copies for fragment in fragments if fragment.listed_copies is not None]),
        {image.path: image for fragment in fragments for image in fragment.copied},
    )
