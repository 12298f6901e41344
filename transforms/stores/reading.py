"""Reading files: in part, whole, and many at a time."""

from __future__ import annotations

import asyncio
import os
import stat as modes
from collections.abc import Iterator, Sequence
from itertools import repeat
from queue import SimpleQueue
from typing import NamedTuple

from fsspec.asyn import AsyncFileSystem

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.stores.archives.store import ArchiveStore
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.failures import ShortReadError
from labelbeam.transforms.stores.location import Location, within
from labelbeam.transforms.stores.retries import ask, ask_async
from labelbeam.transforms.stores.threads import READS_AT_ONCE, each_in_threads, in_threads

APART = 0.002
"""Seconds between the first requests: a server may drop connections that all come in one moment (Python's own keeps 5 waiting)."""


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


def read_regular(location: Location, most: int | None = None) -> bytes:
    """The whole of a file that someone else may have put: on a disk, no pipe or device, from which bytes may never come.

    Raises:
        StoreError: it cannot be read, or it holds more than `most` bytes.
    """
    if location.local:
        about = ask(location, "cannot be read", lambda: os.stat(location.path))
        if not modes.S_ISREG(about.st_mode):
            raise StoreError(f"{location.shown}: cannot be read: expected a file, found something else; remove it")
        if most is not None and about.st_size > most:
            raise StoreError(f"{location.shown}: cannot be read: expected {most} bytes at most, found {about.st_size}")
    return read_file(location)


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
