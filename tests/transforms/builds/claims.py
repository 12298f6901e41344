"""Claims of other runs, as they would lie there."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from labelbeam.transforms.builds.lock import Claim, Pace
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.location import Location

QUICK = Pace(beat=0.05, dead_after=0.6, look=0.02)


def claim_of(process: str | None, **fields: object) -> Claim:
    values = {"work": "build", "since": "2024-01-01T00:00:00+00:00", "host": "elsewhere", "build": "B7", "held": True}
    return msgspec.convert(values | fields | {"process": process}, type=Claim)


def leave(output: Location, claim: Claim, name: str = "lock-20240101T000000000000Z-aaaaaaaa.json") -> None:
    """Put the claim of another run."""
    put(output.below(f"unfinished/{name}"), msgspec.json.encode(claim))


@contextmanager
def shown_alive(output: Location) -> Iterator[None]:
    """A run on another machine that gives signs of life."""
    ended = threading.Event()

    def beat() -> None:
        number = 0
        while not ended.wait(0.05):
            number += 1
            leave(output, claim_of(None, beat=number))

    leave(output, claim_of(None))
    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def process_of(code: str) -> str | None:
    """What a run in another process says of itself, after that process has ended."""
    ask = "import os; from labelbeam.transforms.builds.lock import _process; print(_process(os.getpid()))"
    done = subprocess.run([sys.executable, "-c", f"{ask}{code}"], capture_output=True, text=True, check=True)
    return done.stdout.strip()
