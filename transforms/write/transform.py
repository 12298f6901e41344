"""Group fragments by bucket, and turn each bucket into its shards: the one shuffle of a build, and what follows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.pvalue import AsIter, AsSingleton

from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.manifest import Receipt
from labelbeam.transforms.formats.reading import Findings
from labelbeam.transforms.read.transform import merged
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.workers.parallel import ParallelDo
from labelbeam.transforms.write.assemble import AssembleOptions
from labelbeam.transforms.write.stratify import Strata, Survey, draw_strata, join_surveys
from labelbeam.transforms.write.survey import survey_bucket
from labelbeam.transforms.write.whole import whole_source
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
        grouped = fragments | "GroupByBucket" >> beam.GroupByKey()
        sides = [findings, *strata_of(grouped, findings, self.options.assemble)]
        receipts = grouped | "AssembleAndWrite" >> beam.ParDo(_WriteShard(self.options), *sides)
        return (
            fragments.pipeline
            | "Once" >> beam.Impulse()
            | "CollectReceipts" >> beam.ParDo(_Collect(self.options), AsIter(receipts), findings)
        )


def strata_of(grouped: Any, findings: Any, options: AssembleOptions) -> list[Any]:
    """A side input of splits by label, where these are asked for: what was grouped is looked through once before it is written."""
    if not options.split.stratify or options.split.shares is None:
        return []
    strata = (
        grouped
        | "Survey" >> beam.ParDo(_SurveyBucket(options), findings)
        | "JoinSurveys" >> beam.CombineGlobally(join_surveys)
        | "Stratify" >> beam.Map(draw_strata, list(options.split.shares.values()))
    )
    return [AsSingleton(strata)]


class _SurveyBucket(ParallelDo):
    stage = "survey"

    def call(self, group: tuple[int, Iterable[bytes]], findings: Findings, _: Any) -> tuple[Any, ...] | None:
        whole = whole_source(findings, self.options.labels, self.options.sample)
        return survey_bucket, list(group[1]), self.options.labels, whole

    def outputs(self, group: Any, result: Survey) -> Iterator[Survey]:
        yield result

    def size(self, group: Any) -> int:
        return 1


class _WriteShard(ParallelDo):
    stage = "write"

    def call(
        self, group: tuple[int, Iterable[bytes]], findings: Findings, strata: Strata | None
    ) -> tuple[Any, ...] | None:
        if findings.unsafe:
            return None  # The plan was wrong; the driver makes another.
        bucket, encoded = group
        try:
            frames = self.options.format.frames(findings.evidence, self.options.config)
        except UsageError:
            return None  # The driver raises it too, and says so.
        whole = whole_source(findings, self.options.assemble.labels, self.options.assemble.sample)
        if strata is not None:
            whole = replace(whole, strata=strata.of_bucket(bucket, self.options.buckets))
        return write_shard, self.options, bucket, list(encoded), frames, whole

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
