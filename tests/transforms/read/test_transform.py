"""The Beam side of reading, without a pipeline: what is called for a unit, and which output takes what."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to

from labelbeam.transforms.formats.reading import Findings, ReadResult, unit_sum
from labelbeam.transforms.read import transform
from labelbeam.transforms.read.transform import FINDINGS, INDEXES, Deal, Numbered, _Index, _ReadIndexed, _ReadUnit
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.workers.pool import Begun

OPTIONS: Any = object()


def unit(**fields: Any) -> Numbered:
    return Numbered(7, SimpleNamespace(**fields))


def result(index: bytes | None = None) -> ReadResult:
    return ReadResult(Findings(records=1), [(0, b"a"), (3, b"b")], index)


def outputs(step: Any, of: Any, found: ReadResult) -> tuple[list[Any], dict[str, Any]]:
    """The main output, and the others by their tags."""
    main, tagged = [], {}
    for item in step.outputs(of, found):
        if hasattr(item, "tag"):
            tagged[item.tag] = item.value
        else:
            main.append(item)
    return main, tagged


def test_a_unit_is_read_and_its_findings_go_their_own_way() -> None:
    step = _ReadUnit(OPTIONS)
    one = unit()
    assert step.call(one, None, None) == (read_unit, OPTIONS, one.unit)
    found = result()
    assert outputs(step, one, found) == ([(0, b"a"), (3, b"b")], {FINDINGS: (None, found.findings)})
    assert found.findings.units == unit_sum([7])


def test_a_unit_that_was_begun_is_known_by_its_key() -> None:
    assert _ReadUnit(OPTIONS).key(unit()) == ""
    assert _ReadUnit(OPTIONS).key(Numbered(0, Begun("key", 1))) == "key"
    assert Numbered(0, Begun("key", 1)).size == 1


@pytest.mark.parametrize("index", [None, b"index"])
def test_an_index_goes_under_the_name_that_its_units_ask_for(index: bytes | None) -> None:
    step = _Index(OPTIONS)
    one = unit(makes="d.json")
    assert step.key(one) == "d.json"
    _, tagged = outputs(step, one, result(index))
    assert tagged.get(INDEXES) == (None if index is None else ("d.json", index))


def test_a_unit_is_read_against_its_index_and_passed_over_without_one() -> None:
    step = _ReadIndexed(OPTIONS)
    one = unit(index="d.json")
    assert step.call(one, {"d.json": b"index", "e.json": b"other"}, None) == (read_unit, OPTIONS, one.unit, b"index")
    assert step.call(one, {"e.json": b"other"}, None) is None


def test_processes_are_given_an_index_once(monkeypatch: pytest.MonkeyPatch) -> None:
    shared: list[str] = []
    processes = SimpleNamespace(share=lambda name, data: shared.append(name) or f"/tmp/{name}")
    monkeypatch.setattr(transform, "current_workers", lambda: processes)
    one = unit(index="d.json")
    assert _ReadIndexed(OPTIONS).call(one, {"d.json": b"index"}, None) == (read_unit, OPTIONS, one.unit, "/tmp/d.json")
    assert shared == ["d.json"]


@pytest.mark.parametrize(
    ("elements", "spread"), [([], True), (["a"], True), (["a", "b", "c"], True), (["a", "b"], False)]
)
def test_elements_are_given_once_and_shuffled_where_several_workers_take_them(
    elements: list[str], spread: bool
) -> None:
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        assert_that(pipeline | Deal(elements, spread), equal_to(elements))
    steps: list[str] = []

    class Names(beam.pipeline.PipelineVisitor):
        def visit_transform(self, transform_node: Any) -> None:
            steps.append(transform_node.full_label)

    pipeline.visit(Names())
    assert any("Deal/Reshuffle" in step for step in steps) == (spread and len(elements) > 1)
