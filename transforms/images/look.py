"""Look at the image files of one bucket, as far as the build asks for it, many at a time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.columns.images import ImageRow
from labelbeam.transforms.columns.listed import Listed, ListedFile
from labelbeam.transforms.images.facts import ImageError, ImageFacts, LookAt
from labelbeam.transforms.images.headers import MAX_PIXELS, decode, read_header
from labelbeam.transforms.images.plain_jpeg import FIRST_BYTES, plain_jpeg
from labelbeam.transforms.stores.disk import home_of, opened_below
from labelbeam.transforms.stores.errors import MissingFileError, StoreError
from labelbeam.transforms.stores.files import stat
from labelbeam.transforms.stores.location import Location, within
from labelbeam.transforms.stores.range_reader import LARGEST_BLOCK, RangeReader
from labelbeam.transforms.stores.reading import Part, read_parts, read_range
from labelbeam.transforms.stores.threads import each_in_threads, each_in_turn

FIRST_BLOCK = 32 * 1024
"""Bytes that are read of an image for its header: most have no more before their size, with EXIF and its thumbnail."""

HEADS_AT_ONCE = 1024
"""Images whose first blocks are held in memory."""


@dataclass(frozen=True, slots=True)
class LookOptions:
    """Options of a look at images: `mode` is the option --check-images, None for its default.

    `complete` says that an image that the listing lacks is not there: see `shows_all`. Otherwise it is asked for. `others`: formats are
    read as well that images can be transcoded from.
    """

    mode: str | None
    root: Location
    complete: bool = False
    others: bool = False


def shows_all(root: Location) -> bool:
    """Tell whether a listing of `root` names every file under every name that reads it.

    On a disk, a link to a directory inside the root gives its files second names, and some disks take a name in any case. An
    HTTP server shows what its index pages link to.
    """
    protocols = (root.fs.protocol,) if isinstance(root.fs.protocol, str) else root.fs.protocol
    return not root.local and not {"http", "https"}.intersection(protocols)


def looker(
    options: LookOptions, listed: Listed, looked_at: Mapping[str, ImageFacts | ImageError | None] | None = None
) -> LookAt:
    """The function that looks at images; `listed` is what the listing of the images' root says of those of the bucket.
    What is in `looked_at` was found before, and is not looked at again.

    An image that is opened costs a ranged read; one that only has to exist, and one that does not, costs nothing. Where the
    listing says nothing of an image, or not its size, the store is asked first. An image whose name is a URL is never
    fetched: it is taken as the annotations describe it.
    """

    known = looked_at or {}
    # Pixels are decoded by all cores; a header takes no longer than handing it to a thread.
    run = each_in_turn if options.root.local and options.mode != "decode" else each_in_threads
    look_at = partial(_look_at, options, None if options.mode == "decode" else home_of(options.root))

    def look(rows: Sequence[ImageRow]) -> Sequence[ImageFacts | ImageError | None]:
        found: list[ImageFacts | ImageError | None] = [None] * len(rows)
        asked: list[tuple[int, ListedFile | None]] = []
        for number, (row, file) in enumerate(zip(rows, listed.find_all([row.path for row in rows]), strict=True)):
            opened = is_opened(options.mode, row)
            if "://" in row.path or not (opened or options.mode == "exists"):
                continue
            if known and row.path in known:
                found[number] = known[row.path]
            elif file is None and options.complete:
                found[number] = _missing(options.root.below(row.path))
            elif file is None or opened:
                asked.append((number, file))
        for start in range(0, len(asked), HEADS_AT_ONCE):
            batch = asked[start : start + HEADS_AT_ONCE]
            heads = _heads(options, [(rows[number], file) for number, file in batch])
            looked = run(lambda each: look_at(*each), [(rows[n], f, h) for (n, f), h in zip(batch, heads, strict=True)])
            for (number, _), result in zip(batch, looked, strict=True):
                found[number] = result
        return found

    return look


def is_opened(mode: str | None, row: ImageRow) -> bool:
    """By default, and with `exists`, only images whose size nobody declared are opened."""
    return mode in ("header", "decode") or (mode in (None, "exists") and not (row.width and row.height))


def _missing(location: Location) -> ImageError:
    return ImageError(Rejected.MISSING_IMAGE, f"{location.shown} does not exist")


def _heads(
    options: LookOptions, images: Sequence[tuple[ImageRow, ListedFile | None]]
) -> list[bytes | StoreError | None]:
    """The first block of each image whose header is wanted and whose size is known; None for the others."""
    root = options.root
    if root.local or options.mode == "decode":
        return [None] * len(images)
    sizes = [file.size if file is not None and is_opened(options.mode, row) else 0 for row, file in images]
    ends = [min(size, FIRST_BLOCK) for size in sizes]
    parts = [Part(root.below(row.path), 0, end, end) for (row, _), end in zip(images, ends, strict=True) if end]
    heads = read_parts(parts)
    return [next(heads) if end else None for end in ends]


def _look_at(
    options: LookOptions, home: str | None, row: ImageRow, file: ListedFile | None, head: bytes | StoreError | None
) -> ImageFacts | ImageError | None:
    """Facts of an image; `head` is its first block, or why that cannot be read, or None where nobody has asked for it."""
    location = options.root.below(row.path)
    if home is not None and is_opened(options.mode, row):
        try:
            return _header_on_disk(location.path, home, file.size if file is not None else 0, row.path, options.others)
        except ImageError as error:
            return error
        except OSError:
            pass  # It is read in the way that finds out why.
    if not within(options.root, row.path):
        return ImageError(
            Rejected.UNSAFE_PATH, f"{location.shown} is a link out of {options.root.shown}, which is not followed"
        )
    try:
        size = file.size if file is not None and file.size else stat(location).size
        if not is_opened(options.mode, row):
            return None
        if isinstance(head, bytes) and (plain := plain_jpeg(head[:FIRST_BYTES], MAX_PIXELS)) is not None:
            return plain
        # A whole image is read in large steps, of which most take one.
        block = LARGEST_BLOCK if options.mode == "decode" else FIRST_BLOCK

        def fetch(start: int, end: int) -> bytes:
            if isinstance(head, StoreError):
                raise head
            return head if head is not None and (start, end) == (0, len(head)) else read_range(location, start, end)

        reader = RangeReader(fetch, size, block)
        return (decode if options.mode == "decode" else read_header)(reader, row.path, options.others)
    except MissingFileError:
        return _missing(location)
    except ImageError as error:
        return error
    except (StoreError, OSError) as error:
        return ImageError(Rejected.UNREADABLE_FILE, str(error))


def _header_on_disk(path: str, home: str, size: int, name: str, others: bool) -> ImageFacts:
    with opened_below(path, home, size or None) as descriptor:
        if (plain := plain_jpeg(os.read(descriptor, FIRST_BYTES), MAX_PIXELS)) is not None:
            return plain
        with os.fdopen(descriptor, "rb", FIRST_BLOCK, closefd=False) as file:
            return read_header(file, name, others)
