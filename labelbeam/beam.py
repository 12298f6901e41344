"""PTransforms for a pipeline of one's own: a raw dataset, or a published build, as a PCollection of rows with a schema.

Such a pipeline runs on any runner whose workers have LabelBeam installed. It does not have what `labelbeam.convert` has: nobody
compares what was found with what became of it, and what it writes is not published in one step.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Unpack

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput

from labelbeam.builds import Build, open_build
from labelbeam.options import InspectOptions, Storage, Url, storage_of
from labelbeam.quiet import failures_in_words
from labelbeam.rows import (
    ROWS,
    BoxRow,
    ClassificationRow,
    DetectionRow,
    MaskRow,
    MultilabelRow,
    RejectionRow,
    Row,
    SegmentationRow,
    rejection_row,
    rows_of,
)
from labelbeam.runs import inspect_config
from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.manifest import FileEntry
from labelbeam.transforms.builds.contents import published_files, records_of
from labelbeam.transforms.columns.fragments import decode
from labelbeam.transforms.columns.listed import join_listed
from labelbeam.transforms.formats.frames import Frame
from labelbeam.transforms.formats.known import listing_units
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import ReadOptions
from labelbeam.transforms.formats.registry import FORMATS
from labelbeam.transforms.images.look import LookOptions, looker, shows_all
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.read.transform import FINDINGS, FRAGMENTS, Found, ReadFragments, merged
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import StorageOptions
from labelbeam.transforms.tasks.records import encode_jsonl
from labelbeam.transforms.tasks.registry import TASKS
from labelbeam.transforms.workers import parcels
from labelbeam.transforms.workers.quiet_gc import quiet_gc
from labelbeam.transforms.workers.staged_units import stage_units
from labelbeam.transforms.write.assemble import Assembled, assemble
from labelbeam.transforms.write.bucket import without_credentials
from labelbeam.transforms.write.options import assemble_options
from labelbeam.transforms.write.survey import SurveyOptions, compared
from labelbeam.transforms.write.surveyed import Surveyed
from labelbeam.transforms.write.transform import of_bucket, surveys_of
from labelbeam.transforms.write.whole import Whole, whole_source

__all__ = [
    "BoxRow",
    "ClassificationRow",
    "DatasetRows",
    "DetectionRow",
    "MaskRow",
    "MultilabelRow",
    "ReadBuild",
    "ReadDataset",
    "RejectionRow",
    "SegmentationRow",
]

LOG = logging.getLogger("labelbeam")

for _kind in (BoxRow, MaskRow, *ROWS.values(), RejectionRow):
    beam.coders.registry.register_coder(_kind, beam.coders.RowCoder)

_REJECTIONS = "rejections"


class DatasetRows(NamedTuple):
    """PCollections of a raw dataset: rows of the task, and of what was found and is not among them."""

    records: Any
    rejections: Any


class ReadDataset(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """A raw dataset → `DatasetRows`: what `labelbeam.convert` with these options would write, and what it would reject.

    The dataset is planned when the transform is applied: on the driver, by listings and heads of files.

    Args:
        config: a YAML file with options, or options that were made before; keywords win over it.
        staging: a URL below which units of work are left for the workers, where a job's description must stay small, as on
            Dataflow; whoever owns the place empties it afterwards.
        exact: scan large COCO files in full before they are cut. Without it they are cut on sight, and the pipeline fails with a
            message in the rare case that a file cannot be.
        options: those of `labelbeam.inspect`; `task` and `source` are required, here or in `config`.

    Raises, when it is applied:
        LabelBeamError: an option is wrong, or the source cannot be read.
    """

    def __init__(
        self,
        config: Url | ConvertConfig | None = None,
        /,
        *,
        staging: str | None = None,
        exact: bool = False,
        **options: Unpack[InspectOptions],
    ) -> None:
        super().__init__()
        with failures_in_words({}):
            self._config, self._storage = inspect_config(config, options)
        self._staging = staging
        self._exact = exact

    def expand(self, begin: Any) -> DatasetRows:
        """Plan, read, group by bucket, and assemble each bucket's rows."""
        config = self._config
        with failures_in_words(self._storage):
            plan = make_plan(config, self._storage, self._exact)
            for warning in plan.warnings:
                LOG.warning("%s", warning)
            units: Any = [*(unit for unit in plan.units if unit.index is None), *listing_units(plan.listed)]
            if self._staging is not None:
                units = stage_units(units, locate(self._staging, self._storage), put)
        read = begin | "Read" >> ReadFragments(
            plan, ReadOptions(config, self._storage, plan.buckets, self._staging), units
        )
        findings = merged(read[FINDINGS])
        grouped = read[FRAGMENTS] | "GroupByBucket" >> beam.GroupByKey()
        assemble = _Assemble(config, self._storage, plan)
        surveys = SurveyOptions(
            assemble_options(config, plan),
            compared(config),
            plan.images_root,
            plan.buckets,
            self._storage,
        )
        sides = [findings, *surveys_of(grouped, findings, surveys)]
        rows = grouped | "Assemble" >> beam.ParDo(assemble, *sides).with_outputs(_REJECTIONS, main="records")
        records, rejections = rows["records"], rows[_REJECTIONS]
        records.element_type = ROWS[config.task]
        rejections.element_type = RejectionRow
        return DatasetRows(records, rejections)


