"""The memory of a process for what a dataset, a server or a decoder decides the size of.

Whatever may be large takes its bytes from here before it is allocated, by the size that is declared, and gives them back. So
a process needs no more at a time than `docs/scale.md` says, whatever it reads; and what no longer fits ends the run in words,
as it is no fault of the data.
"""

from __future__ import annotations

import gc
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from time import monotonic

from labelbeam.transforms.stores.errors import ShortageError
from labelbeam.transforms.workers.resources import MARGIN, budget_size, memory_left

LOOKED_AT_FROM = 8 * 2**20
"""Bytes from which on it is asked whether so many are left; asking costs a tenth of a millisecond."""


WAITS = (1.0, 10.0, 60.0, 300.0)
"""Seconds that one waits for what others hold, one after the other; what is garbage and holds some is collected after each."""


class Budget:
    """Bytes that threads share; whoever wants more than there are in all gets all of them, and waits until they are free.

    A thread that holds some never waits for more: it would wait for itself. Ours take once at a time; but whoever reads a build in Python
    may read another one meanwhile, and what an exception has left half read is held for as long as somebody keeps that exception. What
    nobody keeps is given back by the collector of garbage, which is asked where one waits. After all `WAITS` nobody waits on: too
    much memory for a moment is better than a run that never ends.
    """

    def __init__(self, size: int) -> None:
        self.size = self._free = size
        self._freed = threading.Condition()
        self._holders: Counter[int] = Counter()

    @contextmanager
    def take(self, size: int, what: str = "") -> Iterator[None]:
        """Have `size` bytes for the block.

        Raises:
            ShortageError: this process may not allocate so many; `what` names what they are for.
        """
        taken, thread = min(size, self.size), threading.get_ident()
        with self._freed:
            for seconds in WAITS:
                if self._freed.wait_for(lambda: self._free >= taken or self._holders[thread] > 0, seconds):
                    break
                gc.collect()
            self._free -= taken
            self._holders[thread] += 1
        try:
            check_room(size, what)
            yield
        finally:
            with self._freed:
                self._free += taken
                self._holders[thread] -= 1
                if not self._holders[thread]:
                    del self._holders[thread]
                self._freed.notify_all()


class GrowingBudget:
    """Bytes that threads share for what shows its size only as it comes, so that nobody can ask for all of it at once."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._freed = threading.Condition()
        self._held: dict[object, int] = {}

    @contextmanager
    def hold(self, what: str = "") -> Iterator[Callable[[int], float]]:
        """A function that has so many bytes in all for the block, and is called again with more; it returns the seconds for which it waited.

        It waits until as many are free. Of those that hold some, the one that began first never waits, and has what it wants even where
        others have it: so each of them is the first in the end, and what is held together is no more than the budget and one of them.

        Raises:
            ShortageError: this process may not allocate so many; `what` names what they are for.
        """
        mine = object()

        def have(size: int) -> float:
            with self._freed:
                more = size - self._held.setdefault(mine, 0)
                began = monotonic()
                self._freed.wait_for(lambda: more <= self._free or next(iter(self._held)) is mine)
                self._free -= max(0, more)
                self._held[mine] += max(0, more)
            check_room(more, what)
            return monotonic() - began

        try:
            yield have
        finally:
            with self._freed:
                if mine in self._held:
                    self._free += self._held.pop(mine)
                    self._freed.notify_all()


def check_room(size: int, what: str = "") -> None:
    """Make sure that `size` bytes can be allocated, for what is as large as a person or a server has made it.

    Raises:
        ShortageError: this process may not allocate so many; `what` names what they are for.
    """
    if size >= LOOKED_AT_FROM and size + MARGIN > (left := memory_left()):
        raise short(what, size, left)


def short(what: str, size: int, left: int) -> ShortageError:
    """Failure of a run that needs more memory than it has."""
    return ShortageError(
        f"{what or 'what is read'}: needs {size / 1e6:,.0f} MB of memory, and {left / 1e6:,.0f} MB are left to this process; this is no "
        "fault of the data: nothing was published. Give the run more memory, or fewer workers with --direct_num_workers"
    )


@cache
def reading() -> Budget:
    """For files that are held whole."""
    return Budget(budget_size())


@cache
def decoding() -> Budget:
    """For pixels. Whoever has some takes nothing from `reading`."""
    return Budget(budget_size())
