"""Names of images that are absolute, or lead out of the dataset: what of them may lie here, and what is told of them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from typing import NamedTuple

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.coco.store_names import find_in_store
from labelbeam.transforms.formats.labelstudio.names import path_in
from labelbeam.transforms.images.names import URL_SCHEMES
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.stores.paths import safe_relative

_ROOT = re.compile(r"(?:[A-Za-z]:)?/*")
"""What an absolute path begins with: a drive, slashes."""


def part_below(name: str) -> str | None:
    """The part of an absolute path, or of one that leads out, which may lie below another directory; None of other names.

    Of an address of Label Studio's server it is the path that its query gives.

    >>> part_below("/home/bob/images/1.jpg"), part_below("C:/data/1.jpg"), part_below("../images/1.jpg")
    ('home/bob/images/1.jpg', 'data/1.jpg', 'images/1.jpg')
    >>> part_below("s3://bucket/a/1.jpg"), part_below("/data/local-files/?d=images/1.jpg"), part_below("images/1.jpg")
    ('a/1.jpg', 'images/1.jpg', None)
    """
    if name.startswith(URL_SCHEMES) or ("://" not in name and safe_relative(name) is not None):
        return None
    path = posixpath.normpath(_ROOT.sub("", path_in(name).replace("\\", "/"), count=1))
    while path.startswith("../"):
        path = path.removeprefix("../")
    return safe_relative(path)


class ForeignName(NamedTuple):
    """A name of an image, what leads from the images' root to the file's own one, and why the name is no path."""

    name: str
    prefix: str
    code: Rejected

    @property
    def path(self) -> str:
        """The path below the root that a part of the name may be."""
        return f"{self.prefix}{part_below(self.name)}"


class Foreign(NamedTuple):
    """The paths of such images, None where none was found, and then why; and what is told of all."""

    paths: list[str | None]
    messages: list[str]
    doubts: list[Doubt]


def find_foreign(
    source: str, root: str, names: Sequence[ForeignName], others: Sequence[str], stored: frozenset[str], count: int
) -> Foreign:
    """Find images whose names are absolute, or lead out, among the paths `stored` below `root`.

    Args:
        source: the file's URL.
        others: the paths of its other images, which are theirs.
        count: images that the file has.
    """
    wanted = [each.path for each in names if each.path not in stored]
    candidates = find_in_store(wanted, stored, [path for path in others if path in stored], by_last=True)
    paths: list[str | None] = []
    messages: list[str] = []
    for each in names:
        several = [each.path] if each.path in stored else candidates.get(each.path, [])
        paths.append(several[0] if len(several) == 1 else None)
        doc = f"the store has {' and '.join(map(repr, several[:3]))}" if several else each.code.doc
        messages.append(f"file_name is {redact(each.name)!r:.200}: {doc}")
    pairs = list(zip(names, paths, strict=True))
    elsewhere = [(redact(each.name), path) for each, path in pairs if path not in (None, each.path)]
    lost = [redact(each.name) for each, path in pairs if path is None]
    return Foreign(paths, messages, _doubts(source, root, elsewhere, lost, count))


def _doubts(
    source: str, root: str, elsewhere: Sequence[tuple[str, str | None]], lost: Sequence[str], count: int
) -> list[Doubt]:
    """What a person should know of names that were found by a part of them, with the paths, and of those that were not."""
    doubts: list[Doubt] = []
    shown = redact(source)
    if elsewhere:
        name, path = min(elsewhere, key=lambda pair: pair[0])
        message = (
            f"{shown}: {len(elsewhere):,} of {count:,} images are named by absolute paths, or by ones that lead out, such as {name!r:.200}; each "
            f"was found below {redact(root)} as the only image whose path ends so, as {path!r:.200}"
        )
        doubts.append(Doubt(Doubted.IMAGES_IN_OTHER_FOLDERS, message, len(elsewhere), name[:200], "--images"))
    if lost:
        below = _folder_of(lost)
        common = f", all below {below!r:.200}" if below and len(lost) > 1 else ""
        message = (
            f"{shown}: {len(lost):,} of {count:,} images are named by absolute paths, or by ones that lead out, such as {min(lost)!r:.200}{common}, and "
            "no image here, or more than one, ends so; they are rejected: name with --images the directory that holds them, or write "
            "file_name relative to it"
        )
        doubts.append(Doubt(Doubted.NAMES_LEAD_OUT, message, len(lost), min(lost)[:200], "--images"))
    return doubts


def _folder_of(names: Sequence[str]) -> str:
    """The folder that all names have in common, as it is written; "" where they have none."""
    common = posixpath.commonprefix([name.replace("\\", "/") for name in names])
    return names[0][: common.rfind("/") + 1]
