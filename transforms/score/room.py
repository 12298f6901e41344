"""Room in memory for answers under way, which share one budget: by the bytes that arrive, unpacked, and by what is made of them.

An endpoint decides the size of its answers, and a few hundred kilobytes of gzip unpack to hundreds of megabytes. So an answer of some size
takes more of the budget as more of it comes, and waits where others have the rest. The one that began first never waits: all of them
end, and together they need no more than the budget and what the largest one needs.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

from labelbeam.transforms.score.failures import TooLargeError
from labelbeam.transforms.workers.budget import LOOKED_AT_FROM, GrowingBudget
from labelbeam.transforms.workers.resources import budget_size

ANSWER_LIMIT = 256 * 2**20
"""Bytes of an answer: the attributions of a few large images come near it."""

PARSED_LIMIT = 1280 * 2**20
"""Bytes that an answer may need while it is parsed: attributions of `ANSWER_LIMIT` do not."""

SHORT = 2**19
"""Bytes of an answer that takes nothing of the budget: as many requests as are under way have them."""

_NUMBER, _LIST, _FIELD = 40, 80, 96
"""Bytes at most of a number with its place in a list, of an empty list or object, and of a field of an object beside its value."""


class Room:
    """Room for one answer, of which no more than `most` bytes are read; `have` is what `GrowingBudget.hold` gives."""

    def __init__(self, have: Callable[[int], float], most: int = ANSWER_LIMIT) -> None:
        self._have, self._most = have, most

    def check(self, size: int) -> None:
        """Make sure that an answer of so many bytes is read.

        Raises:
            TooLargeError: it is not.
        """
        if size > self._most:
            raise TooLargeError(f"found {size} bytes or more, expected at most {self._most}")

    def receive(self, size: int) -> float:
        """Have room for `size` bytes of a body in all, before the next ones are received; the seconds for which it was waited.

        Raises:
            TooLargeError: an answer is not read as far as that.
            ShortageError: this process has not the memory.
        """
        self.check(size)
        return 0.0 if size <= SHORT else self._have(-(-size // LOOKED_AT_FROM) * LOOKED_AT_FROM)

    def parse(self, body: bytes) -> None:
        """Have room for what is made of a body.

        Raises:
            TooLargeError: it is more than any answer needs.
            ShortageError: this process has not the memory.
        """
        if len(body) <= SHORT:
            return
        needed = parsed_size(body)
        if needed > PARSED_LIMIT:
            raise TooLargeError(
                f"found {len(body)} bytes that need {needed / 1e6:,.0f} MB of memory to be parsed, expected at most {PARSED_LIMIT / 1e6:,.0f}"
            )
        self._have(needed)


def parsed_size(body: bytes) -> int:
    """Bytes at most that JSON needs while it is parsed: its own twice, and for each value that stands in it.

    >>> parsed_size(b"[0.25, 0.5]")
    142
    """
    return (
        2 * len(body)
        + _NUMBER * body.count(b",")
        + _LIST * (body.count(b"[") + body.count(b"{"))
        + _FIELD * body.count(b":")
    )


@cache
def _budget() -> GrowingBudget:
    return GrowingBudget(budget_size())


@contextmanager
def room_for_answer() -> Iterator[Room]:
    """Room for an answer, for a block in which it is received and parsed.

    What is raised in it keeps nothing of the answer but what it has been given.
    """
    with _budget().hold("an answer of the endpoint") as have:
        try:
            yield Room(have, ANSWER_LIMIT)
        except BaseException as error:
            _forget_frames(error)
            raise


def _forget_frames(error: BaseException | None) -> None:
    """Clear the variables of the frames that an error came through, which hold the answer for as long as somebody keeps the error."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
