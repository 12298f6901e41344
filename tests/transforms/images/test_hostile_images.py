"""Image files that are damaged, or made to do damage: each is refused, and nothing else happens."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from typing import Literal, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.images.facts import ImageError
from labelbeam.transforms.images.headers import MAX_PIXELS, MAX_SIDE, decode, read_header
from tests.transforms.images.readers import PHOTO, READERS, Reader, saved


def rejected(reader: Reader, content: bytes, name: str = "a.jpg") -> ImageError:
    with pytest.raises(ImageError) as caught:
        reader(io.BytesIO(content), name)
    assert caught.value.message.startswith(name)
    return caught.value


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """Return a PNG that claims a size and holds the pixels of none."""
    return png_header(width, height) + b"".join(chunks) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


Entry: TypeAlias = tuple[int, int, int, int]
SHORT, LONG = 3, 4


def tiff(*entries: Entry) -> bytes:
    """Return a TIFF of one directory with (tag, type, count, value or offset) entries, and nothing behind it."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + bytes(4)


def gray_tiff(width: int, height: int, *others: Entry) -> bytes:
    """Return a TIFF of black pixels, one byte each (as far as a claim goes: never more than 1,000 of them)."""
    named = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 278: height, 279: width * height}
    entries = {tag: (tag, LONG, 1, value) for tag, value in named.items()}
    entries |= {entry[0]: entry for entry in others}
    end = 8 + 2 + 12 * (len(entries) + (273 not in entries)) + 4
    entries.setdefault(273, (273, LONG, 1, end))
    return tiff(*(entries[tag] for tag in sorted(entries))) + bytes(min(width * height, 1000))


# Damage.


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "BMP", "TIFF"])
def test_a_truncated_image_is_seen_by_decoding_only(format_name: str) -> None:
    content = saved(PHOTO.resize((300, 200)), format_name)[:-5000]
    assert read_header(io.BytesIO(content), "a").width == 300
    assert rejected(decode, content).code is Rejected.TRUNCATED_IMAGE


def test_a_jpeg_without_its_last_bytes_does_not_decode() -> None:
    assert rejected(decode, saved(PHOTO, "JPEG")[:-2]).code is Rejected.TRUNCATED_IMAGE


@READERS
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "BMP", "TIFF"])
def test_a_header_cut_short_is_a_truncated_image_not_another_file(reader: Reader, format_name: str) -> None:
    error = rejected(reader, saved(PHOTO, format_name)[:20])
    assert error.code is Rejected.TRUNCATED_IMAGE


@READERS
def test_a_kind_of_jpeg_that_pillow_cannot_read_says_so(reader: Reader) -> None:
    content = saved(PHOTO, "JPEG").replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc1\x00\x11\x0c")
    error = rejected(reader, content)
    assert error.code is Rejected.TRUNCATED_IMAGE
    assert "cannot handle 12-bit layers" in error.message


@READERS
def test_a_header_of_endless_junk_is_given_up(reader: Reader) -> None:
    error = rejected(reader, saved(PHOTO, "JPEG")[:20] + bytes(1_000_000))
    assert error.code is Rejected.TRUNCATED_IMAGE
    assert "no pixels within the first 33554432 bytes" in error.message


def test_what_bounds_a_header_does_not_bound_the_pixels() -> None:
    content = saved(Image.new("RGB", (3400, 3400)), "BMP")
    assert len(content) > 32 * 1024 * 1024
    assert decode(io.BytesIO(content), "a").width == 3400


