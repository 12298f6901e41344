"""Archives compressed with gzip, read at any place: the state of unpacking is kept every few megabytes, and goes on from there.

Packed alike by gzip, pigz and bgzip: members one after the other, perhaps with zeros behind. zlib holds some 45 KB for a state. What was
unpacked last is kept in blocks, by all archives of a process together: files are asked for in their order, by many threads.
"""

from __future__ import annotations

import threading
import zlib
from bisect import bisect_right
from collections import OrderedDict
from typing import NamedTuple

from labelbeam.transforms.stores.archives.contents import ArchiveError, Packed

MAGIC = b"\x1f\x8b"

BLOCK = 4 * 2**20
"""Bytes that are unpacked together; between two states there is a whole number of these."""

MOST_STATES = 64
"""States that are kept of an archive, so that a thousand of them are held in a few gigabytes."""

KEPT = 8
"""Blocks that are kept."""

_STEP = 2**20

_FED = 16 * 2**10
"""Packed bytes that are unpacked at a time: a state holds what is left of them."""


class _State(NamedTuple):
    """A place in what is unpacked, and how unpacking goes on from there: packed bytes from `at` on, after those in `left`."""

    place: int
    at: int
    left: bytes
    inflate: zlib._Decompress | None


class _Cursor:
    """Unpacks from a state on."""

    def __init__(self, packed: Packed, state: _State) -> None:
        self._packed = packed
        self.place, self._at, self._left, inflate = state
        self._inflate = inflate.copy() if inflate is not None else None
        self._ahead, self._ahead_at = b"", self._at

    def state(self) -> _State:
        return _State(self.place, self._at, self._left, self._inflate.copy() if self._inflate is not None else None)

    def more(self, most: int) -> bytes:
        """The next bytes, at most so many; none at the end.

        Raises:
            ArchiveError: the archive is damaged, or ends early.
        """
        while True:
            if self._inflate is None:
                self._left = self._left.lstrip(b"\0")
                if len(self._left) < len(MAGIC) and self._fetch():
                    continue
                if not self._left.startswith(MAGIC):
                    return b""  # What stands behind the last member is none of it.
                self._inflate = zlib.decompressobj(wbits=31)
            if not self._left and not self._fetch():
                raise ArchiveError(f"{self._packed.shown} ends early: it is not whole; fetch it again")
            try:
                data = self._inflate.decompress(self._left, most)
            except zlib.error as error:
                raise ArchiveError(
                    f"{self._packed.shown} is damaged ({error}); fetch it again, and test it with: gzip -t"
                ) from None
            self._left = self._inflate.unconsumed_tail
            if self._inflate.eof:
                self._left, self._inflate = self._inflate.unused_data, None
            if data:
                self.place += len(data)
                return data

    def _fetch(self) -> bool:
        within = self._at - self._ahead_at
        if within >= len(self._ahead):
            self._ahead_at, within = self._at, 0
            self._ahead = self._packed.read(self._at, min(self._at + _STEP, self._packed.size))
        data = self._ahead[within : within + _FED]
        self._at += len(data)
        self._left += data
        return bool(data)


class _Blocks:
    """The blocks that were unpacked last, of all archives. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: OrderedDict[tuple[object, int], bytes] = OrderedDict()

    def get(self, owner: object, number: int) -> bytes | None:
        with self._lock:
            found = self._blocks.get((owner, number))
            if found is not None:
                self._blocks.move_to_end((owner, number))
            return found

    def put(self, owner: object, number: int, data: bytes) -> None:
        with self._lock:
            self._blocks[owner, number] = data
            while len(self._blocks) > KEPT:
                self._blocks.popitem(last=False)


_blocks = _Blocks()


class GzipPacked(Packed):
    """The bytes that an archive unpacks to. Unpacked once in whole when it is first looked at. Safe for threads."""

    def __init__(self, packed: Packed) -> None:
        """Nothing is read yet."""
        self._inner = packed
        self._lock = threading.Lock()
        self._states: list[_State] = []
        self._cursor: _Cursor | None = None
        self._version = object()
        self.shown, self.local = packed.shown, False
        self.size, self.token = 0, ""

    def look(self) -> bool:
        """Ask for size and token, and unpack what has changed.

        Raises:
            ArchiveError: it does not exist, is damaged, or no gzip.
        """
        changed = self._inner.look()
        with self._lock:
            if changed or not self._states:
                self._unpack()
                changed = True
        self.token = self._inner.token
        return changed

    def _unpack(self) -> None:
        self._cursor, self._states, self._version = None, [], object()
        states = [_State(0, 0, b"", None)]
        cursor = _Cursor(self._inner, states[0])
        spacing = 1
        while cursor.more(min(_STEP, BLOCK - cursor.place % BLOCK)):
            if cursor.place % (BLOCK * spacing) == 0:
                states.append(cursor.state())
                if len(states) > MOST_STATES:
                    states = states[::2]
                    spacing *= 2
        self._states, self.size = states, cursor.place

    def read(self, start: int, end: int) -> bytes:
        """The bytes [start, end) of what is unpacked.

        Raises:
            ArchiveError: it is damaged, or was changed meanwhile.
        """
        parts = [self._block(number) for number in range(start // BLOCK, -(-end // BLOCK))]
        first = start // BLOCK * BLOCK
        data = (
            b"".join(parts)[start - first : end - first] if len(parts) != 1 else parts[0][start - first : end - first]
        )
        if len(data) != end - start:
            raise ArchiveError(f"{self.shown} has changed while it was read; run again")
        return data

    def _block(self, number: int) -> bytes:
        found = _blocks.get(self._version, number)
        if found is not None:
            return found
        with self._lock:
            found = _blocks.get(self._version, number)
            if found is not None:
                return found
            place, cursor = number * BLOCK, self._cursor
            before = bisect_right(self._states, place, key=lambda state: state.place) - 1
            if cursor is None or not self._states[before].place <= cursor.place <= place:
                cursor = _Cursor(self._inner, self._states[before])
            self._cursor = None
            while True:
                at = cursor.place // BLOCK
                data = self._next(cursor)
                _blocks.put(self._version, at, data)
                if at == number or not data:
                    break
            if len(data) == BLOCK:
                self._cursor = cursor
            return data

    def _next(self, cursor: _Cursor) -> bytes:
        """The block that begins where a cursor is; what there is of it, at the end."""
        parts: list[bytes] = []
        left = BLOCK
        while left and (part := cursor.more(min(_STEP, left))):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
