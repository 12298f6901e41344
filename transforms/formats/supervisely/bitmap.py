"""Bitmaps of Supervisely: a PNG, compressed once more by zlib or not, in base64; a pixel is of the mask where its alpha is not 0."""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.drawn import DrawnError
from labelbeam.transforms.formats.voc.masks import LARGEST_MASK_FILE, MaskError, open_png, png_size
from labelbeam.transforms.workers.budget import decoding

_HEAD = 24
"""Bytes of a PNG up to its height."""

_A_PIXEL, _BESIDE = 9, 2**20
"""Bytes of a PNG for each pixel, at most four channels of 16 bits and a byte a row, and beside all pixels."""

_DECODED = 10
"""Bytes of memory for each pixel while it is decoded: as it is, in four channels, and the mask."""

_GREY = frozenset({"1", "L", "I", "I;16", "I;16B"})


def decode_bitmap(encoded: Any) -> npt.NDArray[np.bool_]:
    """The mask, of shape (height, width). No more is decompressed than a PNG of the pixels that it declares can have.

    Raises:
        DrawnError: it is damaged, empty or too large, or has neither grey values nor alpha.
    """
    if not isinstance(encoded, str):
        raise DrawnError(Rejected.UNREADABLE_MASK, f"the bitmap's data is {encoded!r:.60}, expected a PNG in base64")
    try:
        packed = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DrawnError(Rejected.UNREADABLE_MASK, f"the bitmap is no base64: {error}") from None
    try:
        mask = _decompressed(packed) if packed[1:4] != b"PNG" else _decoded(packed)
    except MaskError as error:
        raise DrawnError(error.code, error.message) from None
    if not mask.any():
        raise DrawnError(Rejected.EMPTY_MASK, "the bitmap has no pixel")
    return mask


def _decompressed(packed: bytes) -> npt.NDArray[np.bool_]:
    stream = zlib.decompressobj()
    try:
        head = stream.decompress(packed, _HEAD)
        width, height = png_size(head)
        most = min(LARGEST_MASK_FILE, _A_PIXEL * width * height + _BESIDE)
        with decoding().take(2 * most + _DECODED * width * height, "a bitmap"):
            png = head + stream.decompress(stream.unconsumed_tail, most)
            if not stream.eof and len(png) >= most:
                message = f"the bitmap of {width}×{height} holds more than {most:,} bytes"
                raise MaskError(Rejected.MASK_TOO_LARGE, message)
            if not stream.eof:
                raise MaskError(Rejected.UNREADABLE_MASK, "the bitmap's compressed data ends too early")
            return _pixels(png)
    except zlib.error as error:
        raise MaskError(Rejected.UNREADABLE_MASK, f"the bitmap does not decompress: {error}") from None


def _decoded(png: bytes) -> npt.NDArray[np.bool_]:
    width, height = png_size(png)
    with decoding().take(_DECODED * width * height, "a bitmap"):
        return _pixels(png)


def _pixels(png: bytes) -> npt.NDArray[np.bool_]:
    with open_png(png) as image:
        mode, mask = image.mode, _mask_of(image)
    if mask is None:
        message = f"the bitmap's mode is {mode} without alpha, expected alpha or grey values"
        raise MaskError(Rejected.UNREADABLE_MASK, message)
    return mask


def _mask_of(image: Image.Image) -> npt.NDArray[np.bool_] | None:
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA").getchannel("A")
    elif image.mode not in _GREY:
        return None
    mask: npt.NDArray[np.bool_] = np.asarray(image) != 0
    return mask
