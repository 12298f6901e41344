"""Paths below the root of a dataset, as its files write them."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_DRIVE = re.compile(r"[A-Za-z]:")
_DEEPEST = 50
"""Names of a path, from its end, that are compared with a tree's: a hostile one has hundreds of thousands."""


def join(*parts: str) -> str:
    """Join those parts of a path that are not empty."""
    return "/".join(part for part in parts if part)


def key_of(name: str) -> str:
    """Key that names in another case, or composed otherwise (macOS), have in common."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()


def is_absolute(path: str) -> bool:
    """Tell whether a path begins at the top of a disk, of this machine or of another.

    >>> is_absolute("/a"), is_absolute("C:\\\\a"), is_absolute("a/C:")
    (True, True, False)
    """
    return path.startswith(("/", "\\")) or _DRIVE.match(path) is not None


def parts_of(path: str) -> list[str]:
    """The names of a path as it is written, without what leads up or to the top of a disk.

    >>> parts_of("../train/images"), parts_of("C:\\\\set\\\\images"), parts_of("./")
    (['train', 'images'], ['set', 'images'], [])
    """
    parts = _DRIVE.sub("", path.replace("\\", "/"), count=1).split("/")
    return [part for part in parts if part not in ("", ".", "..")][-_DEEPEST:]


def resolved(base: str, path: str) -> str | None:
    """A path below the root that `path`, relative to `base`, leads to; None where it leads out.

    >>> resolved("a/b", "../c"), resolved("", "../c"), resolved("a", "/c")
    ('a/c', None, None)
    """
    if is_absolute(path):
        return None
    path = path.replace("\\", "/")
    folder, _, name = path.rpartition("/")
    if name in ("", ".", ".."):
        return _resolved(base, path)
    place = _resolved(base, folder)
    return f"{place}/{name}" if place else place if place is None else name


@lru_cache(4096)
def _resolved(base: str, folder: str) -> str | None:
    parts: list[str] = []
    for part in (*base.split("/"), *folder.split("/")):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)
