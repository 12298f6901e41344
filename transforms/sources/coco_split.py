"""Cut a COCO file into byte ranges that workers parse on their own, without reading all of it first.

A COCO file is one JSON object whose `images`, `annotations` and `categories` are arrays, in any order, mostly on one line.
There is no index. So a large file is cut on a guess: near every multiple of `TARGET` bytes, look for the border between two
elements of a top-level array. Where the elements on both sides of a stretch are of one kind, the stretch is taken to
lie inside one array; the others are scanned in full for the places where an array ends and the next begins.

The guess is proved by whoever parses the ranges: the first range starts where the file starts, and if every range holds
nothing but whole elements, each ends where the next begins between two elements too. A range that does not parse so
raises `UnsafeSplitError`, and the file is planned again with `exact=True`, which scans every byte and guesses nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from schemas.errors import LabelBeamError

ReadRange = Callable[[int, int], bytes]

TARGET = 16 * 2**20
"""Bytes a range aims at: large against a request's latency, small against a worker's memory."""

WINDOW = 64 * 2**10
"""Bytes first looked at for a border; four times as many each time none is found."""


class UnsafeSplitError(LabelBeamError):
    """A range that was cut on a guess does not hold whole elements only."""


class MalformedJsonError(LabelBeamError):
    """The file as a whole is no JSON object of arrays, or ends too early."""


@dataclass(frozen=True, slots=True)
class ElementRange:
    """Whole elements of the top-level array `section`, with the commas between them: the bytes [start, end)."""

    section: str
    start: int
    end: int


@dataclass(slots=True)
class _State:
    """Where a scan stands: what is open at the byte it has come to."""

    depth: int = 0
    in_string: bool = False
    section: str | None = None
    tail: bytes = b""
    """The bytes before, in which the key of an array that opens next is found."""


# +1 for an opening bracket, -1 for a closing one.
_DELTA = np.zeros(256, np.int8)
_DELTA[list(b"{[")] = 1
_DELTA[list(b"}]")] = -1

_ESCAPED_QUOTE = re.compile(rb'\\+"')
_KEY = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:\s*$')
_BORDER = re.compile(rb"\}\s*,\s*(?=\{)")


def brackets(block: bytes, in_string: bool = False) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int8], bool]:
    """Positions of the brackets outside strings, +1 or -1 for each, and whether the block ends inside a string.

    The block must not end in a backslash, which would leave the next one's first byte in doubt.
    """
    data = np.frombuffer(block, np.uint8)
    quotes = data == ord('"')
    if b'\\"' in block:
        for match in _ESCAPED_QUOTE.finditer(block):
            if (match.end() - match.start()) % 2 == 0:
                quotes[match.end() - 1] = False
    inside = np.cumsum(quotes, dtype=np.uint8)
    inside += in_string
    delta = _DELTA[data]
    at = np.flatnonzero(delta)
    at = at[(inside[at] & 1) == 0]
    return at, delta[at], bool(inside[-1] & 1) if len(block) else in_string


def split_elements(block: bytes) -> list[tuple[int, int]]:
    """Bounds of the elements in `block`, the bytes of a range: `{…},{…}`.

    Raises:
        UnsafeSplitError: the block does not hold whole elements only.
    """
    at, delta, open_string = brackets(block)
    depth = np.cumsum(delta)
    if open_string or (len(depth) and (depth[-1] != 0 or depth.min() < 0)):
        raise UnsafeSplitError("the range does not hold whole elements")
    starts = at[(depth == 1) & (delta == 1)]
    ends = at[(depth == 0) & (delta == -1)] + 1
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


class SectionMap:
    """Finds the top-level arrays of a file and where their elements may be cut, block by block."""

    def __init__(self, state: _State, target: int) -> None:
        self.state = state
        self.target = target
        self.ranges: list[ElementRange] = []
        self.keys: list[str] = []
        self._start: int | None = None

    def begin(self, position: int) -> None:
        """Take the scan to start between two elements of an array that opened before."""
        self._start = position

    def feed(self, block: bytes, offset: int) -> None:
        """Scan the next bytes, which lie at `offset` of the file."""
        state = self.state
        at, delta, state.in_string = brackets(block, state.in_string)
        depth = state.depth + np.cumsum(delta, dtype=np.int64)
        if len(depth):
            # Depth 1 is inside the file's object, 2 inside an array of it, 3 inside an element.
            opens = np.flatnonzero((delta == 1) & (depth <= 2))
            closes = np.flatnonzero((delta == -1) & (depth <= 1))
            starts = at[(delta == 1) & (depth == 3)] + offset
            for index in np.sort(np.concatenate([opens, closes])).tolist():
                self._top_level(block, int(at[index]), int(depth[index]), int(delta[index]), offset, starts)
            if self._start is not None:
                self._cut(starts, offset + len(block))
            state.depth = int(depth[-1])
        state.tail = (state.tail + block)[-1024:]

    def _top_level(
        self, block: bytes, position: int, depth: int, delta: int, offset: int, starts: npt.NDArray[np.int64]
    ) -> None:
        state = self.state
        opened = block[position : position + 1]
        if delta == 1 and depth == 1:
            if opened != b"{":
                raise MalformedJsonError(
                    "the file holds a list, expected an object with images, annotations and categories"
                )
        elif delta == 1 and depth == 2:
            key = _KEY.search(
                (state.tail + block[:position])[-1024:] if position < 1024 else block[position - 1024 : position]
            )
            if key is None:
                raise MalformedJsonError(f"no key before the bracket at byte {offset + position}")
            state.section = msgspec.json.decode(b'"' + key[1] + b'"', type=str)
            self.keys.append(state.section)
            self._start = offset + position + 1 if opened == b"[" else None
        elif delta == -1 and depth == 1:
            if self._start is not None:
                self._cut(starts, offset + position)
                self._close(offset + position)
            state.section = None
        elif depth < 0 or (depth == 0 and delta == 1):
            raise MalformedJsonError(f"a bracket too many at byte {offset + position}")

    def _cut(self, starts: npt.NDArray[np.int64], limit: int) -> None:
        """End the running range at the first element that begins `target` bytes after the range did."""
        while self._start is not None:
            index = int(np.searchsorted(starts, self._start + self.target))
            if index == len(starts) or starts[index] >= limit:
                return
            self._close(int(starts[index]))
            self._start = int(starts[index])

    def _close(self, end: int) -> None:
        if self._start is not None and end > self._start:
            self.ranges.append(ElementRange(self.state.section or "", self._start, end))
        self._start = None


def _feed_range(sections: SectionMap, read: ReadRange, start: int, end: int) -> None:
    """Scan [start, end) in blocks none of which ends in a backslash."""
    position = start
    rest = b""
    while position < end:
        block = rest + read(position, min(position + TARGET, end))
        begin = position - len(rest)
        position = min(position + TARGET, end)
        kept = len(block) if position == end else len(block.rstrip(b"\\"))
        sections.feed(block[:kept], begin)
        rest = block[kept:]


def plan_exact(read: ReadRange, size: int, target: int = TARGET) -> list[ElementRange]:
    """Scan the whole file and cut its top-level arrays into ranges of about `target` bytes.

    Raises:
        MalformedJsonError: brackets do not match, or the file ends too early.
    """
    sections = SectionMap(_State(), target)
    _feed_range(sections, read, 0, size)
    if sections.state.depth != 0 or sections.state.in_string or not sections.keys:
        raise _truncated(sections, size)
    return sections.ranges


def _truncated(sections: SectionMap, size: int) -> MalformedJsonError:
    if not sections.keys:
        return MalformedJsonError("no JSON object with arrays in it, expected images, annotations and categories")
    where = f"inside {sections.state.section!r}" if sections.state.section else f"after {sections.keys[-1]!r}"
    return MalformedJsonError(
        f"the file ends {where} at byte {size}, where {max(sections.state.depth, 0)} brackets are still open; "
        "it looks truncated: fetch it again"
    )


def plan_ranges(read: ReadRange, size: int, target: int = TARGET, exact: bool = False) -> list[ElementRange]:
    """Cut the file into ranges; on a guess where it is large and `exact` is not set (see the module's text).

    Raises:
        MalformedJsonError: the file is no object of arrays, or ends too early.
        UnsafeSplitError: the guess is contradicted already by what was scanned.
    """
    if exact or size <= 4 * target:
        return plan_exact(read, size, target)
    borders = [(0, "")]
    for nominal in range(target, size, target):
        found = _find_border(read, nominal, min(nominal + target, size))
        if found is not None:
            borders.append(found)
    ranges: list[ElementRange] = []
    section: str | None = None
    stops = [*borders[1:], (size, "")]
    for (start, kind), (end, next_kind) in zip(borders, stops, strict=True):
        if kind and kind == next_kind:
            if section is None:
                raise UnsafeSplitError(f"elements at byte {start} lie in no array")
            ranges.append(ElementRange(section, start, end))
            continue
        state = _State() if start == 0 else _State(depth=2, section=section)
        sections = SectionMap(state, target)
        if start:
            sections.begin(start)
        _feed_range(sections, read, start, end)
        expected_depth = 0 if end == size else 2
        if end == size and (state.depth != 0 or state.in_string):
            sections.keys = sections.keys or [section or ""]
            raise _truncated(sections, size)
        if state.depth != expected_depth or state.in_string:
            raise UnsafeSplitError(f"the bytes {start} to {end} do not end between two elements")
        if state.section is not None:
            sections._close(end)
        ranges += sections.ranges
        section = state.section
    return ranges


def _find_border(read: ReadRange, start: int, limit: int) -> tuple[int, str] | None:
    """The first place after `start` where an element seems to begin, and its kind; None when nothing looks like one."""
    length = WINDOW
    while True:
        end = min(start + length, limit)
        window = read(start, end)
        for match in _BORDER.finditer(window):
            kind = _kind(window, match.end())
            if kind is not None:
                return start + match.end(), kind
        if end == limit:
            return None
        length *= 4


def _kind(window: bytes, start: int) -> str | None:
    """What the element that begins at `start` looks like, by its keys; None when it is no whole element."""
    at, delta, _ = brackets(window[start:].rstrip(b"\\"))
    closed = np.flatnonzero(np.cumsum(delta) == 0)
    if not len(closed):
        return None
    try:
        keys = msgspec.json.decode(window[start : start + int(at[closed[0]]) + 1], type=dict[str, msgspec.Raw]).keys()
    except (msgspec.DecodeError, RecursionError):
        return None
    if "image_id" in keys:
        return "annotation"
    if "file_name" in keys:
        return "image"
    return None


def iterate_elements(block: bytes) -> Iterator[tuple[int, bytes]]:
    """Each element of a range with its offset in it: the way round a decoder that gives up on the whole."""
    for start, end in split_elements(block):
        yield start, block[start:end]
