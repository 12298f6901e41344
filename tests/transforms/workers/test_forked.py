"""Worker processes that are copies of their driver: only of one that runs a command, and alike to those that start anew."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labelbeam.transforms.builds.lock import _process
from labelbeam.transforms.workers import pool
from labelbeam.transforms.workers.pool import forked, workers

_DRIVER = """
import logging, os, signal, sys, threading, time
from labelbeam.transforms.workers.loading import is_ours_alone
from labelbeam.transforms.workers.pool import LOG, forked, workers

LOG.addHandler(logging.StreamHandler())
LOG.setLevel(logging.INFO)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
is_ours_alone()
loaded = "of the driver"

def look():
    LOG.info("a line of a worker")
    return os.getpid(), globals().get("loaded"), signal.getsignal(signal.SIGTERM) == signal.SIG_DFL

with forked(2):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    with workers(2) as processes:
        looked = {processes.submit(look).result() for _ in range(50)}
        print(*{pid for pid, *_ in looked}, *processes.executor._processes, flush=True)
        print({(found, default) for _, found, default in looked}, flush=True)
        processes.submit(time.sleep, 600)
        time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="nowhere else are processes copied")
def test_copies_have_what_their_driver_has_loaded_and_end_with_it_at_once(tmp_path: Path) -> None:
    driver = subprocess.Popen(
        [sys.executable, "-c", _DRIVER], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, text=True
    )
    assert driver.stdout is not None
    assert driver.stderr is not None
    pids = {int(pid) for pid in driver.stdout.readline().split()}
    assert driver.stdout.readline() == "{('of the driver', True)}\n"
    assert len(pids) == 2
    driver.kill()
    driver.wait()
    end = time.monotonic() + 10
    while (left := [pid for pid in pids if _process(pid) is not None]) and time.monotonic() < end:
        time.sleep(0.02)
    assert not left
    assert driver.stderr.read() == ""
    driver.stdout.close()
    driver.stderr.close()


def test_a_process_that_may_run_other_code_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "ours_alone", lambda: False)
    with forked(2):
        assert pool._forked == []


@pytest.mark.skipif(sys.platform != "linux", reason="nowhere else are processes copied")
def test_a_process_with_threads_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "ours_alone", lambda: True)
    monkeypatch.setattr("threading.active_count", lambda: 2)
    with forked(2):
        assert pool._forked == []


@pytest.mark.skipif(sys.platform != "linux", reason="nowhere else are processes copied")
def test_copies_that_nobody_takes_end_with_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "ours_alone", lambda: True)
    monkeypatch.setattr("threading.active_count", lambda: 1)
    with forked(2):
        ((_, processes),) = pool._forked
        pids = list(processes.executor._processes)
        assert len(pids) == 2
    assert [pid for pid in pids if _process(pid) is not None] == []
    assert not processes.folder.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="nowhere else are processes copied")
def test_copies_that_were_taken_end_as_those_that_start_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "ours_alone", lambda: True)
    monkeypatch.setattr("threading.active_count", lambda: 1)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, set())
    with forked(2), pytest.raises(ValueError, match="of the run"), workers(2) as processes:
        assert processes is not None
        assert processes.submit(os.getppid).result() == os.getpid()
        folder = processes.folder
        raise ValueError("of the run")
    assert pool.current_workers() is None
    assert not folder.exists()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, set()) == before
