"""Runs that are known to live or to be dead by their processes: on Linux, as on macOS, and where the system does not tell."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labelbeam.schemas.errors import BusyError
from labelbeam.transforms.builds.lock import Pace, _process, locked, read_claims
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from tests.transforms.builds.claims import QUICK, claim_of, leave, process_of


@pytest.fixture
def output(tmp_path: Path) -> Location:
    """An output on the disk."""
    return locate(str(tmp_path / "out"), {})


def test_a_run_that_was_killed_on_this_machine_is_known_to_be_dead(output: Location) -> None:
    leave(output, claim_of(process_of("")))
    began = time.monotonic()
    with locked(output, "build"):
        assert len(read_claims(output)) == 1
    assert time.monotonic() - began < Pace().dead_after


def test_a_killed_run_that_nobody_has_waited_for_is_dead_too(output: Location) -> None:
    ask = "import os, sys; from labelbeam.transforms.builds.lock import _process; print(_process(os.getpid())); sys.stdout.flush()"
    child = subprocess.Popen(
        [sys.executable, "-c", f"{ask}; os.kill(os.getpid(), 9)"], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    leave(output, claim_of(child.stdout.readline().strip()))
    wait_for_zombie(child.pid)
    with locked(output, "build"):
        assert len(read_claims(output)) == 1
    child.communicate()


def wait_for_zombie(pid: int) -> None:
    """Wait until a child of this process has ended, and leave it a zombie; macOS has waitid only from Python 3.13 on."""
    deadline = time.monotonic() + 30
    state = ""
    while not state.startswith("Z"):
        assert time.monotonic() < deadline, f"process {pid} does not end"
        state = subprocess.run(
            ["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True, check=True
        ).stdout
        time.sleep(0.01)


@pytest.fixture
def as_on_macos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No /proc, but a command that names the session of the kernel, which `sysctl` of Linux does not."""
    command = tmp_path / "bin" / "sysctl"
    command.parent.mkdir()
    command.write_text('#!/bin/sh\n[ "$*" = "-n kern.bootsessionuuid" ] && echo 6B29FC40-CA47-1067-B31D-00DD010662DA\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("labelbeam.transforms.builds.lock._PROC", tmp_path / "proc")


@pytest.mark.usefixtures("as_on_macos")
def test_without_proc_a_process_is_known_by_its_start(output: Location) -> None:
    with locked(output, "build", QUICK) as lock:
        own = lock.claim.process
        assert own == _process(os.getpid())
        assert own is not None and own.split()[:3] == ["6B29FC40-CA47-1067-B31D-00DD010662DA", "-", str(os.getpid())]
        with pytest.raises(BusyError), locked(output, "build", QUICK):
            pass
    leave(output, claim_of(f"{own[:-4]}1999"))  # Of another start time.
    began = time.monotonic()
    with locked(output, "build"):
        assert len(read_claims(output)) == 1
    assert time.monotonic() - began < 20


@pytest.mark.usefixtures("as_on_macos")
def test_without_proc_a_killed_run_is_known_to_be_dead(output: Location) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    process = _process(child.pid)
    assert process is not None
    child.kill()
    wait_for_zombie(child.pid)
    for _ in range(2):  # As a zombie, and gone.
        leave(output, claim_of(process))
        began = time.monotonic()
        with locked(output, "build"):
            assert len(read_claims(output)) == 1
        assert time.monotonic() - began < 20
        child.wait()
    child.communicate()


@pytest.mark.usefixtures("as_on_macos")
def test_where_the_system_does_not_tell_a_run_goes_by_signs_of_life(
    output: Location, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert _process(os.getpid()) is None
    leave(output, claim_of(None))
    began = time.monotonic()
    with locked(output, "build", QUICK):
        assert time.monotonic() - began >= QUICK.dead_after


def test_another_process_with_the_same_number_is_not_the_run(output: Location) -> None:
    with locked(output, "build", QUICK) as lock:
        own = lock.claim.process
    assert own is not None
    leave(output, claim_of(f"{own}0"))  # Of another start time.
    with locked(output, "build"):
        assert len(read_claims(output)) == 1


ODD = [
    "",
    " ",
    "x",
    "BOOT NAMESPACE",
    "BOOT NAMESPACE x 7",
    "BOOT NAMESPACE -1 7",
    "BOOT NAMESPACE 1",
    "BOOT NAMESPACE 99999999999999999999999 7",
    "BOOT NAMESPACE ../../1 7",
    "BOOT NAMESPACE 1 7 8 9",
    "BOOT NAMESPACE \u0661 7",
    "\x00",
]


@pytest.mark.parametrize("process", ODD)
def test_a_claim_of_an_odd_process_is_of_one_that_cannot_be_asked(process: str, output: Location) -> None:
    with locked(output, "build", QUICK) as lock:
        boot, namespace = (lock.claim.process or "boot 1").split()[:2]
    leave(output, claim_of(process.replace("BOOT", boot).replace("NAMESPACE", namespace)))
    began = time.monotonic()
    with locked(output, "build", QUICK):
        assert time.monotonic() - began >= QUICK.dead_after
