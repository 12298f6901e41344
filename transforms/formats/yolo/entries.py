"""Entries of a data.yaml or obj.data, and lines of lists: what of a tree they lead to. Only names of the listing are ever found.

Such paths were written for another machine: Roboflow's begin with `../`, CVAT's with `data/`, others are absolute. So one that leads
to nothing is tried again without its first, its first two, … directories.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache

from labelbeam.transforms.formats.folder.splits import split_name
from labelbeam.transforms.formats.voc.folders import join
from labelbeam.transforms.formats.voc.image_index import key_of

_DRIVE = re.compile(r"[A-Za-z]:")
_DEEPEST = 50
"""Names of a path, from its end, that are compared with a tree's: a hostile one has hundreds of thousands."""

_OF_YOLO = frozenset({"obj", "labels", "label", "yolo"})


def split_of_path(path: str) -> str | None:
    """The split that a folder above a file names, the first one from the top: `val`, `images/train2017`, `obj_train_data`.

    >>> split_of_path("images/train2017/1.jpg"), split_of_path("obj_valid_data/1.txt"), split_of_path("cats/train.jpg")
    ('train', 'validation', None)
    """
    return _split_of_folder(path.rpartition("/")[0])


@lru_cache(4096)
def _split_of_folder(path: str) -> str | None:
    for folder in path.split("/"):
        found = split_name(folder)
        if found is not None and not set(found.rest) - _OF_YOLO:
            return found.split
    return None


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
    path = path.replace("\\", "/")
    if path.startswith("/") or _DRIVE.match(path):
        return None
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


def folders_above(path: str) -> Iterator[str]:
    """The directories above a file, the last of which is "", the root.

    >>> list(folders_above("a/b/1.jpg"))
    ['a/b', 'a', '']
    """
    while path:
        path = path.rpartition("/")[0]
        yield path


def find_entry(path: str, bases: Sequence[str], known: Collection[str]) -> str | None:
    """The one of the `known` directories and files that an entry means: relative to one of `bases`, else by its last names."""
    for base in bases:
        place = resolved(base, path)
        if place is not None and place in known:
            return place
    parts = parts_of(path)
    for start in range(len(parts)):
        for base in bases:
            place = join(base, *parts[start:])
            if place in known:
                return place
    return None


class ImageNames:
    """The images of a listing, found by the paths that lists hold."""

    def __init__(self, images: Iterable[str]) -> None:
        """Keep them; they are indexed when a path is first found not to be one of them."""
        self._images = frozenset(images)

    def find(self, path: str, bases: Sequence[str]) -> str | None:
        """The image that a line of a list means: relative to one of `bases`, else the one that ends as it does, never of another split."""
        for base in bases:
            place = resolved(base, path)
            if place is not None and place in self._images:
                return place
        parts = [key_of(part) for part in parts_of(path)]
        for start in range(len(parts)):
            ending = "/".join(parts[start:])
            if ending in self._by_ending:
                found = self._by_ending[ending]
                split = split_of_path(path)
                other = split_of_path(found) if found is not None else None
                return None if None not in (split, other) and split != other else found
        return None

    @cached_property
    def _by_ending(self) -> dict[str, str | None]:
        """Images by the last name, the last two, … of their paths; None where several end so."""
        endings: dict[str, str | None] = {}
        for image in self._images:
            parts = [key_of(part) for part in image.split("/")]
            for start in range(len(parts)):
                ending = "/".join(parts[start:])
                endings[ending] = image if ending not in endings else None
        return endings


def lines_of_list(text: str) -> list[str]:
    """The paths of a list of images, one a line, without blanks and quotes around them."""
    return [path for line in text.split("\n") if (path := line.strip().strip("\"'").strip())]
