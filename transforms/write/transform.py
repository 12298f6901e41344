"""Group fragments by bucket, and turn each bucket into its shards: the one shuffle of a build, and what follows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.pvalue import AsIter

from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.manifest import Receipt
from labelbeam.transforms.formats.reading import Findings
from labelbeam.transforms.read.transform import merged
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.workers.parallel import ParallelDo
from labelbeam.transforms.write.work import Report, ShardOptions, write_shard


class WriteShards(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """(bucket, encoded fragment) → shards in the store, and one report of them all at `options.report`."""

    def __init__(self, options: ShardOptions, findings: Any) -> None:
        super().__init__()
        self.options = options
        self.findings = findings

    def expand(self, fragments: Any) -> Any:
        """Group, assemble and write, then collect the receipts."""
        findings = merged(self.findings)
        receipts = (
            fragments
            | "GroupByBucket" >> beam.GroupByKey()
            | "AssembleAndWrite" >> beam.ParDo(_WriteShard(self.options), findings)
        )
        return (
            fragments.pipeline
            | "Once" >> beam.Impulse()
            | "CollectReceipts" >> beam.ParDo(_Collect(self.options), AsIter(receipts), findings)
        )


class _WriteShard(ParallelDo):
    stage = "write"

    def call(self, group: tuple[int, Iterable[bytes]], findings: Findings, _: Any) -> tuple[Any, ...] | None:
        if findings.unsafe:
            return None  # The plan was wrong; the driver makes another.
        bucket, encoded = group
        try:
            frames = self.options.format.frames(findings.evidence, self.options.config)
        except UsageError:
            return None  # The driver raises it too, and says so.
        return write_shard, self.options, bucket, list(encoded), frames

    def outputs(self, group: Any, result: Receipt) -> Iterator[bytes]:
        yield msgspec.json.encode(result)

    def size(self, group: Any) -> int:
        return 1


class _Collect(beam.DoFn):  # type: ignore[misc]
    def __init__(self, options: ShardOptions) -> None:
        self.options = options

    def process(self, _: bytes, receipts: Iterable[bytes], findings: Findings) -> None:
        report = Report(
            sorted((msgspec.json.decode(receipt, type=Receipt) for receipt in receipts), key=lambda item: item.bucket),
            findings,
        )
        put(locate(self.options.report, self.options.storage), msgspec.json.encode(report))
