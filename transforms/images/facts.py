"""Facts of an image file, and what follows from them for its record: the frame of its annotations, and its format."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple

from labelbeam.schemas.manifest import CopiedImage
from labelbeam.schemas.reasons import Adjusted, Rejected, RejectedError
from labelbeam.transforms.columns.images import ImageRow

SCHEMA_FORMATS = ("jpg", "jpeg", "png", "jpe", "jfif", "bmp", "tif", "tiff")
"""What `image_details.format` may be."""

_EXTENSIONS = {"jpg": ("jpg", "jpeg", "jpe", "jfif"), "png": ("png",), "bmp": ("bmp",), "tif": ("tif", "tiff")}


DEEP, FRAMES = "deep", "frames"
"""Greys of more than 8 bits, which Pillow cuts off at 255 where the trainer asks it for RGB; several frames, of which it takes the first."""


class ImageError(RejectedError):
    """An image cannot be used."""


@dataclass(frozen=True)
class ImageFacts:
    """Facts of an image's header.

    `format` is the content's, as its usual extension: "jpg" (MPO too), "png", "bmp" or "tif". `width` and `height` are
    those of the pixels as they are stored, before any rotation. `orientation` is EXIF's (or XMP's), 1 to 8, and 1 where
    there is none, or nonsense; of PNG it is not read, as it may stand behind the pixels. `beyond` is what there is beyond the
    8 bits of a colour and the one frame that the trainer decodes: `DEEP` or `FRAMES`, "" for nothing.
    """

    format: str
    width: int
    height: int
    orientation: int = 1
    beyond: str = ""


@dataclass(frozen=True)
class FrameDecision:
    """The size, in pixels, of the frame in which an image's annotations are understood, and what was assumed."""

    width: int
    height: int
    adjusted: tuple[Adjusted, ...] = ()


def settle_size(declared: tuple[int, int] | None, facts: ImageFacts) -> FrameDecision:
    """Decide in which frame, that of the stored pixels or the rotated one, the annotations of an image are.

    `declared` is the (width, height) that the annotations give, or None. Viewers turn an image as its EXIF orientation
    says, so that annotations may have been drawn on either; the declared size tells which. Where it cannot (a square
    image, or no declared size), the stored frame is taken, with ORIENTATION_AMBIGUOUS.

    Raises ImageError with SIZE_MISMATCH where `declared` is neither size.
    """
    stored = (facts.width, facts.height)
    turned = stored[::-1] if facts.orientation >= 5 else stored
    if declared is not None and declared not in (stored, turned):
        rotated = f", {turned[0]}x{turned[1]} as EXIF rotates it" if turned != stored else ""
        raise ImageError(
            Rejected.SIZE_MISMATCH,
            f"declared as {declared[0]}x{declared[1]}, stored as {stored[0]}x{stored[1]}{rotated}",
        )
    square = facts.width == facts.height
    if (square and facts.orientation > 1) or (declared is None and turned != stored):
        return FrameDecision(*stored, (Adjusted.ORIENTATION_AMBIGUOUS,))
    if declared is not None and declared != stored:
        return FrameDecision(*turned, (Adjusted.ROTATED_FRAME,))
    return FrameDecision(*stored)


TURNED, UNTURNED = "turned", "unturned"


def frame_remark(facts: ImageFacts, frame: FrameDecision) -> str:
    """Tell whether the record of a JPEG that EXIF turns is of it as it is turned or as it is stored; "" where EXIF turns nothing.

    Pillow, through which the trainer's models read images, gives it as it is stored; OpenCV, which yolov5 reads by, turns it.
    """
    if facts.format != "jpg" or facts.orientation == 1:
        return ""
    return TURNED if Adjusted.ROTATED_FRAME in frame.adjusted else UNTURNED


def settle_format(name: str, facts: ImageFacts | None) -> tuple[str, Adjusted | None]:
    """Return the `image_details.format` of an image, and FORMAT_FROM_CONTENT where its name says something else.

    `name` is a path or URL. Its extension is taken, in lower case, where it is one of `SCHEMA_FORMATS` and names the
    format of the content (or where `facts` is None: the content was not looked at); else the content's usual one.

    Raises ImageError with UNSUPPORTED_FORMAT where neither is one of `SCHEMA_FORMATS`.
    """
    suffix = name[name.rfind(".") + 1 :]
    if facts is None and suffix in SCHEMA_FORMATS and "://" not in name:
        return suffix, None  # Nearly all images, and there are many.
    extension = _extension(name)
    if facts is None:
        if extension in SCHEMA_FORMATS:
            return extension, None
        raise ImageError(
            Rejected.UNSUPPORTED_FORMAT,
            f"{name} has none of the extensions {', '.join(SCHEMA_FORMATS)}; "
            "--check-images header finds the format from the content",
        )
    if facts.format not in _EXTENSIONS:
        raise unsupported(name, facts.format)
    if extension in _EXTENSIONS[facts.format]:
        return extension, None
    return facts.format, Adjusted.FORMAT_FROM_CONTENT


def _extension(name: str) -> str:
    # Only in a web address does `?` or `#` end the path; in a store or on a disk it is part of the name.
    on_the_web = _WEB.match(name)
    path = on_the_web[1] if on_the_web else name
    plain = _PLAIN.fullmatch(path)
    return (plain[1] if plain else PurePosixPath(path).suffix[1:]).lower()


_WEB = re.compile(r"(?i:https?)://[^/?#]*([^?#]*)")
"""A web address; the group is its path. No part of it needs to be valid."""

_PLAIN = re.compile(r"(?:.*/)?[^/.][^/]*\.(\w+)", re.DOTALL)
"""Nearly all names, for which a path need not be made."""


def unsupported(name: str, format_name: str) -> ImageError:
    """The error for an image of a format that the schema lacks."""
    return ImageError(
        Rejected.UNSUPPORTED_FORMAT,
        f"{name} is {format_name} by its content, expected one of {', '.join(SCHEMA_FORMATS)}; convert it first",
    )


class Picture(NamedTuple):
    """An image to be copied: its path, facts of its file where it was looked at, and whether its annotations lie in the frame that EXIF
    turns it to."""

    path: str
    facts: ImageFacts | None = None
    turned: bool = False


CopyTo = Callable[[Sequence[Picture]], Sequence[CopiedImage | ImageError | None]]
"""Copies images: what was copied, what the image is rejected for, or None for an image that is named by a URL."""

LookAt = Callable[[Sequence[ImageRow]], Sequence[ImageFacts | ImageError | None]]
"""Looks at the files of images: facts, an error, or None where an image was not looked at."""
