"""What decoding costs is known before, and a run-length BMP costs no more than its pixels."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import BmpImagePlugin, Image, JpegImagePlugin, TiffImagePlugin

from labelbeam.transforms.images.decoders import PIXEL, bytes_to_decode
from labelbeam.transforms.images.facts import ImageError
from labelbeam.transforms.images.headers import load

PHOTO = Image.effect_noise((40, 24), 80).convert("RGB")


def saved(format_name: str, **options: object) -> io.BytesIO:
    buffer = io.BytesIO()
    PHOTO.save(buffer, format_name, **options)
    buffer.seek(0)
    return buffer


def test_pixels_are_held_once_for_each_copy() -> None:
    image = BmpImagePlugin.BmpImageFile(saved("BMP"))
    assert bytes_to_decode(image, image.size, 1) == 40 * 24 * PIXEL
    assert bytes_to_decode(image, image.size, 3) == 3 * 40 * 24 * PIXEL


def test_a_jpeg_is_held_as_coefficients_of_its_full_size_too() -> None:
    image = JpegImagePlugin.JpegImageFile(saved("JPEG"))
    assert bytes_to_decode(image, (40, 24), 1) == 40 * 24 * PIXEL + 40 * 24 * 2 * 3


def test_a_tile_of_a_tiff_may_be_larger_than_its_image() -> None:
    image = TiffImagePlugin.TiffImageFile(saved("TIFF"))
    assert bytes_to_decode(image, image.size, 1) == 40 * 24 * PIXEL
    image.tag_v2[322], image.tag_v2[323] = 4096, 4096
    assert bytes_to_decode(image, image.size, 1) >= 4096 * 4096 * PIXEL


def rle(data: bytes, width: int, height: int, bits: int = 8) -> bytes:
    """A run-length BMP of a grey palette."""
    colours = 2**bits
    palette = b"".join(bytes((n * 255 // (colours - 1),)) * 3 + b"\0" for n in range(colours))
    start = 14 + 40 + len(palette)
    head = struct.pack("<2sIHHI", b"BM", start + len(data), 0, 0, start)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 1 if bits == 8 else 2, len(data), 0, 0, colours, 0)
    return head + info + palette + data


def rows(data: bytes, width: int, height: int, bits: int = 8) -> list[list[int]]:
    image, _ = load(io.BytesIO(rle(data, width, height, bits)), "a.bmp", (1, 1), 10**6)
    pixels: list[list[int]] = np.asarray(image.convert("L")).tolist()
    return pixels


@pytest.mark.parametrize(
    ("data", "bits", "expected"),
    [
        (b"\x03\x07\0\0\x03\x09\0\x01", 8, [[9] * 3, [7] * 3]),  # Rows stand from the lowest up.
        (b"\0\x03\x01\x02\x03\0\0\0\x03\x09\0\x01", 8, [[9] * 3, [1, 2, 3]]),
        (b"\x09\x07\0\0\x03\x09\0\x01", 8, [[9] * 3, [7] * 3]),  # A run ends with its row.
        (b"\x03\x1f\0\0\x03\xff\0\x01", 4, [[255] * 3, [17, 255, 17]]),
    ],
)
def test_runs_are_read_as_they_are_meant(data: bytes, bits: int, expected: list[list[int]]) -> None:
    assert rows(data, 3, 2, bits) == expected


@given(st.binary(max_size=40))
def test_whatever_the_runs_the_image_is_read_or_refused(data: bytes) -> None:
    try:
        found = rows(data, 3, 2)
    except ImageError:
        return
    assert [len(row) for row in found] == [3, 3]
