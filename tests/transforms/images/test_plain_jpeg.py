"""Headers of JPEGs read without Pillow: nothing else is found than Pillow finds, whatever stands in them."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from labelbeam.transforms.images.facts import ImageError, ImageFacts
from labelbeam.transforms.images.headers import MAX_PIXELS, read_header
from labelbeam.transforms.images.plain_jpeg import FIRST_BYTES, plain_jpeg


def jpeg(mode: str = "RGB", size: tuple[int, int] = (20, 10), **options: Any) -> bytes:
    """An image, as Pillow writes it."""
    file = io.BytesIO()
    Image.new(mode, size).save(file, "jpeg", **options)
    return file.getvalue()


TURNED = Image.Exif()
TURNED[ExifTags.Base.Orientation] = 6
PLAIN = {
    "colours": jpeg(),
    "greys": jpeg("L"),
    "inks": jpeg("CMYK"),
    "progressive": jpeg(progressive=True),
    "profile": jpeg(icc_profile=bytes(3000)),
    "comment": jpeg(comment=b"a comment", dpi=(72, 72)),
    "restarts": jpeg(restart_marker_rows=1),
    "coarse": jpeg(quality=1),
}
ODD = {
    "turned by EXIF": jpeg(exif=TURNED),
    "XMP": jpeg(xmp=b"<x:xmpmeta tiff:Orientation='6'/>"),
    "a profile beyond the first bytes": jpeg(icc_profile=bytes(FIRST_BYTES)),
    "nothing": b"",
    "another format": b"\x89PNG\r\n\x1a\n" + bytes(100),
}


def by_pillow(content: bytes) -> ImageFacts | str:
    """What Pillow finds, or the code of what it finds wrong."""
    try:
        return read_header(io.BytesIO(content), "x.jpg")
    except ImageError as error:
        return error.code.name


@pytest.mark.parametrize("content", PLAIN.values(), ids=PLAIN)
def test_usual_headers_are_read_without_pillow(content: bytes) -> None:
    assert plain_jpeg(content[:FIRST_BYTES], MAX_PIXELS) == ImageFacts("jpg", 20, 10) == by_pillow(content)


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
def test_all_others_are_left_to_pillow(content: bytes) -> None:
    assert plain_jpeg(content[:FIRST_BYTES], MAX_PIXELS) is None


def test_an_image_that_is_too_large_is_left_to_pillow() -> None:
    assert plain_jpeg(jpeg(), 200) is not None
    assert plain_jpeg(jpeg(), 199) is None


@given(
    st.sampled_from(sorted({**PLAIN, **ODD})),
    st.lists(
        st.tuples(st.integers(0, 700), st.one_of(st.integers(0, 255), st.sampled_from([0xFF, 0xDA, 0xC0, 0]))),
        max_size=6,
    ),
    st.lists(st.tuples(st.integers(0, 700), st.integers(0, 40), st.binary(max_size=40)), max_size=2),
    st.integers(0, 4000),
)
def test_nothing_else_is_found_than_pillow_finds(
    name: str, bytes_changed: list[tuple[int, int]], parts: list[tuple[int, int, bytes]], length: int
) -> None:
    content = bytearray({**PLAIN, **ODD}[name][: 600 + length])
    for at, value in bytes_changed:
        if at < len(content):
            content[at] = value
    for at, cut, new in parts:
        content[at : at + cut] = new
    found = plain_jpeg(bytes(content[:FIRST_BYTES]), MAX_PIXELS)
    assert found is None or found == by_pillow(bytes(content))


SEGMENT = st.builds(
    lambda marker, start, rest, off: (
        bytes([0xFF, marker]) + (len(start + rest) + 2 + off).to_bytes(2, "big") + start + rest
    ),
    st.one_of(st.integers(0xC0, 0xFE), st.sampled_from([0xC0, 0xDB, 0xDA, 0xE0, 0xE1, 0xE2, 0xED, 0xEE])),
    st.sampled_from(
        [b"", b"JFIF\0", b"Exif\0\0", b"ICC_PROFILE\0", b"MPF\0", b"Photoshop 3.0\0", b"Adobe", b"\x08\0\1\0\1\1"]
    ),
    st.one_of(
        st.binary(max_size=20), st.sampled_from([bytes(65), bytes([16]) + bytes(128), b"\1\x11\0", b"\1\x11\0" * 3])
    ),
    st.sampled_from([0, 0, 0, 0, 0, 1, -1]),
)


@given(st.lists(SEGMENT, max_size=5), st.booleans())
def test_nothing_else_is_found_in_segments_of_any_kind(segments: list[bytes], with_frame: bool) -> None:
    frame = b"\xff\xc0\0\x0b\x08\0\2\0\3\1\1\x11\0" if with_frame else b""
    content = b"".join([b"\xff\xd8", *segments[:2], frame, *segments[2:], b"\xff\xda\0\x08\1\1\0\0\x3f\0", bytes(50)])
    found = plain_jpeg(content, MAX_PIXELS)
    assert found is None or found == by_pillow(content)
