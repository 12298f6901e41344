"""Images made small for people to look at, in the frame that their records are in."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from labelbeam.schemas.reasons import Adjusted
from labelbeam.transforms.images.facts import ImageError, ImageFacts, settle_size
from labelbeam.transforms.images.headers import ImageSource, load

LONGEST = 480
"""The most pixels of a thumbnail's side."""

QUALITY = 75

MOST_PIXELS = 64_000_000
"""The most pixels of an image that is made small: 512 MB while it is decoded and turned into colours."""

_Turn = Image.Transpose
TURNS = {
    2: _Turn.FLIP_LEFT_RIGHT,
    3: _Turn.ROTATE_180,
    4: _Turn.FLIP_TOP_BOTTOM,
    5: _Turn.TRANSPOSE,
    6: _Turn.ROTATE_270,
    7: _Turn.TRANSVERSE,
    8: _Turn.ROTATE_90,
}
"""How pixels are turned for each EXIF orientation."""

_BACK = TURNS | {6: _Turn.ROTATE_90, 8: _Turn.ROTATE_270}


def thumbnail(
    file: ImageSource, name: str, size: tuple[int, int] | None, longest: int = LONGEST
) -> tuple[bytes, ImageFacts]:
    """An image as a JPEG without metadata, no side of which has more than `longest` pixels, and what the image's header says.

    Args:
        size: width and height, in pixels, of the frame that a record is in. The image is turned by its EXIF orientation only where
            `settle_size` tells the turned frame by it; else the pixels are left as they are stored.

    Raises:
        ImageError: it is no image, of a format that is not read, damaged, or has more than `MOST_PIXELS` pixels.
    """
    image, facts = load(file, name, (longest, longest), MOST_PIXELS, copies=2)
    try:
        turned = Adjusted.ROTATED_FRAME in settle_size(size, facts).adjusted
    except ImageError:
        turned = False
    small = in_colours(image, longest)
    small.thumbnail((longest, longest))
    if turned and facts.format != "tif":
        small = small.transpose(TURNS[facts.orientation])
    elif not turned and facts.format == "tif" and facts.orientation in _BACK:
        small = small.transpose(_BACK[facts.orientation])
    data = io.BytesIO()
    small.save(data, "jpeg", quality=QUALITY, optimize=True)
    return data.getvalue(), facts


def in_colours(image: Image.Image, longest: int) -> Image.Image:
    """Eight bits of red, green and blue: deeper greys are stretched to their range, transparency is laid over grey."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        # Every so many pixels: in floats, all of them would take six times what they take as they are.
        step = max(1, max(image.size) // (2 * longest))
        values = np.nan_to_num(np.asarray(image)[::step, ::step].astype(np.float64))
        low, high = float(values.min()), float(values.max())
        return Image.fromarray(((values - low) * (255 / max(high - low, 1e-9))).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image.thumbnail((longest, longest))
        ground = Image.new("RGBA", image.size, (128, 128, 128, 255))
        return Image.alpha_composite(ground, image).convert("RGB")
    return image.convert("RGB")
