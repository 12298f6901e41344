"""Runs that end in the moment in which somebody looks at them, or sends them a signal."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from multiprocessing import get_context

import pytest

from tests.proofs.runs import Run


class EndsUnseen:
    """A process that is gone already, of which that is known only at the second look."""

    def __init__(self) -> None:
        ended = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
        ended.wait()
        self.pid, self._looks = ended.pid, 0

    @property
    def exitcode(self) -> int | None:
        """None at the first look."""
        self._looks += 1
        return None if self._looks == 1 else 0

    def join(self, _: float | None = None) -> None:
        """Return at once."""


@pytest.fixture
def ended() -> Run:
    """A run that has ended since somebody looked."""
    output, sink = get_context("forkserver").Pipe(duplex=False)
    sink.close()
    os.set_blocking(output.fileno(), False)
    return Run(EndsUnseen(), output, time.monotonic())  # type: ignore[arg-type]


def test_a_run_that_ends_while_it_is_killed_is_not_taken_for_killed(ended: Run) -> None:
    assert not ended.kill(0)


def test_a_run_that_ends_while_it_is_stopped_does_not_stand_still(ended: Run) -> None:
    assert not ended.stop(0)


def test_a_run_that_ends_while_somebody_waits_for_it_to_stand_still_does_not(ended: Run) -> None:
    assert not ended.stands_still()
