"""A store that fails as it is told to."""

from __future__ import annotations

from typing import Any

from fsspec.implementations.memory import MemoryFileSystem

from labelbeam.transforms.stores.location import Location


class BrokenStore(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A store that fails as one does whose package has exceptions of its own."""

    cachable = False
    failure: Exception = RuntimeError("boom")

    def _fail(self, *_: Any, **__: Any) -> Any:
        raise self.failure

    info = cat_file = pipe_file = glob = _fail


def broken(failure: Exception, **options: Any) -> Location:
    store = BrokenStore(**options)
    store.failure = failure
    return Location(store, "/x.json", "broken://x.json")
