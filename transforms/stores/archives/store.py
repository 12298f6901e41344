"""Files in a ZIP or TAR archive, in any store, read only.

fsspec's own stores of archives read through one handle, which is not safe for threads and asks for one thing at a time, and they read
an archive's directory again for each unit of work. Here the directory is read once a process, and each file by a range of its
own, as many at a time as the store of the archive bears.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from fsspec.spec import AbstractFileSystem

from labelbeam.transforms.stores.archives.contents import ArchiveError, Contents, Member, Packed, Reader
from labelbeam.transforms.stores.archives.tar import TarReader
from labelbeam.transforms.stores.archives.zip import ZipReader
from labelbeam.transforms.stores.paths import is_below

LONGEST_RUN = 4 * 2**20
"""Bytes of an archive that one request asks for where many small files are wanted."""

WIDEST_GAP = 64 * 1024
"""Bytes between two files that cost less to read along than a request of their own does."""


class ArchiveStore(AbstractFileSystem):  # type: ignore[misc]
    """The files in one archive, by their paths in it. Its directory is read when it is first needed. Safe for threads."""

    protocol = ("zip", "tar")
    root_marker = ""
    cachable = False

    def __init__(self, reader: Reader, packed: Packed) -> None:
        """Nothing is read yet."""
        super().__init__()
        self._reader = reader
        self._packed = packed
        self._lock = threading.Lock()
        self._contents: Contents | None = None
        self._doubted = False

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path.strip("/")

    def invalidate_cache(self, path: str | None = None) -> None:
        """See before the next use whether the archive is still the same."""
        self._doubted = True
        super().invalidate_cache(path)

    def _known(self) -> Contents:
        with self._lock:
            if self._contents is None or self._doubted:
                if self._packed.look() or self._contents is None:
                    self._contents = None
                    self._contents = self._reader.contents(self._packed)
                self._doubted = False
            return self._contents

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Type, size and token of a file, or that it is a directory.

        Raises:
            FileNotFoundError: there is neither.
            ArchiveError: the archive cannot be read.
        """
        contents = self._known()
        if path in contents.files:
            return _info(path, contents.files[path])
        if path in contents.folders:
            return _folder(path)
        raise FileNotFoundError(path)

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """Entries directly in a directory."""
        found = self.find(path, maxdepth=1, withdirs=True, detail=True)
        return list(found.values()) if detail else list(found)

    def find(
        self, path: str, maxdepth: int | None = None, withdirs: bool = False, detail: bool = False, **_: Any
    ) -> Any:
        """Every file below a directory, and with `withdirs` the directories too.

        Raises:
            FileNotFoundError: there is no such directory.
            ArchiveError: the archive cannot be read.
        """
        contents = self._known()
        path = path.strip("/")
        if path not in contents.folders and path not in contents.files:
            raise FileNotFoundError(path)
        depth = path.count("/") + 1 if path else 0
        deepest = None if maxdepth is None else depth + maxdepth
        found = {name: _info(name, member) for name, member in contents.files.items() if is_below(name, path)}
        if withdirs:
            found |= {name: _folder(name) for name in contents.folders if name != path and is_below(name, path)}
        if deepest is not None:
            found = {name: info for name, info in found.items() if name.count("/") < deepest}
        return found if detail else list(found)

    def left_out(self, path: str) -> dict[str, list[str]]:
        """The names below a directory that are not among its files, by the reason for that."""
        by_reason = self._known().left_out
        below = {why: [name for name in names if is_below(name, path)] for why, names in by_reason.items()}
        return {why: names for why, names in below.items() if names}

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        """A file, or its bytes [start, end).

        Raises:
            FileNotFoundError: it is not in the archive.
            ArchiveError: it, or the archive, cannot be read.
        """
        member = self._member(path)
        if start is None and end is None:
            return self._reader.unpack(member, self._packed.read(member.start, member.stop))
        return self._reader.read(self._packed, member, start or 0, member.size if end is None else end)

    def _member(self, path: str) -> Member:
        contents = self._known()
        if path not in contents.files:
            for why, names in contents.left_out.items():
                if path in names:
                    raise ArchiveError(f"it is not read: {why}")
            raise FileNotFoundError(path)
        member = contents.files[path]
        if member.problem is not None:
            raise ArchiveError(member.problem)
        return member

    def runs(self, paths: Sequence[str]) -> list[list[str]]:
        """The paths in groups, each of files that lie side by side, so that `cat_run` reads it by one request."""
        files = self._known().files
        groups: list[list[str]] = []
        start = stop = -LONGEST_RUN
        for path in sorted(set(paths), key=lambda path: files[path].start if path in files else -1):
            member = files.get(path)
            if member is None or member.stop - start > LONGEST_RUN or member.start - stop > WIDEST_GAP:
                groups.append([])
                start, stop = (member.start, member.stop) if member else (-LONGEST_RUN, -LONGEST_RUN)
            groups[-1].append(path)
            stop = max(stop, member.stop if member else stop)
        return groups

    def cat_run(self, paths: Sequence[str]) -> dict[str, bytes]:
        """Files that lie side by side, whole, by one request; those that cannot be read are left out."""
        files = self._known().files
        members = {path: files[path] for path in paths if path in files and files[path].problem is None}
        if not members:
            return {}
        start = min(member.start for member in members.values())
        data = self._packed.read(start, max(member.stop for member in members.values()))
        found: dict[str, bytes] = {}
        for path, member in members.items():
            with suppress(ArchiveError):
                found[path] = self._reader.unpack(member, data[member.start - start : member.stop - start])
        return found


def _info(path: str, member: Member) -> dict[str, Any]:
    return {"name": path, "type": "file", "size": member.size, "ETag": member.token}


def _folder(path: str) -> dict[str, Any]:
    return {"name": path, "type": "directory", "size": 0}


def open_archive(kind: str, fs: Any, path: str, shown: str) -> ArchiveStore:
    """The archive of `kind`, "zip" or "tar", at `path` of the store `fs`, called `shown` in messages. Reads nothing yet."""
    return ArchiveStore(ZipReader() if kind == "zip" else TarReader(), Packed(fs, path, shown))