# Finds of longer runs of the mutations at the end of this file, and of the tag tables of TIFF.
@READERS
@pytest.mark.parametrize(
    "content",
    [
        gray_tiff(4, 3, (273, LONG, 2**32 - 1, 8)),
        gray_tiff(4, 3, (273, 16, 2**32 - 1, 8)),
        gray_tiff(4, 3, (256, LONG, 2**31 - 1, 8)),
        gray_tiff(4, 3, (277, LONG, 1, 2**32 - 1)),
        gray_tiff(4, 3, (273, LONG, 1, 2**32 - 1)),
        gray_tiff(4, 3, (273, LONG, 0, 0)),
        tiff((256, LONG, 1, 4)),
        b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**64 - 1) + bytes(2000),
        b"II+\0\x08\0\0\0" + struct.pack("<QQ", 2**63 - 1, 1),
        b"MM\0*\xff\xff\xff\xff",
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"\0\0\0\1"),
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 2**31 - 1) + b"IHDR",
        png(5, 5, chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(3_000_000)))),
        png(5, 5, chunk(b"acTL", b"\0\0")),
        png(5, 5, chunk(b"h\xc3ST", b"")),
        b"BM" + bytes(8) + b"\x36\0\0\0" + struct.pack("<IiiHHIIiiII", 40, 5, 5, 1, 8, 3, 0, 0, 0, 0, 0),
        b"BM" + bytes(8) + b"\x36\0\0\0" + struct.pack("<IiiHHIIiiII", 40, 5, 5, 1, 7, 0, 0, 0, 0, 0, 0),
        b"BM" + bytes(8) + b"\x36\0\0\0" + struct.pack("<IiiHHIIiiII", 40, 5, 5, 1, 8, 0, 0, 0, 0, 2**32 - 1, 0),
        b"BM" + bytes(8) + b"\x1e\0\0\0" + struct.pack("<IIIHH", 16, 5, 5, 1, 8),
    ],
)
def test_hostile_headers_end_in_image_errors(reader: Reader, content: bytes) -> None:
    try:
        reader(io.BytesIO(content), "a.tif")
    except ImageError as error:
        assert error.code is Rejected.TRUNCATED_IMAGE


# Bombs.


