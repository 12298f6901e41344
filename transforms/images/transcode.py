"""Images as a trainer can read them: in another format, upright, and no larger than wanted.

What is written shows the frame in which the image's annotations are: pixels are turned as EXIF says where these were drawn on the turned
image, and stay as they are stored where not. Neither has an orientation of its own any more, so that all readers see the same.
"""

from __future__ import annotations

import io
import posixpath
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image, ImageCms, ImageFile

from labelbeam.schemas.config import ConvertConfig
from labelbeam.transforms.images.decoders import PIXEL
from labelbeam.transforms.images.facts import DEEP, ImageFacts, Picture
from labelbeam.transforms.images.headers import MAX_PIXELS, load
from labelbeam.transforms.workers.budget import decoding

_COPIES = 4
"""How often the pixels of an image are held at a time, while it is turned, brought to sRGB, made smaller and encoded."""

_QUALITY = 95
"""Of JPEG, without less colour than light: what is lost is below what a detector or a person sees."""

_SUFFIXES = {"jpg": (".jpg", ".jpeg", ".jpe", ".jfif"), "png": (".png",), "bmp": (".bmp",), "tif": (".tif", ".tiff")}

_KNOWN = frozenset(
    (
        *(suffix for suffixes in _SUFFIXES.values() for suffix in suffixes),
        ".webp",
        ".avif",
        ".heic",
        ".heif",
        ".gif",
        ".jp2",
        ".j2k",
        ".jpx",
    )
)
_UNKNOWN = ".image"
"""Stands in a path for an extension that tells no format."""


@dataclass(frozen=True, slots=True)
class Transcode:
    """The form in which images are written: `format` is "jpg", "png", or None for their own; `max_side` bounds their longer side in pixels."""

    format: str | None
    max_side: int | None

    @property
    def text(self) -> str:
        """Both, and how this version does it: an image that was made otherwise is made anew."""
        return f"1 {self.format or 'own'} {self.max_side or 'full'}"


def transcode_of(config: ConvertConfig) -> Transcode | None:
    """The form in which a build's images are written; None where they are copied as they are."""
    if config.transcode is None and config.max_side is None:
        return None
    return Transcode(config.transcode, config.max_side)


class Written(NamedTuple):
    """An image as it is written: the bytes, and their format and size."""

    data: bytes
    format: str
    width: int
    height: int


def format_of(facts: ImageFacts, options: Transcode) -> str:
    """The format that an image is written in: what is asked for; else its own where no pixel is made anew, or where that is JPEG; or PNG."""
    if options.format is not None:
        return options.format
    if facts.format in _SUFFIXES and _stays(facts, options, facts.format):
        return facts.format
    return "jpg" if facts.format == "jpg" else "png"


def stays(facts: ImageFacts, options: Transcode) -> bool:
    """Tell whether an image keeps its bytes."""
    return _stays(facts, options, format_of(facts, options))


def path_of(path: str, format_name: str) -> str:
    """The path of an image in another format: one more extension, so that no two paths become one.

    That of an image may look as if it were made so: it gets one more as well.

    >>> path_of("a/1.webp", "jpg"), path_of("a/1.JPEG", "jpg"), path_of("a/1", "jpg"), path_of("a/1.webp.jpg", "jpg")
    ('a/1.webp.jpg', 'a/1.JPEG', 'a/1.image.jpg', 'a/1.webp.jpg.jpg')
    """
    stem, suffix = posixpath.splitext(path)
    before = posixpath.splitext(stem)[1].lower()
    if suffix.lower() in _SUFFIXES[format_name] and before not in _KNOWN and before != _UNKNOWN:
        return path
    return f"{path}.{format_name}" if suffix.lower() in _KNOWN else f"{path}{_UNKNOWN}.{format_name}"


