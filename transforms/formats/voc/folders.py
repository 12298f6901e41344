"""Folders of a VOC tree: the words in their names that say what lies in them, and which split they name."""

from __future__ import annotations

import re
from functools import lru_cache

from labelbeam.schemas.config import SPLIT_ALIASES
from labelbeam.transforms.formats.paths import join

ANNOTATIONS = 3
BESIDE = 2

KINDS = {
    "jpegimages": 0,
    **dict.fromkeys(
        ("images", "image", "imgs", "img", "photos", "pictures", "pics", "jpg", "jpgs", "jpeg", "jpegs"), 1
    ),
    **dict.fromkeys(("annotations", "annotation", "annots", "annot", "annos", "anno", "anns", "ann"), ANNOTATIONS),
    **dict.fromkeys(("labels", "label", "xmls", "xml"), ANNOTATIONS),
}
"""Words that say what lies in a folder, and how good a place for an image it is: lower is better, `BESIDE` is any other."""


def _words(folder: str) -> tuple[list[str], int]:
    """The words of a folder's name that do not say what lies in it, and the rank of the one that does."""
    lower = folder.lower()
    if lower in KINDS:
        return [], KINDS[lower]
    words = [word for part in re.split(r"[_\W]+", folder) for word in _CAMEL.split(part) if word]
    ranks = [KINDS[word.lower()] for word in words if word.lower() in KINDS]
    if not ranks:
        return words, BESIDE
    return [word.lower() for word in words if word.lower() not in KINDS], ranks[0]


_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@lru_cache(65536)
def rank_of(folder: str) -> int:
    """Rank of a folder as a place for an image, by its name; `ANNOTATIONS` for those of annotation files."""
    return _words(folder)[1]


@lru_cache(65536)
def bare_path(folders: str) -> str:
    """A directory without the words that say what lies in it.

    >>> bare_path("VOC2012/Annotations/a"), bare_path("train_images"), bare_path("my data/imagesTrain")
    ('VOC2012/a', 'train', 'my data/train')
    """
    bare = []
    for folder in folders.split("/"):
        words, rank = _words(folder)
        bare.append(folder if rank == BESIDE else "_".join(words))
    return join(*bare)


def split_of_folder(path: str) -> str | None:
    """The split that a folder above a file names, alone or beside what lies in it: `val`, `val_images`."""
    return _split_of(path.rpartition("/")[0])


@lru_cache(65536)
def _split_of(folders: str) -> str | None:
    for folder in folders.split("/"):
        words, rank = _words(folder)
        name = folder.lower() if rank == BESIDE else "_".join(words)
        if name in SPLIT_ALIASES:
            return SPLIT_ALIASES[name]
    return None
