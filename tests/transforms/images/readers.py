"""What reads an image's facts, and images to read."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO, TypeAlias

import pytest
from PIL import Image

from labelbeam.transforms.images.facts import ImageFacts
from labelbeam.transforms.images.headers import decode, read_header

PHOTO = Image.effect_noise((37, 23), 80).convert("RGB")
Reader: TypeAlias = Callable[[BinaryIO, str], ImageFacts]
READERS = pytest.mark.parametrize("reader", [read_header, decode])


def saved(image: Image.Image, format_name: str, **options: object) -> bytes:
    """The bytes of an image's file."""
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()
