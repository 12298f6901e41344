"""Progress of a run, for people. All of it goes to stderr.

On a terminal, a line for each stage that is redrawn in place; elsewhere a line of log now and then; nothing when quiet.
The figures are those of this process: where a runner works in others, it shows how long it has been going.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from labelbeam.pipelines.terminal.streams import LOG, debugging, silence

LOOK_EVERY = 0.2
"""Seconds between two looks at the counters; on a terminal each is drawn, which takes time from the run."""

LOG_EVERY = 10.0
"""Seconds between two lines of a log, where there is no terminal."""

BYTES_FROM = 1_000_000
"""A COCO source is measured in bytes from this size on; every other source in files."""


class _Console(Console):
    """A console that goes silent when nobody reads it any more, instead of ending the run."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        silence(sys.stderr)


@dataclass(slots=True)
class Stage:
    """One stage of a run: `total` is None while it is unknown; times are seconds of the monotonic clock."""

    name: str
    unit: str = ""
    total: int | None = None
    done: int = 0
    note: str = ""
    began: float | None = None
    ended: float | None = None

    def amount(self) -> str:
        """Amount that is done, such as `120 of 475 MB`."""
        if self.note or self.total is None or not self.done:
            return self.note
        if self.unit == "MB":
            return f"{self.done / 1e6:,.0f} of {self.total / 1e6:,.0f} MB"
        return f"{self.done:,} of {self.total:,} {self.unit}"

    def rate(self, now: float) -> str:
        """Amount a second, such as `92 MB/s`; nothing where it says little."""
        seconds = (now if self.ended is None else self.ended) - (now if self.began is None else self.began)
        if not self.done or seconds < 0.5 or self.unit == "shards":
            return ""
        speed = self.done / seconds
        return f"{speed / 1e6:,.0f} MB/s" if self.unit == "MB" else f"{speed:,.0f} {self.unit}/s"

    def time(self, now: float) -> str:
        """Time that it took, may still take, or has taken so far."""
        if self.began is None:
            return ""
        if self.ended is not None:
            return f"{self.ended - self.began:.1f} s"
        seconds = now - self.began
        if self.total and 0 < self.done < self.total and seconds >= 1:
            return f"{clock((self.total - self.done) / self.done * seconds)} left"
        return clock(seconds)


def clock(seconds: float) -> str:
    """A duration as hours, minutes and seconds.

    >>> clock(62), clock(3725)
    ('1:02', '1:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Display:
    """The progress of one run: `stage` and `running` say what is going on, `close` takes the lines away again."""

    def __init__(self, quiet: bool = False, working: Sequence[str] = ("read", "write")) -> None:
        self.quiet = quiet
        self.console: Console = _Console(stderr=True, quiet=quiet)
        self.started = time.monotonic()
        self._working = working
        self.stages = {name: Stage(name) for name in ("plan", "start", *working, "publish")}
        # Not the console's opinion alone: FORCE_COLOR makes it take a log file for a terminal.
        self._live = not quiet and not debugging() and sys.stderr.isatty() and not self.console.is_dumb_terminal
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def stage(self, name: str) -> None:
        """Say that a stage of the driver begins; the one before it has ended."""
        self._open()
        self.stages[name] = Stage(name, began=self._end_stages())
        self._log("%s", name)

    @contextlib.contextmanager
    def running(self, plan: Any) -> Iterator[None]:
        """Show the progress of a build's pipeline while the block runs."""
        in_bytes = plan.in_bytes and plan.work >= BYTES_FROM
        unit = "MB" if in_bytes else "bytes" if plan.in_bytes else "files"
        with self.working(_planned(plan), Stage("read", unit, plan.work), Stage("write", "shards", plan.buckets)):
            yield

    @contextlib.contextmanager
    def working(self, planned: str, *stages: Stage) -> Iterator[None]:
        """Show the stages of a pipeline while the block runs; `planned` says what it is about to do."""
        self._open()
        now = self._end_stages()
        self.stages["plan"].note = planned
        self._log("plan: %s", planned)
        self.stages.update({stage.name: stage for stage in stages})
        stages[0].began = now
        yield
        now = time.monotonic()
        self._look(now)
        for stage in stages:
            stage.began = now if stage.began is None else stage.began
            stage.ended = now if stage.ended is None else stage.ended
            self._log("%s: %s in %s", stage.name, stage.amount() or "done", stage.time(now))

    def close(self) -> None:
        """Take the lines away, so that what follows begins on an empty line."""
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None

    def _end_stages(self) -> float:
        now = time.monotonic()
        for stage in self.stages.values():
            if stage.began is not None and stage.ended is None:
                stage.ended = now
        return now

    def _open(self) -> None:
        if self._thread is None and not self.quiet:
            self._stop.clear()
            thread = threading.Thread(target=self._draw if self._live else self._report, daemon=True)
            thread.start()
            self._thread = thread

    def _log(self, text: str, *values: str) -> None:
        if not self._live:
            LOG.info(text, *values)

    def _look(self, now: float) -> None:
        """Take over the counters of the pipeline, once there is one: Beam is imported by then."""
        counters = sys.modules.get("labelbeam.transforms.workers.progress")
        stages = [self.stages[name] for name in self._working]
        if counters is None or stages[0].began is None or stages[-1].ended is not None:
            return
        for stage, after in zip(stages, [*stages[1:], None], strict=True):
            stage.done = counters.done(stage.name)
            if after is None:
                continue  # The last one has ended when the pipeline has.
            if stage.total and stage.done >= stage.total and stage.ended is None:
                stage.ended = now
            if after.began is None and (counters.done(after.name) or stage.ended):
                after.began = now

    def _draw(self) -> None:
        columns = (
            TextColumn("{task.description:<8}"),
            BarColumn(24),
            TextColumn("{task.fields[amount]}"),
            TextColumn("[dim]{task.fields[rate]}"),
            TextColumn("{task.fields[time]}"),
        )
        with Progress(*columns, console=self.console, transient=True, auto_refresh=False) as bars:
            rows = {name: bars.add_task(name, total=1, amount="", rate="", time="") for name in self.stages}
            while True:
                ended = self._stop.wait(LOOK_EVERY)
                now = time.monotonic()
                self._look(now)
                for name, stage in self.stages.items():
                    going = stage.began is not None and stage.ended is None
                    bars.update(
                        rows[name],
                        # A bar without a total pulses: it is going, nobody knows how far.
                        total=None if going and not stage.done else stage.total or 1,
                        completed=stage.done or float(stage.ended is not None),
                        amount=stage.amount(),
                        rate=stage.rate(now),
                        time=stage.time(now),
                    )
                bars.refresh()
                if ended:
                    return

    def _report(self) -> None:
        logged = time.monotonic()
        while not self._stop.wait(LOOK_EVERY):
            now = time.monotonic()
            self._look(now)
            if now - logged < LOG_EVERY:
                continue
            logged = now
            for stage in self.stages.values():
                if stage.began is not None and stage.ended is None:
                    so_far = "" if stage.done else " so far"
                    parts = (stage.amount(), stage.rate(now), stage.time(now) + so_far)
                    LOG.info("%s: %s", stage.name, ", ".join(part for part in parts if part))


def _planned(plan: Any) -> str:
    files, size = plan.covers.get("files"), plan.covers.get("bytes")
    parts = [plan.format]
    if files is not None:
        parts.append(f"{files:,} file{'' if files == 1 else 's'}")
    if size is not None:
        parts.append(f"{size / 1e6:,.0f} MB" if size >= BYTES_FROM else f"{size:,} bytes")
    return ", ".join(parts)
