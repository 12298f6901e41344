"""Threads for requests that wait, and the memory that they share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar


class Budget:
    """Bytes that threads share; whoever wants more than there are in all gets all of them, and waits until they are free."""

    def __init__(self, size: int) -> None:
        self._size = self._free = size
        self._freed = threading.Condition()

    @contextmanager
    def take(self, size: int) -> Iterator[None]:
        """Have `size` bytes for the block."""
        taken = min(size, self._size)
        with self._freed:
            self._freed.wait_for(lambda: self._free >= taken)
            self._free -= taken
        try:
            yield
        finally:
            with self._freed:
                self._free += taken
                self._freed.notify_all()


READS_AT_ONCE = 64
"""How many small files are read at the same time; beyond that most stores answer no faster."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_threads(call: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """`[call(item) for item in items]`, up to `READS_AT_ONCE` at a time: for calls that wait on a store."""
    return list(each_in_threads(call, items))


def each_in_threads(call: Callable[[_Item], _Result], items: Sequence[_Item]) -> Iterator[_Result]:
    """The same, each result as soon as it and those before it are there."""
    if len(items) < 2:
        yield from map(call, items)
        return
    with ThreadPoolExecutor(min(READS_AT_ONCE, len(items))) as pool:
        yield from pool.map(call, items)
