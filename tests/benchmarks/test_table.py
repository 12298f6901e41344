"""Medians of sums of runs, and rows that are stored among others."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks import table
from benchmarks.measure import Command, Spent, python
from benchmarks.rows import Goal, Places, Row, Side, one
from benchmarks.table import HEAD, Runs, line, measure, shown, stored

PAGE = "before\n<!-- measured -->\n<!-- end of measured -->\nafter\n"
NAMES = ["first", "second", "third"]


def cells(name: str, ratio: str) -> str:
    return line([name, "against", "1", ratio, *[""] * (len(HEAD) - 4)])


def test_rows_are_stored_in_order_and_others_stay() -> None:
    text = stored(PAGE, HEAD, [cells("third", "3"), cells("first", "1")], NAMES)
    text = stored(text, HEAD, [cells("second", "2"), cells("first", "4")], NAMES)
    lines = [entry for entry in text.splitlines() if entry.startswith("| ")][2:]
    assert lines == [cells("first", "4"), cells("second", "2"), cells("third", "3")]
    assert text.startswith("before\n") and text.endswith("after\n")


def test_rows_of_another_machine_do_not_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    text = stored(PAGE, HEAD, [cells("first", "1")], NAMES)
    monkeypatch.setattr(table, "machine", lambda: "another")
    text = stored(text, HEAD, [cells("second", "2")], NAMES)
    assert cells("second", "2") in text and cells("first", "1") not in text


def test_rows_that_are_declared_no_longer_go() -> None:
    text = stored(PAGE, HEAD, [cells("first", "1"), cells("third", "3")], NAMES)
    assert cells("third", "3") not in stored(text, HEAD, [], NAMES[:2])


def test_without_an_order_new_rows_come_last() -> None:
    text = stored(stored(PAGE, HEAD, [cells("third", "3")]), HEAD, [cells("first", "1"), cells("third", "4")])
    assert text.endswith(f"{cells('third', '4')}\n{cells('first', '1')}\n<!-- end of measured -->\nafter\n")


def test_a_page_without_a_place_is_no_page_for_it() -> None:
    with pytest.raises(ValueError, match="no place"):
        stored("before", HEAD, [])


@pytest.mark.parametrize(
    ("ratio", "like", "expected"),
    [(1 / 30, "1/30", "1/30"), (1 / 27.5, "1/30", "1/27.5"), (0.874, "90 %", "87 %"), (1.006, "1.0 ± 0.1", "1.01")],
)
def test_a_ratio_is_written_as_its_goal_is(ratio: float, like: str, expected: str) -> None:
    assert shown(ratio, like) == expected


@pytest.fixture
def at(tmp_path: Path) -> Places:
    return Places(tmp_path, tmp_path, 1.0, ExitStack())


def test_a_row_is_the_ratio_of_medians_of_sums(at: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    times = {"ours": [9.0, 5.0, 4.0], "theirs": [1.0, 2.0, 3.0], "start": [1.0, 1.0, 1.0]}
    asked = []

    def spent(command: Command) -> Spent:
        asked.append(command.arguments[-1])
        wall = times[asked[-1]][asked.count(asked[-1]) - 1]
        return Spent(wall, 10 * wall)

    monkeypatch.setattr(table, "spent", spent)

    def sides(_: Places) -> tuple[Side, Side]:
        return ((0.5, python("ours")), (-0.5, python("start"))), one(python("theirs"))

    row = Row("key", "name", "against", Goal(1.0), sides)
    runs = Runs(at)
    assert measure(row, at, runs, 3)[3:6] == ["1.00", "yes", "1.00"]
    assert asked == ["theirs", "ours", "start"] * 3
    measure(row, at, runs, 3)
    assert len(asked) == 9, "what is measured once is not measured again"


def test_a_command_that_tells_its_seconds_is_taken_at_its_word(at: Places) -> None:
    command = python("-c", "print('1 image in\\n 12.5')", tells=True)
    row = Row("key", "name", "against", Goal(0.9, at_least=True, text="90 %"), lambda _: (one(command), 10.0))
    assert measure(row, at, Runs(at), 1)[3:] == ["80 %", "no", "", "12.5", "10"]


def test_a_command_that_fails_ends_the_benchmark_with_what_it_wrote(at: Places) -> None:
    row = Row("key", "name", "against", Goal(1.0), lambda _: (one(python("-c", "raise KeyError('lost')")), 1.0))
    with pytest.raises(SystemExit, match="KeyError: 'lost'"):
        measure(row, at, Runs(at), 1)


def test_memory_is_that_of_all_processes(at: Places) -> None:
    """Each of two processes holds 60 MB for a while."""
    child = "import time; held = bytearray(60_000_000); time.sleep(0.5)"
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}]); {child}"
    taken = table.spent(python("-c", code, sampled=True))
    assert 120e6 < taken.peak < 200e6
