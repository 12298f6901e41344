"""Rows of a table in ranges of bytes, so that each image's rows are read together, by one of them.

Open Images' tables are sorted by image. A range has the images whose first row begins in it: rows of the image before are left to
the range before, which reads on beyond its end.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from itertools import chain

_BEFORE = 4096
"""Bytes before a range in which the row before it is looked for at first: rows have some hundred."""

_STEP = 2**16

LONGEST_ROW = 2**20
"""Bytes of a row; what is longer is none, and belongs to no image."""

Row = tuple[int, list[str]]
"""Where a row begins in its file, and its cells; none of a row that is too long."""


def rows_in(
    read: Callable[[int, int], bytes], start: int, end: int, first: int, size: int, column: int
) -> Iterator[Row]:
    """The rows of images whose first row begins in the bytes [start, end) of a file of `size`.

    Args:
        read: gives the bytes of a range.
        first: where the first row after the header begins.
        column: that of the image.
    """
    before: str | None = None
    current: str | None = None
    begun = False
    for at, cells in _rows_from_before(read, start, end, first, size):
        image = cells[column] if column < len(cells) else None
        if at < start:
            before = image
            continue
        if not begun and at < end and image is not None and image == before:
            continue
        if at >= end and not (begun and image is not None and image == current):
            return
        begun, current = True, image
        yield at, cells


def _rows_from_before(read: Callable[[int, int], bytes], start: int, end: int, first: int, size: int) -> Iterator[Row]:
    """The rows from the one before `start` on, or an earlier one; from `start` on where that one is too long to be read."""
    window = _BEFORE
    while True:
        begin = max(first, start - window)
        rows = _rows(_lines(read, begin, size, end, whole=begin == first))
        head = next(rows, None)
        if begin == first or window > LONGEST_ROW or (head is not None and head[0] < start):
            return chain([head] if head is not None else [], rows)
        window = min(16 * window, LONGEST_ROW + 1)


def _rows(lines: Iterator[tuple[int, str | None]]) -> Iterator[Row]:
    for at, line in lines:
        if line is None:
            yield at, []
            continue
        try:
            cells = next(csv.reader([line]), [])
        except csv.Error:
            cells = line.split(",")  # A cell that is longer than any of a table.
        if any(cells):
            yield at, cells


def _lines(
    read: Callable[[int, int], bytes], begin: int, size: int, end: int, whole: bool
) -> Iterator[tuple[int, str | None]]:
    """Lines from `begin` on with their places, the first left out unless it is `whole`; read as far as somebody asks.

    None stands for a line that is longer than `LONGEST_ROW`, of which no more is held. One that goes on beyond `end` is the last.
    """
    held, at = b"", begin
    reached = begin
    too_long = False
    while reached < size or held:
        # A line without an end is read in steps that grow, so that looking for its end stays little work.
        upto = min(size, max(end, reached + max(_STEP, len(held))))
        block = read(reached, upto) if reached < upto else b""
        reached = upto
        held += block
        *lines, held = held.split(b"\n")
        if reached == size:
            lines, held = [*lines, held], b""
        for line in lines:
            if whole and not too_long:
                fits = len(line) <= LONGEST_ROW
                yield at, line.decode("utf-8", "replace").rstrip("\r") if fits else None
            whole, too_long = True, False
            at += len(line) + 1
        if len(held) > LONGEST_ROW:
            if whole and not too_long:
                yield at, None
            too_long = True
            at += len(held)
            held = b""
        if reached == size or (too_long and reached >= end):
            return
