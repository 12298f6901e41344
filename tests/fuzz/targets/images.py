"""Images, and PNG for whoever reads masks."""

from __future__ import annotations

import io
import struct
import zlib
from importlib.util import find_spec
from typing import Any

from PIL import Image
from targets.target import SOURCES, Target, writable

from labelbeam.transforms.images.facts import ImageError
from labelbeam.transforms.images.headers import MAX_PIXELS, decode, read_header


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def saved(image: Image.Image, format_name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


PNG_TOKENS = (
    *(b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT", b"iCCP", b"eXIf", b"zTXt", b"iTXt", b"gAMA", b"IHDR"),
    *(b"\0\0\0\6\0\0\0\4", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\1\0\0", b"\x08\3", b"\x10\0", b"\1\3", b"\x08\0"),
    *(png_chunk(b"tRNS", b"\0\1"), png_chunk(b"acTL", b"\0\0\0\2\0\0\0\0"), png_chunk(b"IDAT", b""), png_chunk(b"IEND", b"")),
    png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(100_000))),
)  # fmt: skip

_PHOTO = Image.frombytes("RGB", (9, 7), bytes(range(189)))


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


IMAGES = (
    saved(_PHOTO, "JPEG", exif=_exif(6)),
    saved(_PHOTO, "JPEG", progressive=True),
    saved(_PHOTO.convert("CMYK"), "JPEG"),
    saved(_PHOTO, "PNG"),
    saved(_PHOTO, "PNG", save_all=True, append_images=[_PHOTO.rotate(90)]),
    saved(_PHOTO.convert("P"), "PNG", exif=_exif(3)),
    saved(_PHOTO, "BMP"),
    saved(_PHOTO.convert("P"), "BMP"),
    saved(_PHOTO, "TIFF"),
    saved(_PHOTO, "TIFF", compression="tiff_lzw", exif=_exif(8)),
    saved(_PHOTO.convert("1"), "TIFF", compression="group4"),
    saved(_PHOTO, "TIFF", compression="jpeg"),
    saved(_PHOTO, "GIF"),
)
IMAGE_TOKENS = (
    *PNG_TOKENS,
    *(b"\xff\xd8\xff", b"\xff\xda", b"\xff\xc0", b"\xff\xc2", b"\xff\xe1", b"\xff\xe2", b"\xff\xd9", b"Exif\0\0", b"II*\0", b"MM\0*"),
    *(b"II+\0", b"BM", b"\x28\0\0\0", b"\1\0\0\0", b"\xff\xff\0\0", b"\0\0", b"MPF\0", b"ICC_PROFILE\0", b"\x12\1\3\0\1\0\0\0"),
)  # fmt: skip


def mend_png(data: bytes) -> bytes:
    """Correct the checksums of a PNG, without which every mutation ends at the first of them."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    mended, at = [data[:8]], 8
    while at + 8 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        if at + 12 + length > len(data):
            break
        mended.append(png_chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return b"".join(mended) + data[at:]


def read_image(data: bytes) -> None:
    """Header and pixels agree on what the image is."""
    if zlib.crc32(data) % 8:
        data = mend_png(data)
    try:
        facts = read_header(io.BytesIO(data), "a.jpg")
        assert 0 < facts.width * facts.height <= MAX_PIXELS
        assert 1 <= facts.orientation <= 8
        if facts.width * facts.height < 10**7:  # The time for more goes to zeros.
            assert decode(io.BytesIO(data), "a.jpg") == facts
    except ImageError as error:
        writable(error.message)


def _heic() -> tuple[bytes, ...]:
    """A photograph as HEIC, where its plugin is installed."""
    if find_spec("pillow_heif") is None:
        return ()
    from pillow_heif import from_pillow

    buffer = io.BytesIO()
    from_pillow(_PHOTO.resize((64, 48))).save(buffer, quality=50)
    return (buffer.getvalue(),)


OTHER_IMAGES = (
    saved(_PHOTO, "WEBP", exif=_exif(6)),
    saved(_PHOTO, "WEBP", lossless=True),
    saved(_PHOTO, "AVIF"),
    saved(_PHOTO, "JPEG2000"),
    saved(_PHOTO, "GIF"),
    *_heic(),
)
OTHER_TOKENS = (
    *(b"RIFF", b"WEBP", b"VP8 ", b"VP8L", b"VP8X", b"ICCP", b"EXIF", b"ANIM", b"GIF89a", b"\x21\xf9", b"\x2c", b"\x3b"),
    *(b"ftyp", b"avif", b"heic", b"mif1", b"meta", b"iloc", b"iinf", b"ipco", b"ispe", b"irot", b"imir", b"hvcC", b"mdat"),
    *(b"\0\0\0\x0cjP  ", b"jp2h", b"ihdr", b"jp2c", b"\xff\x4f\xff\x51", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\1\0\0"),
)  # fmt: skip


def read_other(data: bytes) -> None:
    """The same of formats that images are transcoded from."""
    try:
        facts = read_header(io.BytesIO(data), "a.webp", others=True)
        assert 0 < facts.width * facts.height <= MAX_PIXELS
        if facts.width * facts.height < 10**6:
            assert decode(io.BytesIO(data), "a.webp", others=True) == facts
    except ImageError as error:
        writable(error.message)


TARGETS = {
    "images": Target(read_image, IMAGES, IMAGE_TOKENS, (*SOURCES, "/PIL/")),
    "other-images": Target(read_other, OTHER_IMAGES, OTHER_TOKENS, (*SOURCES, "/PIL/", "/pillow_heif/")),
}
