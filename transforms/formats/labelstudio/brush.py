"""Masks of Label Studio's brush: pixels in its own packing of bits.

The packing is that of `@thi.ng/rle-pack`, which the editor uses: 32 bits say how many values follow, 5 bits how long a value is, less one, and four times
4 bits how long each kind of length is, less one. Then stretches follow: one bit for whether it is one value that repeats, 2 bits for the
kind of its length, the length less one, and the value, or all values. The values are red, green, blue and alpha of every pixel, along
the rows; a pixel is of the mask where its alpha is not 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.drawn import DrawnError
from labelbeam.transforms.formats.voc.masks import LARGEST_MASK
from labelbeam.transforms.messages.words import counted
from labelbeam.transforms.workers.budget import decoding

_CHANNELS, _ALPHA = 4, 3
_HEADER = 32 + 5 + 4 * 4
_LONGEST = 8
"""Bytes that hold any field, wherever in a byte it begins."""


def decode_brush(packed: Any, width: int, height: int) -> npt.NDArray[np.bool_]:
    """The mask, of shape (height, width), from bytes as a list of numbers.

    Raises:
        DrawnError: it is damaged, empty, or not of this size.
    """
    try:
        data = bytes(packed) if isinstance(packed, list) else b""
    except (TypeError, ValueError):
        data = b""
    if 8 * len(data) < _HEADER:
        raise DrawnError(Rejected.INVALID_RLE, "rle is no list of whole numbers from 0 to 255")
    if width * height > LARGEST_MASK:
        message = f"the mask is {width:,}×{height:,}, expected at most {LARGEST_MASK:,} pixels"
        raise DrawnError(Rejected.MASK_TOO_LARGE, message)
    padded = data + bytes(_LONGEST)
    count = _bits(padded, 0, 32)
    if count != _CHANNELS * width * height:
        message = f"rle has {counted(count, 'value')}, expected 4 for each of {width}×{height} pixels"
        raise DrawnError(Rejected.RLE_SIZE_MISMATCH, message)
    if (word := _bits(padded, 32, 5) + 1) != 8:
        raise DrawnError(Rejected.INVALID_RLE, f"rle has values of {word} bits, expected 8")
    sizes = [_bits(padded, 37 + 4 * kind, 4) + 1 for kind in range(4)]
    with decoding().take(count, "a mask"):
        values = _values(padded, 8 * len(data), count, sizes)
        mask: npt.NDArray[np.bool_] = values.reshape(height, width, _CHANNELS)[:, :, _ALPHA] != 0
    if not mask.any():
        raise DrawnError(Rejected.EMPTY_MASK, "the mask has no pixel")
    return mask


def _values(padded: bytes, bits: int, count: int, sizes: list[int]) -> npt.NDArray[np.uint8]:
    values = np.empty(count, np.uint8)
    at, place = 0, _HEADER
    while at < count:
        repeats, kind = _bits(padded, place, 1), _bits(padded, place + 1, 2)
        length = _bits(padded, place + 3, sizes[kind]) + 1
        place += 3 + sizes[kind]
        after = place + 8 * (1 if repeats else length)
        if after > bits or at + length > count:
            raise DrawnError(Rejected.INVALID_RLE, f"rle ends or overflows at value {at:,} of {count:,}")
        if repeats:
            values[at : at + length] = _bits(padded, place, 8)
        else:
            raw = np.frombuffer(padded, np.uint8, length + 1, place >> 3)
            shift = place & 7
            values[at : at + length] = (raw[:-1] << shift) | (raw[1:] >> (8 - shift)) if shift else raw[:-1]
        at, place = at + length, after
    return values


def _bits(data: bytes, place: int, size: int) -> int:
    """A field of up to 32 bits; beyond the end there are zeros."""
    window = int.from_bytes(data[place >> 3 : (place >> 3) + _LONGEST].ljust(_LONGEST, b"\0"), "big")
    return (window >> (8 * _LONGEST - (place & 7) - size)) & ((1 << size) - 1)
