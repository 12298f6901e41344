"""Group fragments by bucket, and turn each bucket into its shards: the one shuffle of a build, and what follows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.pvalue import AsDict, AsIter

from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.manifest import Receipt
from labelbeam.transforms.read.transform import Found, merged
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.workers.parallel import ParallelDo
from labelbeam.transforms.write.stratify import Survey, draw_strata, join_surveys
from labelbeam.transforms.write.survey import SurveyOptions, survey_bucket
from labelbeam.transforms.write.twins import Contents, Twins, find_twins, hash_bucket, join_contents
from labelbeam.transforms.write.whole import Whole, whole_source
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
        sides = [findings, *surveys_of(grouped, findings, self.options.surveys)]
        receipts = grouped | "AssembleAndWrite" >> beam.ParDo(_WriteShard(self.options), *sides)
        return (
            fragments.pipeline
            | "Once" >> beam.Impulse()
            | "CollectReceipts" >> beam.ParDo(_Collect(self.options), AsIter(receipts), findings)
        )


def surveys_of(grouped: Any, findings: Any, options: SurveyOptions) -> list[Any]:
    """A side input of what options ask to be known of all images before any is written: what was grouped is looked through for it."""
    found = []
    split = options.assemble.split
    if split.stratify and split.shares is not None:
        found.append(
            grouped
            | "Survey" >> beam.ParDo(_SurveyBucket(options), findings)
            | "JoinSurveys" >> beam.CombineGlobally(join_surveys)
            | "Stratify" >> beam.Map(_strata, [*split.shares.values()], split.group is not None)
        )
    if options.compare.content:
        found.append(
            grouped
            | "HashImages" >> beam.ParDo(_HashImages(options), findings)
            | "JoinContents" >> beam.CombineGlobally(join_contents)
            | "FindTwins" >> beam.Map(_twins, options.buckets, options.compare.distance)
        )
    return [AsDict(found[0] if len(found) == 1 else found | beam.Flatten())] if found else []


STRATA, TWINS = "strata", "twins"


def _strata(survey: Survey, shares: list[float], grouped: bool) -> tuple[str, Any]:
    return STRATA, draw_strata(survey, shares, grouped)


def _twins(contents: Contents, buckets: int, distance: int | None) -> tuple[str, Any]:
    return TWINS, find_twins(contents, buckets, distance)


def of_bucket(whole: Whole, surveys: Mapping[str, Any] | None, bucket: int, buckets: int) -> Whole:
    """What is known of the whole source, with what the surveys have found of one bucket."""
    if not surveys:
        return whole
    strata, twins = surveys.get(STRATA), surveys.get(TWINS)
    return replace(
        whole,
        strata=None if strata is None else strata.of_bucket(bucket, buckets),
        twins=None if twins is None else twins.get(bucket, Twins()),
    )


class _HashImages(ParallelDo):
    stage = "survey"

    def call(self, group: tuple[int, Iterable[bytes]], found: Found, _: Any) -> tuple[Any, ...] | None:
        options = self.options
        whole = whole_source(found[1], options.assemble.labels, options.assemble.sample)
        looks = options.compare.distance is not None
        return hash_bucket, list(group[1]), options.images_root, options.storage, whole.sampled, looks

    def outputs(self, group: Any, result: Contents) -> Iterator[Contents]:
        yield result

    def size(self, group: Any) -> int:
        return 1


class _SurveyBucket(ParallelDo):
    stage = "survey"

    def call(self, group: tuple[int, Iterable[bytes]], found: Found, _: Any) -> tuple[Any, ...] | None:
        assemble = self.options.assemble
        whole = whole_source(found[1], assemble.labels, assemble.sample)
        return survey_bucket, list(group[1]), assemble.labels, whole, assemble.split.group

    def outputs(self, group: Any, result: Survey) -> Iterator[Survey]:
        yield result

    def size(self, group: Any) -> int:
        return 1


class _WriteShard(ParallelDo):
    stage = "write"

    def call(
        self, group: tuple[int, Iterable[bytes]], found: Found, surveys: Mapping[str, Any] | None
    ) -> tuple[Any, ...] | None:
        _, findings = found
        if findings.unsafe:
            return None  # The plan was wrong; the driver makes another.
        bucket, encoded = group
        try:
            frames = self.options.format.frames(findings.evidence, self.options.config)
        except UsageError:
            return None  # The driver raises it too, and says so.
        whole = whole_source(findings, self.options.assemble.labels, self.options.assemble.sample)
        whole = of_bucket(whole, surveys, bucket, self.options.buckets)
        return write_shard, self.options, bucket, list(encoded), frames, whole

    def outputs(self, group: Any, result: Receipt) -> Iterator[bytes]:
        yield msgspec.json.encode(result)

    def size(self, group: Any) -> int:
        return 1


class _Collect(beam.DoFn):  # type: ignore[misc]
    def __init__(self, options: ShardOptions) -> None:
        self.options = options

    def process(self, _: bytes, receipts: Iterable[bytes], found: Found) -> None:
        report = Report(
            sorted((msgspec.json.decode(receipt, type=Receipt) for receipt in receipts), key=lambda item: item.bucket),
            found[1],
        )
        put(locate(self.options.report, self.options.storage), msgspec.json.encode(report))
