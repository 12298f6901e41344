"""The one way in which a store is asked for anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from transforms.locations import Location
from transforms.store_errors import MissingFileError, StoreError, explain

_Answer = TypeVar("_Answer")


def ask(location: Location, what: str, call: Callable[[], _Answer]) -> _Answer:
    """`call()`, which asks the store of `location`; what it raises becomes a `StoreError` that begins with place and `what`.

    Every exception counts: those of botocore, of Google's and Azure's packages and of zipfile share no base. So `call` does
    nothing but call the store. The original is left out, as it may hold credentials.

    Raises:
        MissingFileError: nothing is there.
        StoreError: anything else.
    """
    try:
        return call()
    except Exception as error:
        kind = MissingFileError if isinstance(error, (FileNotFoundError, NotADirectoryError)) else StoreError
        known = getattr(location.fs, "storage_options", None)
        raise kind(f"{location.shown}: {what}: {explain(error, known)}") from None
