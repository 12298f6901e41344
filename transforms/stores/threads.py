"""Threads for requests that wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

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
