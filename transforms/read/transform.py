"""Read units into fragments by bucket, and note what was found and in which frame.

Two outputs: fragments, for the one shuffle of a build; and findings, small, from which every source's frame is decided and
against which the receipts are checked in the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import AsDict, TaggedOutput

from labelbeam.transforms.formats.coco.units import CocoFile, CocoUnit, index_coco, read_coco
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import ReadOptions, ReadResult
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.workers.parallel import ParallelDo
from labelbeam.transforms.workers.pool import current_workers
from labelbeam.transforms.workers.staged_units import StagedUnit

FRAGMENTS = "fragments"
FINDINGS = "findings"
INDEXES = "indexes"


class ReadFragments(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """A plan's ranges of COCO files, and other `units` → {FRAGMENTS: (bucket, encoded fragment), FINDINGS: Findings}."""

    def __init__(self, plan: Plan, options: ReadOptions, units: Sequence[Any]) -> None:
        super().__init__()
        self.plan = plan
        self.options = options
        self.units = units

    def expand(self, begin: Any) -> dict[str, Any]:
        """COCO files are indexed first; their annotations are read against the indexes."""
        parts = [
            begin
            | "Units" >> beam.Create(self.units, reshuffle=len(self.units) > 1)
            | "ReadUnits" >> beam.ParDo(_ReadUnit(self.options)).with_outputs(FINDINGS, main=FRAGMENTS)
        ]
        if self.plan.format == "coco":
            parts += self._read_coco(begin)
        return {
            name: [part[name] for part in parts] | f"Flatten{name.title()}" >> beam.Flatten()
            for name in (FRAGMENTS, FINDINGS)
        }

    def _read_coco(self, begin: Any) -> list[Any]:
        indexed = (
            begin
            | "CocoFiles" >> beam.Create(self.plan.coco_files, reshuffle=len(self.plan.coco_files) > 1)
            | "IndexImages" >> beam.ParDo(_IndexCoco(self.options)).with_outputs(FINDINGS, INDEXES, main=FRAGMENTS)
        )
        read = (
            begin
            | "Ranges" >> beam.Create(self.plan.units, reshuffle=len(self.plan.units) > 1)
            | "ReadAnnotations"
            >> beam.ParDo(_ReadCoco(self.options), AsDict(indexed[INDEXES])).with_outputs(FINDINGS, main=FRAGMENTS)
        )
        return [indexed, read]


class _ReadUnit(ParallelDo):
    stage = "read"

    def call(self, unit: Any, first: Any, second: Any) -> tuple[Any, ...] | None:
        return read_unit, self.options, unit

    def outputs(self, unit: Any, result: ReadResult) -> Iterator[Any]:
        yield from result.fragments
        yield TaggedOutput(FINDINGS, result.findings)


class _IndexCoco(_ReadUnit):
    def call(self, unit: Any, first: Any, second: Any) -> tuple[Any, ...] | None:
        return index_coco, self.options, unit

    def key(self, unit: CocoFile) -> str:
        return unit.url

    def outputs(self, unit: Any, result: ReadResult) -> Iterator[Any]:
        yield from super().outputs(unit, result)
        if result.index is not None:
            # As bytes: the runner would weigh a cached object by walking all of it.
            yield TaggedOutput(INDEXES, (unit.url, result.index))


class _ReadCoco(_ReadUnit):
    def call(self, unit: CocoUnit, indexes: dict[str, bytes | StagedUnit], _: Any) -> tuple[Any, ...] | None:
        index: bytes | str | StagedUnit | None = indexes.get(unit.url)
        if index is None:
            return None  # The file was cut wrongly, which _IndexCoco has reported.
        processes = current_workers()
        if processes is not None and isinstance(index, bytes):
            index = processes.share(unit.url, index)
        return read_coco, self.options, unit, index
