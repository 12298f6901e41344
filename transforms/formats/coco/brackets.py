"""Find the brackets of a JSON text and how deep they nest, for gigabytes at hundreds of megabytes a second.

Nothing but strings and brackets is understood: enough to cut valid JSON between values without parsing them. All kinds of
brackets count alike; what is wrong between them is for whoever parses the pieces.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_QUOTE, _BACKSLASH = ord('"'), ord("\\")
# `[` and `{`, and `]` and `}`, differ in this bit alone.
_CURLY = 0x20
_OPENING, _CLOSING = ord("{"), ord("}")


class Brackets(NamedTuple):
    """The brackets of a block that stand outside strings, in order.

    at: positions in the block. opening: whether each opens. depth: how many are open after each.
    """

    at: npt.NDArray[np.int64]
    opening: npt.NDArray[np.bool_]
    depth: npt.NDArray[np.int64]


class BracketScanner:
    """Scans a JSON text block by block; a block may end anywhere, also inside a string or an escape.

    `depth` is how many brackets are open at the place that the scan has come to, `in_string` whether it is in a string.
    """

    def __init__(self, depth: int = 0) -> None:
        self.depth = depth
        self.in_string = False
        self._escaped = False
        """Whether a backslash at the end of the last block escapes the first byte of the next."""

    def feed(self, block: bytes) -> Brackets:
        """Scan the next bytes of the text."""
        data = np.frombuffer(block, np.uint8)
        folded = data | _CURLY
        at = np.flatnonzero((folded == _OPENING) | (folded == _CLOSING) | (data == _QUOTE))
        characters = data[at]
        is_quote = characters == _QUOTE
        quotes = is_quote
        if self._escaped or b"\\" in block:
            quotes = is_quote & ~self._is_escaped(data, at)
            self._escaped = self._ends_escaped(block)
        inside = np.bitwise_xor.accumulate(quotes.view(np.uint8))
        if self.in_string:
            inside ^= 1
        if len(inside):
            self.in_string = bool(inside[-1])
        outside = np.flatnonzero((inside == 0) & ~is_quote)
        opening = (characters[outside] | _CURLY) == _OPENING
        depth = np.cumsum(np.where(opening, np.int8(1), np.int8(-1)), dtype=np.int64)
        depth += self.depth
        if len(depth):
            self.depth = int(depth[-1])
        return Brackets(at[outside], opening, depth)

    def _is_escaped(self, data: npt.NDArray[np.uint8], at: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Tell whether the bytes at these positions, none of them a backslash, come after an odd number of backslashes."""
        slashes = np.flatnonzero(data == _BACKSLASH)
        escaped: npt.NDArray[np.bool_] = (at == 0) & self._escaped
        if not len(slashes):
            return escaped
        run = np.maximum.accumulate(np.where(np.diff(slashes, prepend=-2) != 1, slashes, 0))
        if self._escaped:
            # The first backslash is itself escaped and escapes nothing.
            run[run == 0] = 1
        last = np.searchsorted(slashes, at) - 1
        escaped |= (last >= 0) & (slashes[last] == at - 1) & ((at - run[last]) % 2 == 1)
        return escaped

    def _ends_escaped(self, block: bytes) -> bool:
        run = len(block) - len(block.rstrip(b"\\"))
        if run == len(block) and self._escaped:
            run += 1
        return run % 2 == 1
