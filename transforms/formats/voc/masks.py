"""The masks of Pascal VOC: `SegmentationObject` PNGs, whose palette index is the instance and 255 the void border."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from labelbeam.schemas.neutral import Box, Ring
from labelbeam.schemas.reasons import Rejected, RejectedError
from labelbeam.transforms.geometry.rle import runs_of_mask
from labelbeam.transforms.geometry.trace import trace
from labelbeam.transforms.stores.failures import is_shortage
from labelbeam.transforms.workers.budget import decoding

VOID = 255
LARGEST_MASK = 89_478_485
"""Pixels of the largest mask that is decoded: where Pillow begins to warn of decompression bombs."""

LARGEST_MASK_FILE = 64 * 2**20
"""Bytes of the largest mask's file: so few colours shrink to much less."""

_SMALLEST_IOU = 0.1
_LEAST_INSIDE = 0.5
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_UNDECODABLE = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, struct.error, zlib.error)
"""What Pillow raises on damaged PNGs, by where in the file the damage is."""


class MaskError(RejectedError, ValueError):
    """A mask cannot be used."""


class Mask(NamedTuple):
    """A decoded mask: `indices` of shape (height, width), and the tight box of each instance by its index."""

    indices: npt.NDArray[np.uint8]
    boxes: dict[int, Box]

    def rings(self, index: int) -> list[Ring]:
        """Trace one instance along its pixel edges."""
        left, top, right, bottom = (int(side) for side in self.boxes[index])
        instance = self.indices[top:bottom, left:right] == index
        corner = np.array((left, top), np.float64)
        return [ring + corner for ring in trace(runs_of_mask(instance), *instance.shape)]


def read_mask(png: bytes, size: tuple[int, int] | None) -> Mask:
    """Decode a mask. `size` is the (width, height) that it must have, or None where the annotations give none.

    Raises MaskError: UNREADABLE_MASK where it is no PNG, is damaged, or holds colours in place of indices;
    MASK_TOO_LARGE above `LARGEST_MASK` pixels, MASK_SIZE_MISMATCH where it is of another size, both before decoding.
    """
    width, height = png_size(png)
    if size is not None and (width, height) != size:
        message = f"the mask is {width}×{height}, the annotation file says {size[0]}×{size[1]}"
        raise MaskError(Rejected.MASK_SIZE_MISMATCH, message)
    with open_png(png) as image, decoding().take((12 if image.mode == "RGB" else 3) * width * height, "a mask"):
        mode, indices = image.mode, _indices_of(image)
        # Of a bit for each pixel, an object is 1, where Pillow's histogram has 255.
        plain = image if mode != "RGB" or indices is None else Image.fromarray(indices)
        counts = (
            plain.histogram() if mode != "1" else np.bincount(np.asarray(indices).ravel(), minlength=VOID + 1).tolist()
        )
    if indices is None or mode not in ("P", "L", "1", "RGB"):
        message = f"the mask's mode is {mode}, expected palette indices (P), the colours of VOC's palette, grey values (L) or bits (1)"
        raise MaskError(Rejected.UNREADABLE_MASK, message)
    return Mask(indices, {index: _tight(indices == index) for index in range(1, VOID) if counts[index]})


def _indices_of(image: Image.Image) -> npt.NDArray[np.uint8] | None:
    pixels = np.asarray(image)
    return _of_colours(pixels) if image.mode == "RGB" else pixels.astype(np.uint8, copy=False)


def _of_colours(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8] | None:
    """The indices of pixels that have the colours of VOC's palette, as Datumaro writes them; None where one has another."""
    codes = (pixels.astype(np.int32) << (16, 8, 0)).sum(axis=2, dtype=np.int32)
    palette = _palette()
    order = np.argsort(palette)
    places = np.searchsorted(palette, codes, sorter=order).clip(max=len(palette) - 1)
    indices = order[places]
    return indices.astype(np.uint8) if (palette[indices] == codes).all() else None


