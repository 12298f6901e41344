"""Declared sizes of a few images compared with their files, which costs a look at each header."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.neutral import SourceImage
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.images.facts import ImageError, settle_size
from labelbeam.transforms.images.headers import read_header
from labelbeam.transforms.images.look import FIRST_BLOCK
from labelbeam.transforms.stores.errors import StoreError
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


def tally_sizes(evidence: Evidence, images: Sequence[SourceImage], root: Location) -> None:
    """Count those of a few images, which lie below `root`, that are of another size than declared."""
    declared = [(image.path, (image.width, image.height)) for image in images]
    known = [(path, (width, height)) for path, (width, height) in declared if width and height]
    messages, count = sizes_that_differ(root, known)
    evidence.add("looked_at", count)
    evidence.add("size_differs", len(messages), min(messages, default=""))


def doubts_of_sizes(shown: str, item: Evidence) -> list[Doubt]:
    """The doubt that follows from what was counted so of the source that is `shown`."""
    if not (differ := item.count("size_differs")):
        return []
    example = item.example("size_differs")
    message = (
        f"{shown}: {differ:,} of {item.count('looked_at'):,} images that were looked at are of another size than declared: {example}; "
        "coordinates are divided by the declared width and height; --check-images header compares each and rejects those"
    )
    return [Doubt(Doubted.DECLARED_SIZE_DIFFERS, message, differ, example, "--check-images header")]


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
    except (StoreError, OSError):
        return None
    return None
