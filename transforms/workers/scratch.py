"""Temporary directories, and those that killed runs have left: the next run removes them, since nothing else would."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "labelbeam-"
_ALIVE = "alive"
"""A file in each directory that its process holds a lock on: the system lets go of it however the process ends."""


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory below TMPDIR for the length of the block; before it is made, those of dead processes are removed.

    Raises:
        OSError: it cannot be made.
    """
    _remove_stale(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        with (folder / "new").open("wb") as alive:
            with contextlib.suppress(
                OSError
            ):  # Some network disks have no locks; nobody else can hold this one either.
                fcntl.flock(alive, fcntl.LOCK_EX)
            (folder / "new").rename(folder / _ALIVE)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_stale(parent: Path) -> None:
    for mark in parent.glob(f"{_PREFIX}*/{_ALIVE}"):
        with contextlib.suppress(OSError):  # Another's, or gone meanwhile.
            _remove_if_stale(mark)


def _remove_if_stale(mark: Path) -> None:
    """Remove a directory of this user's whose process is dead; whatever else others may put in its place is left alone.

    Raises:
        OSError: it is none, or its process lives.
    """
    if not _is_ours(os.lstat(mark.parent), stat.S_ISDIR):
        return
    # A pipe would be waited for, and a link followed.
    alive = os.open(mark, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if _is_ours(os.fstat(alive), stat.S_ISREG):
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(mark.parent, ignore_errors=True)
    finally:
        os.close(alive)


def _is_ours(found: os.stat_result, is_kind: Callable[[int], bool]) -> bool:
    return is_kind(found.st_mode) and found.st_uid == os.geteuid()
