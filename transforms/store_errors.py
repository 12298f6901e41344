"""What a store can fail with, in words: one line each, and never a credential."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.errors import LabelBeamError
from transforms.failures import chain, passes, status
from transforms.redact import redact


class StoreError(LabelBeamError):
    """A store could not be opened, listed, read or written."""


class MissingFileError(StoreError):
    """There is nothing, or no file, where one was expected."""


def is_missing(error: BaseException) -> bool:
    """Whether an error says that nothing is there; not where a package says so of whatever has failed, as for HTTP."""
    if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return False
    return status(error) in (None, 404, 410) and not passes(error)


def explain(error: BaseException, options: Mapping[str, Any] | None = None) -> str:
    """An error of a store in one line of words, without credentials or the path, which the caller names."""
    notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
    return f"{_words(error, options)}{notes}"


def _words(error: BaseException, options: Mapping[str, Any] | None) -> str:
    if is_missing(error):
        return "it does not exist"
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        error = list(chain(error))[1]  # A package's word for whatever has failed: what has?
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, IsADirectoryError):
        return "it is a directory"
    text = getattr(error, "strerror", None) or str(error)
    return redact(" ".join(str(text).split())[:400], options) or type(error).__name__
