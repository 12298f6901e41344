"""Headers of JPEGs as nearly all of them are, read from their first bytes without Pillow, which takes ten times as long.

Whatever is odd is left to Pillow: EXIF and XMP, which may turn the image, and every header that Pillow could find fault with.
"""

from __future__ import annotations

from labelbeam.transforms.images.facts import ImageFacts

FIRST_BYTES = 8192
"""Bytes within which a header ends that is read so: its tables take some 600, a profile of colours some 3,000."""

_SOI = b"\xff\xd8\xff"
_FRAMES = frozenset((0xC0, 0xC1, 0xC2))
_SKIPPED = frozenset((0xC4, 0xDD, 0xFE))
"""Huffman tables, restart intervals and comments."""

_TABLES, _SCAN = 0xDB, 0xDA
_JFIF, _EXIF, _PROFILE, _PHOTOSHOP, _ADOBE = 0xE0, 0xE1, 0xE2, 0xED, 0xEE
_PASSED_OVER = frozenset(range(0xE0, 0xF0)) - {_EXIF, _PHOTOSHOP}
_LEAST = {_JFIF: 16, _PROFILE: 16, _ADOBE: 14}
"""Bytes of a segment, its length included, from which on nothing is missing that Pillow takes from it."""

_LAYERS = (1, 3, 4)


def plain_jpeg(head: bytes, most_pixels: int) -> ImageFacts | None:
    """The facts that `read_header` finds in the header of a JPEG; None where it has to look for itself. `head` are the file's first bytes.

    The size is the one that stands before the first scan (ITU-T T.81, annex B).
    """
    if head[:3] != _SOI:
        return None
    at, end, size = 2, len(head) - 4, None
    while at <= end:
        if head[at] != 0xFF:
            return None
        marker, length = head[at + 1], head[at + 2] << 8 | head[at + 3]
        body, at = at + 4, at + 2 + length
        if length < 2 or at > len(head):
            return None
        if marker in _FRAMES:
            # 8 bits, height, width, and three bytes for each layer.
            if size is not None or length < 8 or head[body] != 8 or head[body + 5] not in _LAYERS:
                return None
            if length != 8 + 3 * head[body + 5]:
                return None
            size = head[body + 3] << 8 | head[body + 4], head[body + 1] << 8 | head[body + 2]
        elif marker == _TABLES:
            while body < at:
                body += 65 if head[body] < 16 else 129
            if body != at:
                return None
        elif marker == _SCAN:
            plain = size is not None and 0 < size[0] * size[1] <= most_pixels
            return ImageFacts("jpg", *size) if size is not None and plain else None
        elif marker not in _SKIPPED and (marker not in _PASSED_OVER or length < _LEAST.get(marker, 2)):
            return None
    return None
