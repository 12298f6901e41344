"""Read units into fragments by bucket, and note what was found and in which frame.

Two outputs: fragments, for the one shuffle of a build; and findings, small, from which every source's frame is decided and
against which the receipts are checked in the end.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import AsDict, TaggedOutput

from schemas.config import ConvertConfig
from schemas.neutral import SourceImage
from schemas.reasons import Rejected
from transforms.fragments import Fragment, bucket_of, fragments_of
from transforms.progress import advance
from transforms.quiet_gc import quiet_gc
from transforms.sources.coco import Evidence, read_annotations
from transforms.sources.coco_index import CocoIndex, IndexBuilder
from transforms.sources.coco_split import UnsafeSplitError
from transforms.sources.folder import image_of_item, unlisted_images
from transforms.sources.tables import read_table
from transforms.sources.voc import VocOptions
from transforms.sources.voc_masks import MaskError
from transforms.sources.voc_read import VocImage, read_voc, rejected_voc
from transforms.stores import StorageOptions, StoreError, locate, read_file, read_many, read_range
from transforms.units import CocoFile, CocoUnit, FolderUnit, Plan, TableUnit, VocUnit

FRAGMENTS = "fragments"
FINDINGS = "findings"
INDEXES = "indexes"


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


def merge_findings(items: Iterable[Findings]) -> Findings:
    """The findings of a whole build."""
    return reduce(Findings.merge, items, Findings())


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What readers need of a build's options."""

    config: ConvertConfig
    storage: StorageOptions
    buckets: int


