"""Bitmaps of Supervisely: the pixels of every way of writing them, and no more memory than their declared pixels are worth."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelbeam.transforms.formats.drawn import DrawnError
from labelbeam.transforms.formats.supervisely.bitmap import decode_bitmap

RING = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1], [0, 0, 1]], bool)

OF_THE_SDK = "eJzrDPBz5+WS4mJgYOD19HAJAtLMIMwIInOeqf8BUmwBPiGuQPr///9Lb86/C2QxlgT5BTM4PLuRBuTwebo4hlTMSa44sKHhISMDuxpTYrr03F6gDIOnq5/LOqeEJgDM5ht6"
"""The example of `Bitmap.base64_2_data`: three by three pixels, all but the middle one."""


def png_of(mask: Any, mode: str) -> bytes:
    grey = Image.fromarray(np.where(mask, 255, 0).astype(np.uint8))
    made = grey
    options: dict[str, Any] = {}
    if mode == "RGBA":
        made = Image.merge("RGBA", [Image.new("L", grey.size, 9)] * 3 + [grey])
    elif mode == "LA":
        made = Image.merge("LA", [grey, grey])
    elif mode == "P transparent":
        made = Image.fromarray(np.asarray(mask, np.uint8))
        made.putpalette([0, 0, 0, 255, 255, 255])
        options = {"transparency": 0}
    elif mode != "L":
        made = grey.convert(mode)
    buffer = io.BytesIO()
    made.save(buffer, "PNG", **options)
    return buffer.getvalue()


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P transparent", "L", "1"])
def test_a_bitmap_is_its_alpha_or_its_grey_values_compressed_again_or_not(mode: str) -> None:
    png = png_of(RING, mode)
    assert decode_bitmap(encoded(zlib.compress(png))).tolist() == RING.tolist()
    assert decode_bitmap(encoded(png)).tolist() == RING.tolist()


def test_the_example_of_the_sdk_is_read() -> None:
    assert decode_bitmap(OF_THE_SDK).tolist() == [[True] * 3, [True, False, True], [True] * 3]


GOOD = png_of(RING, "RGBA")


def sized(width: int, height: int) -> bytes:
    return GOOD[:16] + struct.pack(">II", width, height) + GOOD[24:]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (None, "unreadable_mask"),
        ("no base64!", "unreadable_mask"),
        ("é", "unreadable_mask"),
        (encoded(b""), "unreadable_mask"),
        (encoded(b"neither of them"), "unreadable_mask"),
        (encoded(zlib.compress(b"GIF89a" * 9)), "unreadable_mask"),
        (encoded(zlib.compress(GOOD)[:-9]), "unreadable_mask"),
        (encoded(zlib.compress(GOOD[:50])), "unreadable_mask"),
        (encoded(zlib.compress(GOOD[:-12] + GOOD[8:33] + GOOD[-12:])), "unreadable_mask"),
        (encoded(png_of(RING, "RGB")), "unreadable_mask"),
        (encoded(png_of(RING & False, "RGBA")), "empty_mask"),
        (encoded(zlib.compress(sized(100_000, 100_000))), "mask_too_large"),
        (encoded(sized(100_000, 100_000)), "mask_too_large"),
    ],
)
def test_what_is_none_is_rejected_with_its_reason(data: Any, code: str) -> None:
    with pytest.raises(DrawnError) as caught:
        decode_bitmap(data)
    assert caught.value.code == code


def test_a_bomb_is_decompressed_no_further_than_its_declared_pixels_are_worth(monkeypatch: pytest.MonkeyPatch) -> None:
    produced: list[int] = []
    make = zlib.decompressobj

    class Counted:
        def __init__(self) -> None:
            self._inner = make()

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        def decompress(self, data: bytes, most: int = 0) -> bytes:
            found = self._inner.decompress(data, most)
            produced.append(len(found))
            return found

    monkeypatch.setattr(zlib, "decompressobj", Counted)
    bomb = encoded(zlib.compress(GOOD + bytes(2**25)))
    with pytest.raises(DrawnError) as caught:
        decode_bitmap(bomb)
    assert caught.value.code == "mask_too_large"
    assert sum(produced) < 2**20 + 1000
