"""Scan a COCO file for its lists, and cut a list between elements."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.formats.coco.brackets import Brackets, BracketScanner

ReadRange = Callable[[int, int], bytes]

SECTIONS = ("images", "annotations", "categories")
"""The lists that are read."""

TARGET = 16 * 2**20
"""Bytes a range aims at: large against a request's latency, small against a worker's memory."""

WINDOW = 256 * 2**10
"""Bytes first looked at for a border, and bytes scanned at once: they fit into a core's cache."""

_REQUEST = 16 * 2**20
"""Bytes that a scan fetches at once."""

_LONGEST_TEXT = 16 * 2**20
"""Bytes of keys and plain values that may stand in the file's object between two lists."""

BLANK = b" \t\r\n"
_AROUND = BLANK + b","
_BOM = b"\xef\xbb\xbf"


def as_list(block: bytes) -> bytes:
    """The JSON of a list of a range's elements, `{…},{…}` with commas and white space around them; large ranges are copied once.

    >>> as_list(b', {"id": 1},{"id": 2}, ')
    b'[{"id": 1},{"id": 2}]'
    """
    start, end = 0, len(block)
    while start < end and block[start] in _AROUND:
        start += 1
    while start < end and block[end - 1] in _AROUND:
        end -= 1
    return b"".join((b"[", memoryview(block)[start:end], b"]"))


class UnsafeSplitError(LabelBeamError):
    """A range that was cut on a guess does not hold whole elements only."""


class MalformedJsonError(LabelBeamError):
    """The file as a whole is no JSON object of lists, or ends too early."""


@dataclass(frozen=True, slots=True)
class ElementRange:
    """Whole elements of the top-level list `section`, with the commas between them: the bytes [start, end)."""

    section: str
    start: int
    end: int


class Bounds(Sequence[tuple[int, int]]):
    """Bounds of elements, to go through in order: 16 bytes each, as a range of 16 MB can hold five million of them."""

    def __init__(self, starts: array[int], ends: array[int]) -> None:
        self._starts, self._ends = starts, ends

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, at: int) -> tuple[int, int]: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[tuple[int, int]]: ...
    def __getitem__(self, at: int | slice) -> tuple[int, int] | Sequence[tuple[int, int]]:
        if isinstance(at, slice):
            return Bounds(self._starts[at], self._ends[at])
        return self._starts[at], self._ends[at]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._ends, strict=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bounds | list) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


def split_elements(block: bytes) -> Bounds:
    """Bounds of the elements in `block`, the bytes of a range: `{…},{…}`.

    Raises:
        UnsafeSplitError: the block does not hold whole elements only.
    """
    scanner = BracketScanner()
    starts, ends = array("q"), array("q")
    # In parts: the brackets of all of a range would take more than thirty times its bytes.
    for offset in range(0, len(block), WINDOW):
        at, opening, depth = scanner.feed(block[offset : offset + WINDOW])
        if (depth < 0).any():
            raise UnsafeSplitError("the range does not hold whole elements")
        starts.frombytes((at[opening & (depth == 1)] + offset).astype(np.int64).tobytes())
        ends.frombytes((at[~opening & (depth == 0)] + offset + 1).astype(np.int64).tobytes())
    if scanner.in_string or scanner.depth:
        raise UnsafeSplitError("the range does not hold whole elements")
    if len(starts) != len(ends):
        raise UnsafeSplitError("the range does not hold whole elements")
    return Bounds(starts, ends)


# Scanning. ----------------------------------------------------------------------------------------------------------


