"""A proxy before a real server that makes it slow and unreliable, and that tells what was asked.

proxy.suffer(mixed(0.05), seed=7)
... run against store.through(proxy.endpoint) ...
assert proxy.writes() == []
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.servers.faults import READS, Faults, Request
from tests.servers.processes import HOST
from tests.suites import needs

REPOSITORY = Path(__file__).parents[2]


class Proxy:
    """A proxy that runs; without rules it hands everything on."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.endpoint = f"http://{HOST}:{self._heard()}"
        """`http://127.0.0.1:PORT`, for `Store.through`."""

    def suffer(self, *rules: Faults, seed: int = 0) -> None:
        """Let requests suffer what the first rule says that is for them. Tests print the seed, which pytest shows on failure."""
        self._ask({"rules": [asdict(rule) for rule in rules], "seed": seed})

    def requests(self) -> list[Request]:
        """What has come since the start or the last `forget`, in the order in which it was answered."""
        return [Request(*entry) for entry in self._ask({})]

    def forget(self) -> list[Request]:
        """The same, and begin anew."""
        return [Request(*entry) for entry in self._ask({"forget": True})]

    def counts(self) -> Counter[tuple[str, str]]:
        """How many requests came, by method and outcome."""
        return Counter((request.method, request.outcome) for request in self.requests())

    def writes(self) -> list[Request]:
        """The requests that were not made to read."""
        return [request for request in self.requests() if request.method not in READS]

    def _ask(self, command: Mapping[str, Any]) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._heard()

    def _heard(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


@contextmanager
def proxy_before(server: str) -> Iterator[Proxy]:
    """Run a proxy before the server at an endpoint `http://HOST:PORT`, in a process that ends with this one."""
    needs("server", "a proxy before one")
    parts = urlsplit(server)
    command = [sys.executable, "-m", "tests.servers.proxy_process", str(parts.hostname), str(parts.port)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, start_new_session=True
    ) as process:
        try:
            yield Proxy(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


def most_at_once(requests: Sequence[Request]) -> int:
    """How many of the requests were in progress at the same time at most."""
    starts = [(request.started, 1) for request in requests]
    ends = [(request.started + request.seconds, -1) for request in requests]
    now = most = 0
    for _, change in sorted(starts + ends):
        now += change
        most = max(most, now)
    return most
