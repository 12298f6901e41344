"""What a store can fail with, in words: one line each, and never a credential."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.errors import LabelBeamError
from transforms.redact import redact


class StoreError(LabelBeamError):
    """A store could not be opened, listed, read or written."""


class MissingFileError(StoreError):
    """There is nothing, or no file, where one was expected."""


def explain(error: BaseException, options: Mapping[str, Any] | None = None) -> str:
    """An error of a store in one line of words, without credentials or the path, which the caller names."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return "it does not exist"
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, IsADirectoryError):
        return "it is a directory"
    text = getattr(error, "strerror", None) or str(error)
    return redact(" ".join(str(text).split())[:400], options) or type(error).__name__
