"""Failures of a store in words: one line each, and never a credential."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.messages.redact import redact, with_environment
from labelbeam.transforms.stores.failures import chain, is_retryable, status


class StoreError(LabelBeamError):
    """A store could not be opened, listed, read or written."""


class UnavailableError(LabelBeamError):
    """A store failed, again and again, in a retryable way: it does not say what is there and what is not.

    No `StoreError`: what can be told of a file that cannot be read, so that it is rejected and the build goes on, would be
    wrong of a file that can be read tomorrow. The run ends, and what was published before stays.
    """


class MissingFileError(StoreError):
    """There is nothing, or no file, where one was expected."""


class TooLongError(StoreError):
    """A file is longer than what is read of such a file."""


class ChangedFileError(StoreError):
    """A file has another number of bytes than was known of it."""


class UnusableNameError(StoreError):
    """The store cannot hold a file of that name."""


class ShortageError(LabelBeamError):
    """This machine ran out of memory, file handles or disk space: no fault of the data, and no `StoreError`. The run ends."""


def is_missing(error: BaseException) -> bool:
    """Tell whether an error says that nothing is there; not where a package says so of whatever has failed, as for HTTP."""
    if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return False
    return status(error) in (None, 404, 410) and not is_retryable(error)


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
    # Before it is cut, since what is left of a secret would not be known for one.
    text = redact(" ".join(str(getattr(error, "strerror", None) or error).split()), with_environment(options))[:400]
    if (answer := status(error)) is not None:
        phrase = _PHRASES.get(answer, "")
        # The packages repeat the status in ways of their own, and add a word of the server's where there is one.
        is_new = phrase.lower() not in text.lower() and text.strip(", ") != str(answer)
        text = f"the server answers {answer} {phrase}".rstrip() + (f": {text}" if is_new else "")
    if "CERTIFICATE_VERIFY_FAILED" in text:
        text += _UNTRUSTED
    return text or ("it did not answer in time" if isinstance(error, TimeoutError) else type(error).__name__)


_UNTRUSTED = (
    "; expected a certificate that is valid now, for this name, of an authority that this machine trusts: mend it on the server, or name "
    "the authority's certificates with SSL_CERT_FILE (for S3: AWS_CA_BUNDLE)"
)

_PHRASES = {answer.value: answer.phrase for answer in HTTPStatus}
