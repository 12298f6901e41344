"""Indexes that units are read against, as whoever made them has left them."""

from __future__ import annotations

import pickle
from collections import deque
from pathlib import Path
from threading import Lock
from typing import Any

from labelbeam.transforms.stores.location import StorageOptions
from labelbeam.transforms.workers.staged_units import StagedUnit, staged_unit

_loaded: deque[tuple[bytes | str | StagedUnit, Any]] = deque(maxlen=3)
_loading = Lock()


def load_index(index: bytes | str | StagedUnit, storage: StorageOptions) -> Any:
    """An index from its bytes, from the path of a file that holds them, or from where another worker has left it.

    A process keeps the last three. A cluster's workers have many threads, the first of which loads it for the others.
    """
    with _loading:
        for known, loaded in _loaded:
            if known == index:
                return loaded
        if isinstance(index, StagedUnit):
            fresh = staged_unit(index, storage)
        else:
            fresh = pickle.loads(index if isinstance(index, bytes) else Path(index).read_bytes())
        _loaded.append((index, fresh))
        return fresh
