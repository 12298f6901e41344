"""Object stores and local disks through fsspec: list, read, write, remove.

Rules that hold for every store: a listing is made once and never file by file; a read that comes back short or long is
an error; a file is written in one put, so that nobody ever sees half of it.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import repeat
from pathlib import Path, PurePosixPath
from queue import SimpleQueue
from typing import Any, BinaryIO, NamedTuple, TypeVar
from uuid import uuid4

from fsspec.asyn import AsyncFileSystem

from schemas.errors import LabelBeamError
from transforms.stores.archives import ArchiveStore
from transforms.stores.errors import MissingFileError, StoreError
from transforms.stores.failures import ShortReadError
from transforms.stores.locations import Location, within
from transforms.stores.retries import ask, ask_async
from transforms.stores.tokens import content_token

READS_AT_ONCE = 64
"""How many small files are read at the same time; beyond that most stores answer no faster."""

APART = 0.002
"""Seconds between the first requests: a server may drop connections that all come in one moment (Python's own keeps 5 waiting)."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


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

    Raises:
        StoreError: the store does not tell.
    """
    try:
        return str(ask(location, "cannot be read", lambda: location.fs.info(location.path))["type"])
    except MissingFileError:
        return None


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


def read_range(location: Location, start: int, end: int) -> bytes:
    """The bytes [start, end) of a file.

    Raises:
        StoreError: it cannot be read, or not exactly so many bytes came back (a store that ignores ranges does that).
    """
    if start == end:
        return b""  # Stores refuse an empty range.
    data = _read(location, f"bytes {start} to {end} cannot be read", start, end, end - start)
    if len(data) != end - start:
        raise StoreError(
            f"{location.shown}: asked for bytes {start} to {end}, expected {end - start} of them, got {len(data)}; "
            "the store ignores ranges, or the file changed while it was read"
        )
    return data


def read_file(location: Location, size: int | None = None) -> bytes:
    """The whole of a small file; `size` is how many bytes a listing has told of, where it is known.

    Raises:
        StoreError: it cannot be read, or it is not of that size: a body can end early without a trace in the protocol.
    """
    data = _read(location, "cannot be read", None, None, size or 0)
    if size is not None and len(data) != size:
        raise _other_size(location, data, size)
    return data


def _other_size(location: Location, data: bytes, size: int) -> StoreError:
    return StoreError(
        f"{location.shown}: expected {size} bytes, as it was listed with, got {len(data)}; the file changed meanwhile: run again"
    )


class Part(NamedTuple):
    """A file, or its bytes [start, end), of which `expected` are to come; 0 where that is not known."""

    location: Location
    start: int | None
    end: int | None
    expected: int


def read_parts(parts: Sequence[Part]) -> Iterator[bytes | StoreError]:
    """Files of one store, or parts of them, in the order asked for, many at a time; a failure takes the place of its bytes.

    Each is given out as soon as it and those before it are there.

    Raises:
        UnavailableError: the store stays out of reach.
    """
    if len(parts) > 1 and isinstance(parts[0].location.fs, AsyncFileSystem):
        return _in_event_loop(parts)
    return each_in_threads(_part_or_error, parts)


def _part_or_error(part: Part) -> bytes | StoreError:
    try:
        return _read(part.location, "cannot be read", *part[1:])
    except StoreError as error:
        return error


def _in_event_loop(parts: Sequence[Part]) -> Iterator[bytes | StoreError]:
    """As in threads, at two thirds of the cost: a request that waits needs no thread of its own."""
    arrived: SimpleQueue[tuple[int, bytes | LabelBeamError] | None] = SimpleQueue()
    waiting = iter(enumerate(parts))

    async def fetch(after: float) -> None:
        await asyncio.sleep(after)
        for number, part in waiting:
            try:
                arrived.put((number, await _read_async(part)))
            except LabelBeamError as error:
                arrived.put((number, error))

    async def fetch_all() -> None:
        await asyncio.gather(*(fetch(number * APART) for number in range(min(READS_AT_ONCE, len(parts)))))

    fetching = asyncio.run_coroutine_threadsafe(fetch_all(), parts[0].location.fs.loop)
    fetching.add_done_callback(lambda _: arrived.put(None))
    early: dict[int, bytes | LabelBeamError] = {}
    try:
        for number in range(len(parts)):
            while number not in early:
                if (item := arrived.get()) is None:
                    fetching.result()  # It ended before all had arrived, so this raises what ended it.
                else:
                    early.update([item])
            found = early.pop(number)
            if isinstance(found, LabelBeamError) and not isinstance(found, StoreError):
                raise found
            yield found
    finally:
        fetching.cancel()


async def _read_async(part: Part) -> bytes:
    fs, path = part.location.fs, part.location.path

    async def read() -> bytes:
        data: bytes = await fs._cat_file(path, start=part.start, end=part.end)
        if len(data) < part.expected:
            _check_length(data, part, (await fs._info(path)).get("size"))
        return data

    return await ask_async(part.location, "cannot be read", read)


def _check_length(data: bytes, part: Part, size: int | None) -> None:
    if size is None or size >= (part.start or 0) + part.expected:
        raise ShortReadError(f"expected {part.expected} bytes, got {len(data)}")


def _read(location: Location, what: str, start: int | None, end: int | None, expected: int) -> bytes:
    """A file or a part of it, asked for again where less came than `expected` although the file is as long as ever."""

    def read() -> bytes:
        data: bytes = location.fs.cat_file(location.path, start=start, end=end)
        if len(data) < expected and not location.local:
            _check_length(data, Part(location, start, end, expected), location.fs.info(location.path).get("size"))
        return data

    return ask(location, what, read)


def read_many(
    root: Location, paths: Sequence[str], sizes: Sequence[int | None] | None = None
) -> Iterator[bytes | StoreError]:
    """Whole small files below `root`, in the order asked for, many at a time; a failure takes the place of its bytes.

    Each is given out as soon as it and those before it are there: the caller works on it while the others are on their way.
    `sizes` are those that a listing has told of, in the same order, as for `read_file`.

    Raises:
        UnavailableError: the store stays out of reach.
    """

    places = [root.below(path) for path in paths]
    known: dict[str, bytes | StoreError] = dict(_read_together(root, paths))
    known |= {
        path: StoreError(f"{place.shown}: is a link out of {root.shown}, which is not followed")
        for path, place in zip(paths, places, strict=True)
        if not within(root, path)
    }
    wanted = list(zip(paths, places, sizes or repeat(None, len(paths)), strict=True))
    arriving = read_parts([Part(place, None, None, size or 0) for path, place, size in wanted if path not in known])
    for path, place, size in wanted:
        found = known[path] if path in known else next(arriving)
        if isinstance(found, bytes) and size is not None and len(found) != size:
            found = _other_size(place, found, size)
        yield found


def _read_together(root: Location, paths: Sequence[str]) -> dict[str, bytes]:
    """Those of the files that lie side by side in an archive, so that one request reads many; none where it fails."""
    if not isinstance(root.fs, ArchiveStore):
        return {}
    by_path = {root.below(path).path: path for path in paths}

    def read(run: Sequence[str]) -> dict[str, bytes]:
        try:
            found: dict[str, bytes] = ask(root, "cannot be read", lambda: root.fs.cat_run(run))
        except StoreError:
            return {}  # Each by itself, so that each gets its own words.
        return {by_path[path]: data for path, data in found.items()}

    try:
        runs = ask(root, "cannot be read", lambda: root.fs.runs(list(by_path)))
    except StoreError:
        return {}
    return {path: data for found in in_threads(read, runs) for path, data in found.items()}


def in_threads(call: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """`[call(item) for item in items]`, up to `READS_AT_ONCE` at a time: for calls that wait on a store."""
    return list(each_in_threads(call, items))


def each_in_threads(call: Callable[[_Item], _Result], items: Sequence[_Item]) -> Iterator[_Result]:
    """The same, each result as soon as it and those before it are there."""
    if len(items) < 2:
        yield from map(call, items)
        return
    with ThreadPoolExecutor(min(READS_AT_ONCE, len(items))) as pool:
        yield from pool.map(call, items)


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
