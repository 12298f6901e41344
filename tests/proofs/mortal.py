"""Processes that die at an exact change of a store: before it, and on an object store also right after it took effect.

A random moment hits the instant between manifest and pointer only now and then; these hit each such instant once. They are put
around the store in the run's own process, so that the product needs no hook for them.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def die(late: float) -> None:
    """Kill this process, its group and with it the workers, without a chance to tidy up."""
    if late:
        threading.Timer(late, os.killpg, (0, signal.SIGKILL)).start()
    else:
        os.killpg(0, signal.SIGKILL)


@dataclass(frozen=True)
class Mortal:
    """Die at change number `at`, counted from 1 (0: never), or `late` seconds after; each change leaves a line in `trace`.

    With `named`, die at the first change of what is called so, whatever its number: how many a run makes before it hangs on how
    often it says that it lives.
    """

    trace: Path
    at: int = 0
    late: float = 0.0
    named: str = ""

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
        count = 0

        def watch(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal count
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
            count += 1
            os.write(sink, f"{time.monotonic()} {event} {os.fsdecode(path)}\n".encode())
            if self.is_last(count, os.fsdecode(path)):
                die(self.late)

        sys.addaudithook(watch)


@dataclass(frozen=True)
class MortalOnS3(Mortal):
    """Counts requests that change a bucket; dies before each of them, and after it.

    Change 2n-1 is before request n, change 2n after the store has carried it out.
    """

    def __call__(self) -> None:
        """Count in this process."""
        from s3fs import S3FileSystem

        sink = os.open(self.trace, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        call, counted = S3FileSystem._call_s3, 0

        def count(what: str) -> None:
            nonlocal counted
            counted += 1
            os.write(sink, f"{time.monotonic()} {what}\n".encode())
            if self.is_last(counted, what):
                die(self.late)

        async def counting(fs: Any, method: str, *arguments: Any, **options: Any) -> Any:
            if not method.startswith(("put_", "delete_", "create_", "upload_", "complete_", "copy_")):
                return await call(fs, method, *arguments, **options)
            count(f"before {method} {options.get('Key', '')}")
            answer = await call(fs, method, *arguments, **options)
            count(f"after {method} {options.get('Key', '')}")
            return answer

        S3FileSystem._call_s3 = counting