class SectionScan:
    """Finds the top-level lists of a file, and where to cut them, in a pass over its bytes or over a part of them.

    Args:
        seen: top-level keys of `SECTIONS` that were met so far, shared by the scans of one file.
        position: where the scan begins.
        section: the list in which, between two elements, it begins; None for the file's beginning.
    """

    def __init__(self, seen: dict[str, str], target: int, position: int = 0, section: str | None = None) -> None:
        self.ranges: list[ElementRange] = []
        self.position = position
        self.section = section
        """The key of the top-level list or object that is open."""
        self._seen = seen
        self._target = target
        self._brackets = BracketScanner(depth=0 if section is None else 2)
        self._start = None if section is None else position
        """Where the running range began; None outside of lists."""
        self._text = bytearray()
        """What stands in the file's object since its last list or object, or since its beginning."""
        self._first = section is None
        self._ended = False

    def feed_range(self, read: ReadRange, end: int, window: int) -> None:
        """Scan up to `end`."""
        while self.position < end:
            request = read(self.position, min(self.position + _REQUEST, end))
            for offset in range(0, len(request), window):
                self._feed(request[offset : offset + window])

    def pause(self) -> bool:
        """End the running range here; False where the scan has not come to a place between two elements."""
        if self._brackets.depth != 2 or self._brackets.in_string or self._start is None:
            return False
        self._end_range(self.position)
        return True

    def finish(self) -> None:
        """Check that the file may end here.

        Raises:
            MalformedJsonError: it may not.
        """
        depth = self._brackets.depth
        if depth:
            where = "" if self.section is None else f" inside {self.section!r}"
            raise MalformedJsonError(
                f"the file ends{where} at byte {self.position}, where {depth} brackets are still open; "
                "it looks truncated: fetch it again"
            )
        if not self._ended:
            raise MalformedJsonError(f"found {_excerpt(self._text)}, expected a JSON object with images in it")
        if self._text.strip(BLANK):
            raise MalformedJsonError(f"found {_excerpt(self._text)} after the end of the JSON object")

    def _feed(self, block: bytes) -> None:
        found = self._brackets.feed(block)
        # Depth 1 is inside the file's object, 2 inside a list of it, 3 inside an element.
        top_level = np.flatnonzero((found.depth <= 1) | (found.opening & (found.depth == 2)))
        cursor = 0
        for index in top_level.tolist():
            at, depth, opening = int(found.at[index]), int(found.depth[index]), bool(found.opening[index])
            if not opening and depth == 1:
                self._close_value(block, at, found)
            else:
                self._text += block[cursor:at]
                if opening and depth == 2:
                    self._open_value(block, at)
                else:
                    self._bound_object(block, at, depth, opening)
                self._text.clear()
            cursor = at + 1
        if self._brackets.depth <= 1:
            self._text += block[cursor:]
            if len(self._text) > _LONGEST_TEXT:
                raise MalformedJsonError(
                    f"found over {_LONGEST_TEXT} bytes without a list before byte {self.position + len(block)}, "
                    "expected the lists images, annotations and categories"
                )
        self._cut(found, self.position + len(block))
        self.position += len(block)

    def _bound_object(self, block: bytes, at: int, depth: int, opening: bool) -> None:
        """The file's object opens or closes."""
        where = self.position + at
        if self._ended or depth < 0:
            raise MalformedJsonError(f"found a bracket at byte {where}, after the end of the JSON object")
        if not opening:
            self._note_members(where, closing=True)
            self._ended = True
        elif self._text.removeprefix(_BOM).strip(BLANK):
            raise MalformedJsonError(f"found {_excerpt(self._text)}, expected a JSON object")
        if block[at] == ord("["):
            raise MalformedJsonError(
                "the file holds a list, expected an object with images, annotations and categories"
            )
        if block[at] == ord("]"):
            raise MalformedJsonError(f"found ']' at byte {where}, which does not close the JSON object")

    def _open_value(self, block: bytes, at: int) -> None:
        """A list or an object of the file's object opens."""
        key = self._note_members(self.position + at, closing=False)
        is_list = block[at] == ord("[")
        self._note(key, "a list" if is_list else "an object")
        self.section = key
        self._first = False
        self._start = self.position + at + 1 if is_list else None

    def _close_value(self, block: bytes, at: int, found: Brackets) -> None:
        if (block[at] == ord("]")) is (self._start is None):
            raise MalformedJsonError(
                f"found {chr(block[at])!r} at byte {self.position + at}, which does not close {self.section!r}"
            )
        self._cut(found, self.position + at)
        self._end_range(self.position + at)
        self.section = None

    def _note_members(self, where: int, closing: bool) -> str:
        """Read the keys and plain values that stand before a bracket; return the key of what the bracket opens."""
        before = b"{" if self._first else b'{"":0'
        document = before + self._text + (b"}" if closing else b"0}")
        try:
            # As text: a number of thousands of digits is no concern here, and neither are damaged characters.
            members = json.loads(
                document.decode("utf-8", "replace"), object_pairs_hook=list, parse_int=str, strict=False
            )
        except ValueError:
            raise MalformedJsonError(
                f"found {_excerpt(self._text)} before the bracket at byte {where}, expected a key and a colon"
            ) from None
        members = members if self._first else members[1:]
        for key, value in members if closing else members[:-1]:
            self._note(key, "null" if value is None else repr(value)[:40])
        return "" if closing else str(members[-1][0])

    def _note(self, key: str, value: str) -> None:
        """A top-level key and what it stands for; which of two would be meant, nobody can tell."""
        if key not in SECTIONS:
            return
        if key in self._seen:
            raise MalformedJsonError(f"the key {key!r} occurs twice, for {self._seen[key]} and for {value}")
        if value not in ("a list", "null"):
            raise MalformedJsonError(f"{key!r} is {value}, expected a list")
        self._seen[key] = value

    def _cut(self, found: Brackets, limit: int) -> None:
        """End the running range at the first element that begins `target` bytes after the range did."""
        if self._start is None or limit - self._start <= self._target:
            return
        starts = found.at[found.opening & (found.depth == 3)] + self.position
        while self._start is not None:
            index = int(np.searchsorted(starts, self._start + self._target))
            if index == len(starts) or starts[index] >= limit:
                return
            self._end_range(int(starts[index]))
            self._start = int(starts[index])

    def _end_range(self, end: int) -> None:
        if self._start is not None and end > self._start and self.section is not None:
            self.ranges.append(ElementRange(self.section, self._start, end))
        self._start = None


def _excerpt(text: bytes | bytearray) -> str:
    shown = bytes(text).strip(BLANK)
    return repr(shown[:40].decode("utf-8", "replace")) if shown else "nothing"
