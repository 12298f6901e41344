"""Destinations of exports: what is there already, and how a new export takes its place.

On a disk an export is written into a hidden directory beside DEST, and renamed when it is whole. An object store renames nothing:
there the files lie at DEST while they are written, beside a marker that says so and notes of their names, and the marker of a whole
export comes last. One export at a time writes there, as one build does to an output (`transforms/builds/lock.py`).
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from labelbeam.schemas.errors import BusyError, UsageError
from labelbeam.schemas.layout import is_of_a_claim
from labelbeam.transforms.builds.lock import locked, read_claims
from labelbeam.transforms.export.files import Files
from labelbeam.transforms.export.marker import (
    MARKER,
    UNFINISHED,
    Marker,
    Note,
    Unfinished,
    check_ours,
    encode_marker,
    is_note,
    note_name,
    read_marker,
    read_note,
    read_unfinished,
)
from labelbeam.transforms.stores.errors import MissingFileError, StoreError
from labelbeam.transforms.stores.failures import is_shortage
from labelbeam.transforms.stores.files import put, put_if, remove_files, sync_directories, sync_directory
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.workers.scratch import scratch

LOG = logging.getLogger("labelbeam")

Finish = Callable[[Callable[[], Marker]], None]
"""Puts what was kept for the end, asks for the marker, and puts the export in its place."""


@contextmanager
def destination(dest: Location) -> Iterator[tuple[Files, Finish]]:
    """Files to write an export to, and what is called when all were written. What is left otherwise looks like no export.

    Raises:
        UsageError: DEST holds something else than an earlier export.
        BusyError: another export to it is under way.
        StoreError: it cannot be written.
    """
    with _on_disk(dest) if dest.local else _in_store(dest) as opened:
        yield opened


def _look_first(look: Callable[[], object], under_way: Callable[[], bool]) -> None:
    """Look at DEST before anything is made there, and once more where something else than an export seems to be there.

    Another export that begins, ends or is replaced during a look seems so to it. One that is `under_way` is for its claim to tell.

    Raises:
        UsageError: something else is there.
    """
    try:
        look()
    except (UsageError, OSError):
        if not under_way():
            look()


# On a disk. -----------------------------------------------------------------------------------------------------------


@contextmanager
def _on_disk(dest: Location) -> Iterator[tuple[Files, Finish]]:
    target = Path(os.path.realpath(dest.path))
    if not target.name:
        raise UsageError(f"DEST: {dest.shown}: expected a directory of the export's own")
    beside, old = (target.with_name(f".{target.name}.labelbeam-{what}") for what in ("export", "replaced"))
    with _told(dest):
        _look_first(lambda: _check_disk(dest, target), under_way=lambda: False)
    with _told(dest), _claim(beside, dest):
        _recover(dest, target, old)
        spools = _begin(beside)
        files = Files(_location(dest, beside), spools)
        placed = False

        def finish(make_marker: Callable[[], Marker]) -> None:
            nonlocal placed
            files.close()
            spools.rmdir()
            put(files.place.below(MARKER), encode_marker(make_marker()))
            (beside / UNFINISHED).unlink()
            sync_directories(files.place)
            if _check_disk(dest, target):
                target.rename(old)
            beside.rename(target)
            placed = True
            sync_directory(_location(dest, target.parent))
            _discard(_location(dest, old))

        try:
            yield files, finish
        finally:
            files.abandon()
            if not placed:  # Else what is there is of another export that has begun since.
                shutil.rmtree(beside, ignore_errors=True)


def _location(dest: Location, path: Path) -> Location:
    return Location(dest.fs, str(path), f"file://{path}")


@contextmanager
def _told(dest: Location) -> Iterator[None]:
    """Tell what the disk answers in words."""
    try:
        yield
    except OSError as error:
        if is_shortage(error):
            raise  # Which has words of its own.
        raise StoreError(
            f"DEST: {dest.shown}: cannot be written: {error.strerror or error}; an export is made in a hidden directory beside DEST "
            "and renamed: name a directory in one that can be written"
        ) from None


@contextmanager
def _claim(beside: Path, dest: Location) -> Iterator[None]:
    """Hold the directory that an export is made in: the system lets go of it however the process ends.

    One of another user's is left alone: that user could have what is written there come to lie elsewhere, by links.
    """
    beside.mkdir(parents=True, exist_ok=True)
    claim = os.open(beside, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = os.path.samestat(os.fstat(claim), os.stat(beside))
        except (BlockingIOError, FileNotFoundError):
            held = False
        except OSError:
            held = True  # Some network disks have no locks.
        if not held:
            raise BusyError(
                f"DEST: {dest.shown}: another export to it is under way; wait for its end, or name another directory"
            )
        if os.fstat(claim).st_uid != os.geteuid():
            raise UsageError(
                f"DEST: {dest.shown}: {beside} is in the way, and another user's; remove it, or name another directory"
            )
        if any(beside.iterdir()) and not any((beside / name).is_file() for name in (MARKER, UNFINISHED)):
            raise UsageError(
                f"DEST: {dest.shown}: {beside} is in the way, and not of an export by labelbeam; remove it"
            )
        yield
    finally:
        os.close(claim)


def _begin(beside: Path) -> Path:
    """Remove what a killed run left of an export, and begin another; the directory for files that are written bit by bit."""
    mark = beside / UNFINISHED
    # First, so that what is left is known if this is killed.
    descriptor = os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    with open(descriptor, "wb") as file:
        file.write(encode_marker(Unfinished(uuid4().hex)))
    for entry in beside.iterdir():
        if entry == mark:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    spools = beside / ".spools"
    spools.mkdir()
    return spools


def _recover(dest: Location, target: Path, old: Path) -> None:
    """Bring back the export before, or remove it, where a run was killed while it was replaced.

    Raises:
        UsageError: what is there is a link, which no run has left.
    """
    if old.is_symlink():
        raise UsageError(f"DEST: {dest.shown}: {old} is in the way: it is a link; remove it, or name another directory")
    if old.is_dir() and not target.exists() and _is_whole(_location(dest, old)):
        old.rename(target)
    _discard(_location(dest, old))


def _is_whole(old: Location) -> bool:
    """Tell whether an export that was moved away is all there: else it was being removed, and what had replaced it is gone since."""
    marker = read_marker(old)
    return marker is None or all(Path(old.below(path).path).is_file() for path in marker.files)


def _discard(old: Location) -> None:
    """Remove an export that was replaced: its own files, the marker last."""
    if not os.path.isdir(old.path):
        return
    if (marker := read_marker(old)) is not None:
        remove_files(old, list(marker.files))
        remove_files(old, [MARKER])
    try:
        os.rmdir(old.path)
    except FileNotFoundError:
        return  # The next export has begun, and has removed it too.
    except OSError:
        LOG.warning("%s: holds files of others, which were at DEST; they stay there", old.shown)


def _check_disk(dest: Location, target: Path) -> bool:
    """Tell whether there is an earlier export at `target`, and nothing else.

    Raises:
        UsageError: there is something else.
    """
    if not os.path.lexists(target):
        return False
    if not target.is_dir():
        raise UsageError(f"DEST: {dest.shown}: expected a directory, found a file")
    place = _location(dest, target)
    marker = read_marker(place)
    found: list[tuple[str, int]] = []
    for folder, folders, names in os.walk(target):
        for entry in (Path(folder, name) for name in [*folders, *names]):
            if entry.is_symlink():
                found.append((str(entry.relative_to(target)), -1))
            elif not entry.is_dir():
                found.append((str(entry.relative_to(target)), entry.stat().st_size))
    check_ours(dest, found, {} if marker is None else marker.files)
    return marker is not None


# In an object store. --------------------------------------------------------------------------------------------------


@contextmanager
def _in_store(dest: Location) -> Iterator[tuple[Files, Finish]]:
    _look_first(lambda: _look(dest), under_way=lambda: bool(read_claims(dest)))
    with locked(dest, "export") as lock, scratch() as folder:
        marker, before, begun, notes = _look(dest)
        put(dest.below(UNFINISHED), encode_marker(Unfinished(uuid4().hex, before, sorted(begun))))
        remove_files(dest, notes)  # What they name stands in that file by now.
        lock.check()
        remove_files(dest, [MARKER] if marker is not None else [])
        noted: list[str] = []

        def note(paths: Sequence[str]) -> None:
            noted.append(note_name())
            put(dest.below(noted[-1]), encode_marker(Note(list(paths))))

        files = Files(dest, folder, lock.check, note)

        def finish(make_marker: Callable[[], Marker]) -> None:
            files.close()
            found = _listed(dest)
            old = [path for path, _ in found if path not in files.sizes and (path in before or path in begun)]
            check_ours(
                dest,
                [file for file in found if file[0] not in begun or file[0] in files.sizes],
                {**before, **files.sizes},
            )
            lock.check()
            remove_files(dest, old)
            made = make_marker()
            # Where this run stood still, another one may have taken it for dead and put its own.
            if not put_if(dest.below(MARKER), encode_marker(made), None) and read_marker(dest) != made:
                raise lock.lost()
            remove_files(dest, noted)
            remove_files(dest, [UNFINISHED])

        try:
            yield files, finish
        finally:
            files.abandon()


def _look(dest: Location) -> tuple[Marker | None, dict[str, int], set[str], list[str]]:
    """The marker of an earlier export, the sizes of its files, those that killed runs had begun to put, and the notes of the last one.

    Raises:
        UsageError: others are there.
    """
    marker, left = read_marker(dest), read_unfinished(dest)
    before = {**(left.before if left is not None else {}), **(marker.files if marker is not None else {})}
    found = _listed(dest)
    notes = [path for path, _ in found if is_note(path)]
    begun: set[str] = set()
    if left is None:
        check_ours(dest, found, before)
    else:
        begun.update(left.begun, *(read_note(dest, name).files for name in notes))
        check_ours(dest, [file for file in found if file[0] not in begun], before)
    return marker, before, begun, notes


def _listed(dest: Location) -> list[tuple[str, int]]:
    """Files at a destination, but for claims of exports to it."""
    try:
        return [(file.path, file.size) for file in list_files(dest).files if not is_of_a_claim(file.path)]
    except MissingFileError:
        return []
