"""Read units into fragments by bucket, and note what was found and in which frame.

Two outputs: fragments, for the one shuffle of a build; and findings, small, from which every source's frame is decided and
against which the receipts are checked in the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import AsDict, AsSingleton, TaggedOutput

from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import Findings, ReadOptions, ReadResult, Unit, merge_findings, unit_sum
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.workers.parallel import ParallelDo
from labelbeam.transforms.workers.pool import Begun, current_workers
from labelbeam.transforms.workers.staged_units import StagedUnit

FRAGMENTS = "fragments"
FINDINGS = "findings"
INDEXES = "indexes"


class Numbered(NamedTuple):
    """A unit and its number in the run, by which it is missed where the runner loses it."""

    number: int
    unit: Any

    @property
    def size(self) -> int:
        """The unit's share of the progress."""
        size: int = self.unit.size
        return size


class ReadFragments(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """A plan's indexes and what is read against them, and other `units` → {FRAGMENTS: (bucket, bytes), FINDINGS: (None, Findings)}.

    `spread` says that the runner has several workers, to which they are to be dealt out. `unit_sum` is what the findings of all must have.
    """

    def __init__(self, plan: Plan, options: ReadOptions, units: Sequence[Any], spread: bool = True) -> None:
        super().__init__()
        self.plan = plan
        self.options = options
        indexed = [unit for unit in plan.units if unit.index is not None]
        numbers = count()
        self.units, self.indexes, self.indexed = (
            [Numbered(next(numbers), unit) for unit in each] for each in (units, plan.indexes, indexed)
        )
        self.spread = spread
        self.unit_sum = unit_sum(range(next(numbers)))

    def expand(self, begin: Any) -> dict[str, Any]:
        """Indexes are made first; units that name one are read against it."""
        # Each step costs a small build in this process some milliseconds, whether anything passes it or not.
        parts = []
        if self.units or self.spread or not self.indexes:
            parts.append(
                begin
                | "Units" >> Deal(self.units, self.spread)
                | "ReadUnits" >> beam.ParDo(_ReadUnit(self.options)).with_outputs(FINDINGS, main=FRAGMENTS)
            )
        if self.indexes:
            parts += self._read_indexed(begin)
        if len(parts) == 1:
            return {name: parts[0][name] for name in (FRAGMENTS, FINDINGS)}
        return {
            name: [part[name] for part in parts] | f"Flatten{name.title()}" >> beam.Flatten()
            for name in (FRAGMENTS, FINDINGS)
        }

    def _read_indexed(self, begin: Any) -> list[Any]:
        indexed = (
            begin
            | "Indexes" >> Deal(self.indexes, self.spread)
            | "Index" >> beam.ParDo(_Index(self.options)).with_outputs(FINDINGS, INDEXES, main=FRAGMENTS)
        )
        read = (
            begin
            | "IndexedUnits" >> Deal(self.indexed, self.spread)
            | "ReadIndexed"
            >> beam.ParDo(_ReadIndexed(self.options), AsDict(indexed[INDEXES])).with_outputs(FINDINGS, main=FRAGMENTS)
        )
        return [indexed, read]


class Deal(beam.PTransform):  # type: ignore[misc]
    """Nothing → `elements`, dealt out to all workers where there are several (`spread`): `beam.Create` in a step fewer."""

    def __init__(self, elements: Sequence[Any], spread: bool) -> None:
        super().__init__()
        self.elements = elements
        self.spread = spread

    def expand(self, begin: Any) -> Any:
        """Give them out in one place, and shuffle them."""
        given = begin | beam.Impulse() | "Give" >> beam.ParDo(_Give(self.elements))
        return given | beam.Reshuffle() if self.spread and len(self.elements) > 1 else given


class _Give(beam.DoFn):  # type: ignore[misc]
    def __init__(self, elements: Sequence[Any]) -> None:
        self.elements = elements

    def process(self, _: bytes) -> Sequence[Any]:
        return self.elements


Found = tuple[None, Findings]
"""Findings as they pass through the graph: all of one key, since Beam sums what has a key, and gives others one in steps of their own."""


def merged(findings: Any) -> AsSingleton:
    """Make the findings of all that was read a side input, which is a `Found`."""
    # What stands for the sum of none is said here: Beam's own way to it are steps that each build would wait for.
    one = findings | "MergeFindings" >> beam.CombinePerKey(merge_findings)
    return AsSingleton(one, default_value=(None, Findings()))


class _ReadUnit(ParallelDo):
    stage = "read"

    def call(self, numbered: Numbered, first: Any, second: Any) -> tuple[Any, ...] | None:
        return read_unit, self.options, numbered.unit

    def key(self, numbered: Numbered) -> str:
        return numbered.unit.key if isinstance(numbered.unit, Begun) else ""

    def outputs(self, numbered: Numbered, result: ReadResult) -> Iterator[Any]:
        yield from result.fragments
        result.findings.units = unit_sum([numbered.number])
        yield TaggedOutput(FINDINGS, (None, result.findings))


class _Index(_ReadUnit):
    def key(self, numbered: Numbered) -> str:
        makes: str = numbered.unit.makes
        return makes

    def outputs(self, numbered: Numbered, result: ReadResult) -> Iterator[Any]:
        yield from super().outputs(numbered, result)
        if result.index is not None:
            # As bytes: the runner would weigh a cached object by walking all of it.
            yield TaggedOutput(INDEXES, (self.key(numbered), result.index))


class _ReadIndexed(_ReadUnit):
    def call(self, numbered: Numbered, indexes: dict[str, bytes | StagedUnit], _: Any) -> tuple[Any, ...] | None:
        unit: Unit = numbered.unit
        assert unit.index is not None, "only units that name an index come here"
        index: bytes | str | StagedUnit | None = indexes.get(unit.index)
        if index is None:
            return None  # The file was cut wrongly, which the index's own findings report; else the driver misses the unit.
        processes = current_workers()
        if processes is not None and isinstance(index, bytes):
            index = processes.share(unit.index, index)
        return read_unit, self.options, unit, index
