"""Find the COCO files below a directory."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.coco.names import COCO_NAME, most_telling, split_of_name
from labelbeam.transforms.formats.plans import HEAD
from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import read_range
from labelbeam.transforms.stores.threads import in_threads

_LIST_OF_OBJECTS = re.compile(rb'"(images|annotations|categories)"\s*:\s*\[\s*[{\]]')
_NO_LIST = re.compile(rb'"categories"\s*:\s*\{')
_BATCH = 64
_DEEPEST = 3
"""Directories above a COCO file, below the source's root, that are looked into: `coco/annotations/v1/x.json`."""


def coco_files(root: Location, files: Sequence[StoredFile]) -> tuple[list[Location], str]:
    """The COCO files with objects among the JSON files below a directory, and what was found in words.

    Per-image JSON may lie there by the thousand. Files are looked at from the largest down, and no further once a whole
    batch holds no COCO: a file that describes a dataset is among the largest of its kind. Names that only COCO has count
    whatever the file holds, so that a damaged one is not passed over.

    Raises:
        UsageError: several of them may hold the same images.
    """
    sizes = {file.path: file.size for file in files if file.path.count("/") <= _DEEPEST}
    found = [path for path in sizes if COCO_NAME.fullmatch(posixpath.basename(path))]
    by_size = sorted(sizes.keys() - set(found), key=lambda path: (-sizes[path], path))
    for start in range(0, len(by_size), _BATCH):
        batch = by_size[start : start + _BATCH]
        are_coco = in_threads(lambda path: _is_coco(root.below(path), sizes[path]), batch)
        found += [path for path, is_coco in zip(batch, are_coco, strict=True) if is_coco]
        if not any(are_coco):
            break
    chosen = sorted(most_telling(found))
    splits = [split_of_name(root.below(path).path) for path in chosen]
    if len(chosen) > 1 and (None in splits or len(set(splits)) < len(splits)):
        raise UsageError(
            f"{root.shown}: several COCO files that may describe the same images ({', '.join(chosen)}); "
            "name those to read with --source, which may be repeated"
        )
    left = sorted(set(found) - set(chosen))
    reason = f"found {', '.join(chosen)}" + (f", which leaves {', '.join(left)} alone" if left else "")
    return [root.below(path) for path in chosen], reason


def _is_coco(file: Location, size: int) -> bool:
    """Tell whether its first and last bytes hold the lists of a COCO file, as far as they can be seen there."""
    parts = [
        read_range(file, 0, min(size, HEAD)),
        read_range(file, max(HEAD, size - HEAD), size) if size > HEAD else b"",
    ]
    # Without zeros, UTF-16 reads like ASCII here.
    keys = {match[1] for part in parts for match in _LIST_OF_OBJECTS.finditer(part.replace(b"\0", b""))}
    if size <= 2 * HEAD:
        return b"images" in keys and len(keys) > 1
    # What lies between in a longer file may hold the others, unless it is of a tool that has annotations in each of its items.
    start = parts[0].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    of_items = start.startswith(b"[") or _NO_LIST.search(start) is not None
    return bool(keys) and not (of_items and keys == {b"annotations"})
