"""Temporary directories, and those that killed runs have left: the next run removes them, since nothing else would."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
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
        with contextlib.suppress(OSError), mark.open("rb") as alive:  # Another's, or gone meanwhile.
            if os.fstat(alive.fileno()).st_uid != os.geteuid():
                continue
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(mark.parent, ignore_errors=True)
