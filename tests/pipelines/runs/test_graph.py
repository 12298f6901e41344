"""The graph of a build: its steps, without a runner; what it makes is tested end to end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from labelbeam.pipelines.runs.graph import _leaves, _units
from tests.pipelines.runs.test_summary import config


def steps(tree: dict[str, list[str]]) -> dict[str, Any]:
    return {name: SimpleNamespace(subtransforms=inner) for name, inner in tree.items()}


def test_steps_are_those_that_are_made_of_no_others() -> None:
    tree = steps({"root": ["a", "b"], "a": ["c"], "b": [], "c": []})
    assert list(_leaves(tree, ["root"])) == ["c", "b"]
    assert list(_leaves(tree, [])) == []


def test_units_that_need_an_index_wait_for_it() -> None:
    plan: Any = SimpleNamespace(units=[SimpleNamespace(index=None), SimpleNamespace(index="d.json")], listed=None)
    assert list(_units(config(), {}, plan, None)) == [plan.units[0]]
