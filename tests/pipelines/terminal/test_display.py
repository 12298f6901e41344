"""Progress: figures that say something, lines on a terminal that go away again, few lines in a log, none when quiet."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import pty
import re
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from labelbeam.pipelines.terminal import display
from labelbeam.pipelines.terminal.display import Display, Stage, clock
from labelbeam.pipelines.terminal.streams import set_up_logging
from labelbeam.transforms.workers import progress


def plan(**changes: Any) -> Any:
    values = {
        "format": "coco",
        "in_bytes": True,
        "work": 400_000_000,
        "buckets": 8,
        "covers": {"files": 2, "bytes": 475_000_000},
    }
    return SimpleNamespace(**values | changes)


@pytest.fixture(autouse=True)
def fresh_counters() -> Iterator[None]:
    """Every test begins and leaves at nothing done."""
    progress.reset()
    yield
    progress.reset()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (0.6, "0:01"), (59.6, "1:00"), (3599, "59:59"), (36_061, "10:01:01")]
)
def test_durations_are_told_in_hours_minutes_and_seconds(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("stage", "told"),
    [
        (Stage("read"), ("", "", "")),
        (Stage("plan", began=10.0), ("", "", "0:10")),
        (Stage("plan", note="coco, 1 file", began=10.0, ended=11.25), ("coco, 1 file", "", "1.2 s")),
        (Stage("read", "MB", 400_000_000, began=10.0), ("", "", "0:10")),
        (Stage("read", "MB", 400_000_000, 100_000_000, began=10.0), ("100 of 400 MB", "10 MB/s", "0:30 left")),
        (Stage("read", "files", 4_000, 1_000, began=10.0), ("1,000 of 4,000 files", "100 files/s", "0:30 left")),
        (Stage("write", "shards", 4, 1, began=10.0), ("1 of 4 shards", "", "0:30 left")),
        (Stage("read", "MB", 400_000_000, 400_000_000, began=0.0, ended=10.0), ("400 of 400 MB", "40 MB/s", "10.0 s")),
        # Just begun: any rate would be a guess.
        (Stage("read", "MB", 400_000_000, 100_000_000, began=19.9), ("100 of 400 MB", "", "0:00")),
    ],
)
def test_a_stage_tells_how_much_is_done_how_fast_and_how_long_it_takes(
    stage: Stage, told: tuple[str, str, str]
) -> None:
    assert (stage.amount(), stage.rate(20.0), stage.time(20.0)) == told


def run(shown: Display, a_plan: Any, read: int, shards: int) -> None:
    shown.stage("plan")
    shown.stage("start")
    with shown.running(a_plan):
        progress.advance("read", read)
        progress.advance("write", shards)
    shown.stage("publish")
    shown.close()


def test_without_a_terminal_each_stage_is_a_line_of_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    run(Display(), plan(), 400_000_000, 8)
    told = [record.getMessage().rpartition(" in ")[0] or record.getMessage() for record in caplog.records]
    assert told == [
        "plan",
        "start",
        "plan: coco, 2 files, 475 MB",
        "read: 400 of 400 MB",
        "write: 8 of 8 shards",
        "publish",
    ]


@pytest.mark.parametrize(
    ("a_plan", "line"),
    [
        (plan(work=900, covers={"files": 1, "bytes": 950}), "read: 5 of 900 bytes"),
        (plan(format="voc", in_bytes=False, work=2_000_000, covers={}), "read: 5 of 2,000,000 files"),
    ],
)
def test_small_and_other_sources_are_measured_in_what_they_consist_of(
    a_plan: Any, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    run(Display(), a_plan, 5, 1)
    assert any(record.getMessage().startswith(line) for record in caplog.records)


def test_a_long_stage_is_told_now_and_then(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(display, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(display, "LOG_EVERY", 0.02)
    with Display() as shown:
        shown.stage("plan")
        with shown.running(plan()):
            progress.advance("read", 100_000_000)
            deadline = time.monotonic() + 60
            while not any("read: 100 of 400 MB" in record.getMessage() for record in caplog.records):
                assert time.monotonic() < deadline
                time.sleep(0.01)


def test_a_stage_of_unknown_length_tells_how_long_it_has_been_going(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(display, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(display, "LOG_EVERY", 0.02)
    with Display() as shown:
        shown.stage("plan")
        deadline = time.monotonic() + 60
        while not any(re.fullmatch(r"plan: 0:\d\d so far", record.getMessage()) for record in caplog.records):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_where_the_work_is_done_by_other_processes_the_time_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    run(Display(), plan(), 0, 0)
    assert any(re.fullmatch(r"read: done in \d\.\d s", record.getMessage()) for record in caplog.records)


def test_quiet_shows_nothing_but_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(quiet=True)
    shown = Display(quiet=True)
    run(shown, plan(), 400_000_000, 8)
    shown.console.print("anything")
    logging.getLogger("labelbeam").warning("look here")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(" look here\n")
    assert err.count("\n") == 1
    set_up_logging(quiet=False)


@contextlib.contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal in place of stderr; the value is its other end."""
    ours, theirs = pty.openpty()
    with monkeypatch.context() as patch, os.fdopen(theirs, "w") as stream:
        patch.setattr(sys, "stderr", stream)
        patch.setenv("COLUMNS", "80")
        yield ours
    os.close(ours)


def shown_on(terminal: int) -> str:
    sys.stderr.flush()
    os.set_blocking(terminal, False)
    parts = []
    while True:
        try:
            parts.append(os.read(terminal, 65_536))
        except BlockingIOError:
            return b"".join(parts).decode()


def test_on_a_terminal_the_stages_are_lines_that_go_away_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(display, "LOOK_EVERY", 0.01)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("LABELBEAM_DEBUG", raising=False)
    with terminal(monkeypatch) as other_end:
        with Display() as shown:
            shown.stage("plan")
            with shown.running(plan()):
                progress.advance("read", 100_000_000)
                text, deadline = "", time.monotonic() + 60
                while "100 of 400 MB" not in text and time.monotonic() < deadline:
                    text += shown_on(other_end)
                    time.sleep(0.01)
        text += shown_on(other_end)
    assert "coco, 2 files, 475 MB" in text
    assert "100 of 400 MB" in text
    assert "━" in text
    # Five lines are erased one by one, and the cursor is shown again.
    assert text.endswith("\x1b[1A\x1b[2K" * 5)
    assert "\x1b[?25h" in text
    assert caplog.records == []


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("LABELBEAM_DEBUG", "1")])
def test_lines_are_logged_where_a_terminal_cannot_redraw_or_shows_more(
    name: str, value: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    caplog.set_level(logging.INFO)
    with terminal(monkeypatch) as other_end:
        run(Display(), plan(), 400_000_000, 8)
        assert "\x1b" not in shown_on(other_end)
    assert len(caplog.records) == 6


def test_force_color_does_not_make_a_terminal_of_a_log_file(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    caplog.set_level(logging.INFO)
    run(Display(), plan(), 400_000_000, 8)
    assert "\x1b" not in capsys.readouterr().err
    assert len(caplog.records) == 6


class Gone(io.TextIOWrapper):
    """A stderr whose reader has gone away."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO())
        self.file, self.other = os.pipe()

    def write(self, text: str) -> int:
        raise BrokenPipeError

    def fileno(self) -> int:
        return self.file


def test_a_run_goes_on_when_nobody_reads_its_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Gone()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", gone)
        set_up_logging(quiet=False)
        shown = Display()
        run(shown, plan(), 400_000_000, 8)
        shown.console.print("summary")
    os.close(gone.file)
    os.close(gone.other)
    set_up_logging(quiet=False)
