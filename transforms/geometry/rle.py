"""COCO's run-length encoded masks, read strictly and without ever decoding them to pixels.

Runs go down the columns, left to right; the first one counts background pixels (and may be 0), then foreground and
background alternate. The rules follow pycocotools' `maskApi.c`, which itself checks nothing: it reads past short runs.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from labelbeam.schemas.neutral import Box
from labelbeam.schemas.reasons import Rejected, RejectedError

Runs: TypeAlias = npt.NDArray[np.int64]
"""Run lengths in pixels, shape (runs,), background first; they add up to height * width."""

LARGEST_MASK = 2**28
"""Pixels of the largest mask that is read: above Pillow's own limit for images (2 * 89 MP), below COCO's uint32 runs."""

_LONGEST_RUN = 2**32 - 1  # maskApi.c keeps runs as uint32.
_LONGEST_GROUP = 7  # Characters of 5 bits each that a signed difference of two uint32 can take.


class GeometryError(RejectedError, ValueError):
    """A polygon or mask cannot be used."""


def counts_from_string(text: str | bytes) -> Runs:
    """Decode COCO's compressed `counts`: the inverse of pycocotools' `rleToString`.

    Every number is a group of characters in chr(48)..chr(111), each holding 5 bits, lowest first, and a bit that says
    whether the group goes on; the last one's highest bit is the sign. From the fourth number on, the difference to
    the number two before is what was written.

    Raises GeometryError (INVALID_RLE) for other characters, a last group that does not end, negative runs, and runs
    that COCO's 32 bits cannot hold.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    codes = np.frombuffer(raw, np.uint8) - np.uint8(48)
    if not codes.size:
        return np.zeros(0, np.int64)
    foreign = codes > 63
    if foreign.any():
        at = int(foreign.argmax())
        raise _invalid(f"counts has {text[at : at + 1]!r} at position {at}, expected characters from '0' to 'o'")
    last = np.flatnonzero(codes < 32)
    if not last.size or last[-1] != codes.size - 1:
        raise _invalid(f"counts ends inside a number, after {codes.size} characters")
    sizes = np.diff(last, prepend=-1)
    first = last - sizes + 1
    if sizes.max() > _LONGEST_GROUP:
        raise _invalid(f"counts has a number of {sizes.max()} characters, expected at most {_LONGEST_GROUP}")
    shifts = 5 * (np.arange(codes.size) - np.repeat(first, sizes))
    numbers = np.add.reduceat((codes & 31).astype(np.int64) << shifts, first)
    negative = (codes[last] & 16) != 0
    numbers -= negative.astype(np.int64) << (5 * sizes)
    # Number 2 is not a difference to number 0, so the even ones add up from 2 on and the odd ones from 1 on.
    for same_colour in (numbers[1::2], numbers[2::2]):
        np.cumsum(same_colour, out=same_colour)
    _check_range(numbers, _LONGEST_RUN)
    return numbers


def counts_from_strings(texts: Sequence[bytes]) -> tuple[Runs, Runs]:
    """The runs of n masks as pycocotools itself has written them, one mask's after the other's, and how many each has, (n,)."""
    codes = np.frombuffer(b"".join(texts), np.uint8) - np.uint8(48)
    last = np.flatnonzero(codes < 32)
    sizes = np.diff(last, prepend=-1)
    first = last - sizes + 1
    shifts = 5 * (np.arange(codes.size) - np.repeat(first, sizes))
    numbers = np.add.reduceat((codes & 31).astype(np.int64) << shifts, first)
    numbers -= ((codes[last] & 16) != 0).astype(np.int64) << (5 * sizes)
    ends = np.searchsorted(last, np.cumsum([len(text) for text in texts]))
    lengths = np.diff(ends, prepend=0)
    starts = ends - lengths
    # Number 2 is not a difference to number 0, so the even ones add up from 2 on and the odd ones from 1 on.
    place = np.arange(len(numbers)) - np.repeat(starts, lengths)
    for parity in (0, 1):
        at = np.flatnonzero((place % 2 == parity) & (place > 0))
        sums = np.cumsum(numbers[at])
        before = np.searchsorted(at, starts)
        held = np.diff(before, append=len(at))
        numbers[at] = sums - np.repeat(np.append(0, sums)[before], held)
    return numbers, lengths


def counts_to_string(counts: Iterable[int]) -> str:
    """Encode run lengths as COCO's compressed `counts`, as pycocotools' `rleToString` does."""
    runs = [int(run) for run in counts]
    characters = []
    for at, run in enumerate(runs):
        rest = run - runs[at - 2] if at > 2 else run
        while True:
            bits = rest & 31
            rest >>= 5
            ended = rest == (-1 if bits & 16 else 0)
            characters.append(chr(48 + bits + (0 if ended else 32)))
            if ended:
                break
    return "".join(characters)


