"""What tests install, once for all runs and all test processes."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path


def cache() -> Path:
    """What tests install stays here: LABELBEAM_TEST_CACHE, else ~/.cache/labelbeam-tests."""
    chosen = os.environ.get("LABELBEAM_TEST_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "labelbeam-tests"


def once(folder: Path, make: Callable[[Path], None]) -> Path:
    """A directory that `make` fills, unless it has done so to the end before; of processes that ask at the same time, one does."""
    complete = folder / "complete"
    if complete.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            complete.touch()
    return folder
