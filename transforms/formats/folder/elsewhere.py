"""Files that may hold the labels of images that have none: lists of names and labels, spreadsheets, JSON. They are named, not read."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.folder.lookup import ImageNames
from labelbeam.transforms.images.names import extension
from labelbeam.transforms.messages.words import listed

_TEXTS = ("txt", "lst", "list", "json", "ndjson", "csv", "tsv", "dat")
_OTHERS = ("xlsx", "xls", "ods", "mat", "pkl", "pickle", "parquet", "npy", "npz", "h5", "db", "sqlite")
_CALLED = re.compile(r"(?i)labels?|class(?:es)?|annot?(?:ation)?s?|annos?|meta(?:data)?|train|test|val|split|truth|gt")
_NAMES = re.compile(r"(?i)synset|class|name|words|label")
_PART = re.compile(r'"([^"\n]+)"|([^\s,;|]+)')
_MOST = 20
_LINES = 20
_NEARLY_ALL = 0.8


def candidates(files: Iterable[str]) -> list[str]:
    """Files that may hold labels by their names, those that lie least deep first."""
    found = [path for path in files if extension(path) in (*_TEXTS, *_OTHERS)]
    return sorted(found, key=lambda path: (path.count("/"), path))[:_MOST]


def is_text(path: str) -> bool:
    """Tell whether a candidate is looked into."""
    return extension(path) in _TEXTS


def labels_elsewhere(heads: Mapping[str, str | None], images: ImageNames) -> list[Doubt]:
    """A doubt where files seem to hold labels of images that have none. `heads` are the first lines of texts, None for other files."""
    holding = [
        path
        for path, head in heads.items()
        if (_names_and_more(head, images) if head is not None else _is_called(path))
    ]
    if not holding:
        return []
    message = (
        f"{listed(holding)} may hold labels of images that have none, and {'is' if len(holding) == 1 else 'are'} not read; write them "
        "into a labels.csv with the columns filename and label"
    )
    if any(_is_numbered(heads[path], images) for path in holding):
        names = [path for path in heads if path not in holding and _NAMES.search(posixpath.basename(path))]
        whose = f", whose names {listed(names)} may hold" if names else ""
        message += f": each line is an image and the number of its class, as in ImageNet's lists (imagenet_txt){whose}"
    return [Doubt(Doubted.TABLE_NOT_READ, message, len(holding), holding[0])]


def _is_called(path: str) -> bool:
    return _CALLED.search(posixpath.basename(path)) is not None


def _names_and_more(head: str, images: ImageNames) -> bool:
    """Tell whether nearly all lines name an image and say something of it; or, in JSON, whether names of images stand in it."""
    if head.lstrip()[:1] in ("{", "["):
        texts = re.findall(r'"([^"\n]{1,200})"', head)[: 20 * _LINES]
        return sum(map(images.names, texts)) > 1
    if _is_numbered(head, images):
        return True
    lines = _lines(head)
    lines = lines[1:] if len(lines) > 1 and not any(map(images.names, lines[0])) else lines
    named = sum(any(_names_one(part, images) for part in parts) for parts in lines)
    return bool(lines) and named >= _NEARLY_ALL * len(lines)


def _lines(head: str) -> list[list[str]]:
    """The parts of lines of several; names with blanks may stand in quotes."""
    lines = [["".join(part) for part in _PART.findall(line)] for line in head.splitlines()[: _LINES + 1]]
    return [parts for parts in lines if len(parts) > 1]


def _is_numbered(head: str | None, images: ImageNames) -> bool:
    """Tell whether lines are of an image, each of another, and of class numbers: also where images are called by numbers, without extension."""
    lines = _lines(head or "")
    named = {parts[0] for parts in lines if images.names(parts[0]) and all(part.isdecimal() for part in parts[1:])}
    return bool(lines) and len(named) >= _NEARLY_ALL * len(lines)


def _names_one(part: str, images: ImageNames) -> bool:
    """Tell whether a part of a line names an image, also with a label behind it, as in `1.jpg_Fish` and `ID_1_epidural`."""
    if part.isdecimal():
        return False
    return images.names(part) or ("_" in part and images.names(part.rpartition("_")[0]))
