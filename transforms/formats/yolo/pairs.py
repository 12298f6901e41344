"""Pair images of a YOLO tree with label files, from the listing alone.

Ultralytics' `img2label_paths` puts `labels` in place of the last `images` of a path, and `.txt` in place of its suffix; where there is no
such folder, the label file lies beside the image, as Darknet's and labelImg's do. Other trees keep both apart under other words
(`train_images`, `JPEGImages`): images and label files of one *home*, as for Pascal VOC, belong together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

from labelbeam.transforms.formats.paths import key_of
from labelbeam.transforms.formats.voc.folders import ANNOTATIONS, bare_path, rank_of
from labelbeam.transforms.images.names import is_image


class Pair(NamedTuple):
    """The label file of an image; None where there is none, or where `candidates` are several between which nothing decides.

    `by_other_name`: it is called so in another case or Unicode form.
    """

    labels: str | None
    by_other_name: bool = False
    candidates: tuple[str, ...] = ()


class LabelFiles:
    """The label files of a listing, found by the images' paths."""

    def __init__(self, paths: Iterable[str]) -> None:
        """Keep them; they are indexed when the file of an image is first not where it is expected."""
        self.paths = frozenset(paths)

    @cached_property
    def _by_home(self) -> dict[tuple[str, str], list[str]]:
        """Label files by home and name."""
        found: dict[tuple[str, str], list[str]] = {}
        for path in sorted(self.paths):
            folder, _, name = path.rpartition("/")
            found.setdefault((bare_path(folder), key_of(name)), []).append(path)
        return found

    def of_image(self, image: str) -> Pair:
        """The label file of an image."""
        stem = image.rpartition(".")[0]
        for name in (stem, image):  # Label Studio and others write `1.jpg.txt`.
            for path in (_labels_for_images(name), name):
                if f"{path}.txt" in self.paths:
                    return Pair(f"{path}.txt")
        folder, _, last = image.rpartition("/")
        for name in (last.rpartition(".")[0], last):
            found = self._by_home.get((bare_path(folder), key_of(f"{name}.txt")), [])
            same = [path for path in found if path.rpartition("/")[2] == f"{name}.txt"]
            best = _most_labelled(same or found)
            if len(best) == 1:
                return Pair(best[0], by_other_name=not same)
            if best:
                return Pair(None, candidates=tuple(best))
        return Pair(None)


_IMAGES = re.compile(r"(.*/)?images/", re.IGNORECASE)
_LABELS = re.compile(r"(.*/)?labels/", re.IGNORECASE)


def _labels_for_images(path: str) -> str:
    """A path with `labels` for its last folder `images`, in its case.

    >>> _labels_for_images("images/a/images/1"), _labels_for_images("Images/1")
    ('images/a/labels/1', 'Labels/1')
    """
    found = _IMAGES.match(path)
    if found is None:
        return path
    start = len(found[1] or "")
    word = "Labels" if path[start] == "I" else "labels"
    return f"{path[:start]}{word}/{path[found.end() :]}"


def _most_labelled(paths: Sequence[str]) -> Sequence[str]:
    """Of several files, those in a folder of labels."""
    if len(paths) < 2:
        return paths
    return [path for path in paths if in_labels(path)] or paths


def in_labels(path: str) -> bool:
    """Tell whether a file lies in a folder whose name says that it holds labels."""
    return any(rank_of(folder) == ANNOTATIONS for folder in path.split("/")[:-1])


class Conventions:
    """Places of images that no listing shows, by those of their label files."""

    def __init__(self, images: Iterable[str], elsewhere: bool) -> None:
        """Learn suffixes from the images that there are; `elsewhere` says that they lie in a directory of their own."""
        self._elsewhere = elsewhere
        suffixes = Counter(image.rpartition(".")[2] for image in images)
        self._suffix = min(suffixes, key=lambda suffix: (-suffixes[suffix], suffix)) if suffixes else "jpg"

    def image_of(self, labels: str, suffix: str = "") -> str:
        """The image of a label file: `images` for the last `labels` of its path, else beside it."""
        stem = labels.rpartition(".")[0]
        name = stem.rpartition("/")[2]
        suffix = "" if is_image(name) else f".{suffix or self._suffix}"
        found = _LABELS.match(stem)
        if found is None:
            return f"{stem}{suffix}"
        start = len(found[1] or "")
        if self._elsewhere:
            return f"{stem[found.end() :]}{suffix}"
        word = "Images" if stem[start] == "L" else "images"
        return f"{stem[:start]}{word}/{stem[found.end() :]}{suffix}"
