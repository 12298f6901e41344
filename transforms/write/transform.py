"""Group fragments by bucket, and turn each bucket into its shards: the one shuffle of a build, and what follows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.pvalue import AsDict, AsIter

from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.manifest import Receipt
from labelbeam.transforms.messages.words import encode_json
from labelbeam.transforms.read.transform import Found, merged
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.workers.parallel import ParallelDo
from labelbeam.transforms.write.stratify import draw_strata, join_surveys
from labelbeam.transforms.write.survey import SurveyOptions, survey_bucket
from labelbeam.transforms.write.surveyed import Surveyed, are_whole, join_surveyed, survey_parcels
from labelbeam.transforms.write.twins import Twins, find_twins, hash_bucket, join_contents
from labelbeam.transforms.write.whole import Whole, told_sum, whole_source
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


STRATA, TWINS = "strata", "twins"


def _asked(options: SurveyOptions) -> list[str]:
    """Names of what options ask to be known of all images before any is written."""
    split = options.assemble.split
    asked = {STRATA: split.stratify and split.shares is not None, TWINS: options.compare.content}
    return [name for name, wanted in asked.items() if wanted]


def surveys_of(grouped: Any, findings: Any, options: SurveyOptions) -> list[Any]:
    """A side input of what options ask to be known: what was grouped is looked through for it."""
    found = []
    split, asked = options.assemble.split, _asked(options)
    if STRATA in asked and split.shares is not None:
        found.append(
            grouped
            | "Survey" >> beam.ParDo(_SurveyBucket(options), findings)
            | "JoinSurveys" >> beam.CombineGlobally(partial(join_surveyed, join_surveys))
            | "Stratify" >> beam.Map(_strata, [*split.shares.values()], split.group is not None)
        )
    if TWINS in asked:
        found.append(
            grouped
            | "HashImages" >> beam.ParDo(_HashImages(options), findings)
            | "JoinContents" >> beam.CombineGlobally(partial(join_surveyed, join_contents))
            | "FindTwins" >> beam.Map(_twins, options.buckets, options.compare.distance)
        )
    return [AsDict(found[0] if len(found) == 1 else found | beam.Flatten())] if found else []


def _strata(survey: Surveyed, shares: list[float], grouped: bool) -> tuple[str, Surveyed]:
    return STRATA, replace(survey, found=draw_strata(survey.found, shares, grouped))


def _twins(contents: Surveyed, buckets: int, distance: int | None) -> tuple[str, Surveyed]:
    return TWINS, replace(contents, found=find_twins(contents.found, buckets, distance))


def of_bucket(whole: Whole, surveys: Mapping[str, Surveyed], bucket: int, buckets: int) -> Whole:
    """What is known of the whole source, with what the surveys have found of one bucket."""
    strata, twins = surveys.get(STRATA), surveys.get(TWINS)
    return replace(
        whole,
        strata=None if strata is None else strata.found.of_bucket(bucket, buckets),
        twins=None if twins is None else twins.found.get(bucket, Twins()),
    )


class _HashImages(ParallelDo):
    stage = "survey"

    def call(self, group: tuple[int, Iterable[bytes]], found: Found, _: Any) -> tuple[Any, ...] | None:
        options = self.options
        whole = whole_source(found[1], options.assemble.labels, options.assemble.sample)
        looks = options.compare.distance is not None
        arguments = options.images_root, options.storage, whole.sampled, looks
        return survey_parcels, hash_bucket, told_sum(whole), list(group[1]), *arguments

    def outputs(self, group: Any, result: Surveyed) -> Iterator[Surveyed]:
        yield result

    def size(self, group: Any) -> int:
        return 1


class _SurveyBucket(ParallelDo):
    stage = "survey"

    def call(self, group: tuple[int, Iterable[bytes]], found: Found, _: Any) -> tuple[Any, ...] | None:
        assemble = self.options.assemble
        whole = whole_source(found[1], assemble.labels, assemble.sample)
        arguments = assemble.labels, whole, assemble.split.group
        return survey_parcels, survey_bucket, told_sum(whole), list(group[1]), *arguments

    def outputs(self, group: Any, result: Surveyed) -> Iterator[Surveyed]:
        yield result

    def size(self, group: Any) -> int:
        return 1


class _WriteShard(ParallelDo):
    stage = "write"

    def call(
        self, group: tuple[int, Iterable[bytes]], found: Found, surveys: Mapping[str, Surveyed] | None
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
        surveys = surveys or {}
        if not are_whole(surveys, _asked(self.options.surveys), findings.sent, told_sum(whole)):
            return None  # The runner lost something; the driver misses the receipt.
        whole = of_bucket(whole, surveys, bucket, self.options.buckets)
        return write_shard, self.options, bucket, list(encoded), frames, whole

    def outputs(self, group: Any, result: Receipt) -> Iterator[bytes]:
        yield encode_json(result)

    def size(self, group: Any) -> int:
        return 1


class _Collect(beam.DoFn):  # type: ignore[misc]
    def __init__(self, options: ShardOptions) -> None:
        self.options = options

    def process(self, _: bytes, receipts: Iterable[bytes], found: Found) -> None:
        report = Report(
            sorted((msgspec.json.decode(receipt, type=Receipt) for receipt in receipts), key=lambda item: item.bucket),
            found[1],
            self.options.unit_sum,
        )
        put(locate(self.options.report, self.options.storage), encode_json(report))
