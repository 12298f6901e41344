"""Group fragments by bucket, and turn each bucket into its shards: the one shuffle of a build, and what follows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.pvalue import AsIter, AsSingleton

from schemas.manifest import Receipt
from transforms.assemble import AssembleOptions, assemble
from transforms.fragments import decode
from transforms.look import LookOptions, looker
from transforms.progress import advance
from transforms.quiet_gc import quiet_gc
from transforms.read import Findings, merge_findings
from transforms.stores import StorageOptions, locate, put
from transforms.write import write_bucket


@dataclass(frozen=True, slots=True)
class ShardOptions:
    """What the writers of shards need; `build` is where they write, None for nowhere."""

    assemble: AssembleOptions
    check_images: str | None
    images_root: str
    coco_boxes: str
    buckets: int
    build: str | None
    receipts: str
    px: bool
    storage: StorageOptions


class Report(msgspec.Struct):
    """What a pipeline leaves for the driver: the receipts of all buckets, and what reading found."""

    receipts: list[Receipt]
    records: int
    relative_sources: list[str]
    warnings: list[str]
    unsafe: list[str]
    zero_based: int


def relative_sources(findings: Findings, coco_boxes: str) -> frozenset[str]:
    """The sources whose coordinates are fractions of the image, by the option --coco-boxes."""
    if coco_boxes == "pixels":
        return frozenset()
    return frozenset(
        source for source, evidence in findings.evidence.items() if coco_boxes == "relative" or evidence.relative
    )


class WriteShards(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """(bucket, encoded fragment) → shards in the store, and one report of them all at `options.receipts`."""

    def __init__(self, options: ShardOptions, findings: Any, existing: Any) -> None:
        super().__init__()
        self.options = options
        self.findings = findings
        self.existing = existing

    def expand(self, fragments: Any) -> Any:
        """Group, assemble and write, then collect the receipts."""
        findings = AsSingleton(self.findings | "MergeFindings" >> beam.CombineGlobally(merge_findings))
        receipts = (
            fragments
            | "GroupByBucket" >> beam.GroupByKey()
            | "AssembleAndWrite" >> beam.ParDo(_WriteShard(self.options), findings, AsSingleton(self.existing))
        )
        return (
            fragments.pipeline
            | "Once" >> beam.Create([None], reshuffle=False)
            | "CollectReceipts" >> beam.ParDo(_Collect(self.options), AsIter(receipts), findings)
        )


class _WriteShard(beam.DoFn):  # type: ignore[misc]
    def __init__(self, options: ShardOptions) -> None:
        self.options = options

    def process(self, group: tuple[int, Iterable[bytes]], findings: Findings, existing: bytes) -> Iterator[bytes]:
        options = self.options
        bucket, encoded = group
        if findings.unsafe:
            return  # The plan was wrong; the driver makes another.
        root = locate(options.images_root, options.storage)
        look_at = looker(LookOptions(options.check_images, root), existing)
        relative = relative_sources(findings, options.coco_boxes)
        build = locate(options.build, options.storage) if options.build else None
        with quiet_gc():
            assembled = assemble((decode(data) for data in encoded), options.assemble, relative, look_at)
            receipt = write_bucket(assembled, bucket, options.buckets, options.assemble.task, options.px, build)
        advance("write", 1)
        yield msgspec.json.encode(receipt)


class _Collect(beam.DoFn):  # type: ignore[misc]
    def __init__(self, options: ShardOptions) -> None:
        self.options = options

    def process(self, _: None, receipts: Iterable[bytes], findings: Findings) -> None:
        report = Report(
            sorted((msgspec.json.decode(receipt, type=Receipt) for receipt in receipts), key=lambda item: item.bucket),
            findings.records,
            sorted(relative_sources(findings, self.options.coco_boxes)),
            findings.warnings,
            findings.unsafe,
            findings.zero_based,
        )
        put(locate(self.options.receipts, self.options.storage), msgspec.json.encode(report))
