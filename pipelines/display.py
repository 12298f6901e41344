"""What a person sees: how far a run has come, and what came of it. All of it goes to stderr."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LOG = logging.getLogger("labelbeam")

LOG_EVERY = 10.0
"""Seconds between two lines of a log, where there is no terminal."""


class Display:
    """Progress on a terminal, plain log lines elsewhere, nothing when `quiet`."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.console = Console(stderr=True, quiet=quiet)
        self.started = time.monotonic()

    def stage(self, name: str) -> None:
        """Say that a stage of the driver begins."""
        if not self.quiet and not self.console.is_terminal:
            LOG.info("%s", name)

    @contextlib.contextmanager
    def running(self, plan: Any) -> Iterator[None]:
        """Show the progress of a pipeline in this process while the block runs."""
        from transforms.progress import done

        totals = {"read": plan.work, "write": plan.buckets}
        stop = threading.Event()
        watch = self._bars if self.console.is_terminal else self._lines
        thread = threading.Thread(target=watch, args=(totals, done, stop), daemon=True)
        if not self.quiet:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            if thread.is_alive():
                thread.join()

    def _bars(self, totals: dict[str, int], done: Any, stop: threading.Event) -> None:
        columns = (
            TextColumn("{task.description:>6}"),
            BarColumn(),
            TextColumn("{task.fields[amount]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console, transient=True) as bars:
            tasks = {name: bars.add_task(name, total=total, amount="", start=False) for name, total in totals.items()}
            while True:
                ended = stop.wait(0.1)
                for name, task in tasks.items():
                    amount = done(name)
                    if amount and not bars.tasks[task].started:
                        bars.start_task(task)
                    speed = bars.tasks[task].speed
                    bars.update(task, completed=amount, amount=_amount(name, amount, totals[name], speed))
                if ended:
                    return

    def _lines(self, totals: dict[str, int], done: Any, stop: threading.Event) -> None:
        began = time.monotonic()
        while not stop.wait(LOG_EVERY):
            for name, total in totals.items():
                amount = done(name)
                if 0 < amount < total:
                    speed = amount / (time.monotonic() - began)
                    left = (total - amount) / speed
                    LOG.info("%s: %s, about %.0f s left", name, _amount(name, amount, total, speed), left)


def _amount(stage: str, amount: int, total: int, speed: float | None) -> str:
    if stage == "write":
        return f"{amount} of {total} shards"
    if total < 10_000_000:
        return f"{amount:,} of {total:,}"
    rate = f", {speed / 1e6:.0f} MB/s" if speed else ""
    return f"{amount / 1e6:,.0f} of {total / 1e6:,.0f} MB{rate}"


def log_to_stderr(quiet: bool) -> None:
    """Send log lines of LabelBeam to stderr, and of Beam only what is worth a person's time."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    LOG.handlers = [handler]
    LOG.propagate = False
    LOG.setLevel(logging.WARNING if quiet else logging.INFO)
    logging.getLogger("apache_beam").setLevel(logging.ERROR)
