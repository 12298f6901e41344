"""A unit is read as it stands or from where it was staged, against the index that it is given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from labelbeam.transforms.formats.reading import Findings, Reading, ReadResult
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.workers.staged_units import stage_alone
from tests.transforms.unit_runs import options


@dataclass(frozen=True)
class Unit:
    """A unit that tells what it was read with."""

    number: int
    size: int = 1
    index: str | None = None

    def read(self, reading: Reading) -> ReadResult:
        return ReadResult(Findings(records=self.number + len(reading.index or b"")))  # type: ignore[arg-type]


def test_a_unit_is_read_with_the_index_that_it_is_given() -> None:
    assert read_unit(options(), Unit(3)).findings.records == 3
    assert read_unit(options(), Unit(3), b"12").findings.records == 5


def test_a_unit_that_was_staged_is_fetched_first(tmp_path: Path) -> None:
    staged = stage_alone(Unit(4), locate(str(tmp_path / "unit"), {}), put)
    assert read_unit(options(), staged).findings.records == 4
