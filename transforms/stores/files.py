"""Object stores and local disks through fsspec: list, read, write, remove.

Rules that hold for every store: a listing is made once and never file by file; a read that comes back short or long is
an error; a file is written in one put, so that nobody ever sees half of it.
"""

from __future__ import annotations

import errno
import os
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple, TypeVar
from uuid import uuid4

from labelbeam.transforms.stores.errors import MissingFileError, StoreError
from labelbeam.transforms.stores.failures import status
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.retries import ask
from labelbeam.transforms.stores.threads import in_threads
from labelbeam.transforms.stores.tokens import content_token

_Answer = TypeVar("_Answer")


class StoredFile(NamedTuple):
    """One file of a listing: its path below the listed root, its size, and a token that changes with its content."""

    path: str
    size: int
    token: str


class Directory(NamedTuple):
    """Entries directly in a directory: its files, their paths being their names, and its folders' names; each sorted."""

    files: list[StoredFile]
    folders: list[str]


TEMPORARY = re.compile(r"\.labelbeam-[0-9a-f]{32}\.tmp")
"""The names under which files are written on a disk before they get their own."""


def kind(location: Location) -> str | None:
    """Kind of what is there: "file", "directory", or, locally, "other"; None for nothing.

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
    _by_way_of_temporary(path, data, lambda temporary: temporary.replace(path))


def _by_way_of_temporary(path: Path, data: bytes, place: Callable[[Path], _Answer]) -> _Answer:
    """Write a file beside `path`, and have `place` give it that name; again where another run, a clean, has taken it for a dead run's."""

    def attempt() -> _Answer:
        # Its own name might be as long as a name may be.
        temporary = path.with_name(f".labelbeam-{uuid4().hex}.tmp")
        try:
            _write_new(temporary, data)
            return place(temporary)
        finally:
            temporary.unlink(missing_ok=True)

    for _ in range(_OFTEN):
        with suppress(FileNotFoundError):
            return attempt()
    return attempt()


def _write_new(path: Path, data: bytes) -> None:
    with _open_new(path) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def version(location: Location) -> str | None:
    """Version of a file's content for `put_if`; None where there is no file, or the store cannot tell.

    Raises:
        StoreError: the store does not say.
    """
    if not hasattr(location.fs, "put_if"):
        return None
    try:
        return str(ask(location, "cannot be read", lambda: location.fs.version(location.path)))
    except MissingFileError:
        return None


def put_if(location: Location, data: bytes, seen: str | None) -> bool:
    """`put`, if there is still what `version` has seen; for None, if there is nothing. Whether it was put.

    The store decides in the moment of writing: S3, Azure Blob and Google Cloud Storage, and a disk for None. Others only put.

    Raises:
        StoreError: it cannot be written.
    """
    if location.local:
        return ask(location, "cannot be written", lambda: _put_new_local(Path(location.path), data))
    if not hasattr(location.fs, "put_if"):
        put(location, data)
        return True

    def call() -> bool:
        try:
            location.fs.put_if(location.path, data, seen)
        except Exception as error:
            gone = (404,) if seen is not None else ()  # S3's word for a condition that what is not there cannot meet.
            if status(error) in (409, 412, *gone) or isinstance(error, FileExistsError):
                return False
            if status(error) != 501:
                raise
            location.fs.pipe_file(location.path, data)  # A store that speaks S3's protocol without conditions.
        return True

    return ask(location, "cannot be written", call)


def _put_new_local(path: Path, data: bytes) -> bool:
    def place(temporary: Path) -> bool:
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
                raise
            if path.exists():  # A disk without hard links.
                return False
            temporary.replace(path)
        return True

    return _by_way_of_temporary(path, data, place)


def put_through(location: Location, data: bytes, way: Location, check: Callable[[], None]) -> None:
    """`put` on a disk by way of the file `way` on the same one, after `check`: only if nobody has removed that one meanwhile.

    Raises:
        MissingFileError: somebody has.
        StoreError: it cannot be written.
    """
    ask(way, "cannot be written", lambda: _write_new(Path(way.path), data))
    check()
    ask(location, "cannot be written", lambda: os.replace(way.path, location.path))