def transcode(data: bytes, picture: Picture, options: Transcode) -> Written:
    """Write an image as the options say; one that is so already keeps its bytes.

    Colours are brought to sRGB where the file has another profile, transparency is laid on white for JPEG, and of an animation the first
    frame is taken. The same bytes come out of the same image, with the same version of Pillow.

    Raises:
        ImageError: it cannot be decoded.
        ShortageError: this process has not the memory for it.
    """
    facts = picture.facts
    assert facts is not None
    wanted = format_of(facts, options)
    if _stays(facts, options, wanted):
        return Written(data, wanted, facts.width, facts.height)
    width, height = _size(facts, picture.turned)
    longest = min(options.max_side or MAX_PIXELS, max(width, height))
    with decoding().take(_decoded(facts, longest) * PIXEL * _COPIES, picture.path):
        return _made(data, picture, wanted, longest, (width, height))


def _made(data: bytes, picture: Picture, wanted: str, longest: int, full: tuple[int, int]) -> Written:
    """Decode, change and encode an image, of which `full` is the size in the frame of the annotations."""
    facts, (width, height) = picture.facts, full
    assert facts is not None
    image, _ = load(io.BytesIO(data), picture.path, (longest, longest), MAX_PIXELS, others=True)
    made: Image.Image = _in_frame(image, facts, picture.turned)
    made = _in_srgb(made)
    made = _in_mode(made, wanted)
    scale = longest / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if made.size != size:
        made = made.resize(size, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    if wanted == "jpg":
        made.save(file, "JPEG", quality=_QUALITY, subsampling=0)
    else:
        made.save(file, "PNG")
    return Written(file.getvalue(), wanted, *made.size)


def _decoded(facts: ImageFacts, longest: int) -> int:
    """Pixels that are decoded: of a JPEG those of a half, quarter or eighth of its size, where that is as large as wanted."""
    part = 1
    while facts.format == "jpg" and part < 8 and min(facts.width, facts.height) // longest >= 2 * part:
        part *= 2
    return -(-facts.width // part) * -(-facts.height // part)


def _size(facts: ImageFacts, turned: bool) -> tuple[int, int]:
    """Width and height in the frame of the annotations."""
    return (facts.height, facts.width) if turned and facts.orientation >= 5 else (facts.width, facts.height)


def _stays(facts: ImageFacts, options: Transcode, wanted: str) -> bool:
    """Tell whether the file is what is wanted already."""
    fits = options.max_side is None or max(facts.width, facts.height) <= options.max_side
    # Who asks for no format wants pixels left alone, also those that the trainer cuts off.
    shown = options.format is None or facts.beyond != DEEP
    return facts.format == wanted and facts.orientation == 1 and fits and shown


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_BACK = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}


def _in_frame(image: ImageFile.ImageFile, facts: ImageFacts, turned: bool) -> Image.Image:
    """The pixels in the frame of the annotations; Pillow has turned a TIFF by itself."""
    turn = _TURNS.get(facts.orientation)
    if turn is None or turned == (facts.format == "tif"):
        return image
    return image.transpose(turn if turned else _BACK.get(facts.orientation, turn))


def _in_srgb(image: Image.Image) -> Image.Image:
    """Colours of another profile as those of sRGB, which is what readers take them for. A profile that is broken is left out."""
    profile = image.info.pop("icc_profile", None)
    image.info.clear()
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK"):
        return image
    mode = "RGB" if image.mode == "CMYK" else image.mode
    try:
        source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, source, target, outputMode=mode) or image
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image


def _in_mode(image: Image.Image, wanted: str) -> Image.Image:
    """Pixels of a mode that the format has and every reader knows: eight bits, grey or colours, and in PNG transparency."""
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bits(image)
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        colours = image.convert("RGBA")
        if wanted == "png":
            return colours
        ground = Image.new("RGB", image.size, "white")
        ground.paste(colours, mask=colours.getchannel("A"))
        return ground
    return image if image.mode in ("L", "RGB") else image.convert("L" if image.mode in ("1", "LA") else "RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Deep greys as 256 of them, from the darkest to the brightest that there is: their range is the camera's, and in no header."""
    deep = image.convert("F")
    low, high = deep.getextrema()
    if not isinstance(low, int | float) or not isinstance(high, int | float) or high <= low:
        return Image.new("L", image.size, 0)
    scale = 255 / (high - low)
    return deep.point(lambda value: value * scale - low * scale).convert("L")
