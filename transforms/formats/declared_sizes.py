"""Declared sizes of a few images compared with their files, which costs a look at each header."""

from __future__ import annotations

from collections.abc import Iterable

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.images.facts import ImageError, settle_size
from labelbeam.transforms.images.headers import read_header
from labelbeam.transforms.images.look import FIRST_BLOCK
from labelbeam.transforms.stores.files import stat
from labelbeam.transforms.stores.location import Location, within
from labelbeam.transforms.stores.range_reader import RangeReader
from labelbeam.transforms.stores.reading import read_range
from labelbeam.transforms.stores.threads import in_threads

LOOKED_AT = 12
"""Images of a source that are looked at: not all of them need be of another size."""


def sizes_that_differ(root: Location, declared: Iterable[tuple[str, tuple[int, int]]]) -> tuple[list[str], int]:
    """Why declared sizes are not those of the images below `root`, and how many were looked at; `declared` are paths and sizes."""
    looked_at = list(declared)[:LOOKED_AT]
    found = in_threads(lambda each: _mismatch(root, *each), looked_at)
    return [message for message in found if message], len(looked_at)


def _mismatch(root: Location, path: str, declared: tuple[int, int]) -> str | None:
    """Reason why the declared size is not that of the image; None where it is, or where nobody can tell."""
    file = root.below(path)
    if not within(root, path):
        return None
    try:
        reader = RangeReader(lambda start, end: read_range(file, start, end), stat(file).size, FIRST_BLOCK)
        settle_size(declared, read_header(reader, path))
    except ImageError as error:
        return f"{path}: {error}" if error.code == "size_mismatch" else None
    except (LabelBeamError, OSError):
        return None
    return None
