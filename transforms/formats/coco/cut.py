"""Cut a COCO file into byte ranges that workers parse on their own, without reading all of it first.

A COCO file is one JSON object whose `images`, `annotations` and `categories` are lists, in any order, mostly on one line.
There is no index. So a large file is cut on a guess: near every multiple of `target` bytes, look for the border between
two elements of a list. Where the elements at both ends of a stretch look alike, the stretch is taken to lie inside one
list; the other stretches are narrowed down and scanned for the places where one list ends and the next begins.

The guess is proved by whoever parses the ranges of `SECTIONS`, all of them: the first range begins where a scan from the
file's first byte has come to, and a range that begins between two elements and holds nothing but whole elements ends
between two elements too. What does not parse so raises `UnsafeSplitError`, and the file has to be planned again with
`exact`, which scans every byte and guesses nothing. Lists of other names are read by nobody and never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np

from labelbeam.transforms.formats.coco.brackets import BracketScanner
from labelbeam.transforms.formats.coco.scan import (
    BLANK,
    SECTIONS,
    TARGET,
    WINDOW,
    ElementRange,
    MalformedJsonError,
    ReadRange,
    SectionScan,
)

_CANDIDATES = 1000
"""Places that are tried for one border: more than an annotation has objects inside it."""
_BORDER = re.compile(rb"\}\s*,\s*(?=\{)")


def plan_ranges(
    read: ReadRange, size: int, target: int = TARGET, window: int = WINDOW, exact: bool = False
) -> list[ElementRange]:
    """Cut a file of `size` bytes into ranges; on a guess where it is large and `exact` is not set.

    A guess that what was looked at contradicts already is dropped for a scan. `read` is given start and end.

    Raises:
        MalformedJsonError: the file is no object of lists, or ends too early.
    """
    if not exact and size > 4 * target:
        _check_end(read, size)
        guess = _guess(read, size, target, window)
        if guess is not None:
            return guess
    return plan_exact(read, size, target, window)


def plan_exact(read: ReadRange, size: int, target: int = TARGET, window: int = WINDOW) -> list[ElementRange]:
    """Scan the whole file and cut its top-level lists into ranges of about `target` bytes.

    Raises:
        MalformedJsonError: brackets or top-level keys are not as they should be, or the file ends too early.
    """
    scan = SectionScan({}, target)
    scan.feed_range(read, size, window)
    scan.finish()
    return scan.ranges


# Guessing. ----------------------------------------------------------------------------------------------------------


class _Border(NamedTuple):
    """Start of what seems to be an element, and its kind; "" at the file's beginning and end."""

    position: int
    kind: str


def _check_end(read: ReadRange, size: int) -> None:
    """Tell a truncated file by its last bytes, which spares a scan of it."""
    end = read(max(0, size - 4096), size).rstrip(BLANK)
    if end and not end.endswith((b"}", b"]")):
        raise MalformedJsonError(
            f"the file ends with {end[-40:].decode('utf-8', 'replace')!r} at byte {size}, expected a closing bracket; "
            "it looks truncated: fetch it again"
        )


def _guess(read: ReadRange, size: int, target: int, window: int) -> list[ElementRange] | None:
    """Plan without reading all; None where that fails, which says nothing of the file."""
    borders = [_Border(0, "")]
    for nominal in range(target, size, target):
        found = _find_border(read, nominal, min(nominal + target, size), window)
        if found is not None:
            borders.append(found)
    borders.append(_Border(size, ""))
    ranges: list[ElementRange] = []
    seen: dict[str, str] = {}
    section: str | None = None
    for start, end in (narrow for pair in pairwise(borders) for narrow in _narrow(read, *pair, window)):
        if section in SECTIONS and start.kind == end.kind and end.position - start.position <= 4 * target:
            ranges.append(ElementRange(section, start.position, end.position))
            continue
        scan = SectionScan(seen, target, start.position, section)
        try:
            scan.feed_range(read, end.position, window)
            if end.position == size:
                scan.finish()
            elif not scan.pause():
                return None
        except MalformedJsonError:
            return None
        ranges += scan.ranges
        section = scan.section
    return _join(ranges, target)


def _narrow(read: ReadRange, start: _Border, end: _Border, window: int) -> Iterator[tuple[_Border, _Border]]:
    """Cut a stretch whose ends are unlike, until only short ones are left that have to be scanned."""
    length = end.position - start.position
    middle = None
    if start.kind != end.kind and length > 4 * window:
        middle = _find_border(read, start.position + length // 2, end.position, window)
    if middle is None:
        yield start, end
        return
    yield from _narrow(read, start, middle, window)
    yield from _narrow(read, middle, end, window)


def _find_border(read: ReadRange, start: int, limit: int, window: int) -> _Border | None:
    """The first place after `start` where an element seems to begin; None where nothing before `limit` looks like it."""
    candidates = 0
    for length in (window, 4 * window, 16 * window):
        end = min(start + length, limit)
        block = read(start, end)
        # Brackets that never close cost a scan each.
        budget = 4 * len(block)
        for match in _BORDER.finditer(block):
            kind, scanned = _kind(block, match.end())
            if kind:
                return _Border(start + match.end(), kind)
            candidates += 1
            budget -= scanned
            if budget < 0 or candidates == _CANDIDATES:
                break
        if end == limit or candidates == _CANDIDATES:
            break
    return None


def _kind(block: bytes, start: int) -> tuple[str, int]:
    """Kind of the element that begins at `start`, by its keys, "" where it is none; and bytes looked at."""
    scanner = BracketScanner()
    position, length = start, 512
    while position < len(block):
        at, _, depth = scanner.feed(block[position : position + length])
        closed = np.flatnonzero(depth == 0)
        if len(closed):
            element = block[start : position + int(at[closed[0]]) + 1]
            return _kind_of_keys(element), len(element)
        position += length
        length *= 2
    return "", len(block) - start


def _kind_of_keys(element: bytes) -> str:
    try:
        keys = msgspec.json.decode(element, type=dict[str, msgspec.Raw]).keys()
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return ""
    return "annotation" if "image_id" in keys else "image" if "file_name" in keys else ""


def _join(ranges: list[ElementRange], target: int) -> list[ElementRange]:
    """Join neighbours in one list that are small together."""
    joined: list[ElementRange] = []
    for part in ranges:
        last = joined[-1] if joined else None
        if last and (last.section, last.end) == (part.section, part.start) and part.end - last.start <= target:
            joined[-1] = ElementRange(part.section, last.start, part.end)
        else:
            joined.append(part)
    return joined
