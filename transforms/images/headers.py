"""Headers of image files: format, size and its orientation, found from its bytes.

Pillow does the reading, through the classes of the four formats that the schema knows and never through `Image.open`,
which would try whatever decoder claims the bytes (EPS starts Ghostscript, WebP and AVIF load the whole file). All
other formats are recognised by their first bytes, so that they can be refused by name.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import IO, Protocol, cast

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.images.decoders import BoundedRle, bytes_to_decode
from labelbeam.transforms.images.facts import DEEP, FRAMES, ImageError, ImageFacts, unsupported
from labelbeam.transforms.stores.errors import ShortageError
from labelbeam.transforms.stores.failures import is_shortage
from labelbeam.transforms.workers.budget import decoding

MAX_PIXELS = 178_956_970
"""The most pixels that Pillow opens by default, above which it speaks of a decompression bomb."""

MAX_SIDE = 2**24
"""The most pixels of a side. Pillow holds 8 bytes for each row, and calls a row of 2**31 bits more memory than there is."""

_SIGNATURE_BYTES = 256
_SIGNATURES = tuple(
    (name, re.compile(pattern, re.DOTALL))
    for name, pattern in (
        ("jpg", rb"\xff\xd8\xff"),
        ("png", rb"\x89PNG\r\n\x1a\n"),
        # "BM" alone begins many a text: the length of the second header has to be one that exists.
        ("bmp", rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0"),
        ("tif", rb"II[*+]\0|MM\0[*+]"),
        ("gif", rb"GIF8[79]a"),
        ("webp", rb"RIFF.{4}WEBP"),
        ("avif", rb".{4}ftypavi[fs]"),
        ("heif", rb".{4}ftyp(?:hei[cmsx]|hev[cmsx]|mif1|msf1)"),
        ("jpeg2000", rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"),
        ("jpegxl", rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n"),
        ("ico", rb"\x00\x00\x01\x00[^\x00]"),
        ("psd", rb"8BPS\x00[\x01\x02]"),
        ("ppm", rb"P[1-7Ff]\s"),
        ("eps", rb"%!PS"),
        ("pdf", rb"%PDF-"),
        ("svg", rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml.*<)?(?:!DOCTYPE )?svg\b"),
    )
)


MOST_SCANS = 1000
"""Scans of a JPEG; progressive ones have some ten, and libjpeg-turbo's own tools take 500 for an attack."""


class ImageSource(Protocol):
    """Source of bytes: any binary file that seeks, a `RangeReader` for one."""

    def read(self, size: int = -1, /) -> bytes:
        """Return `size` bytes, fewer only at the end."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move to `offset`."""

    def tell(self) -> int:
        """Return the position."""


def read_header(file: ImageSource, name: str, others: bool = False) -> ImageFacts:
    """Return what the header of an image says, reading little more than it; `name` is for messages only.

    With `others`, formats are read as well that the schema lacks, and that images can be transcoded from: see `OTHERS`.

    Raises ImageError with NOT_AN_IMAGE where the bytes are of no image, UNSUPPORTED_FORMAT where they are of a format
    that the schema lacks, IMAGE_TOO_LARGE above `MAX_PIXELS` or `MAX_SIDE`, and TRUNCATED_IMAGE where the header is cut or damaged.
    What the file itself raises (OSError from a store) passes through, whatever Pillow makes of it. Thread-safe.
    """
    return _open(_Watched(file), name, others)[1]


def decode(file: ImageSource, name: str, others: bool = False) -> ImageFacts:
    """Decode every pixel of an image's first frame, and return what `read_header` does.

    Raises what `load` does. Thread-safe.
    """
    # All of a JPEG's coefficients are walked, but an eighth of its width and height is enough to be written out.
    return load(file, name, (1, 1), MAX_PIXELS, others=others)[1]


def load(
    file: ImageSource,
    name: str,
    least: tuple[int, int],
    most_pixels: int,
    copies: int = 1,
    others: bool = False,
) -> tuple[ImageFile.ImageFile, ImageFacts]:
    """The first frame of an image, and what `read_header` returns of it; a TIFF comes turned as its orientation says.

    Of a JPEG, a half, quarter or eighth of the size is decoded where that has `least` (width, height) pixels.

    Raises what `read_header` does, ImageError with IMAGE_TOO_LARGE above `most_pixels`, for which nothing is allocated, and with
    TRUNCATED_IMAGE where the pixels are cut or damaged. libtiff adds lines of its own on stderr. Thread-safe.
    Raises ShortageError where this process has not the memory for it: that says nothing of the image. `copies` of the pixels will
    be held at a time.
    """
    watched = _Watched(file)
    image, facts = _open(watched, name, others)
    if facts.width * facts.height > most_pixels:
        raise ImageError(
            Rejected.IMAGE_TOO_LARGE,
            f"{name}: {facts.width}x{facts.height} are {facts.width * facts.height} pixels, at most {most_pixels} are read",
        )
    watched.budget = None
    watched.scans = 0 if facts.format == "jpg" else None
    image.draft(None, least)
    needed = bytes_to_decode(image, (facts.width, facts.height), copies)
    with decoding().take(needed, name), _judging(watched, facts.format, name):
        image.load()
    return image, facts


