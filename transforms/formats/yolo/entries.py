"""Entries of a data.yaml or obj.data, and lines of lists: what of a tree they lead to. Only names of the listing are ever found.

Such paths were written for another machine: Roboflow's begin with `../`, CVAT's with `data/`, others are absolute. So one that leads
to nothing is tried again without its first, its first two, … directories.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property

from labelbeam.transforms.formats.paths import join, key_of, parts_of, resolved
from labelbeam.transforms.formats.split_names import split_of_path


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
