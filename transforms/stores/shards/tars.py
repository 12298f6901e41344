"""A TAR file as a directory of its files, in 24 bytes of memory for each."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from labelbeam.transforms.columns.hashes import stable_hash
from labelbeam.transforms.stores.archives.contents import Contents, Packed
from labelbeam.transforms.stores.archives.gzipped import GzipPacked
from labelbeam.transforms.stores.archives.tar import Seen, TarReader, Visit
from labelbeam.transforms.stores.shards.shard import Entry

COMPRESSED = ("gz", "tgz")


class _Places(NamedTuple):
    """Files by the hash of their path, sorted: (n,) each."""

    hashes: npt.NDArray[np.uint64]
    starts: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]


class TarShard:
    """The files in one TAR, compressed with gzip or not. Its headers are read when one is first asked for. Safe for threads."""

    def __init__(self, fs: Any, path: str, shown: str) -> None:
        """Nothing is read yet."""
        plain = Packed(fs, path, shown)
        self._packed = GzipPacked(plain) if path.lower().endswith(COMPRESSED) else plain
        self._lock = threading.Lock()
        self._places: _Places | None = None
        self._doubted = False

    def doubt(self) -> None:
        """See before the next use whether it is still the same."""
        self._doubted = True

    def scan(self, visit: Visit[Seen]) -> tuple[Contents, dict[int, Seen]]:
        """All that is in it, and what `visit` makes of its files, by where they begin; see `TarReader.scan`.

        Raises:
            ArchiveError: it cannot be read.
        """
        with self._lock:
            self._packed.look()
            contents, data = TarReader().scan(self._packed, visit)
            self._places, self._doubted = _places_of(contents), False
            return contents, data

    def entry(self, path: str) -> Entry:
        """Size and token of a file.

        Raises:
            FileNotFoundError: it is not there, or is one that is not read.
        """
        places = self._known()
        row = self._row(places, path)
        return Entry(int(places.sizes[row]), self._packed.token)

    def read(self, path: str, start: int | None, end: int | None) -> bytes:
        """A file, or its bytes [start, end)."""
        places = self._known()
        row = self._row(places, path)
        begin, size = int(places.starts[row]), int(places.sizes[row])
        stop = size if end is None else min(end, size)
        return self._packed.read(begin + (start or 0), begin + max(start or 0, stop))

    def _known(self) -> _Places:
        if self._places is None or self._doubted:
            with self._lock:
                if self._packed.look() or self._places is None:
                    self._places = _places_of(TarReader().contents(self._packed))
                self._doubted = False
        return self._places

    def _row(self, places: _Places, path: str) -> int:
        wanted = np.uint64(stable_hash(path))
        row = int(np.searchsorted(places.hashes, wanted))
        if row == len(places.hashes) or places.hashes[row] != wanted:
            raise FileNotFoundError(path)
        return row


def _places_of(contents: Contents) -> _Places:
    rows = sorted(
        (stable_hash(path), member.start, member.size)
        for path, member in contents.files.items()
        if member.problem is None
    )
    hashes = np.array([row[0] for row in rows], np.uint64)
    return _Places(hashes, np.array([row[1] for row in rows], np.int64), np.array([row[2] for row in rows], np.int64))
