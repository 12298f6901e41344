"""The Beam side of scoring, without a pipeline: units under way at the same time, and the report of their receipts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import msgspec
import pytest

from labelbeam.schemas.manifest import FileEntry
from labelbeam.schemas.scores import ScoreCounts, ScoreReceipt
from labelbeam.transforms.score import transform
from labelbeam.transforms.score.transform import UNITS_TOGETHER, _Collect, _ScoreUnit

ENTRY = FileEntry("p", 1, 1, "00")


def receipt(bucket: int) -> ScoreReceipt:
    return ScoreReceipt(bucket, ENTRY, ENTRY, None, ScoreCounts(1, 1, 0), {})


class Scorer:
    """Scores a unit by its number; the unit -1 fails."""

    made: ClassVar[list[Scorer]] = []

    def __init__(self, *_: Any) -> None:
        self.closed: list[bool] = []
        Scorer.made.append(self)

    def score(self, unit: Any) -> ScoreReceipt:
        if unit.number < 0:
            raise OSError("broken")
        return receipt(unit.number)

    def close(self, wait: bool) -> None:
        self.closed.append(wait)


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> Iterator[_ScoreUnit]:
    monkeypatch.setattr(transform, "Scorer", Scorer)
    monkeypatch.setattr(Scorer, "made", [])
    made = _ScoreUnit(None)  # type: ignore[arg-type]
    made.start_bundle()
    yield made
    made.teardown()


def unit(number: int) -> Any:
    return SimpleNamespace(number=number, size=1)


def buckets(encoded: list[bytes]) -> list[int]:
    return [msgspec.json.decode(data, type=ScoreReceipt).bucket for data in encoded]


def test_each_unit_has_its_receipt_in_the_order_of_units_over_one_set_of_connections(step: _ScoreUnit) -> None:
    given = list(range(UNITS_TOGETHER + 3))
    found = [data for number in given for data in step.process(unit(number))]
    assert len(found) == len(given) - UNITS_TOGETHER + 1
    found += [value.value for value in step.finish_bundle()]
    assert buckets(found) == given
    assert len(Scorer.made) == 1


def test_after_a_failure_connections_are_made_anew(step: _ScoreUnit) -> None:
    assert list(step.process(unit(-1))) == []
    with pytest.raises(OSError, match="broken"):
        list(step.finish_bundle())
    assert [scorer.closed for scorer in Scorer.made] == [[True]]
    step.start_bundle()
    assert list(step.process(unit(1))) == []
    assert buckets([value.value for value in step.finish_bundle()]) == [1]
    assert len(Scorer.made) == 2


def test_receipts_are_reported_in_the_order_of_buckets(tmp_path: Path) -> None:
    options: Any = SimpleNamespace(report=str(tmp_path / "report.json"), storage={})
    _Collect(options).process(None, [msgspec.json.encode(receipt(bucket)) for bucket in (2, 0, 1)])
    report = msgspec.json.decode((tmp_path / "report.json").read_bytes(), type=list[ScoreReceipt])
    assert [item.bucket for item in report] == [0, 1, 2]
