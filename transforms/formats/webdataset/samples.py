"""Samples of a shard: its files by key, which of them is the image, and which say something of it.

The rule is WebDataset's own: a key is a path up to the first dot of its last part, what follows is the suffix, in any case
(`base_plus_ext` in https://github.com/webdataset/webdataset/blob/main/src/webdataset/tariterators.py). Its reader joins files that follow
each other; here all files of a key are one sample, wherever in the shard they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from labelbeam.transforms.images.names import IMAGE_FORMATS, OTHER_IMAGE_FORMATS, hidden

_NAME = re.compile(r"((?:.*/)?[^./][^./]*)\.([^/]+)", re.DOTALL)
_META = re.compile(r"(?:.*/)?__[^/]*__(?:$|[/.])", re.DOTALL)

_IMAGES = IMAGE_FORMATS | OTHER_IMAGE_FORMATS
TEXTS = ("txt", "label", "labels", "class", "label.txt", "labels.txt", "class.txt")
"""What files of labels as text are called, behind their key."""


def split_name(path: str) -> tuple[str, str] | None:
    """The key and the suffix, in lower case, of a file; None of one that is of no sample.

    >>> split_name("some/v1.0/a.Left.JPG"), split_name("README"), split_name("a/.hidden.jpg"), split_name("__meta__")
    (('some/v1.0/a', 'left.jpg'), None, None, None)
    """
    found = _NAME.fullmatch(path)
    if found is None or hidden(path) or _META.match(path):
        return None
    return found[1], found[2].lower()


def is_image_suffix(suffix: str) -> bool:
    """Tell whether a file is an image, by its suffix."""
    return suffix.rpartition(".")[2] in _IMAGES


def is_label_suffix(suffix: str) -> bool:
    """Tell whether a file says something of the image of its key, by its suffix."""
    return suffix in TEXTS or suffix.rpartition(".")[2] in ("json", "cls")


@dataclass(slots=True)
class Sample:
    """The files of a key by suffix. `repeated` are suffixes that stand twice; `apart` says that others stand between its files."""

    key: str
    files: dict[str, str] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)
    apart: bool = False

    @property
    def images(self) -> list[str]:
        """The suffixes of images."""
        return [suffix for suffix in self.files if is_image_suffix(suffix)]

    def image(self, chosen: str | None) -> str | None:
        """The suffix of the image: the `chosen` one, else the only one, else the only one without a dot; None where none is it."""
        if chosen is not None:
            return chosen if chosen in self.files else None
        found = self.images
        plain = [suffix for suffix in found if "." not in suffix]
        return next((each[0] for each in (found, plain) if len(each) == 1), None)

    def only(self, kind: str) -> str | None:
        """The path of the file with a suffix, else of the only one whose suffix ends so."""
        if kind in self.files:
            return self.files[kind]
        found = [path for suffix, path in self.files.items() if suffix.endswith(f".{kind}")]
        return found[0] if len(found) == 1 else None

    def text(self) -> str | None:
        """The path of the file that holds labels as text."""
        return next((self.files[suffix] for suffix in TEXTS if suffix in self.files), None)


def samples_of(paths: Iterable[str], repeated: Iterable[str] = ()) -> dict[str, Sample]:
    """Samples by key, in the order of their first files; `repeated` are paths that stood more than once."""
    found: dict[str, Sample] = {}
    twice = frozenset(repeated)
    before = ""
    for path in paths:
        named = split_name(path)
        if named is None:
            continue
        key, suffix = named
        sample = found.setdefault(key, Sample(key))
        sample.apart = sample.apart or (bool(sample.files) and key != before)
        if suffix in sample.files or path in twice:
            sample.repeated.append(suffix)
        sample.files[suffix] = path
        before = key
    return found


def labelled(samples: Mapping[str, Sample]) -> Iterator[Sample]:
    """Those of the samples that have both images and labels."""
    return (
        sample
        for sample in samples.values()
        if sample.images and any(is_label_suffix(suffix) for suffix in sample.files)
    )
