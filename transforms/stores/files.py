"""Object stores and local disks through fsspec: list, read, write, remove.

Rules that hold for every store: a listing is made once and never file by file; a read that comes back short or long is
an error; a file is written in one put, so that nobody ever sees half of it.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple
from uuid import uuid4

from labelbeam.transforms.stores.errors import MissingFileError, StoreError
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.retries import ask
from labelbeam.transforms.stores.threads import in_threads
from labelbeam.transforms.stores.tokens import content_token


class StoredFile(NamedTuple):
    """One file of a listing: its path below the listed root, its size, and a token that changes with its content."""

    path: str
    size: int
    token: str


class Directory(NamedTuple):
    """What lies directly in a directory: its files, their paths being their names, and its folders' names; each sorted."""

    files: list[StoredFile]
    folders: list[str]


TEMPORARY = re.compile(r"\.[0-9a-f]{32}\.tmp")
"""The names under which files are written on a disk before they get their own."""


def kind(location: Location) -> str | None:
    """What is there: "file", "directory", or, locally, "other"; None for nothing.

    An object of no bytes below whose name others lie is a directory: some tools mark directories so.

    Raises:
        StoreError: the store does not tell.
    """
    try:
        info = ask(location, "cannot be read", lambda: location.fs.info(location.path))
    except MissingFileError:
        return None
    if info["type"] == "file" and info.get("size") == 0 and not (location.local or location.on_the_web):
        held = list_directory(location)
        return "directory" if held.files or held.folders else "file"
    return str(info["type"])


def stat(location: Location) -> StoredFile:
    """Size and token of one file.

    Raises:
        MissingFileError: it does not exist, or is a directory.
        StoreError: it cannot be read.
    """
    info, token = ask(location, "cannot be read", lambda: _info_and_token(location))
    if info["type"] != "file":
        raise MissingFileError(f"{location.shown}: expected a file, found: {info['type']}")
    if info.get("size") is None:
        raise StoreError(f"{location.shown}: the store does not tell the file's size, without which it cannot be cut")
    return StoredFile(posixpath.basename(location.path), int(info["size"]), token)


def _info_and_token(location: Location) -> tuple[dict[str, Any], str]:
    info = location.fs.info(location.path)
    return info, str(os.stat(location.path).st_mtime_ns) if location.local else content_token(info)


def put(location: Location, data: bytes) -> None:
    """Write a file in one step: nobody sees it before it is whole.

    Raises:
        StoreError: it cannot be written.
    """
    if location.local:
        ask(location, "cannot be written", lambda: _put_local(Path(location.path), data))
    else:
        ask(location, "cannot be written", lambda: location.fs.pipe_file(location.path, data))


def _put_local(path: Path, data: bytes) -> None:
    # Its own name might be as long as a name may be.
    temporary = path.with_name(f".{uuid4().hex}.tmp")
    try:
        with _open_new(temporary) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


_OFTEN = 100


def _open_new(path: Path) -> BinaryIO:
    for _ in range(_OFTEN):
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # Another run has removed the directory meanwhile, because it was empty.
            return path.open("xb")
    return path.open("xb")


def list_directory(root: Location) -> Directory:
    """What lies directly below `root`, asked anew; nothing where there is no directory. Links count as what they lead to.

    Raises:
        StoreError: it cannot be listed.
    """
    try:
        return ask(root, "cannot be listed", lambda: _local_directory(root) if root.local else _store_directory(root))
    except MissingFileError:
        return Directory([], [])


def _local_directory(root: Location) -> Directory:
    found = Directory([], [])
    with os.scandir(root.path) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # It went while the others were read.
                if entry.is_dir():
                    found.folders.append(entry.name)
                elif entry.is_file():
                    about = entry.stat()
                    found.files.append(StoredFile(entry.name, about.st_size, str(about.st_mtime_ns)))
    return Directory(sorted(found.files), sorted(found.folders))


def _store_directory(root: Location) -> Directory:
    root.fs.invalidate_cache()  # As in `expand`.
    found = Directory([], [])
    for info in root.fs.ls(root.path, detail=True):
        path = str(info["name"]).rstrip("/")
        name = posixpath.basename(path)
        if path == root.path or not name:
            continue  # The directory itself, for which some tools put an empty object.
        if info["type"] == "directory":
            found.folders.append(name)
        elif info["type"] == "file":
            found.files.append(StoredFile(name, int(info.get("size") or 0), content_token(info)))
    return Directory(sorted(found.files), sorted(found.folders))


def remove_files(root: Location, paths: Sequence[str]) -> None:
    """Remove the files at `paths` below `root`, many at a time; what is gone already is no error.

    On a disk, the directories below `root` that this leaves empty go too, as they do in an object store.

    Raises:
        StoreError: a file cannot be removed; others may be gone by then.
    """

    def remove(path: str) -> None:
        location = root.below(path)
        call = Path(location.path).unlink if root.local else lambda: location.fs.rm_file(location.path)
        with suppress(MissingFileError):
            ask(location, "cannot be removed", call)

    in_threads(remove, paths)
    if root.local:
        folders = {str(above) for path in paths for above in PurePosixPath(path).parents} - {"."}
        for folder in sorted(folders, key=len, reverse=True):
            with suppress(OSError):  # Something else lies there, or came meanwhile; or it went meanwhile.
                os.rmdir(root.below(folder).path)
