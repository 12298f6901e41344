"""Runs of a command in a process of its own: seconds of the wall, of all cores, and memory. Needs Linux, for /proc and `os.wait4`."""

from __future__ import annotations

import compileall
import multiprocessing
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
SAMPLE_SECONDS = 0.05
NOTHING: Mapping[str, str] = MappingProxyType({})


class Command(NamedTuple):
    """A command that is measured: what is run, and variables of its environment beside those that there are.

    `sampled`: its memory is wanted. `tells`: the last line of its standard output is the seconds that count in place of the wall's.
    """

    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    sampled: bool = False
    tells: bool = False


class Spent(NamedTuple):
    """Seconds of the wall and of all cores, and the most bytes that all processes held at once, 0 where they were not sampled."""

    wall: float
    cores: float
    peak: float = 0.0


def python(
    *arguments: str, sampled: bool = False, tells: bool = False, environment: Mapping[str, str] = NOTHING
) -> Command:
    """A command of this Python."""
    return Command((sys.executable, *arguments), tuple(environment.items()), sampled, tells)


class Memory(threading.Thread):
    """Samples the resident memory of a session's processes, and of what left the session but descends from it.

    Pages that several of them share count for each.
    """

    def __init__(self, leader: int) -> None:
        """Prepare to sample the session of `leader`."""
        super().__init__(daemon=True)
        self.peak = 0
        self._members = {leader}
        self._leader = leader
        self._ended = threading.Event()

    def run(self) -> None:
        """Sample until stopped."""
        while not self._ended.wait(SAMPLE_SECONDS):
            self.peak = max(self.peak, self._resident())

    def stop(self) -> int:
        """End sampling; returns the most bytes at once."""
        self._ended.set()
        self.join()
        return self.peak

    def _resident(self) -> int:
        pages = 0
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                stat = Path("/proc", name, "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue  # It ended since the listing.
            # proc(5); the command's name, in parentheses, may hold anything.
            fields = stat[stat.rindex(")") + 2 :].split()
            parent, session, resident = int(fields[1]), int(fields[3]), int(fields[21])
            if session == self._leader or parent in self._members:
                self._members.add(int(name))
                pages += resident
        return pages * os.sysconf("SC_PAGE_SIZE")


def spent(command: Command) -> Spent:
    """What a command takes, with all processes that it waits for.

    Raises:
        SystemExit: it fails; the message holds the end of what it wrote.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            command.arguments,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=log,
            env=os.environ | dict(command.environment),
            start_new_session=True,
        )
        memory = Memory(process.pid)
        if command.sampled:
            memory.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            wall = time.perf_counter() - began
        finally:
            peak = memory.stop() if command.sampled else 0
            if process.returncode is None:  # Interrupted; a session of its own does not get the terminal's signal.
                os.killpg(process.pid, signal.SIGKILL)
        out.seek(0)
        log.seek(0)
        if process.returncode:
            sys.exit(f"{' '.join(command.arguments)}\nended with {process.returncode}:\n{log.read()[-4000:]}")
        if command.tells:
            wall = float(out.read().split()[-1])
    return Spent(wall, used.ru_utime + used.ru_stime, peak)


@contextmanager
def served(serve: Callable[..., None], *arguments: object) -> Iterator[str]:
    """Run `serve(pipe, *arguments)` in a process of its own, which sends its port into the pipe; yields `http://127.0.0.1:PORT`."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there, *arguments), daemon=True)
    process.start()
    there.close()
    try:
        yield f"http://127.0.0.1:{port_of(here)}"
    finally:
        process.terminate()
        process.join()


ROOMS = ("benchmarks", "labelbeam", "pipelines", "schemas", "transforms")
"""Folders of the modules that are measured."""


def compile_modules(root: Path = ROOT) -> None:
    """Compile the modules that are measured, as pip compiles those that it installs.

    Where Python may write no bytecode (PYTHONDONTWRITEBYTECODE), each process of each command would do it anew.

    Raises:
        SystemExit: a module cannot be compiled.
    """
    for room in ROOMS:
        if not compileall.compile_dir(root / room, quiet=1):
            sys.exit(f"{root / room}: modules cannot be compiled")


def port_of(pipe: Connection) -> int:
    """The port that a server sent.

    Raises:
        EOFError: it ended before.
    """
    port: int = pipe.recv()
    return port


def machine() -> str:
    """Describe what is measured on."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    libraries = ", ".join(f"{name} {version(name)}" for name in ("apache-beam", "msgspec", "numpy", "pyarrow"))
    return (
        f"{len(os.sched_getaffinity(0))} cores, {model.partition(': ')[2] or platform.machine()}, {memory / 1e9:.0f} GB; "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, labelbeam {version('labelbeam')}, {libraries}"
    )
