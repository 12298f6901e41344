"""A list of many small records that are kept as bytes: a source of 6 MB can hold two million that are rejected."""

from __future__ import annotations

import heapq
import pickle
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar, overload

Item = TypeVar("Item")

_TOGETHER = 256
"""Items that become bytes together; fewer stay as they are."""

_RUN = 16 * 1024
"""Items that are sorted together."""


class Packed(Sequence[Item], Generic[Item]):
    """A list to add to and to go through in order: some tens of bytes an item, where the item itself has hundreds.

    An item by its number costs as much as going through all before it.

    >>> items = Packed("abc")
    >>> items += "d"
    >>> len(items), list(items), items[1], items == ["a", "b", "c", "d"]
    (4, ['a', 'b', 'c', 'd'], 'b', True)
    """

    __slots__ = ("_blocks", "_last", "_length")

    def __init__(self, items: Iterable[Item] = ()) -> None:
        # Lists only where there is something to hold: nearly all images have nothing that is rejected.
        self._blocks: list[bytes] | tuple[()] = ()
        self._last: list[Item] | tuple[()] = ()
        self._length = 0
        self.extend(items)

    def append(self, item: Item) -> None:
        """Add an item."""
        if isinstance(self._last, tuple):
            self._last = []
        self._last.append(item)
        self._length += 1
        if len(self._last) == _TOGETHER:
            self._blocks = [*self._blocks] if isinstance(self._blocks, tuple) else self._blocks
            self._blocks.append(zlib.compress(pickle.dumps(self._last, protocol=5), 1))
            self._last = ()

    def extend(self, items: Iterable[Item]) -> None:
        """Add items."""
        for item in items:
            self.append(item)

    def __iadd__(self, items: Iterable[Item]) -> Packed[Item]:
        self.extend(items)
        return self

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Item]:
        for block in self._blocks:
            yield from pickle.loads(zlib.decompress(block))
        yield from self._last

    @overload
    def __getitem__(self, at: int) -> Item: ...
    @overload
    def __getitem__(self, at: slice) -> list[Item]: ...
    def __getitem__(self, at: int | slice) -> Item | list[Item]:
        if isinstance(at, slice):
            return list(islice(self, *at.indices(len(self)))) if (at.step or 1) > 0 else list(self)[at]
        place = at + len(self) if at < 0 else at
        if not 0 <= place < len(self):
            raise IndexError(at)
        return next(islice(self, place, None))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Packed | list) and len(self) == len(other) and all(map(_same, self, other))

    __hash__ = None  # type: ignore[assignment]  # It can be added to.

    def __repr__(self) -> str:
        return f"Packed({list(self)!r})"


def _same(one: object, other: object) -> bool:
    return one == other


def sorted_packed(items: Iterable[Item], key: Callable[[Item], Any]) -> Packed[Item]:
    """Items in the order of `key`, as `sorted` has them, of which only some thousands lie in memory at a time."""
    runs: list[Packed[Item]] = []
    rest = iter(items)
    while run := list(islice(rest, _RUN)):
        runs.append(Packed(sorted(run, key=key)))
    return runs[0] if len(runs) == 1 else Packed(heapq.merge(*runs, key=key))