class _Assemble(beam.DoFn):  # type: ignore[misc]
    """(bucket, encoded fragments) → rows, with a counter for each count that `labelbeam.inspect` tells."""

    def __init__(self, config: ConvertConfig, storage: StorageOptions, plan: Plan) -> None:
        self._config = config
        self._storage = storage
        self._format = FORMATS[plan.format]
        self._images_root = plan.images_root
        self._assemble = assemble_options(config, plan)
        self._listed = plan.listed is not None
        self._buckets = plan.buckets

    def process(
        self, group: tuple[int, Iterable[bytes]], found: Found, surveys: Mapping[str, Surveyed] | None = None
    ) -> Iterator[Any]:
        _, findings = found
        if findings.unsafe:
            raise LabelBeamError(
                f"{findings.unsafe[0]}: cannot be cut on sight; read it with ReadDataset(…, exact=True), which scans it in full"
            )
        frames = self._format.frames(findings.evidence, self._config)
        whole = whole_source(findings, self._assemble.labels, self._assemble.sample)
        whole = of_bucket(whole, surveys or {}, group[0], self._buckets)
        assembled = self._assembled(list(group[1]), frames, whole)
        for name in ("images_found", "objects_found", "skipped_images", "skipped_objects"):
            Metrics.counter("labelbeam", name).inc(getattr(assembled, name))
        task = self._config.task
        for split, part in assembled.splits.items():
            lines = encode_jsonl(part, TASKS[task], px=False)
            yield from rows_of(records_of(lines, task, split), split)
        for rejection in assembled.rejections:
            yield TaggedOutput(_REJECTIONS, rejection_row(without_credentials(rejection)))

    def _assembled(self, encoded: list[bytes], frames: Mapping[str, Frame], whole: Whole) -> Assembled:
        root = locate(self._images_root, self._storage)
        with quiet_gc():
            fragments = [decode(parcels.unwrap(data)) for data in encoded]
            listed = join_listed([fragment.listed for fragment in fragments if fragment.listed is not None])
            looked = {path: found for fragment in fragments for path, found in fragment.looked.items()}
            options = LookOptions(self._config.check_images, root, self._listed and shows_all(root))
            look_at = looker(options, listed, looked)
            return assemble(fragments, self._assemble, frames, look_at, whole=whole)


class ReadBuild(beam.PTransform):  # type: ignore[misc]
    """The current build at `url` → rows of its task, of one split or of all.

    Which build that is, is decided when the transform is applied; every file is compared with the hash in its manifest.

    Raises, when it is applied:
        UsageError: there is no such split.
        LabelBeamError: nothing was published there, or it cannot be read.
    """

    def __init__(self, url: Url, split: str | None = None, *, storage_options: Storage = None) -> None:
        super().__init__()
        self._url = url
        self._split = split
        self._storage_options = storage_options

    def expand(self, begin: Any) -> Any:
        """Deal the shards out, and read each of them."""
        build = open_build(self._url, storage_options=self._storage_options)
        shards = [
            (name, entry)
            for name, part in build.manifest.splits.items()
            if name in build.chosen(self._split)
            for entry in part.files
        ]
        storage = storage_of(self._storage_options)
        return (
            begin
            | "Shards" >> beam.Create(shards, reshuffle=len(shards) > 1)
            | "ReadShards" >> beam.ParDo(_ReadShard(build, storage)).with_output_types(ROWS[build.task])
        )


class _ReadShard(beam.DoFn):  # type: ignore[misc]
    def __init__(self, build: Build, storage: StorageOptions) -> None:
        self._url, self._task, self._storage = build.url, build.task, storage

    def process(self, shard: tuple[str, FileEntry]) -> Iterator[Row]:
        split, entry = shard
        build = locate(self._url, self._storage)
        (data,) = published_files(build, [entry])
        yield from rows_of(records_of(data, self._task, build.below(entry.path).shown), split)
