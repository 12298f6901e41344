"""No row of the benchmark has become much slower, and rows and page agree."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.measure import ROOT
from benchmarks.rows import ROWS, Goal
from benchmarks.table import RESULTS

MOST = 1.5
"""How many times the ratio that a row had when it was last looked at it may have."""


@pytest.mark.slow(seconds=50)
def test_no_row_takes_half_as_much_more_than_it_did(tmp_path: Path, tell: Callable[[str], None]) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.held", str(tmp_path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    ratios = json.loads(ran.stdout)
    tell(", ".join(f"{key} {ratio:.2f}" for key, ratio in ratios.items()))
    held = {row.key: row.held for row in ROWS if row.held}
    assert ratios.keys() == held.keys()
    assert {key: ratio for key, ratio in ratios.items() if ratio > MOST * held[key]} == {}


def test_every_row_of_the_page_is_declared_and_every_usual_row_is_on_it() -> None:
    text = RESULTS.read_text(encoding="utf-8")
    rows = text.partition("<!-- measured -->")[2].partition("<!-- end of measured -->")[0]
    names = [line.split(" | ")[0].removeprefix("| ") for line in rows.splitlines() if line.startswith("| ")][2:]
    assert set(names) <= {row.name for row in ROWS}
    assert {row.name for row in ROWS if row.core} <= set(names)


def test_names_of_rows_are_their_own() -> None:
    assert len({row.key for row in ROWS}) == len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(
    ("goal", "ratio", "met"),
    [
        (Goal(1.5), 1.5, True),
        (Goal(1.5), 1.6, False),
        (Goal(0.9, at_least=True), 0.9, True),
        (Goal(0.9, True), 0.8, False),
    ],
)
def test_a_goal_is_at_most_or_at_least(goal: Goal, ratio: float, met: bool) -> None:
    assert goal.met(ratio) is met
