"""Threads for requests that wait."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any, TypeVar

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


SLOW = 0.001
"""Seconds that a call waits for a disk from which on it is worth making others meanwhile: a thread costs a tenth of it."""

_LOOKED_AT = 8
"""Calls after which a disk is known to be slow."""


def each_in_turn(call: Callable[[_Item], _Result], items: Sequence[_Item]) -> Iterator[_Result]:
    """`each_in_threads` for a local disk: calls that do not wait are made one after the other, which costs far less.

    A disk may be a network's: once most calls have taken `SLOW` and waited for it, the others are made in threads. What takes
    long because others have the processor, or because it is large, gives the processor up to nobody.
    """
    slow, pauses = 0, _pauses()
    for number, item in enumerate(items, 1):
        began = perf_counter()
        result = call(item)
        slow += perf_counter() - began > SLOW
        yield result
        if number % _LOOKED_AT == 0 and 2 * slow > number and (pauses is None or _pauses() - pauses >= slow):
            yield from each_in_threads(call, items[number:])
            return


def _pauses() -> Any:
    """The number of times that this thread gave up its processor by itself; None where the system does not tell."""
    of_thread = getattr(resource, "RUSAGE_THREAD", None)
    return None if of_thread is None else resource.getrusage(of_thread).ru_nvcsw
