"""A small mutation fuzzer: seeded, and guided by the lines of Python that an input reaches.

What runs in C is not seen, but the Python around it is; an input that reaches a new pair of lines is kept to be mutated
further. The same seed and number of runs give the same inputs.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from types import CodeType, FrameType
from typing import Any

LONGEST = 1 << 16
"""Bytes of the longest input."""

LONGEST_TRACED = 1 << 12
"""Bytes of the longest input of which the lines are followed: it takes twenty times as long."""

NUMBERS = (
    *("0", "-1", "1", "2147483647", "4294967296", "9223372036854775808", "1e308", "1e999", "-0.0", "NaN", "Infinity"),
    *("0.5", "1e-320", "9" * 5000, "", "true", "null", '"7"', "[]", "{}"),
)
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")


def mutate(parent: bytes, other: bytes, tokens: Sequence[bytes], generator: random.Random) -> bytes:
    """Change an input in one to six places; `other` is another input to take pieces of."""
    data = bytearray(parent)
    for _ in range(generator.choice((1, 1, 1, 2, 3, 6))):
        at = generator.randrange(len(data) + 1)
        length = min(len(data) - at, int(generator.paretovariate(0.7)))
        kind = generator.randrange(9)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << generator.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = generator.choice((0, 1, 0x7F, 0x80, 0xFF, generator.randrange(256)))
        elif kind == 2:
            del data[at : at + length]
        elif kind == 3:
            data[at:at] = data[at : at + length] * generator.choice((1, 1, 2, 3, 50, 3000))
        elif kind == 4 and other:
            start = generator.randrange(len(other))
            piece = other[start : start + int(generator.paretovariate(0.5))]
            data[at : at + generator.choice((0, len(piece)))] = piece
        elif kind == 5:
            found = list(_NUMBER.finditer(data))
            if found:
                number = generator.choice(found)
                data[number.start() : number.end()] = generator.choice(NUMBERS).encode()
        elif kind == 6 and length > 1:
            piece = data[at : at + length]
            generator.shuffle(piece)
            data[at : at + length] = piece
        elif tokens:
            data[at : at + generator.choice((0, 0, length))] = generator.choice(tokens)
    return bytes(data[:LONGEST])


class Coverage:
    """The pairs of lines, one run after the other, that the files with one of `names` in their path have shown."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.seen: set[tuple[CodeType, int, int]] = set()
        self._traced: dict[CodeType, bool] = {}

    def of(self, run: Callable[[bytes], None], data: bytes) -> int:
        """Run on an input; return how many pairs are new; of a long one, none."""
        if len(data) > LONGEST_TRACED:
            run(data)
            return 0
        before = len(self.seen)
        sys.settrace(self._enter)
        try:
            run(data)
        finally:
            sys.settrace(None)
        return len(self.seen) - before

    def _enter(self, frame: FrameType, event: str, arg: Any) -> Callable[..., Any] | None:
        code = frame.f_code
        traced = self._traced.get(code)
        if traced is None:
            path = code.co_filename.replace("\\", "/")
            traced = self._traced[code] = any(name in path for name in self.names)
        if not traced:
            return None
        last = 0

        def line(frame: FrameType, event: str, arg: Any) -> Callable[..., Any]:
            nonlocal last
            if event == "line":
                self.seen.add((code, last, frame.f_lineno))
                last = frame.f_lineno
            return line

        return line


def inputs(seeds: Sequence[bytes], tokens: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """All seeds, then mutations without end; send True to keep the last one as a parent of others."""
    generator = random.Random(seed)
    corpus: list[bytes] = []
    for data in seeds:
        yield data
        corpus.append(data)
    while True:
        # The newest are the most promising.
        parent = (
            corpus[-1 - min(int(generator.expovariate(0.1)), len(corpus) - 1)] if generator.random() < 0.5 else None
        )
        data = mutate(parent or generator.choice(corpus), generator.choice(corpus), tokens, generator)
        if (yield data):
            corpus.append(data)