class _Watched:
    """The file that Pillow sees: it remembers what the file raised, which Pillow would swallow or rename.

    While `budget` is a number, each read takes its bytes from it, and something for the call, so that a hostile header
    of gigabytes, or of millions of one-byte steps, ends. While `scans` is a number, a JPEG's are counted: each takes eleven bytes, and
    the time of all pixels.
    """

    HEADER_BUDGET = (
        32 * 1024 * 1024
    )  # Profiles, thumbnails and depth maps included, no header that is meant as one comes near.
    CALL_COST = 64

    def __init__(self, file: ImageSource) -> None:
        self._file = file
        self.budget: int | None = self.HEADER_BUDGET
        self.scans: int | None = None
        self.failure: Exception | None = None

    def read(self, size: int = -1, /) -> bytes:
        try:
            data = self._file.read(size)
        except Exception as error:
            self.failure = error
            raise
        if self.budget is not None:
            self.budget -= len(data) + self.CALL_COST
            if self.budget < 0:
                raise ImageError(
                    Rejected.TRUNCATED_IMAGE, f"no pixels within the first {self.HEADER_BUDGET} bytes that were read"
                )
        if self.scans is not None:
            # In compressed data, no other byte than 0 follows 0xFF.
            self.scans += data.count(b"\xff\xda")
            if self.scans > MOST_SCANS:
                raise ImageError(
                    Rejected.IMAGE_TOO_LARGE, f"found more than {MOST_SCANS} scans, as no tool writes them"
                )
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


class _Bounded(ImageFile.ImageFile):
    """Refuses a size above `MAX_PIXELS` or `MAX_SIDE` in the moment in which a plugin learns it.

    `Image.open` checks only what a plugin has opened, and an animated PNG allocates its first frame on opening.
    """

    @property
    def _size(self) -> tuple[int, int]:
        return self._bounded_size

    @_size.setter
    def _size(self, size: tuple[int, int]) -> None:
        if size[0] * size[1] > MAX_PIXELS:
            raise ImageError(
                Rejected.IMAGE_TOO_LARGE,
                f"{size[0]}x{size[1]} are {size[0] * size[1]} pixels, at most {MAX_PIXELS} are read",
            )
        if max(size) > MAX_SIDE:
            raise ImageError(Rejected.IMAGE_TOO_LARGE, f"a side has {max(size)} pixels, at most {MAX_SIDE} are read")
        self._bounded_size = size


class _Jpeg(_Bounded, JpegImagePlugin.JpegImageFile):
    pass


class _Png(_Bounded, PngImagePlugin.PngImageFile):
    pass


class _Bmp(_Bounded, BmpImagePlugin.BmpImageFile):
    def load_prepare(self) -> None:
        """Have run-length images decoded by ours."""
        self.tile = [tile._replace(codec_name=_RLE) if tile.codec_name == "bmp_rle" else tile for tile in self.tile]
        super().load_prepare()


_RLE = "labelbeam_bmp_rle"
Image.register_decoder(_RLE, BoundedRle)


class _Tiff(_Bounded, TiffImagePlugin.TiffImageFile):
    pass


_PLUGINS: dict[str, type[ImageFile.ImageFile]] = {"jpg": _Jpeg, "png": _Png, "bmp": _Bmp, "tif": _Tiff}


class _Gif(_Bounded, GifImagePlugin.GifImageFile):
    pass


class _WebP(_Bounded, WebPImagePlugin.WebPImageFile):
    pass


class _Avif(_Bounded, AvifImagePlugin.AvifImageFile):
    pass


class _Jpeg2000(_Bounded, Jpeg2KImagePlugin.Jpeg2KImageFile):
    pass


OTHERS: dict[str, type[ImageFile.ImageFile]] = {"gif": _Gif, "webp": _WebP, "avif": _Avif, "jpeg2000": _Jpeg2000}
"""Formats that the schema lacks and Pillow reads; HEIC is one more where its plugin is installed. WebP, AVIF and HEIC are read whole for
their header."""


def _other(format_name: str, name: str) -> type[ImageFile.ImageFile] | None:
    if format_name != "heif":
        return OTHERS.get(format_name)
    if (plugin := heif_plugin()) is None:
        raise ImageError(
            Rejected.HEIF_NOT_INSTALLED,
            f"{name} is HEIC, which is read where pillow-heif is installed; run: pip install 'labelbeam[heif]'",
        )
    return plugin


