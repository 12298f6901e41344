"""Costs of decoding an image, known before it begins; and decoders of Pillow's whose cost the image's size does not bound."""

from __future__ import annotations

import os
from typing import Any

from PIL import (
    AvifImagePlugin,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

PIXEL = 4
"""Bytes of a pixel once it is decoded: Pillow holds three colours in four bytes, and deep greys in as many."""

_PLANES = (Jpeg2KImagePlugin.Jpeg2KImageFile, AvifImagePlugin.AvifImageFile, WebPImagePlugin.WebPImageFile)

_TILE_WIDTH, _TILE_LENGTH, _SAMPLES, _BITS = 322, 323, 277, 258


def bytes_to_decode(image: ImageFile.ImageFile, full: tuple[int, int], copies: int) -> int:
    """Bytes that decoding an image takes, of which `copies` of its pixels are held at a time.

    `full` is the image's size; `image.size` may be smaller where a JPEG is decoded at a part of it. A JPEG of several scans is held as
    coefficients, of two bytes each; JPEG 2000, AVIF, HEIC and WebP as planes of up to four. A TIFF's tile is held whole, and may be larger than its image.
    """
    needed = image.size[0] * image.size[1] * PIXEL * copies
    if isinstance(image, _PLANES) or image.format == "HEIF":
        needed += full[0] * full[1] * PIXEL * max(1, len(image.getbands()))
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        needed += full[0] * full[1] * 2 * max(1, len(image.getbands()))
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        needed += _tile(image)
    return needed


def _tile(image: TiffImagePlugin.TiffImageFile) -> int:
    tags = image.tag_v2
    try:
        bits = tags.get(_BITS, (8,))
        deepest = max(bits) if isinstance(bits, tuple) else int(bits)
        width, length = int(tags.get(_TILE_WIDTH, 0)), int(tags.get(_TILE_LENGTH, 0))
        return width * length * max(PIXEL, int(tags.get(_SAMPLES, 1)) * deepest // 8)
    except (TypeError, ValueError):
        return 0


class BoundedRle(ImageFile.PyDecoder):
    """A run-length BMP, as Pillow reads it, in no more memory than its pixels and no more steps than its bytes.

    Pillow's own decoder makes up to 255 rows for three bytes, whatever the image's height is.
    """

    _pulls_fd = True

    def decode(self, _: Any) -> tuple[int, int]:
        """Decode all of it."""
        assert self.fd is not None
        width, total = self.state.xsize, self.state.xsize * self.state.ysize
        data = bytearray(total)
        at = column = 0
        while at < total:
            head = self.fd.read(2)
            if len(head) < 2:
                break
            count, value = head
            if count:
                count = min(count, max(0, width - column))
                run = (
                    bytes((value >> 4, value & 0x0F)) * ((count + 1) // 2) if self.args[1] else bytes((value,)) * count
                )
                at = self._put(data, at, run[:count])
                column += count
            elif value == 0:
                at += -at % width
                column = 0
            elif value == 1:
                break
            elif value == 2:
                step = self.fd.read(2)
                if len(step) < 2:
                    break
                at += step[0] + step[1] * width
                column = at % width
            else:
                packed = value // 2 if self.args[1] else value
                read = self.fd.read(packed)
                pixels = bytes(half for byte in read for half in (byte >> 4, byte & 0x0F)) if self.args[1] else read
                at = self._put(data, at, pixels)
                if len(read) < packed:
                    break
                column += value
                if self.fd.tell() % 2:
                    self.fd.seek(1, os.SEEK_CUR)
        # What was not reached is missing, as of any image that ends early.
        self.set_as_raw(bytes(data[:at]), "L" if self.mode == "L" else "P", (0, self.args[-1]))
        return -1, 0

    @staticmethod
    def _put(data: bytearray, at: int, pixels: bytes) -> int:
        end = min(len(data), at + len(pixels))
        data[at:end] = pixels[: end - at]
        return at + len(pixels)