def put_over(location: Location, data: bytes, way: Location) -> bool:
    """`put` over a file that is there, and never anew where somebody has removed it. Whether it was put.

    Only this run writes the file, and others remove it. On a disk it is put by way of the file `way`: whoever removes the file, then
    that one, and then the file once more, has removed it for good. Stores without conditions are asked right before.

    Raises:
        StoreError: it cannot be written.
    """
    if location.local:
        with suppress(FileNotFoundError):
            os.unlink(way.path)  # Of a try that failed on its way.
        try:
            put_through(location, data, way, lambda: _check_is_there(location))
        except MissingFileError:
            return False
        return True
    for _ in range(3):
        seen = version(location)
        if seen is None and (hasattr(location.fs, "put_if") or kind(location) is None):
            return False
        if put_if(location, data, seen):
            return True
        # It was put by a try whose answer was lost, or it was removed: the next look tells.
    raise StoreError(
        f"{location.shown}: cannot be written: it changed again and again; does something else write to it?"
    )


def _check_is_there(location: Location) -> None:
    if kind(location) is None:
        raise MissingFileError(f"{location.shown}: is not there any more")


_OFTEN = 100


def _open_new(path: Path) -> BinaryIO:
    for _ in range(_OFTEN):
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # Another run has removed the directory meanwhile, because it was empty.
            return path.open("xb")
    return path.open("xb")


def list_directory(root: Location) -> Directory:
    """Entries directly below `root`, asked anew; nothing where there is no directory. Links count as what they lead to.

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

    On a disk, the directories below `root` that this leaves empty go too, as they do in an object store; and no link below
    `root` is followed, also not one that takes a directory's place meanwhile.

    Raises:
        StoreError: a file cannot be removed; others may be gone by then.
    """
    if not root.local:
        in_threads(lambda path: _remove_stored(root.below(path)), paths)
    elif paths:
        _remove_local(root, paths)


def _remove_stored(location: Location) -> None:
    with suppress(MissingFileError):
        ask(location, "cannot be removed", lambda: location.fs.rm_file(location.path))


def _remove_local(root: Location, paths: Sequence[str]) -> None:
    by_folder: dict[str, list[str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        by_folder.setdefault(folder, []).append(name)
    for folder, names in by_folder.items():
        with suppress(MissingFileError), _folder_below(root, folder) as opened:
            for name in names:
                with suppress(MissingFileError):
                    place = root.below(f"{folder}/{name}" if folder else name)
                    ask(place, "cannot be removed", partial(os.unlink, name, dir_fd=opened))
    above = {str(parent) for folder in by_folder if folder for parent in (PurePosixPath(folder, "x").parents)} - {"."}
    remove_empty(root, above)


def remove_empty(root: Location, folders: Iterable[str]) -> None:
    """Remove those of the directories `folders` below `root`, on a disk, that hold nothing, the deepest first."""
    for folder in sorted(folders, key=len, reverse=True):
        parent, _, name = folder.rpartition("/")
        with suppress(MissingFileError, OSError), _folder_below(root, parent) as opened:
            os.rmdir(name, dir_fd=opened)  # It fails where something lies there, or came meanwhile.


@contextmanager
def _folder_below(root: Location, folder: str) -> Iterator[int]:
    """A directory below `root`, opened step by step so that no link is followed on the way.

    Raises:
        MissingFileError: there is none; a link is none.
    """

    def opened() -> int:
        found = os.open(root.path, os.O_RDONLY | os.O_DIRECTORY)
        for name in filter(None, folder.split("/")):
            try:
                below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=found)
            finally:
                os.close(found)
            found = below
        return found

    descriptor = ask(root.below(folder) if folder else root, "cannot be opened", opened)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def is_link(location: Location) -> bool:
    """Tell whether there is a link, on a disk, rather than what it leads to."""
    return location.local and os.path.islink(location.path)


def sync_directories(root: Location) -> None:
    """Have a disk keep the names of all files below `root`, and of `root` itself, over a power failure. Elsewhere, nothing.

    Files are synced as they are written; this is about the directories, each once.

    Raises:
        StoreError: the disk fails.
    """
    if root.local and os.path.isdir(root.path):
        ask(root, "cannot be synced", lambda: _sync_below(root.path))


_NOT_SYNCED = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM)
"""What systems answer that sync no directories, and directories of others above one's own."""


def sync_directory(root: Location) -> None:
    """The same for what lies directly in `root`.

    Raises:
        StoreError: the disk fails.
    """
    if root.local:
        ask(root, "cannot be synced", lambda: _sync(root.path))


def _sync_below(root: str) -> None:
    folders = [folder for folder, _, _ in os.walk(root)]
    for folder in [*reversed(folders), *map(str, Path(root).parents)]:
        _sync(folder)


def _sync(folder: str) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SYNCED:
            raise
