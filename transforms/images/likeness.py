"""Likeness of images: a perceptual hash of what they show, of which few bits differ between images that look alike.

The hash is imagehash's `phash`: of 64 low frequencies of the image at 32 × 32 greys, which ones are above their median. Formats, sizes,
compression and light change little of it; cuts, mirrored images and other turns do. It is the same for the same image with the same
versions of imagehash, scipy and Pillow.
"""

from __future__ import annotations

import io
from importlib.util import find_spec

import numpy as np

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.images.facts import ImageError
from labelbeam.transforms.images.headers import MAX_PIXELS, load
from labelbeam.transforms.images.thumbnails import TURNS, in_colours

NO_HASH = 0
"""Stands for the hash of an image that has none: no image with a frequency above the median has it."""

_SIDE = 128
"""Pixels of the side at which an image is looked at, more than the hash is made of."""

_FLAT = 8
"""Of 256 greys: an image of no more has nothing to see, and looks like all others of one colour."""


def check_installed() -> None:
    """Make sure that what makes the hashes is installed.

    Raises:
        UsageError: it is not.
    """
    if find_spec("imagehash") is None or find_spec("scipy") is None:
        raise UsageError("--near-duplicates: imagehash is not installed; run: pip install 'labelbeam[near]'")


def likeness(data: bytes, name: str) -> int:
    """The hash of an image, 64 bits; `NO_HASH` where it cannot be decoded, or is of one colour all over.

    Raises:
        ShortageError: this process has not the memory for it.
        UsageError: imagehash is not installed where this runs.
    """
    check_installed()
    from imagehash import phash

    try:
        image, facts = load(io.BytesIO(data), name, (_SIDE, _SIDE), MAX_PIXELS, copies=2, others=True)
    except ImageError:
        return NO_HASH
    small = in_colours(image, _SIDE)
    small.thumbnail((_SIDE, _SIDE))
    if facts.format != "tif" and facts.orientation in TURNS:  # A TIFF comes turned.
        small = small.transpose(TURNS[facts.orientation])
    grey = small.convert("L")
    if np.ptp(np.asarray(grey, np.int16)) <= _FLAT:
        return NO_HASH
    bits = np.packbits(phash(grey).hash.ravel())
    return int.from_bytes(bits.tobytes(), "big")
