"""A seekable file over ranged reads, so that an image's header costs a request or two and not the whole image."""

from __future__ import annotations

import io
import os
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


LARGEST_BLOCK = 1024 * 1024
"""Blocks double up to this many bytes while a file is read from front to back."""

BLOCKS_KEPT = 8


class _Block(NamedTuple):
    start: int
    data: bytes

    @property
    def end(self) -> int:
        return self.start + len(self.data)


class RangeReader(io.RawIOBase):
    """A read-only binary file of `size` bytes over `fetch(start, end)`, which returns the bytes [start, end).

    Nothing is fetched before the first read. The first fetch is of `block` bytes, and each that continues where the
    last one ended is twice as long, up to `LARGEST_BLOCK`; a jump starts at `block` again, at a multiple of it, because
    what stands before the place is often wanted as well (a TIFF's values before its directory). A longer read is one
    fetch. At most `BLOCKS_KEPT` blocks stay in memory. For one thread at a time.

    Raises OSError from a read when `fetch` answers with another number of bytes than it was asked for: fewer is a
    broken transfer, more is a server that ignores ranges and sends the whole file. What `fetch` raises passes through.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], size: int, block: int = 16 * 1024) -> None:
        """Take the file's `size` in bytes as given; it is not asked for."""
        if size < 0 or block < 1:
            raise ValueError(f"expected a size of 0 or more and a block of 1 or more, got {size} and {block}")
        self._fetch = fetch
        self._size = size
        self._first = block
        self._position = 0
        self._blocks: deque[_Block] = deque(maxlen=BLOCKS_KEPT)
        self._next_start = 0
        self._next_length = block

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position, in bytes from the start."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move without fetching, and return the new position; past the end is allowed and reads nothing."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}
        if whence not in base:
            raise ValueError(f"expected whence 0, 1 or 2, got {whence}")
        if base[whence] + offset < 0:
            raise ValueError(f"cannot seek to {base[whence] + offset}, before the start of the file")
        self._position = base[whence] + offset
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """Return `size` bytes, or all that are left when it is None or negative; fewer only at the end."""
        left = max(0, self._size - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        parts = []
        while wanted:
            block = self._block_at(self._position, wanted)
            offset = self._position - block.start
            part = block.data[offset : offset + wanted]
            parts.append(part)
            self._position += len(part)
            wanted -= len(part)
        return b"".join(parts)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill `buffer`, as far as the file goes, and return the number of bytes."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def _block_at(self, position: int, wanted: int) -> _Block:
        for block in self._blocks:
            if block.start <= position < block.end:
                return block
        if position == self._next_start:
            start, length = position, self._next_length
        else:
            floor = max((block.end for block in self._blocks if block.end <= position), default=0)
            start, length = max(position // self._first * self._first, floor), self._first
        end = min(self._size, max(start + length, position + wanted))
        data = self._fetch(start, end)
        if len(data) != end - start:
            why = "the server ignores ranges" if len(data) > end - start else "the answer is cut short"
            raise OSError(
                f"expected {end - start} bytes for the range {start}-{end} of {self._size}, got {len(data)}: {why}"
            )
        self._next_start, self._next_length = end, min(2 * (end - start), LARGEST_BLOCK)
        fetched = _Block(start, data)
        if len(data) <= LARGEST_BLOCK:
            self._blocks.append(fetched)
        return fetched
