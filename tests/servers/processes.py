"""Start a server on a free port of this machine, and end it for sure."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.suites import needs

HOST = "127.0.0.1"

GUARD = Path(__file__).with_name("guard.py")

STARTING = 60.0
"""Seconds that a server may take to listen, on a machine that is busy with other tests."""

ATTEMPTS = 5
"""Ports that are tried: between choosing one and listening, another process may take it."""


@contextmanager
def serving(
    command: Callable[[int], Sequence[str]], log: Path, cwd: Path | None = None, marker: str = "server"
) -> Iterator[str]:
    """Run `command(port)` and yield its endpoint, `http://127.0.0.1:PORT`, once it listens; kill it at the end.

    It is killed as well when this process dies in any way. What it writes goes to `log`. A test that starts it has the marker.

    Raises:
        RuntimeError: it does not listen; the message holds what it wrote.
    """
    needs(marker, "a server in a process of its own")
    for _ in range(ATTEMPTS):
        port = free_port()
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(GUARD), *command(port)],
                stdin=subprocess.PIPE,
                stdout=sink,
                stderr=sink,
                cwd=cwd,
                start_new_session=True,  # So that Ctrl-C at a terminal leaves it to this process to end it.
            )
        try:
            if _listens(port, process):
                yield f"http://{HOST}:{port}"
                return
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()
    raise RuntimeError(f"{' '.join(command(0))}: does not listen; it wrote: {log.read_text(errors='replace')[-2000:]}")


def free_port() -> int:
    """A port that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def _listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Whether the process listens in time; False as well where it ended, since the port was taken or for other reasons."""
    end = time.monotonic() + STARTING
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            time.sleep(0.05)
            # Another process may be the one that answers: then this one ends, for want of the port.
            return process.poll() is None
    return False
