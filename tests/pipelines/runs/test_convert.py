"""How many processes a build is given, without running one; and what is done while they write."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import labelbeam
from labelbeam.pipelines.runs import convert
from labelbeam.pipelines.runs.convert import FEW, SMALL, _worker_count
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.workers import pool
from labelbeam.transforms.workers.pool import default_count


class Planned:
    """A plan of so much work."""

    def __init__(self, work: int, in_bytes: bool) -> None:
        self.work, self.in_bytes = work, in_bytes


@pytest.mark.parametrize(
    ("work", "in_bytes", "flags", "count"),
    [
        (SMALL, True, [], 0),
        (SMALL + 1, True, [], default_count()),
        (FEW, False, [], 0),
        (FEW + 1, False, [], default_count()),
        (0, True, ["--direct_num_workers=3"], 3),
        (0, True, ["--direct_num_workers=0"], default_count()),
        (10**12, True, ["--direct_running_mode=multi_processing"], 0),
        (10**12, True, ["--direct_running_mode=in_memory"], default_count()),
        (10**12, True, ["--runner=FlinkRunner"], 0),
    ],
)
def test_processes_are_for_much_work_on_the_in_process_runner(
    work: int, in_bytes: bool, flags: list[str], count: int
) -> None:
    assert _worker_count(Planned(work, in_bytes), flags) == count  # type: ignore[arg-type]


def test_the_report_is_prepared_while_workers_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "cat").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "data" / "cat" / "1.jpg")
    prepared = threading.Event()
    monkeypatch.setattr(convert, "_prepare_report", prepared.set)
    labelbeam.convert(
        task="image_classification",
        source=str(tmp_path / "data"),
        output=str(tmp_path / "out"),
        image_url="https://h/",
        beam_options=["--direct_num_workers=2"],
    )
    assert prepared.wait(20)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Options of a build of a tree that counts as large, in a process that may be copied."""
    monkeypatch.setattr(convert, "FEW", 3)
    monkeypatch.setattr(pool, "ours_alone", lambda: True)
    monkeypatch.setattr("threading.active_count", lambda: 1)
    monkeypatch.setattr(convert, "default_count", lambda: 2)
    for number in range(4):
        (tmp_path / "data" / f"class {number % 2}").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "data" / f"class {number % 2}" / f"{number}.jpg")
    return {
        "task": "image_classification",
        "source": str(tmp_path / "data"),
        "output": str(tmp_path / "out"),
        "image_url": "https://h/",
    }


def _noted(*arguments: Any) -> Plan:
    """A plan that tells which process made it."""
    plan = make_plan(*arguments)
    plan.recognised = str(os.getpid())
    return plan


@pytest.fixture
def planners(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether this process planned, for each plan of a build."""
    plans: list[bool] = []

    def read(plan: Plan, *arguments: Any) -> Any:
        plans.append(plan.recognised == str(os.getpid()))
        return places(plan, *arguments)

    places = convert._places_read
    monkeypatch.setattr(convert, "_places_read", read)
    monkeypatch.setattr(convert, "make_plan", _noted)
    return plans


linux = pytest.mark.skipif(sys.platform != "linux", reason="nowhere else are processes copied")


@linux
def test_a_large_tree_is_planned_by_a_process_of_the_run_to_the_same_build(
    tree: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    labelbeam.convert(**tree)
    monkeypatch.setattr(convert, "FEW", 1000)
    labelbeam.convert(**(tree | {"output": f"{tree['output']} of one"}))
    built = [sorted(Path(f"{tree['output']}{end}").glob("builds/*/train/*.jsonl")) for end in ("", " of one")]
    assert [file.name for file in built[0]] == [file.name for file in built[1]] != []
    assert [file.read_bytes() for file in built[0]] == [file.read_bytes() for file in built[1]]


@linux
def test_processes_plan_large_trees_alone(
    tree: dict[str, Any], planners: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    labelbeam.convert(**tree)
    labelbeam.inspect(**{name: tree[name] for name in ("task", "source", "image_url")})
    assert planners == [False, False]
    labelbeam.convert(**(tree | {"output": f"{tree['output']} if changed"}), if_changed=True)
    labelbeam.convert(**tree, beam_options=["--direct_num_workers=1"])
    monkeypatch.setattr(convert, "FEW", 6)
    labelbeam.convert(**tree)
    assert planners[2:] == [True, True, True]


@linux
def test_what_is_wrong_with_a_large_tree_is_said_as_of_others(tree: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="--task image_object_detection: a folder holds images and their labels"):
        labelbeam.convert(**(tree | {"task": "image_object_detection"}))
    assert pool.current_workers() is None
