"""Names of image files: extensions, hidden files, and paths that may be followed."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import get_args
from urllib.parse import unquote

from labelbeam.schemas.reasons import Rejected
from labelbeam.schemas.records import ImageFormat
from labelbeam.transforms.stores.paths import safe_relative

URL_SCHEMES = ("https://", "http://", "wasbs://", "abfss://", "azureml://subscriptions/", "AmlDatastore://")
"""Schemes of image URLs that the trainer reads; an image's name that is such a URL is passed on as it is."""

LONGEST_PATH, LONGEST_URL = 1024, 4096
"""Characters of an image's path, beyond which no object store has any, and of its URL, which may hold a signature. Each
rejected object repeats them."""

_NOT_IN_URLS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def too_long(path: str) -> bool:
    """Tell whether an image's path or URL is longer than any that a store has."""
    return len(path) > LONGEST_PATH and len(path) > (LONGEST_URL if "://" in path else LONGEST_PATH)


def image_path(file_name: str, prefix: str) -> tuple[str | None, Rejected | None, bool]:
    """The identity of an image by its `file_name`: path, or why there is none, and whether it had to be normalised."""
    if "://" in file_name:
        usable = file_name.startswith(URL_SCHEMES) and not _NOT_IN_URLS.search(file_name)
        return (file_name, None, False) if usable else (None, Rejected.UNSUPPORTED_URL, False)
    safe = safe_relative(file_name)
    if safe is None:
        return None, Rejected.UNSAFE_PATH, False
    return (f"{prefix}{safe}" if prefix else safe), None, safe != file_name


def another_picture(one: str, other: str) -> bool:
    """Tell whether two names that lead to one file may mean two pictures: neither ends as the other does.

    Letter case, Unicode form, percent-encoding and the extension are no difference.

    >>> another_picture("a/1.jpg", "b/1.jpg"), another_picture("a/1.jpg", "1.JPG"), another_picture("./a/1.jpg", "x\\\\a\\\\1.png")
    (True, False, False)
    """
    if one == other:
        return False
    first, second = _parts_folded(one), _parts_folded(other)
    length = min(len(first), len(second))
    return first[-length:] != second[-length:] if length else False


def _parts_folded(name: str) -> list[str]:
    text = unicodedata.normalize("NFC", unquote(name)).casefold()
    parts = [part for part in text.replace("\\", "/").split("/") if part not in NO_NAMES]
    if parts and (known := extension(parts[-1])) and is_image(parts[-1]):
        parts[-1] = parts[-1][: -len(known) - 1]
    return parts


OTHER_IMAGE_FORMATS = frozenset(
    {"webp", "gif", "heic", "heif", "avif", "svg", "ico", "jp2", "j2k", "jpx", "jpc", "jxl", "psd", "tga"}
    | {"ppm", "pgm", "pbm", "pnm", "dds", "exr", "hdr", "eps", "wmf", "emf", "cr2", "nef", "arw", "dng", "pcx", "mpo"}
)
"""Extensions of images that no training record can name: found, and rejected by name rather than overlooked."""

_SYSTEM_NAMES = frozenset({"__macosx", "@eadir", "$recycle.bin", "thumbs.db", "desktop.ini", "lost+found"})
_FIRST_OF_HIDDEN = frozenset({".", *(case(name[0]) for name in _SYSTEM_NAMES for case in (str.lower, str.upper))})
NO_NAMES = ("", ".", "..")  # Keys of object stores may hold them; `..` is rejected, not hidden.


def hidden(path: str) -> bool:
    """Tell whether a file, or a directory above it, is hidden or kept by a system for itself."""
    folder, _, name = path.rpartition("/")
    return (name[:1] in _FIRST_OF_HIDDEN and _is_hidden(name)) or _is_below_hidden(folder)


@lru_cache(4096)
def _is_below_hidden(folder: str) -> bool:
    return any(map(_is_hidden, folder.split("/")))


def _is_hidden(name: str) -> bool:
    first = name[:1]
    return first in _FIRST_OF_HIDDEN and (name.lower() in _SYSTEM_NAMES or (first == "." and name not in NO_NAMES))


def unhidden(path: str) -> str:
    """The path with other names for its parts that are hidden, or kept by a system for itself.

    >>> unhidden(".a/b/._1.png"), unhidden("a/1.png")
    ('visible.a/b/visible._1.png', 'a/1.png')
    """
    return "/".join(f"visible{part}" if _is_hidden(part) else part for part in path.split("/"))


IMAGE_FORMATS: frozenset[str] = frozenset(get_args(ImageFormat))
"""Extensions of the formats that the training schema takes."""


def extension(path: str) -> str:
    """The extension of a path in lower case, without the dot; "" where it has none.

    >>> extension("a.b/IMG.JPG"), extension(".hidden")
    ('jpg', '')
    """
    usual = _usual(path[-5:])
    if usual is not None:
        return usual
    stem, _, found = path.rpartition(".")
    if stem[-1:] in _BEFORE_NO_EXTENSION or "/" in found:
        stem, _, found = path[path.rfind("/") + 1 :].rpartition(".")
    return found.lower() if stem.strip(".") else ""


@lru_cache(4096)
def _usual(end: str) -> str | None:
    """The extension of nearly all names, by the last five letters of a path."""
    return end[2:] if end[1:] in _USUAL and end[0] not in _BEFORE_NO_EXTENSION else None


_USUAL = frozenset({".bmp", ".csv", ".gif", ".jpg", ".png", ".tif", ".txt", ".xml"})

_BEFORE_NO_EXTENSION = ("", ".", "/")
"""What stands before a dot that may part no extension from a name; before most dots stands something else."""


def is_image(path: str) -> bool:
    """Tell whether a file is an image by its name, also one of a format that is not read."""
    found = _usual(path[-5:])
    return (extension(path) if found is None else found) in _ALL_IMAGE_FORMATS


_ALL_IMAGE_FORMATS = IMAGE_FORMATS | OTHER_IMAGE_FORMATS
