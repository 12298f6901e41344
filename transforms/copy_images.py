"""Copy the images of a bucket to where training reads them, many at a time."""

from __future__ import annotations

from collections.abc import Sequence

from transforms.stores import Location, MissingFileError, in_threads, put, read_file, stat, within


def copy_images(paths: Sequence[str], source: Location, target: Location) -> int:
    """Copy the files at `paths` below `source` to the same paths below `target`; return how many were copied.

    A file that is there already with the same size is left alone. An image whose name is a URL is not fetched.

    Raises:
        StoreError: an image cannot be read, or cannot be written.
    """

    def copy(path: str) -> int:
        if "://" in path or not within(source, path):
            return 0
        origin, copied = source.below(path), target.below(path)
        try:
            if stat(copied).size == stat(origin).size:
                return 0
        except MissingFileError:
            # Nothing there yet; if it is the image that is missing, reading it says so.
            pass
        put(copied, read_file(origin))
        return 1

    return sum(in_threads(copy, paths))