@cache
def heif_plugin() -> type[ImageFile.ImageFile] | None:
    """Pillow's plugin for HEIC, of a package of its own; None where that is not installed."""
    if find_spec("pillow_heif") is None:
        return None
    from pillow_heif import HeifImageFile

    class _Heif(_Bounded, HeifImageFile):  # type: ignore[misc]  # pillow-heif is not looked into.
        def draft(self, mode: str | None, size: tuple[int, int] | None) -> None:
            """Leave the thumbnail in the file alone, which may show something else."""

    return _Heif


def _open(watched: _Watched, name: str, others: bool) -> tuple[ImageFile.ImageFile, ImageFacts]:
    watched.seek(0)
    head = watched.read(_SIGNATURE_BYTES)
    found = next((format_name for format_name, pattern in _SIGNATURES if pattern.match(head)), None)
    if found is None:
        what = f"begins with {head[:40]!r}" if head else "holds no bytes"
        raise ImageError(Rejected.NOT_AN_IMAGE, f"{name} {what}, expected an image")
    plugin = _PLUGINS.get(found) or (_other(found, name) if others else None)
    if plugin is None:
        raise unsupported(name, found)
    watched.seek(0)
    with _judging(watched, found, name):
        image = plugin(cast(IO[bytes], watched))
        width, height = image.size
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            # Pillow turns a TIFF by itself, and gives the size that comes of it.
            width, height = (int(image.tag_v2[tag]) for tag in (ExifTags.Base.ImageWidth, ExifTags.Base.ImageLength))
    orientation = _orientation(image, watched, name)
    return image, ImageFacts(found, width, height, orientation, _beyond(image))


def _beyond(image: ImageFile.ImageFile) -> str:
    """Content of an image beyond 8 bits of a colour and one frame; nothing more is read for it."""
    if image.mode.startswith(("I", "F")):
        return DEEP
    if isinstance(image, PngImagePlugin.PngImageFile):
        several = image.n_frames > 1
    else:
        several = isinstance(image, TiffImagePlugin.TiffImageFile) and bool(image.tag_v2.next)
    return FRAMES if several else ""


def _orientation(image: ImageFile.ImageFile, watched: _Watched, name: str) -> int:
    if isinstance(image, PngImagePlugin.PngImageFile):
        return 1
    try:
        tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else image.getexif()
        value = tags.get(ExifTags.Base.Orientation)
    except Exception as error:  # As in `_judging`; the pixels do not depend on what EXIF holds.
        _raise_if_of_elsewhere(error, watched, name)
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


@contextmanager
def _judging(watched: _Watched, format_name: str, name: str) -> Iterator[None]:
    """Turn what Pillow raises on damaged bytes into ImageError, and let what the file raised through.

    Every exception counts: Pillow names none, and beside OSError and SyntaxError, damaged bytes bring forth
    ValueError, TypeError, AttributeError, OverflowError, struct.error, zlib.error and more. A MemoryError is no damage.
    """
    _silence_pillow()
    failure: Exception | None = None
    try:
        yield
    except Exception as error:
        failure = error
    _raise_if_of_elsewhere(failure, watched, name)
    if isinstance(failure, ImageError):
        raise ImageError(failure.code, f"{name}: {failure.message}") from None
    if failure is not None:
        raise ImageError(
            Rejected.TRUNCATED_IMAGE, f"{name} is {format_name} by its first bytes, but cannot be read: {failure}"
        ) from failure


def _raise_if_of_elsewhere(failure: Exception | None, watched: _Watched, name: str) -> None:
    """Raise what says nothing of the image: a failure of its store, whatever Pillow made of it, or memory that ran out."""
    if watched.failure is not None:
        raise watched.failure
    if failure is not None and (is_shortage(failure) or str(failure).startswith(_OUT_OF_MEMORY)):
        raise ShortageError(
            f"{name}: memory ran out while it was decoded, which is no fault of the image: nothing was published. Give the run "
            "more memory, or fewer workers with --direct_num_workers"
        ) from failure


_OUT_OF_MEMORY = ("out of memory", "Error -4 ")
"""How Pillow's decoders and zlib begin to say so."""

_FILTERS = threading.Lock()
_PILLOW_MODULES = re.compile(r"PIL\.")


def _silence_pillow() -> None:
    """Keep Pillow from warning of odd EXIF, odd APNG and of sizes that are still allowed.

    `warnings.catch_warnings` exchanges the filters of the whole process, under the feet of other threads; a filter
    that stays does no such harm. Others may exchange the filters as well, so it is looked for each time.
    """
    with _FILTERS:
        if not warnings.filters or (warnings.filters[0][0], warnings.filters[0][3]) != ("ignore", _PILLOW_MODULES):
            warnings.filterwarnings("ignore", module=_PILLOW_MODULES.pattern)
