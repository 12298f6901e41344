"""Copy the images of a bucket to where training reads them, many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from transforms.locations import Location, within
from transforms.store_errors import MissingFileError
from transforms.stores import in_threads, put, read_file, stat


def copy_images(paths: Sequence[str], source: Location, target: Location) -> int:
    """Copy the files at `paths` below `source` to the same paths below `target`; return how many were copied.

    A file that is there already with the same bytes is left alone. An image whose name is a URL is not fetched.

    Raises:
        StoreError: an image cannot be read, or cannot be written.
    """

    def copy(path: str) -> int:
        if "://" in path or not within(source, path):
            return 0
        copied, data = target.below(path), read_file(source.below(path))
        with suppress(MissingFileError):
            # Neither size nor time tells an image that was replaced by another: no two stores mean the same by them.
            if stat(copied).size == len(data) and read_file(copied) == data:
                return 0
        put(copied, data)
        return 1

    return sum(in_threads(copy, paths))
