"""Thumbnails show an image in the frame of its record, whatever the image is made of."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.images import thumbnails
from labelbeam.transforms.images.facts import ImageError
from labelbeam.transforms.images.thumbnails import thumbnail

QUARTERS = np.array([[200, 0, 0], [0, 200, 0], [0, 0, 200], [200, 200, 0]], np.uint8)
"""Red, green, blue and yellow: the corners of an image, row by row."""


def encoded(width: int = 80, height: int = 40, form: str = "png", orientation: int = 1, **options: Any) -> bytes:
    """An image whose quarters have the four colours."""
    pixels = np.repeat(np.repeat(QUARTERS.reshape(2, 2, 3), height // 2, 0), width // 2, 1)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, form, exif=exif, **options)
    return data.getvalue()


def small(data: bytes, size: tuple[int, int] | None = None, longest: int = 480) -> Image.Image:
    found, _ = thumbnail(io.BytesIO(data), "a.jpg", size, longest)
    image = Image.open(io.BytesIO(found))
    assert image.format == "JPEG" and image.mode == "RGB" and not image.getexif() and max(image.size) <= longest
    return image


def corners(image: Image.Image) -> str:
    """The colours of the corners, row by row."""
    names = {}
    for x, y in ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)):
        pixel = np.array(image.getpixel((int(x * image.width), int(y * image.height))), int)
        names[x, y] = "rgby"[int(np.abs(QUARTERS.astype(int) - pixel).sum(axis=1).argmin())]
    return "".join(names.values())


@pytest.mark.parametrize("form", ["png", "jpeg", "bmp", "tiff"])
def test_an_image_is_made_small_and_keeps_its_colours(form: str) -> None:
    image = small(encoded(800, 400, form), longest=100)
    assert image.size == (100, 50) and corners(image) == "rgby"


def test_no_image_is_made_larger() -> None:
    assert small(encoded(80, 40)).size == (80, 40)


TURNED = {1: "rgby", 2: "gryb", 3: "ybgr", 4: "byrg", 5: "rbgy", 6: "bryg", 7: "ygbr", 8: "gyrb"}
"""The corners of the image as its orientation turns it."""


@pytest.mark.parametrize("form", ["jpeg", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_only_where_its_record_is_in_the_turned_frame(form: str, orientation: int) -> None:
    data = encoded(80, 40, form, orientation)
    stored = small(data, (80, 40))
    assert stored.size == (80, 40) and corners(stored) == "rgby"
    if orientation >= 5:
        turned = small(data, (40, 80))
        assert turned.size == (40, 80) and corners(turned) == TURNED[orientation]


@pytest.mark.parametrize("size", [None, (33, 44), (80, 80)])
def test_an_image_of_no_known_frame_is_left_as_it_is_stored(size: tuple[int, int] | None) -> None:
    assert corners(small(encoded(80, 40, "jpeg", 6), size)) == "rgby"


def test_a_square_image_is_left_as_it_is_stored_as_its_record_is_read() -> None:
    assert corners(small(encoded(40, 40, "jpeg", 6), (40, 40))) == "rgby"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "I", "F", "I;16", "CMYK"])
def test_images_of_every_mode_are_shown(mode: str) -> None:
    data = io.BytesIO()
    ramp = np.tile(np.arange(64, dtype=np.uint16) * 600, (32, 1))
    source = (
        Image.fromarray(ramp)
        if mode == "I;16"
        else Image.fromarray((ramp // 256).astype(np.uint8)).convert(mode if mode != "PA" else "P")
    )
    source.save(data, "png" if mode in ("1", "L", "LA", "P", "RGBA", "I;16") else "tiff")
    image = small(data.getvalue()).convert("L")
    assert image.getpixel((1, 5)) < image.getpixel((62, 5))  # type: ignore[operator]


def test_transparency_is_laid_over_grey() -> None:
    data = io.BytesIO()
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(data, "png")
    assert small(data.getvalue()).getpixel((4, 4)) == (128, 128, 128)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", Rejected.NOT_AN_IMAGE),
        (b"<svg onload=alert(1)>", Rejected.UNSUPPORTED_FORMAT),
        (b"GIF89a", Rejected.UNSUPPORTED_FORMAT),
        (encoded(800, 400)[:600], Rejected.TRUNCATED_IMAGE),
        (encoded(800, 400, "jpeg")[:1500], Rejected.TRUNCATED_IMAGE),
    ],
)
def test_what_is_no_image_has_no_thumbnail(data: bytes, code: Rejected) -> None:
    with pytest.raises(ImageError) as caught:
        thumbnail(io.BytesIO(data), "a.jpg", None)
    assert caught.value.code == code


def test_an_image_of_too_many_pixels_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thumbnails, "MOST_PIXELS", 80 * 40 - 1)
    with pytest.raises(ImageError) as caught:
        thumbnail(io.BytesIO(encoded()), "a.jpg", None)
    assert caught.value.code == Rejected.IMAGE_TOO_LARGE