def _palette() -> npt.NDArray[np.int32]:
    """The colours of VOC's palette as 0xRRGGBB: the bits of an index in turns, from each colour's highest on."""
    index = np.arange(VOID + 1, dtype=np.int32)
    bits = [
        ((index >> (3 * bit + colour)) & 1) << (7 - bit + 16 - 8 * colour) for colour in range(3) for bit in range(3)
    ]
    colours: npt.NDArray[np.int32] = np.sum(bits, axis=0, dtype=np.int32)
    return colours


def png_size(png: bytes) -> tuple[int, int]:
    """Width and height that a PNG begins with.

    Raises MaskError: UNREADABLE_MASK where it is no PNG, MASK_TOO_LARGE above `LARGEST_MASK` pixels.
    """
    if png[:8] != _SIGNATURE or png[12:16] != b"IHDR" or len(png) < 24:
        raise MaskError(Rejected.UNREADABLE_MASK, f"the mask begins with {png[:8]!r}, expected a PNG")
    width, height = struct.unpack(">II", png[16:24])
    if width * height > LARGEST_MASK:
        message = f"the mask is {width:,}×{height:,}, expected at most {LARGEST_MASK:,} pixels"
        raise MaskError(Rejected.MASK_TOO_LARGE, message)
    return width, height


@contextmanager
def open_png(png: bytes) -> Iterator[Image.Image]:
    """A PNG whose size was looked at before, to be decoded in the block, where what is damaged is UNREADABLE_MASK."""
    if _has_second_header(png):
        raise MaskError(Rejected.UNREADABLE_MASK, "the mask has a second header, which gives it another size")
    try:
        with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
            yield image
    except _UNDECODABLE as error:
        if is_shortage(error) or str(error).startswith("out of memory"):
            raise MemoryError(str(error)) from None
        raise MaskError(Rejected.UNREADABLE_MASK, f"the mask does not decode: {error}") from None


def _has_second_header(png: bytes) -> bool:
    """Tell whether another IHDR follows: Pillow would take its size, of whatever was checked in the first, for the image's."""
    at = len(_SIGNATURE)
    while at + 8 <= len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        if kind == b"IHDR" and at > len(_SIGNATURE):
            return True
        at += 12 + length
    return False


def pair(instances: dict[int, Box], objects: Sequence[Box | None]) -> dict[int, int]:
    """Pair instances with objects by the overlap of their boxes: position in `objects` by index of the instance.

    The best pair first, one to one, by intersection over union to two decimals; where that ties, by how near the index
    is to the object's number, since VOC's own masks mostly count as its objects do. A pair overlaps by at least 0.1,
    and half of the instance's box lies in the object's: a mask keeps inside its box, less the void border.
    """
    ranked = []
    boxes = np.array([(np.nan,) * 4 if box is None else box for box in objects], np.float64).reshape(-1, 4)
    with np.errstate(over="ignore"):  # A box of 1e300 has an infinite area, and overlaps nothing in comparison.
        areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    for index, instance in instances.items():
        lower, upper = np.maximum(boxes[:, :2], instance[:2]), np.minimum(boxes[:, 2:], instance[2:])
        common = np.prod(np.maximum(upper - lower, 0), axis=1)
        area = (instance[2] - instance[0]) * (instance[3] - instance[1])
        iou = common / (areas + (area - common))
        for at in np.flatnonzero((iou >= _SMALLEST_IOU) & (common >= _LEAST_INSIDE * area)).tolist():
            ranked.append((-round(float(iou[at]), 2), abs(index - 1 - at), index, at))
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for _, _, index, at in sorted(ranked):
        if index not in pairs and at not in taken:
            pairs[index] = at
            taken.add(at)
    return pairs


def _tight(instance: npt.NDArray[np.bool_]) -> Box:
    rows, columns = np.flatnonzero(instance.any(axis=1)), np.flatnonzero(instance.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
