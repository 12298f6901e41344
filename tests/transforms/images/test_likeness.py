"""Images that look alike have hashes of which few bits differ."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.images.likeness import NO_HASH, check_installed, likeness

pytest.importorskip("imagehash")


def scene(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Blobs of colour, as a photograph has them."""
    chance = np.random.default_rng(seed)
    noise = Image.fromarray(chance.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    return noise.resize(size, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(2))


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def differing(one: bytes, other: bytes) -> int:
    return (likeness(one, "one") ^ likeness(other, "other")).bit_count()


def test_other_formats_sizes_and_light_change_little_of_it_and_other_images_much() -> None:
    image = scene(1)
    own = encoded(image)
    turned = encoded(image.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=_orientation(6), quality=95)
    variants = [
        encoded(image, "JPEG", quality=40),
        encoded(image.resize((160, 120)), "WEBP"),
        encoded(image.point(lambda value: value * 0.8 + 20)),
        encoded(image.convert("L")),
        turned,
    ]
    assert max(differing(own, variant) for variant in variants) <= 4
    others = [encoded(scene(seed)) for seed in range(2, 12)]
    assert min(differing(own, other) for other in others) > 16


def _orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no image",
        encoded(scene(1), "JPEG")[:300],
        encoded(Image.new("RGB", (50, 50), "red")),
        encoded(Image.new("L", (1, 1))),
    ],
    ids=["empty", "text", "cut", "one colour", "a pixel"],
)
def test_what_is_no_image_or_shows_nothing_has_none(data: bytes) -> None:
    assert likeness(data, "x") == NO_HASH


def test_deep_greys_are_seen_whole() -> None:
    deep = Image.fromarray(np.asarray(scene(1).convert("L")).astype(np.uint16) * 8)
    assert differing(encoded(deep), encoded(scene(1).convert("L"))) <= 4


def test_without_imagehash_it_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelbeam.transforms.images.likeness.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"--near-duplicates: imagehash is not installed.*labelbeam\[near\]"):
        check_installed()
