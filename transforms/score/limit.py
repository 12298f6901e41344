"""Limit on the requests that are under way at once: lowered where an endpoint sheds load, and raised again step by step.

The scheme is AIMD, additive increase and multiplicative decrease, as congestion control of TCP does it (RFC 5681), with the factor of
CUBIC (RFC 9438): a managed endpoint takes few requests at once, answers 429 to the others, and does not say how many it takes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

FACTOR = 0.7
"""What is left of the limit when load was shed."""


class Limit:
    """At most `most` requests at once, for several threads. It is never lower than 1."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._now = float(most)
        self._under_way = 0
        self._alone = 0
        self._changed = threading.Condition()
        self._lowered_at = float("-inf")
        self._answered_at = float("-inf")
        self._closed = False
        self._waiting = 0
        self._wanted = False
        self.freed: Callable[[], None] = lambda: None
        """Called, in any thread, when a place may be free after `take` had found none."""

    @property
    def now(self) -> int:
        """Requests that may be under way at this moment."""
        return int(self._now)

    @contextmanager
    def place(self, alone: bool = False) -> Iterator[float]:
        """Wait until another request may be made, and hold its place for the block; when it began, of the monotonic clock.

        With `alone`, wait until no other one is under way, and let none begin.
        """
        with self._changed:
            self._alone += alone
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: self._closed or self._is_free(alone))
            finally:
                self._waiting -= 1
            self._under_way += 1
        with self.held(monotonic(), alone) as began:
            yield began

    def take(self) -> float | None:
        """A place for another request, and when it began, for `held`; None where that would be to wait, or others do."""
        with self._changed:
            if self._waiting or self._closed or not self._is_free(False):
                self._wanted = True
                return None
            self._under_way += 1
        return monotonic()

    @contextmanager
    def held(self, began: float, alone: bool = False) -> Iterator[float]:
        """Hold a place that was taken for the block, and give it back."""
        try:
            yield began
        finally:
            self.give_back(alone)

    def give_back(self, alone: bool = False) -> None:
        """Have another one take a place."""
        with self._changed:
            self._under_way -= 1
            self._alone -= alone
            # One place is free: to wake all for it costs more than the request, but who waits to be alone may be any.
            self._changed.notify_all() if alone or self._alone else self._changed.notify()
        self._tell()

    def _tell(self) -> None:
        if self._wanted:
            self._wanted = False
            self.freed()

    def _is_free(self, alone: bool) -> bool:
        return not self._under_way if alone else not self._alone and self._under_way < self.now

    def answered(self) -> None:
        """Raise the limit by one when as many requests as it allows have been answered well."""
        with self._changed:
            self._answered_at = monotonic()
            before = self.now
            self._now = min(float(self._most), self._now + 1 / self._now)
            if self.now > before:
                self._changed.notify()
        self._tell()

    def shed(self, began: float) -> None:
        """Lower the limit after a request that began at `began` was shed: once for all that were under way together."""
        with self._changed:
            if began > self._lowered_at:
                self._lowered_at = monotonic()
                self._now = max(1.0, min(self._now, self._under_way + 1) * FACTOR)

    def quiet_since(self, since: float) -> float:
        """Seconds since `since` in which nothing was answered well; 0 while a request is under way, which may be."""
        with self._changed:
            return 0.0 if self._under_way else monotonic() - max(since, self._answered_at)

    def close(self) -> None:
        """Have nobody wait any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._tell()
