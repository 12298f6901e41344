"""Reading files: in part, whole, and many parts at a time."""

from __future__ import annotations

import asyncio
import errno
import os
import stat as modes
from collections.abc import Iterator, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import NamedTuple

from fsspec.asyn import AsyncFileSystem

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.stores.archives.store import ArchiveStore
from labelbeam.transforms.stores.errors import ChangedFileError, MissingFileError, StoreError, TooLongError
from labelbeam.transforms.stores.failures import LongerError, ShortReadError
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.retries import ask, ask_async
from labelbeam.transforms.stores.threads import READS_AT_ONCE, each_in_threads
from labelbeam.transforms.workers.budget import check_room

APART = 0.002
"""Seconds between the first requests: a server may drop connections that all come in one moment (Python's own keeps 5 waiting)."""


def read_range(location: Location, start: int, end: int) -> bytes:
    """The bytes [start, end) of a file.

    Raises:
        StoreError: it cannot be read, or not exactly so many bytes came back (a store that ignores ranges does that).
    """
    if start == end:
        return b""  # Stores refuse an empty range.
    data = _read(Part(location, start, end, end - start), f"bytes {start} to {end} cannot be read")
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
    try:
        data = _read(Part(location, None, None, size or 0, size), "cannot be read")
    except TooLongError:
        if size is None:
            raise
        raise other_size(location, "more", size) from None
    if size is not None and len(data) != size:
        raise other_size(location, str(len(data)), size)
    return data


NOTE = 2**20
"""Bytes of a pointer, a claim, a marker or an MLTable: a run's own have some hundred, an MLTable some thousand."""

DOCUMENT = 2**30
"""Bytes of what grows with shards and labels: a manifest, a receipt, a report of a pipeline; 100,000 shards make 0.5 GB."""


ANY = 2**40
"""What a person has made as large as it is, such as predictions: as large as there is memory for."""

_ASKED_FROM = 64 * 2**20
"""Bytes from which on a store is asked how large a file is, before more than a note's are read of it."""


def read_bounded(location: Location, most: int = NOTE) -> bytes:
    """The whole of a file that someone else may have put, which may be of any size: no more of it is held than it may have.

    Raises:
        StoreError: it cannot be read, or it holds more than `most` bytes.
        ShortageError: there is no memory for it.
    """
    is_object = not (location.on_the_web or location.local or isinstance(location.fs, ArchiveStore))
    if is_object and most > _ASKED_FROM:
        with suppress(TooLongError):
            return read_bounded(location, NOTE)  # Nearly all are so small, and to ask for the size is more requests.
    if location.on_the_web:
        part = Part(location, None, None, 0, most)
    elif not is_object or most > _ASKED_FROM:
        size = size_of(location)
        if size > most:
            raise _too_large(location, most, f"{size:,}")
        check_room(size, location.shown)
        # What a run puts anew again and again, such as a claim, may be longer by the time it is read.
        part = Part(location, None, None, size, min(max(size, NOTE), most))
    else:  # The size would be a request more, and it may have grown since.
        part = Part(location, 0, most + 1, 0)
    try:
        data = _read(part, "cannot be read")
    except TooLongError:
        if part.most is not None and part.most < most:
            raise other_size(location, "more", part.expected) from None
        raise _too_large(location, most, "more") from None
    except MissingFileError:
        raise
    except StoreError:
        if part.end is None or size_of(location):
            raise
        return b""  # A store has no first byte of an empty file.
    if len(data) > most:
        raise _too_large(location, most, "more")
    return data


def size_of(location: Location) -> int:
    """Bytes of a file; 0 where a store does not tell."""
    if location.local:
        return ask(location, "cannot be read", lambda: _check_regular(location.path))
    size = ask(location, "cannot be read", lambda: location.fs.info(location.path).get("size"))
    return int(size or 0)


def _too_large(location: Location, most: int, found: str) -> TooLongError:
    return TooLongError(
        f"{location.shown}: cannot be read: expected {most:,} bytes at most, found {found}; is it another file?"
    )


def other_size(location: Location, got: str, size: int) -> StoreError:
    """The error of a file of which `got` bytes came where a listing told of `size`."""
    return ChangedFileError(
        f"{location.shown}: expected {size} bytes, as it was listed with, got {got}; the file changed meanwhile: run again"
    )


class Part(NamedTuple):
    """A file, or its bytes [start, end), of which `expected` are to come; 0 where that is not known.

    `most` is how many a whole file may have: of what a server sends or a file has become, no more is held.
    """

    location: Location
    start: int | None
    end: int | None
    expected: int
    most: int | None = None

    def bounds(self) -> dict[str, int | None]:
        """Request to a store."""
        if self.start is not None or self.end is not None or self.most is None:
            return {"start": self.start, "end": self.end}
        if self.location.on_the_web:
            return {"start": None, "end": None, "most": self.most}
        # One more tells that it is longer. Other stores hold what they have listed.
        return {"start": None, "end": self.most + 1 if self.location.local else None}


def read_parts(parts: Sequence[Part]) -> Iterator[bytes | StoreError]:
    """Files of one store, or parts of them, in the order asked for, many at a time; a failure takes the place of its bytes.

    Each is given out as soon as it and those before it are there.

    Raises:
        UnavailableError: the store stays out of reach.
    """
    if len(parts) > 1 and isinstance(parts[0].location.fs, AsyncFileSystem):
        return _in_event_loop(parts)
    return each_in_threads(part_or_error, parts)


def part_or_error(part: Part) -> bytes | StoreError:
    """The bytes of one part, or why they cannot be read."""
    try:
        return _read(part, "cannot be read")
    except StoreError as error:
        return error


def _in_event_loop(parts: Sequence[Part]) -> Iterator[bytes | StoreError]:
    """Read as in threads, at two thirds of the cost: a request that waits needs no thread of its own."""
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
        data: bytes = await fs._cat_file(path, **part.bounds())
        if len(data) < part.expected:
            _check_length(data, part, (await fs._info(path)).get("size"))
        return _no_longer(data, part)

    return await ask_async(part.location, "cannot be read", read)


def _check_length(data: bytes, part: Part, size: int | None) -> None:
    if size is None or size >= (part.start or 0) + part.expected:
        raise ShortReadError(f"expected {part.expected} bytes, got {len(data)}")


def _no_longer(data: bytes, part: Part) -> bytes:
    cut = part.location.local or part.location.on_the_web
    if cut and part.most is not None and len(data) > part.most:
        raise LongerError(f"it has more than {part.most} bytes")
    return data


def _read(part: Part, what: str) -> bytes:
    """A file or a part of it, asked for again where less came than `expected` although the file is as long as ever."""

    def read() -> bytes:
        if location.local:
            size = _check_regular(location.path)
            if part.start is None:
                check_room(size if part.most is None else min(size, part.most), location.shown)
        data: bytes = location.fs.cat_file(location.path, **part.bounds())
        if len(data) < part.expected and not location.local:
            _check_length(data, part, location.fs.info(location.path).get("size"))
        return _no_longer(data, part)

    location = part.location

    return ask(location, what, read)


def _check_regular(path: str) -> int:
    """Make sure that bytes come of what is there, and tell how many. Others may have put a pipe, which is waited for, or a device
    without an end.

    Raises:
        OSError: it is neither a file nor a directory, or nothing.
    """
    about = os.stat(path)
    mode = about.st_mode
    if not (modes.S_ISREG(mode) or modes.S_ISDIR(mode)):  # What is wrong with a directory, the system says by itself.
        raise OSError(errno.EINVAL, "expected a file, found a pipe, a socket or a device, which is not read")
    return about.st_size
