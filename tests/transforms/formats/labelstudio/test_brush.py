"""The packing of Label Studio's brush, against one that packs bit by bit, and files that are damaged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelbeam.transforms.formats.drawn import DrawnError
from labelbeam.transforms.formats.labelstudio.brush import decode_brush

SIZES = (3, 4, 8, 16)


def pack(values: list[int], lengths: list[int], sizes: tuple[int, ...] = SIZES) -> list[int]:
    """Pack values in stretches of these lengths: one that repeats where all are the same, else each by itself."""
    bits = f"{len(values):032b}{8 - 1:05b}" + "".join(f"{size - 1:04b}" for size in sizes)
    at = 0
    for length in lengths:
        part = values[at : at + length]
        at += len(part)
        kind = next(number for number, size in enumerate(sizes) if len(part) <= 2**size)
        repeats = len(set(part)) == 1 and len(part) > 1
        bits += f"{int(repeats)}{kind:02b}{len(part) - 1:0{sizes[kind]}b}"
        bits += "".join(f"{value:08b}" for value in (part[:1] if repeats else part))
    bits += "0" * (-len(bits) % 8)
    return [int(bits[place : place + 8], 2) for place in range(0, len(bits), 8)]


@st.composite
def masks(draw: Any) -> tuple[np.ndarray[Any, Any], list[int], tuple[int, ...]]:
    width, height = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    values = np.array(draw(st.lists(st.integers(0, 3), min_size=4 * width * height, max_size=4 * width * height)))
    lengths: list[int] = []
    while sum(lengths) < len(values):
        lengths.append(min(draw(st.integers(1, 40)), len(values) - sum(lengths)))
    return values.reshape(height, width, 4), lengths, draw(st.sampled_from([SIZES, (1, 2, 5, 9), (16, 6, 6, 6)]))


@given(masks())
@settings(max_examples=150, deadline=None)
def test_a_mask_is_where_alpha_is_not_0(drawn: Any) -> None:
    values, lengths, sizes = drawn
    packed = pack(values.ravel().tolist(), lengths, sizes)
    expected = values[:, :, 3] != 0
    height, width = expected.shape
    if expected.any():
        assert (decode_brush(packed, width, height) == expected).all()
    else:
        with pytest.raises(DrawnError, match="the mask has no pixel"):
            decode_brush(packed, width, height)


ONE = pack([0, 0, 0, 255], [1, 3])


@pytest.mark.parametrize(
    ("packed", "size", "code"),
    [
        (None, (1, 1), "invalid_rle"),
        ("AAAA", (1, 1), "invalid_rle"),
        ([], (1, 1), "invalid_rle"),
        ([256] * 9, (1, 1), "invalid_rle"),
        ([-1] * 9, (1, 1), "invalid_rle"),
        ([0.5] * 9, (1, 1), "invalid_rle"),
        (ONE[:-1], (1, 1), "invalid_rle"),
        (ONE[:7], (1, 1), "invalid_rle"),
        ([*ONE[:4], 0b01111001, *ONE[5:]], (1, 1), "invalid_rle"),
        (ONE, (2, 1), "rle_size_mismatch"),
        (ONE, (2**20, 2**20), "mask_too_large"),
        (pack([0, 0, 0, 0], [4]), (1, 1), "empty_mask"),
    ],
)
def test_what_is_no_mask_is_rejected(packed: Any, size: tuple[int, int], code: str) -> None:
    with pytest.raises(DrawnError) as told:
        decode_brush(packed, *size)
    assert told.value.code == code