def read_rle(size: object, counts: object, width: int, height: int) -> Runs:
    """Check a COCO RLE segmentation, as JSON parsed it, against its image; return its runs.

    `size` must be [height, width] of the image. `counts` is a list of whole numbers (1.0 is one, true is not) or the
    compressed string. Memory is that of `counts`, whatever `size` says.

    Raises GeometryError: RLE_SIZE_MISMATCH, MASK_TOO_LARGE (above `LARGEST_MASK`), INVALID_RLE where the runs are
    malformed or do not add up to height * width, EMPTY_MASK where no pixel is foreground.
    """
    if not (
        isinstance(size, list | tuple)
        and all(isinstance(side, int | float) and not isinstance(side, bool) for side in size)
        and list(size) == [height, width]
    ):
        raise GeometryError(
            Rejected.RLE_SIZE_MISMATCH, f"the mask's size is {reprlib.repr(size)}, the image's [{height}, {width}]"
        )
    pixels = width * height
    if pixels > LARGEST_MASK:
        raise GeometryError(
            Rejected.MASK_TOO_LARGE,
            f"the mask has {height} x {width} = {pixels} pixels, at most {LARGEST_MASK} are read",
        )
    runs = counts_from_string(counts) if isinstance(counts, str | bytes) else _counts_from_list(counts)
    # Before the sum, which might wrap round to the right number.
    _check_range(runs, pixels)
    total = int(runs.sum())
    if total != pixels:
        raise _invalid(f"the runs add up to {total} pixels, the mask has {height} x {width} = {pixels}")
    if not runs[1::2].any():
        raise GeometryError(Rejected.EMPTY_MASK, f"none of the mask's {pixels} pixels is foreground")
    return runs


def runs_of_mask(mask: npt.NDArray[np.bool_]) -> Runs:
    """Run lengths of a boolean mask of shape (height, width)."""
    pixels = mask.ravel(order="F")
    changes = np.flatnonzero(np.diff(pixels, prepend=False))
    return np.diff(changes, prepend=0, append=pixels.size).astype(np.int64, copy=False)


def foreground(runs: Runs) -> tuple[Runs, Runs]:
    """Starts and stops of the foreground: half-open ranges of pixel indices counted down the columns.

    The ranges are ascending, none is empty and no two touch, also where runs of length 0 split them.
    """
    changes = np.cumsum(runs)[: len(runs) // 2 * 2]
    if not runs[1:].all():
        changes, times = np.unique(changes, return_counts=True)
        changes = changes[times % 2 == 1]
    return changes[0::2], changes[1::2]


_FEWEST_STEPS, _MOST = 2, 0.8


def goes_along_rows(runs: Runs, width: int, height: int) -> bool:
    """Tell whether runs seem to go along rows, and not down columns as COCO's do.

    One run of an object and the next lie side by side: a column apart in COCO's order, a row apart in the other. Where one run
    does not touch the next at the one distance, and does at the other, it shows. In square images it cannot.
    """
    starts, stops = foreground(runs)
    if len(starts) <= _FEWEST_STEPS or width == height:
        return False

    def touching(step: int) -> float:
        side_by_side = (starts[:-1] + step < stops[1:]) & (starts[1:] < stops[:-1] + step)
        return float(side_by_side.mean())

    return touching(width) >= _MOST and touching(height) <= 1 - _MOST


def box_of_runs(runs: Runs, height: int) -> Box:
    """Tight box, in pixels, around the foreground of a mask of that height.

    Raises GeometryError (EMPTY_MASK) where there is none.
    """
    starts, stops = foreground(runs)
    if not starts.size:
        raise GeometryError(Rejected.EMPTY_MASK, "the mask has no foreground pixel to put a box around")
    first_columns, tops = np.divmod(starts, height)
    last_columns, last_rows = np.divmod(stops - 1, height)
    left, right = float(first_columns[0]), float(last_columns[-1] + 1)
    if (first_columns != last_columns).any():
        return left, 0.0, right, float(height)
    return left, float(tops.min()), right, float(last_rows.max() + 1)


def _counts_from_list(counts: object) -> Runs:
    if not isinstance(counts, list | tuple):
        raise _invalid(f"counts is {reprlib.repr(counts)}, expected a list or a string")
    kinds = set(map(type, counts))
    if not kinds <= {int, float}:
        found = next(count for count in counts if type(count) not in (int, float))
        raise _invalid(f"counts holds {reprlib.repr(found)}, expected whole numbers")
    try:
        return _whole(np.array(counts, np.float64)) if float in kinds else np.array(counts, np.int64)
    except OverflowError:
        raise _invalid(f"counts holds a number of over 64 bits, expected at most {_LONGEST_RUN}") from None


def _whole(numbers: npt.NDArray[np.float64]) -> Runs:
    broken = ~(np.abs(numbers) <= _LONGEST_RUN) | (np.trunc(numbers) != numbers)
    if broken.any():
        raise _invalid(f"counts holds {numbers[broken.argmax()]}, expected whole numbers up to {_LONGEST_RUN}")
    return numbers.astype(np.int64)


def _check_range(runs: Runs, longest: int) -> None:
    wrong = (runs < 0) | (runs > longest)
    if wrong.any():
        at = int(wrong.argmax())
        raise _invalid(f"run {at} of {len(runs)} is {runs[at]}, expected 0 to {longest}")


def _invalid(message: str) -> GeometryError:
    return GeometryError(Rejected.INVALID_RLE, message)