@READERS
@pytest.mark.parametrize(
    "content",
    [
        png(60_000, 60_000),
        # Pillow allocates the first frame of an animation whose frames are disposed of to the background.
        png(
            60_000,
            60_000,
            chunk(b"acTL", struct.pack(">II", 2, 0)),
            chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 60_000, 60_000, 0, 0, 1, 1, 1, 0)),
        ),
        # The first header is not always the one that counts.
        png_header(1, 1) + png(60_000, 60_000)[8:],
        saved(PHOTO, "JPEG").replace(struct.pack(">HH", 23, 37), b"\xff\xff\xff\xff"),
        b"BM" + bytes(8) + b"\x36\0\0\0" + struct.pack("<IiiHHIIiiII", 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0),
        gray_tiff(60_000, 60_000),
    ],
    ids=["png", "apng", "png with two headers", "jpeg", "bmp", "tiff"],
)
def test_a_bomb_is_refused_by_its_size_and_without_memory_for_it(
    reader: Reader, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for allocator in ("new", "fill"):
        monkeypatch.setattr(f"PIL.Image.core.{allocator}", None)
    error = rejected(reader, content)
    assert error.code is Rejected.IMAGE_TOO_LARGE
    assert f"at most {MAX_PIXELS}" in error.message
    assert "60000x60000 are 3600000000 pixels" in error.message or "65535x65535" in error.message


@pytest.mark.parametrize("content", [png(10_000, 10_000), gray_tiff(10_000, 10_000)], ids=["png", "tiff"])
def test_sizes_at_which_pillow_warns_pass_without_a_warning(content: bytes) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        facts = read_header(io.BytesIO(content), "a")
    assert (facts.width, facts.height) == (10_000, 10_000)
    assert caught == []


def test_the_limit_is_the_one_above_which_pillow_refuses_to_open() -> None:
    assert Image.MAX_IMAGE_PIXELS is not None
    assert MAX_PIXELS == 2 * Image.MAX_IMAGE_PIXELS
    assert read_header(io.BytesIO(png(MAX_PIXELS // 20, 20)), "a").height == 20
    assert rejected(read_header, png(MAX_PIXELS // 20 + 1, 20)).code is Rejected.IMAGE_TOO_LARGE


@pytest.mark.parametrize("size", [(100_000_000, 1), (1, 100_000_000), (MAX_SIDE + 1, 1)])
@pytest.mark.parametrize("read", [read_header, decode])
def test_a_side_that_no_picture_has_is_refused(read: Reader, size: tuple[int, int]) -> None:
    """Pillow takes such a width for memory that ran out, which ends the build, and holds gigabytes for such a height."""
    assert rejected(read, png(*size)).code is Rejected.IMAGE_TOO_LARGE


# Metadata.


def with_exif(*entries: Entry) -> bytes:
    return saved(PHOTO, "JPEG", exif=b"Exif\0\0" + tiff(*entries))


def with_broken_exif(orientation: int) -> bytes:
    """Return a JPEG whose EXIF holds an orientation, and the name of a software that lies behind the block's end."""
    return with_exif((274, SHORT, 1, orientation), (305, 2, 5000, 5000))


ANIMATION_OF_NO_FRAMES = png_header(37, 23) + chunk(b"acTL", bytes(8)) + saved(PHOTO, "PNG")[33:]
TIFF_WITH_TWO_UNITS = gray_tiff(37, 23, (296, SHORT, 2, 2))


@pytest.mark.parametrize("content", [with_broken_exif(6), ANIMATION_OF_NO_FRAMES, TIFF_WITH_TWO_UNITS])
def test_pillow_by_itself_would_warn(content: bytes) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Image.open(io.BytesIO(content)).load()
    assert caught


@READERS
@pytest.mark.parametrize("action", ["error", "always"])
@pytest.mark.parametrize("content", [with_broken_exif(6), ANIMATION_OF_NO_FRAMES, TIFF_WITH_TWO_UNITS])
def test_warnings_of_pillow_reach_nobody_whatever_the_filters(
    reader: Reader, content: bytes, action: Literal["error", "always"]
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        for _ in range(2):
            warnings.simplefilter(action)
            assert reader(io.BytesIO(content), "a").width == 37
    assert caught == []


@pytest.mark.parametrize(
    "entry",
    [
        (274, SHORT, 1, 0),
        (274, SHORT, 1, 9),
        (274, SHORT, 1, 65535),
        (274, 2, 2, ord("6")),
        (274, 5, 1, 0),
        (274, 11, 1, 0x40C00000),
        (274, 7, 4, 6),
        (274, SHORT, 1000, 6),
        (274, 99, 1, 6),
    ],
    ids=["0", "9", "65535", "text", "rational", "float", "bytes", "count past the end", "unknown type"],
)
def test_an_orientation_out_of_range_or_of_another_type_is_none(entry: Entry) -> None:
    assert decode(io.BytesIO(with_exif(entry)), "a").orientation == 1


@pytest.mark.parametrize(
    "exif",
    [b"", b"Exif\0\0", b"Exif\0\0garbage!", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM", b"Exif\0\0II*\0\x07\0"],
)
@pytest.mark.parametrize("options", [{}, {"dpi": (72, 72)}], ids=["", "with a resolution, so that EXIF is read late"])
def test_exif_that_cannot_be_read_is_no_reason_to_reject(exif: bytes, options: dict[str, object]) -> None:
    assert decode(io.BytesIO(saved(PHOTO, "JPEG", exif=exif, **options)), "a").orientation == 1


# Mutations.

SOUND = [
    with_broken_exif(6),
    saved(PHOTO.convert("CMYK"), "JPEG", progressive=True),
    saved(PHOTO, "MPO", save_all=True, append_images=[PHOTO]),
    saved(PHOTO, "PNG"),
    saved(PHOTO.convert("P"), "PNG", save_all=True, append_images=[PHOTO.convert("P").rotate(90)]),
    saved(PHOTO, "BMP"),
    saved(PHOTO.convert("P"), "BMP"),
    saved(PHOTO, "TIFF"),
    saved(PHOTO, "TIFF", compression="tiff_lzw"),
    saved(PHOTO.convert("1"), "TIFF", compression="group4"),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    content = bytearray(draw(st.sampled_from(SOUND)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, draw(st.sampled_from([60, 300, len(content)]))))
        step = draw(st.sampled_from(["flip", "overwrite", "insert", "delete", "truncate"]))
        if step == "flip" and place < len(content):
            content[place] ^= 1 << draw(st.integers(0, 7))
        elif step == "overwrite":
            content[place : place + 4] = draw(
                st.sampled_from([bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\0\1\0"])
            )
        elif step == "insert":
            content[place:place] = draw(st.binary(min_size=1, max_size=8))
        elif step == "delete":
            del content[place : place + draw(st.integers(1, 8))]
        elif step == "truncate":
            del content[place:]
    return bytes(content)


@READERS
@settings(max_examples=300, deadline=None)
@given(content=damaged())
def test_damaged_bytes_raise_image_errors_and_nothing_else(reader: Reader, content: bytes) -> None:
    try:
        facts = reader(io.BytesIO(content), "a")
    except ImageError as error:
        assert error.code in {
            Rejected.NOT_AN_IMAGE,
            Rejected.TRUNCATED_IMAGE,
            Rejected.IMAGE_TOO_LARGE,
            Rejected.UNSUPPORTED_FORMAT,
        }
    else:
        assert 0 < facts.width * facts.height <= MAX_PIXELS
        assert facts.orientation in range(1, 9)
