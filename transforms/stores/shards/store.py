"""Files in the shards of a directory: `shards://train-0.tar/1.jpg::s3://bucket/data`, read only.

A TAR's files are found by their paths in it, the images of a Parquet or Arrow file by names that begin with their row. All other files of the
directory are at their own paths. Shards are not listed: who reads one knows what is in it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from fsspec.spec import AbstractFileSystem

from labelbeam.transforms.stores.archives.contents import ArchiveError, Contents
from labelbeam.transforms.stores.archives.tar import Seen, Visit
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.shards.shard import Shard
from labelbeam.transforms.stores.shards.tars import TarShard

TARS = (".tar", ".tar.gz", ".tgz")
ROWS = (".parquet", ".arrow")


FILES_KEPT = 8
"""Files of rows that are kept open: each holds some megabytes of what was read last."""


def is_shard(path: str) -> bool:
    """Tell whether a file is a shard, by its name."""
    return path.lower().endswith((*TARS, *ROWS))


class ShardStore(AbstractFileSystem):  # type: ignore[misc]
    """The files of one directory, and those in its shards. Safe for threads."""

    protocol = "shards"
    root_marker = ""
    cachable = False

    def __init__(self, root: Location) -> None:
        """Nothing is read yet."""
        super().__init__()
        self._root = root
        self._lock = threading.Lock()
        self._shards: OrderedDict[str, Shard | None] = OrderedDict()

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path.strip("/")

    def invalidate_cache(self, path: str | None = None) -> None:
        """See before the next use whether the shards are still the same."""
        with self._lock:
            for shard in self._shards.values():
                if shard is not None:
                    shard.doubt()
        self._root.fs.invalidate_cache()
        super().invalidate_cache(path)

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Type, size and token of a file, or that it is a directory.

        Raises:
            FileNotFoundError: there is neither.
            ArchiveError: a shard cannot be read.
        """
        shard, inner = self._within(path)
        if shard is None:
            return {**self._root.fs.info(self._outer(path)), "name": path}
        if not inner:
            return {"name": path, "type": "directory", "size": 0}
        entry = shard.entry(inner)
        return {"name": path, "type": "file", "size": entry.size, "ETag": entry.token}

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        """A file, or its bytes [start, end); raises as `info` does."""
        shard, inner = self._within(path)
        if shard is None:
            data: bytes = self._root.fs.cat_file(self._outer(path), start=start, end=end)
            return data
        return shard.read(inner, start, end)

    def scan(self, path: str, visit: Visit[Seen]) -> tuple[Contents, dict[int, Seen]]:
        """All that is in a TAR, and what `visit` makes of its files, by where they begin; see `TarReader.scan`.

        Raises:
            ArchiveError: it cannot be read, or is none.
        """
        shard, inner = self._within(path)
        if not isinstance(shard, TarShard) or inner:
            raise ArchiveError(f"{path}: expected a TAR file")
        return shard.scan(visit)

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """Refuse to list."""
        raise ArchiveError("shards are not listed; name the directory that they lie in, or one shard")

    def find(self, path: str, **_: Any) -> Any:
        """Refuse to list."""
        return self.ls(path)

    def _outer(self, path: str) -> str:
        return self._root.below(path).path if path else self._root.path

    def _within(self, path: str) -> tuple[Shard | None, str]:
        """The shard that a path leads into, and the rest of the path; None where it leads into none."""
        parts = path.split("/")
        for count, part in enumerate(parts, 1):
            if is_shard(part):
                shard = self._shard("/".join(parts[:count]))
                if shard is not None:
                    return shard, "/".join(parts[count:])
        return None, ""

    def _shard(self, path: str) -> Shard | None:
        """The shard at a path; None where that is a directory, as some tools call theirs, or nothing."""
        with self._lock:
            if path in self._shards:
                return self._shards[path]
        try:
            is_file = self._root.fs.info(self._outer(path))["type"] == "file"
        except FileNotFoundError:
            return None
        shard = self._open(path) if is_file else None
        with self._lock:
            found = self._shards.setdefault(path, shard)
            files = [name for name, one in self._shards.items() if one is not None and not isinstance(one, TarShard)]
            for name in files[:-FILES_KEPT]:
                del self._shards[name]
            return found

    def _open(self, path: str) -> Shard:
        place = self._root.below(path)
        if path.lower().endswith(TARS):
            return TarShard(place.fs, place.path, place.shown)
        from labelbeam.transforms.stores.shards.row_shard import RowShard  # It loads pyarrow.

        return RowShard(place.fs, place.path, place.shown)
