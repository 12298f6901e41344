"""Reading many whole files at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import repeat
from typing import NamedTuple

from labelbeam.transforms.stores.archives.store import ArchiveStore
from labelbeam.transforms.stores.disk import home_of, read_below
from labelbeam.transforms.stores.errors import StoreError, TooLongError
from labelbeam.transforms.stores.location import Location, within
from labelbeam.transforms.stores.reading import Part, other_size, part_or_error, read_parts
from labelbeam.transforms.stores.retries import ask
from labelbeam.transforms.stores.threads import each_in_turn, in_threads
from labelbeam.transforms.workers.budget import reading

LARGEST = 2**30
"""Bytes of a file that is held whole where nobody knows better."""

PROBED = 2**20
"""Bytes that a file of unknown size is read up to among others; what is longer is read again, alone."""


class _Wanted(NamedTuple):
    path: str
    size: int | None
    most: int


def read_many(
    root: Location,
    paths: Sequence[str],
    sizes: Sequence[int | None] | None = None,
    most: Sequence[int] | int = LARGEST,
) -> Generator[bytes | StoreError, None, None]:
    """Whole small files below `root`, in the order asked for, many at a time; a failure takes the place of its bytes.

    Each is given out as soon as it and those before it are there: the caller works on it while the others are on their way.
    Their bytes come out of the process's memory for reading, so that no more are held at a time, however large files are; whoever may
    stop on the way closes it, so that they are given back.

    Args:
        sizes: those that a listing has told of, in the same order, as for `read_file`.
        most: bytes that a file may have, for all or for each. A longer one is a `TooLongError`, and not read.

    Raises:
        UnavailableError: the store stays out of reach.
        ShortageError: this process has not the memory.
    """
    limits = most if isinstance(most, Sequence) else repeat(most, len(paths))
    known = sizes or repeat(None, len(paths))
    if isinstance(root.fs, ArchiveStore):
        known = [_size_in(root, path) if size is None else size for path, size in zip(paths, known, strict=True)]
    wanted = [_Wanted(*item) for item in zip(paths, known, limits, strict=True)]
    budget = reading()
    for batch, needed in _batches(wanted, budget.size):
        with budget.take(needed, root.shown):
            yield from _read_batch(root, batch)


def _size_in(archive: Location, path: str) -> int | None:
    try:
        size = ask(archive, "cannot be read", lambda: archive.fs.info(archive.below(path).path)["size"])
    except StoreError:
        return None  # Reading it tells why.
    return int(size)


def _batches(wanted: Sequence[_Wanted], room: int) -> Iterator[tuple[list[_Wanted], int]]:
    """Files that are read together, and the bytes that they take."""
    batch: list[_Wanted] = []
    held = largest = 0
    for item in wanted:
        cost = (item.size if item.size <= item.most else 0) if item.size is not None else min(PROBED, item.most)
        longest = max(largest, item.most if item.size is None else 0)
        if batch and held + cost + longest > room:
            yield batch, held + largest
            batch, held, largest = [], 0, 0
            longest = item.most if item.size is None else 0
        batch.append(item)
        held, largest = held + cost, longest
    if batch:
        yield batch, held + largest


def _read_batch(root: Location, batch: Sequence[_Wanted]) -> Iterator[bytes | StoreError]:
    home = home_of(root)
    return _read_stored(root, batch) if home is None else each_in_turn(partial(_read_local, root, home), batch)


def read_directly(root: Location, home: str, path: str, size: int | None) -> bytes | None:
    """A file of up to `PROBED` bytes on a local disk, as `read_many` reads it; None where that is to find out what is there.

    `home` is where `root` lies once its links are resolved.
    """
    with suppress(OSError, ValueError):
        return read_below(root.below(path).path, home, size, PROBED)
    return None


def _read_local(root: Location, home: str, item: _Wanted) -> bytes | StoreError:
    with suppress(OSError):
        most = item.most if item.size is not None else min(PROBED, item.most)
        return read_below(root.below(item.path).path, home, item.size, most)
    (found,) = _read_stored(root, [item])
    return found


def _read_stored(root: Location, batch: Sequence[_Wanted]) -> Iterator[bytes | StoreError]:
    places = {item.path: root.below(item.path) for item in batch}
    known: dict[str, bytes | StoreError] = {
        item.path: TooLongError(f"{places[item.path].shown}: has {item.size} bytes, expected at most {item.most}")
        for item in batch
        if item.size is not None and item.size > item.most
    }
    known |= {
        item.path: StoreError(f"{places[item.path].shown}: is a link out of {root.shown}, which is not followed")
        for item in batch
        if not within(root, item.path)
    }
    known |= _read_together(root, [item.path for item in batch if item.path not in known])
    parts = [
        Part(places[item.path], None, None, item.size or 0, min(PROBED, item.most) if item.size is None else item.size)
        for item in batch
        if item.path not in known
    ]
    arriving = read_parts(parts)
    for item in batch:
        found = known[item.path] if item.path in known else next(arriving)
        if isinstance(found, TooLongError) and item.size is None and item.most > PROBED:
            found = part_or_error(Part(places[item.path], None, None, 0, item.most))
        if item.size is not None and (
            (isinstance(found, bytes) and len(found) != item.size)
            or (isinstance(found, TooLongError) and item.size <= item.most)
        ):
            got = str(len(found)) if isinstance(found, bytes) else "more"
            found = other_size(places[item.path], got, item.size)
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
