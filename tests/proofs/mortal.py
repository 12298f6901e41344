"""Processes that die at an exact change of a store: before it, and on an object store also right after it took effect.

A random moment hits the instant between manifest and pointer only now and then; these hit each such instant once. They are put
around the store in the run's own process, so that the product needs no hook for them.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from yarl import URL


def die(late: float, by: signal.Signals = signal.SIGKILL) -> None:
    """Kill this process, its group and with it the workers, without a chance to tidy up; or have it stand still, by SIGSTOP."""
    if late:
        threading.Timer(late, os.killpg, (0, by)).start()
    else:
        os.killpg(0, by)


@dataclass(frozen=True)
class Mortal:
    """Die at change number `at`, counted from 1 (0: never), or `late` seconds after; each change leaves a line in `trace`.

    `by` is SIGKILL, or SIGSTOP for a process that stands still there. With `named`, die at the first change of what is called so, whatever its number: how many a run makes before it hangs on how
    often it says that it lives.
    """

    trace: Path
    at: int = 0
    late: float = 0.0
    named: str = ""
    by: signal.Signals = signal.SIGKILL

    def end(self) -> None:
        """Die, or stand still."""
        die(self.late, self.by)

    def is_last(self, count: int, what: str) -> bool:
        """Whether a process dies at this change."""
        return count == self.at or bool(self.named and what.endswith(self.named))

    def changes(self) -> list[tuple[float, str]]:
        """When a run changed what, in order; the time is that of `time.monotonic`."""
        lines = (line.split(" ", 1) for line in self.trace.read_text().splitlines())
        return [(float(moment), what) for moment, what in lines]


@dataclass(frozen=True)
class MortalOnDisk(Mortal):
    """Counts what is created, renamed or removed below `root`; dies before the change."""

    root: str = ""

    def __call__(self) -> None:
        """Watch this process."""
        sink = os.open(self.trace, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        numbers = itertools.count(1)  # Each of one thread alone: the run's signs of life come from another.

        def watch(event: str, arguments: tuple[Any, ...]) -> None:
            if event == "open":
                changes = bool(int(arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
                path = arguments[0]
            else:
                changes = event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link")
                path = arguments[-3] if event in ("os.rename", "os.link") else arguments[0] if arguments else ""
                if event in ("os.remove", "os.rmdir") and arguments[1] != -1:
                    path = os.path.join(os.readlink(f"/proc/self/fd/{arguments[1]}"), os.fsdecode(path))
            if not changes or isinstance(path, int) or not os.fsdecode(path).startswith(self.root):
                return
            number = next(numbers)
            os.write(sink, f"{time.monotonic()} {event} {os.fsdecode(path)}\n".encode())
            if self.is_last(number, os.fsdecode(path)):
                self.end()

        sys.addaudithook(watch)


@dataclass(frozen=True)
class MortalOnStore(Mortal):
    """Counts requests that change an object store, of whichever package; dies before each of them, and after it.

    Change 2n-1 is before request n, change 2n after the store has carried it out: its answer has begun to come.
    """

    def __call__(self) -> None:
        """Count in this process."""
        from aiohttp import ClientSession

        sink = os.open(self.trace, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        request, numbers = ClientSession._request, itertools.count(1)

        def count(what: str) -> None:
            number = next(numbers)
            os.write(sink, f"{time.monotonic()} {what}\n".encode())
            if self.is_last(number, what):
                self.end()

        async def counting(session: Any, method: str, url: Any, **options: Any) -> Any:
            if method not in ("PUT", "POST", "DELETE"):
                return await request(session, method, url, **options)
            what = f"{method} {_named(url, options.get('data'))}"
            count(f"before {what}")
            answer = await request(session, method, url, **options)
            count(f"after {what}")
            return answer

        ClientSession._request = counting  # type: ignore[method-assign]


def _named(url: Any, body: Any) -> str:
    """What a request puts or removes; Google's are told its name in the query or in the body."""
    address = URL(url)
    if "name" in address.query:
        return address.query["name"]
    if "/upload/storage/" in address.path and isinstance(body, bytes) and (found := _NAME.search(body[:4096])):
        return found[1].decode()
    return unquote(address.path)


_NAME = re.compile(rb'"name": "([^"]*)"')
