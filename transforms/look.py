"""Look at the image files of one bucket, as far as the build asks for it, many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from schemas.reasons import Rejected
from transforms.assemble import LookAt
from transforms.fragments import ImageRow, stable_hash
from transforms.images import ImageError, ImageFacts, decode, read_header
from transforms.locations import Location, within
from transforms.range_reader import RangeReader
from transforms.store_errors import MissingFileError, StoreError
from transforms.stores import in_threads, read_range, stat


@dataclass(frozen=True, slots=True)
class LookOptions:
    """How far to look: `mode` is the option --check-images, None for its default."""

    mode: str | None
    root: Location


def path_hashes(paths: Sequence[str]) -> bytes:
    """The existing files of an images root as sorted 64-bit hashes of their paths: what `exists` is answered from."""
    return np.sort(np.array([stable_hash(path) for path in paths], np.uint64)).tobytes()


def looker(options: LookOptions, existing: bytes | None) -> LookAt:
    """The function that looks at images; `existing` are the `path_hashes` of the images root, for mode `exists`.

    An image whose name is a URL is never fetched: it is taken as the annotations describe it.
    """
    listed = np.frombuffer(existing or b"", np.uint64)

    def look(rows: Sequence[ImageRow]) -> Sequence[ImageFacts | ImageError | None]:
        found: list[ImageFacts | ImageError | None] = [None] * len(rows)
        if options.mode == "exists":
            for number, there in enumerate(_are_listed(rows, listed)):
                found[number] = None if there else _missing(options.root.below(rows[number].path))
        wanted = [number for number, row in enumerate(rows) if _is_wanted(options.mode, row) and found[number] is None]
        looked = in_threads(lambda number: _look_at(options, rows[number]), wanted)
        for number, result in zip(wanted, looked, strict=True):
            found[number] = result
        return found

    return look


def _is_wanted(mode: str | None, row: ImageRow) -> bool:
    """By default, and with `exists`, only images whose size nobody declared are opened."""
    if "://" in row.path:
        return False
    return mode in ("header", "decode") or (mode in (None, "exists") and not (row.width and row.height))


def _are_listed(rows: Sequence[ImageRow], listed: npt.NDArray[np.uint64]) -> list[bool]:
    hashes = np.array([stable_hash(row.path) for row in rows], np.uint64)
    return [bool(there) or "://" in row.path for there, row in zip(np.isin(hashes, listed), rows, strict=True)]


def _missing(location: Location) -> ImageError:
    return ImageError(Rejected.MISSING_IMAGE, f"{location.shown} does not exist")


def _look_at(options: LookOptions, row: ImageRow) -> ImageFacts | ImageError:
    location = options.root.below(row.path)
    if not within(options.root, row.path):
        return ImageError(
            Rejected.UNSAFE_PATH, f"{location.shown} is a link out of {options.root.shown}, which is not followed"
        )
    try:
        reader = RangeReader(lambda start, end: read_range(location, start, end), stat(location).size)
        return (decode if options.mode == "decode" else read_header)(reader, row.path)
    except MissingFileError:
        return _missing(location)
    except ImageError as error:
        return error
    except (StoreError, OSError) as error:
        return ImageError(Rejected.UNREADABLE_FILE, str(error))