class ReadFragments(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """Units of a plan → {FRAGMENTS: (bucket, encoded fragment), FINDINGS: Findings}."""

    def __init__(self, plan: Plan, options: ReadOptions) -> None:
        super().__init__()
        self.plan = plan
        self.options = options

    def expand(self, begin: Any) -> dict[str, Any]:
        """COCO files are indexed first; their annotations are read against the indexes."""
        units = begin | "Units" >> beam.Create(self.plan.units, reshuffle=len(self.plan.units) > 1)
        if self.plan.format != "coco":
            read = units | "ReadUnits" >> beam.ParDo(_ReadUnit(self.options)).with_outputs(FINDINGS, main=FRAGMENTS)
            return {FRAGMENTS: read[FRAGMENTS], FINDINGS: read[FINDINGS]}
        indexed = (
            begin
            | "CocoFiles" >> beam.Create(self.plan.coco_files, reshuffle=len(self.plan.coco_files) > 1)
            | "IndexImages" >> beam.ParDo(_IndexCoco(self.options)).with_outputs(FINDINGS, INDEXES, main=FRAGMENTS)
        )
        read = units | "ReadAnnotations" >> beam.ParDo(_ReadCoco(self.options), AsDict(indexed[INDEXES])).with_outputs(
            FINDINGS, main=FRAGMENTS
        )
        return {
            name: (indexed[name], read[name]) | f"Flatten{name.title()}" >> beam.Flatten()
            for name in (FRAGMENTS, FINDINGS)
        }


def _encode(fragments: Iterable[tuple[int, Fragment]]) -> list[tuple[int, bytes]]:
    return [(bucket, fragment.encode()) for bucket, fragment in fragments]


def read_voc_unit(unit: VocUnit, options: ReadOptions) -> list[VocImage]:
    """Read a batch of annotation files, and their masks, many at a time."""
    root = locate(unit.root, options.storage)
    config = options.config
    voc_options = VocOptions(config.voc_origin, config.difficult_as_crowd)
    wanted = [item for item in unit.items if item.skipped is None]
    paths = [*(item.xml for item in wanted), *(item.mask for item in wanted if item.mask is not None)]
    content = dict(zip(paths, read_many(root, paths), strict=True))
    images: list[VocImage] = []
    for item in unit.items:
        if item.skipped is not None:
            path = item.image or item.xml
            images.append(VocImage(SourceImage(path, unit.root, item.xml, left_out=item.skipped), 0))
            continue
        xml = content[item.xml]
        if isinstance(xml, StoreError):
            bad = rejected_voc(item, Rejected.UNREADABLE_FILE, str(xml), source=unit.root, images=unit.images)
            images.append(VocImage(bad, 0))
            continue
        mask: Any = content[item.mask] if item.mask is not None else None
        if isinstance(mask, StoreError):
            mask = MaskError(Rejected.UNREADABLE_MASK, str(mask))
        images.append(read_voc(item, xml, mask, voc_options, task=config.task, source=unit.root, images=unit.images))
    return images


class _IndexCoco(beam.DoFn):  # type: ignore[misc]
    def __init__(self, options: ReadOptions) -> None:
        self.options = options

    def process(self, file: CocoFile) -> Iterator[Any]:
        location = locate(file.url, self.options.storage)
        builder = IndexBuilder(file.url, file.number, file.prefix, file.split, self.options.buckets)
        try:
            with quiet_gc():
                for part in file.ranges:
                    block = read_range(location, part.start, part.end)
                    (builder.add_images if part.section == "images" else builder.add_categories)(block)
                    advance("read", part.end - part.start)
                encoded = _encode(builder.finish())
        except UnsafeSplitError:
            yield TaggedOutput(FINDINGS, Findings(unsafe=[file.url]))
            return
        yield from encoded
        # As bytes: the runner would weigh a cached object by walking all of it.
        yield TaggedOutput(INDEXES, (file.url, pickle.dumps(builder.index, protocol=5)))
        yield TaggedOutput(FINDINGS, Findings(records=builder.found))


class _ReadCoco(beam.DoFn):  # type: ignore[misc]
    def __init__(self, options: ReadOptions) -> None:
        self.options = options
        self.index: CocoIndex | None = None

    def process(self, unit: CocoUnit, indexes: dict[str, bytes]) -> Iterator[Any]:
        if unit.url not in indexes:
            return  # Its images were cut wrongly, which _IndexCoco has reported.
        if self.index is None or self.index.source != unit.url:
            self.index = pickle.loads(indexes[unit.url])
        block = read_range(locate(unit.url, self.options.storage), unit.range.start, unit.range.end)
        try:
            with quiet_gc():
                fragments, evidence, found = read_annotations(
                    block, unit.range.start, self.index, self.options.config.task, self.options.buckets
                )
                encoded = _encode(sorted(fragments.items()))
        except UnsafeSplitError:
            yield TaggedOutput(FINDINGS, Findings(unsafe=[unit.url]))
            return
        yield from encoded
        yield TaggedOutput(FINDINGS, Findings(found, {unit.url: evidence}))
        advance("read", len(block))


class _ReadUnit(beam.DoFn):  # type: ignore[misc]
    def __init__(self, options: ReadOptions) -> None:
        self.options = options

    def process(self, unit: FolderUnit | TableUnit | VocUnit) -> Iterator[Any]:
        if isinstance(unit, TableUnit):
            fragments, findings = self._read_tables(unit)
        else:
            findings = Findings()
            if isinstance(unit, FolderUnit):
                images = [image_of_item(item, unit.root) for item in unit.items]
            else:
                read = read_voc_unit(unit, self.options)
                images = [item.image for item in read]
                findings.zero_based = sum(item.zero_based for item in read)
            fragments = dict(fragments_of(images, self.options.buckets, unit.first_key))
        findings.records = sum(fragment.records for fragment in fragments.values())
        yield from _encode(sorted(fragments.items()))
        yield TaggedOutput(FINDINGS, findings)
        advance("read", unit.size)

    def _read_tables(self, unit: TableUnit) -> tuple[dict[int, Fragment], Findings]:
        root = locate(unit.root, self.options.storage)
        files = {item.path for item in unit.plan.items}
        config = self.options.config
        contents = [
            read_table(table, read_file(root.below(table.path)), files, config.task, config.label_separator)
            for table in unit.plan.tables
        ]
        images = [image for content in contents for image in content.images]
        images += unlisted_images(unit.plan, {image.path for image in images}, unit.root)
        fragments = dict(fragments_of(images, self.options.buckets, 0))
        for rejection in (rejection for content in contents for rejection in content.rejected):
            bucket = bucket_of(rejection.image or rejection.locator, self.options.buckets)
            fragments.setdefault(bucket, Fragment()).rejections.append(rejection)
        return fragments, Findings(warnings=[warning for content in contents for warning in content.warnings])
