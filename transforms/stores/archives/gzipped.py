"""Archives compressed with gzip, read at any place: the state of unpacking is kept every few megabytes, and goes on from there.

Packed alike by gzip, pigz and bgzip: members one after the other, perhaps with zeros behind. zlib holds 32 KB for a state.
"""

from __future__ import annotations

import threading
import zlib
from bisect import bisect_right
from typing import NamedTuple

from labelbeam.transforms.stores.archives.contents import ArchiveError, Packed

MAGIC = b"\x1f\x8b"

SPACING = 4 * 2**20
"""Bytes between two states that are kept, as long as there are no more than `MOST_STATES`."""

MOST_STATES = 512

_STEP = 2**20


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
        data = self._packed.read(self._at, min(self._at + _STEP, self._packed.size))
        self._at += len(data)
        self._left += data
        return bool(data)


class GzipPacked(Packed):
    """The bytes that an archive unpacks to. Unpacked once in whole when it is first looked at. Safe for threads."""

    def __init__(self, packed: Packed) -> None:
        """Nothing is read yet."""
        self._inner = packed
        self._lock = threading.Lock()
        self._states: list[_State] = []
        self._cursor: _Cursor | None = None
        self._spacing = SPACING
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
        self._cursor, self._spacing = None, SPACING
        states = [_State(0, 0, b"", None)]
        cursor = _Cursor(self._inner, states[0])
        while cursor.more(_STEP):
            if cursor.place - states[-1].place >= self._spacing:
                states.append(cursor.state())
                if len(states) > MOST_STATES:
                    states = states[::2]
                    self._spacing *= 2
        self._states, self.size = states, cursor.place

    def read(self, start: int, end: int) -> bytes:
        """The bytes [start, end) of what is unpacked.

        Raises:
            ArchiveError: it is damaged, or was changed meanwhile.
        """
        with self._lock:
            cursor = self._cursor
            if cursor is None or not cursor.place <= start < cursor.place + self._spacing:
                before = bisect_right(self._states, start, key=lambda state: state.place) - 1
                cursor = _Cursor(self._inner, self._states[before])
            self._cursor = None
            while cursor.place < start:
                if not cursor.more(min(_STEP, start - cursor.place)):
                    break
            parts: list[bytes] = []
            while cursor.place < end and (part := cursor.more(min(_STEP, end - cursor.place))):
                parts.append(part)
            if cursor.place != end:
                raise ArchiveError(f"{self.shown} has changed while it was read; run again")
            self._cursor = cursor
            return b"".join(parts)
