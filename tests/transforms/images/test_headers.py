"""What an image file is, by its bytes: the formats of the field, each made here."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import ExifTags, Image

from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.images.facts import DEEP, FRAMES, SCHEMA_FORMATS, ImageError, ImageFacts, settle_format
from labelbeam.transforms.images.headers import decode, read_header
from tests.transforms.images.readers import PHOTO, READERS, Reader, saved


def oriented(orientation: object, format_name: str = "JPEG", image: Image.Image = PHOTO) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return saved(image, format_name, exif=exif)


def rejected(reader: Reader, content: bytes, name: str = "a.jpg") -> ImageError:
    with pytest.raises(ImageError) as caught:
        reader(io.BytesIO(content), name)
    assert caught.value.message.startswith(name)
    return caught.value


# Formats.


@READERS
@pytest.mark.parametrize(
    ("content", "format_name", "beyond"),
    [
        (saved(PHOTO, "JPEG"), "jpg", ""),
        (saved(PHOTO, "JPEG", progressive=True), "jpg", ""),
        (saved(PHOTO.convert("CMYK"), "JPEG"), "jpg", ""),
        (saved(PHOTO.convert("L"), "JPEG"), "jpg", ""),
        (saved(PHOTO, "MPO", save_all=True, append_images=[PHOTO.resize((9, 9))]), "jpg", ""),
        (saved(PHOTO, "PNG"), "png", ""),
        (saved(PHOTO.convert("P"), "PNG"), "png", ""),
        (saved(PHOTO.convert("L").convert("I;16"), "PNG"), "png", DEEP),
        (saved(PHOTO, "PNG", save_all=True, append_images=[PHOTO.rotate(90)], disposal=1), "png", FRAMES),
        (saved(PHOTO, "BMP"), "bmp", ""),
        (saved(PHOTO.convert("1"), "BMP"), "bmp", ""),
        (saved(PHOTO, "TIFF"), "tif", ""),
        (saved(PHOTO, "TIFF", big_tiff=True), "tif", ""),
        (saved(PHOTO, "TIFF", compression="tiff_lzw"), "tif", ""),
        (saved(PHOTO.convert("CMYK"), "TIFF"), "tif", ""),
        (saved(PHOTO.convert("L").convert("I;16"), "TIFF"), "tif", DEEP),
        (saved(PHOTO, "TIFF", save_all=True, append_images=[PHOTO.resize((9, 9))]), "tif", FRAMES),
    ],
    ids=[
        *("jpeg", "progressive jpeg", "cmyk jpeg", "grey jpeg", "mpo", "png", "palette png", "16 bit png", "apng"),
        *("bmp", "1 bit bmp", "tiff", "bigtiff", "lzw tiff", "cmyk tiff", "16 bit tiff", "tiff of two pages"),
    ],
)
def test_format_and_size_come_from_the_bytes(reader: Reader, content: bytes, format_name: str, beyond: str) -> None:
    facts = reader(io.BytesIO(content), "misnamed.gif")
    assert facts == ImageFacts(format_name, 37, 23, 1, beyond)


def test_greys_are_called_deep_of_which_a_decoder_to_rgb_makes_white_or_black() -> None:
    for deep in (Image.new("I;16", (9, 9), 30_000), Image.new("I", (9, 9), 300), Image.new("F", (9, 9), 0.5)):
        content = saved(deep, "TIFF")
        assert read_header(io.BytesIO(content), "a.tif").beyond == DEEP
        with Image.open(io.BytesIO(content)) as opened:
            assert opened.convert("RGB").getpixel((0, 0)) in ((255, 255, 255), (0, 0, 0))


@READERS
@pytest.mark.parametrize(
    ("content", "format_name"),
    [
        (saved(PHOTO, "GIF", save_all=True, append_images=[PHOTO.rotate(90)]), "gif"),
        (saved(PHOTO, "WEBP"), "webp"),
        (saved(PHOTO, "AVIF"), "avif"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heif"),
        (saved(PHOTO, "JPEG2000"), "jpeg2000"),
        (saved(PHOTO, "JPEG2000", no_jp2=True), "jpeg2000"),
        (b"\xff\x0a\xfa\x1f", "jpegxl"),
        (b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl ", "jpegxl"),
        (saved(PHOTO, "ICO", sizes=[(16, 16)]), "ico"),
        (b"8BPS\0\1" + bytes(6) + b"\0\3\0\0\0\x17\0\0\0\x25\0\x08\0\3", "psd"),
        (saved(PHOTO, "PPM"), "ppm"),
        (saved(PHOTO, "EPS"), "eps"),
        (saved(PHOTO, "PDF"), "pdf"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "svg"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- by hand -->\n<svg/>', "svg"),
    ],
)
def test_other_formats_are_refused_by_name_and_never_opened(
    reader: Reader, content: bytes, format_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subprocess.Popen", None)
    error = rejected(reader, content, "a.png")
    assert error.code is Rejected.UNSUPPORTED_FORMAT
    assert f"a.png is {format_name} by its content" in error.message
    assert "jpg, jpeg, png" in error.message


@READERS
@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "holds no bytes"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "<!DOCTYPE html>"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "version https://git-lfs"),
        (b"BMWs of the 1980s, by model and year", "BMWs"),
        (b"\xff\xd8", r"\xff\xd8"),
        (bytes(5000), r"\x00\x00"),
    ],
    ids=["zero bytes", "html", "git lfs pointer", "text that begins like a bmp", "two bytes of a jpeg", "zeros"],
)
def test_what_is_no_image_is_refused_with_what_was_found(reader: Reader, content: bytes, found: str) -> None:
    error = rejected(reader, content)
    assert error.code is Rejected.NOT_AN_IMAGE
    assert found in error.message


@pytest.mark.parametrize("format_name", ["JPEG", "MPO", "PNG", "BMP", "TIFF"])
def test_what_is_read_from_a_supported_image_settles_to_a_format_of_the_schema(format_name: str) -> None:
    settled, _ = settle_format("a", read_header(io.BytesIO(saved(PHOTO, format_name)), "a"))
    assert settled in SCHEMA_FORMATS


# Orientation.


@READERS
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_name", ["JPEG", "MPO", "TIFF"])
def test_the_size_is_the_stored_one_under_every_orientation(reader: Reader, orientation: int, format_name: str) -> None:
    facts = reader(io.BytesIO(oriented(orientation, format_name)), "a")
    assert (facts.width, facts.height, facts.orientation) == (37, 23, orientation)


def test_the_orientation_of_a_png_is_not_looked_for() -> None:
    assert read_header(io.BytesIO(oriented(6, "PNG")), "a").orientation == 1


# Threads and stores.


def test_many_threads_at_once_give_what_one_gives() -> None:
    contents = [oriented(number % 8 + 1) for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda content: decode(io.BytesIO(content), "a").orientation, contents))
    assert found == [number % 8 + 1 for number in range(200)]


class Failing(io.BytesIO):
    """A file on a store that answers a number of reads and then no more."""

    def __init__(self, content: bytes, reads: int, error: Exception) -> None:
        super().__init__(content)
        self.reads = reads
        self.error = error

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads -= 1
        if self.reads < 0:
            raise self.error
        return super().read(size)


@READERS
@pytest.mark.parametrize("error", [OSError("got 5 bytes, expected 100"), EOFError("closed"), TypeError("store")])
@pytest.mark.parametrize("content", [saved(PHOTO, "JPEG"), saved(PHOTO, "TIFF", compression="tiff_lzw")])
def test_what_the_store_raises_is_never_taken_for_damage_of_the_image(
    reader: Reader, error: Exception, content: bytes
) -> None:
    reads = 0
    while True:
        try:
            reader(Failing(content, reads, error), "a")
            break
        except type(error) as raised:
            assert raised is error
        reads += 1
    assert reads > 3


def test_reads_from_the_start_wherever_the_file_stands() -> None:
    file = io.BytesIO(saved(PHOTO, "JPEG"))
    file.seek(0, io.SEEK_END)
    assert read_header(file, "a") == decode(file, "a")
    assert not file.closed


def test_heic_without_its_plugin_is_rejected_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelbeam.transforms.images.headers.heif_plugin", lambda: None)
    data = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(300)
    with pytest.raises(ImageError, match=r"a.heic is HEIC.*pip install 'labelbeam\[heif\]'") as raised:
        read_header(io.BytesIO(data), "a.heic", others=True)
    assert raised.value.code == Rejected.HEIF_NOT_INSTALLED
    with pytest.raises(ImageError) as raised:
        read_header(io.BytesIO(data), "a.heic")
    assert raised.value.code == Rejected.UNSUPPORTED_FORMAT
