"""The names that a TAR file begins with, at the cost of its first headers."""

from __future__ import annotations

import tarfile
import zlib
from contextlib import suppress

from labelbeam.transforms.stores.archives.gzipped import MAGIC
from labelbeam.transforms.stores.archives.tar import HeaderInfo
from labelbeam.transforms.stores.files import stat
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.range_reader import RangeReader
from labelbeam.transforms.stores.reading import read_range

MOST_NAMES = 64
"""Names that are looked at: a sample has few files."""

_PACKED, _UNPACKED = 2**20, 4 * 2**20
"""Bytes of a compressed file that are read, and unpacked at most."""


def first_names(place: Location) -> list[str]:
    """The paths of the first files in a TAR, compressed with gzip or not; none where it is none.

    Raises:
        StoreError: it cannot be read.
    """
    size = stat(place).size
    head = read_range(place, 0, min(size, _PACKED if not place.local else 512))
    if head.startswith(MAGIC):
        unpacked = b""
        with suppress(zlib.error):
            packed = read_range(place, 0, min(size, _PACKED))
            unpacked = zlib.decompressobj(wbits=31).decompress(packed, _UNPACKED)
        source = RangeReader(lambda start, end: unpacked[start:end], len(unpacked))
    else:
        source = RangeReader(lambda start, end: read_range(place, start, end), size, 512 if place.local else 64 * 1024)
    names: list[str] = []
    with (
        suppress(tarfile.TarError, ValueError, OverflowError, IndexError, RecursionError),
        tarfile.open(fileobj=source, mode="r:", errorlevel=2, tarinfo=HeaderInfo) as archive,
    ):
        for info in archive:
            if len(names) >= MOST_NAMES:
                break
            if info.isfile():
                names.append(info.name.removeprefix("./"))
    return names
