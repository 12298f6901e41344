"""Look at the image files of one bucket, as far as the build asks for it, many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.reasons import Rejected
from transforms.fragments import ImageRow
from transforms.images import ImageError, ImageFacts, decode, read_header
from transforms.listed import Listed, ListedFile
from transforms.locations import Location, within
from transforms.range_reader import LARGEST_BLOCK, RangeReader
from transforms.settle import LookAt
from transforms.store_errors import MissingFileError, StoreError
from transforms.stores import in_threads, read_range, stat

FIRST_BLOCK = 32 * 1024
"""Bytes that are read of an image for its header: most have no more before their size, with EXIF and its thumbnail."""


@dataclass(frozen=True, slots=True)
class LookOptions:
    """How far to look: `mode` is the option --check-images, None for its default.

    `complete` says that an image that the listing lacks is not there: see `shows_all`. Otherwise it is asked for.
    """

    mode: str | None
    root: Location
    complete: bool = False


def shows_all(root: Location) -> bool:
    """Whether a listing of `root` names every file under every name that reads it.

    On a disk, a link to a directory inside the root gives its files second names, and some disks take a name in any case. An
    HTTP server shows what its index pages link to.
    """
    protocols = (root.fs.protocol,) if isinstance(root.fs.protocol, str) else root.fs.protocol
    return not root.local and not {"http", "https"}.intersection(protocols)


def looker(options: LookOptions, listed: Listed) -> LookAt:
    """The function that looks at images; `listed` is what the listing of the images' root says of those of the bucket.

    An image that is opened costs a ranged read; one that only has to exist, and one that does not, costs nothing. Where the
    listing says nothing of an image, or not its size, the store is asked first. An image whose name is a URL is never
    fetched: it is taken as the annotations describe it.
    """

    def look(rows: Sequence[ImageRow]) -> Sequence[ImageFacts | ImageError | None]:
        found: list[ImageFacts | ImageError | None] = [None] * len(rows)
        asked: list[tuple[int, ListedFile | None]] = []
        for number, row in enumerate(rows):
            opened = _is_opened(options.mode, row)
            if "://" in row.path or not (opened or options.mode == "exists"):
                continue
            file = listed.find(row.path)
            if file is None and options.complete:
                found[number] = _missing(options.root.below(row.path))
            elif file is None or opened:
                asked.append((number, file))
        looked = in_threads(lambda item: _look_at(options, rows[item[0]], item[1]), asked)
        for (number, _), result in zip(asked, looked, strict=True):
            found[number] = result
        return found

    return look


def _is_opened(mode: str | None, row: ImageRow) -> bool:
    """By default, and with `exists`, only images whose size nobody declared are opened."""
    return mode in ("header", "decode") or (mode in (None, "exists") and not (row.width and row.height))


def _missing(location: Location) -> ImageError:
    return ImageError(Rejected.MISSING_IMAGE, f"{location.shown} does not exist")


def _look_at(options: LookOptions, row: ImageRow, file: ListedFile | None) -> ImageFacts | ImageError | None:
    location = options.root.below(row.path)
    if not within(options.root, row.path):
        return ImageError(
            Rejected.UNSAFE_PATH, f"{location.shown} is a link out of {options.root.shown}, which is not followed"
        )
    try:
        size = file.size if file is not None and file.size else stat(location).size
        if not _is_opened(options.mode, row):
            return None
        # A whole image is read in large steps, of which most take one.
        block = LARGEST_BLOCK if options.mode == "decode" else FIRST_BLOCK
        reader = RangeReader(lambda start, end: read_range(location, start, end), size, block)
        return (decode if options.mode == "decode" else read_header)(reader, row.path)
    except MissingFileError:
        return _missing(location)
    except ImageError as error:
        return error
    except (StoreError, OSError) as error:
        return ImageError(Rejected.UNREADABLE_FILE, str(error))
