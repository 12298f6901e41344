"""Runs of the command in processes of their own that start at once: forked from one that has loaded Beam already.

A run leads its own process group, so that it is killed with the worker processes that it started, as a machine that goes down
would kill them.
"""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

PATIENCE = 300.0
"""Seconds after which a run that should have ended counts as hung."""

OUTPUT = 2**20
"""Bytes that a run may write before somebody asks what it said. A pipe holds them, as no disk that is full can spoil it."""

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.proofs.loaded"])


@dataclass
class Run:
    """A run under way; `started` is when its command began, by `time.monotonic`."""

    process: BaseProcess
    output: Connection
    started: float
    _heard: bytearray = field(default_factory=bytearray)

    def kill(self, after: float) -> bool:
        """Kill the whole process group `after` so many seconds from its start; False when it had ended by then."""
        self.process.join(max(0.0, self.started + after - time.monotonic()))
        ended = self.process.exitcode is not None
        if not ended:
            self._signal(signal.SIGKILL)
        self.process.join()
        return not ended and self.process.exitcode == -signal.SIGKILL

    def stop(self, after: float) -> bool:
        """Have the whole process group stand still `after` so many seconds from its start; False when it had ended by then."""
        self.process.join(max(0.0, self.started + after - time.monotonic()))
        if self.process.exitcode is None:
            self._signal(signal.SIGSTOP)
        return self.stands_still()

    def stands_still(self) -> bool:
        """Wait until it stands still, or has ended; whether it is the former."""
        until = time.monotonic() + PATIENCE
        while self.process.exitcode is None:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if Path(f"/proc/{self._group}/stat").read_text().rpartition(")")[2].split()[0] == "T":
                    return True
            assert time.monotonic() < until, f"neither standing still nor ended after {PATIENCE:g} s:\n{self.said}"
            time.sleep(0.005)
        return False

    def go_on(self) -> None:
        """Have it run again from where it stood."""
        self._signal(signal.SIGCONT)

    def end(self) -> int:
        """Wait for the end, and return the exit status; negative for a signal."""
        self.process.join(PATIENCE)
        if self.process.exitcode is None:
            self._signal(signal.SIGKILL)
            self.process.join()
            raise AssertionError(f"still running after {PATIENCE:g} s:\n{self.said}")
        return self.process.exitcode

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal to the group, which may have ended since somebody looked."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._group, number)

    @property
    def said(self) -> str:
        """What it has written to stdout and stderr so far."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.output.fileno(), OUTPUT):
                self._heard += data
        return self._heard.decode(errors="replace")

    @property
    def _group(self) -> int:
        assert self.process.pid is not None
        return self.process.pid


def start(
    arguments: Sequence[str | Path],
    folder: Path,
    environment: Mapping[str, str],
    before: Callable[[], None] | None = None,
) -> Run:
    """Begin `labelbeam ARGUMENTS`; its temporary files go to `folder`. `before` is called in its process."""
    begun, begins = _CONTEXT.Pipe(duplex=False)
    output, sink = _CONTEXT.Pipe(duplex=False)
    fcntl.fcntl(sink.fileno(), fcntl.F_SETPIPE_SZ, OUTPUT)
    os.set_blocking(output.fileno(), False)
    process = _CONTEXT.Process(
        target=_run,
        args=([str(argument) for argument in arguments], {"TMPDIR": str(folder), **environment}, before, begins, sink),
    )
    process.start()
    begins.close()
    sink.close()
    with begun:
        begun.recv()
    return Run(process, output, time.monotonic())


def _run(
    arguments: list[str],
    environment: dict[str, str],
    before: Callable[[], None] | None,
    begins: Connection,
    sink: Connection,
) -> None:
    os.setsid()
    os.dup2(sink.fileno(), 1)
    os.dup2(sink.fileno(), 2)
    sink.close()
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    os.environ.update(environment)
    tempfile.tempdir = None
    # Beam was loaded before the command could set up its log, and has set up one of its own.
    logging.getLogger().handlers.clear()
    if before is not None:
        before()
    # Where a run hangs, only its own threads can tell. This starts one, after which no namespace can be entered.
    faulthandler.dump_traceback_later(PATIENCE * 0.75, file=sys.stderr)
    from labelbeam.pipelines.cli import main

    begins.send(None)
    begins.close()
    status = main(arguments)
    sys.stdout.flush()
    # Not sys.exit: as in a shell, nothing but the command's own end should matter.
    os._exit(status)
