"""Tell retryable failures of a store from others, from the errors that a dozen packages raise for them.

The packages share no base class and hide the status of an answer in many places, often below an error of another kind: so the
whole chain of causes is looked at, and classes are known by name, since most of the packages need not be installed.
"""

from __future__ import annotations

import errno
import math
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

PASSING_STATUSES = frozenset({408, 429, *range(500, 600)} - {501, 505})
"""What a server answers that is slow, overloaded or being restarted (RFC 9110, RFC 6585); not what it will never do."""

_PASSING_CODES = {
    400: frozenset({"RequestTimeout", "RequestTimeoutException"}),
    None: frozenset({"InternalError", "ServiceUnavailable", "SlowDown"}),
}
"""Codes of S3 that mean the same under another status, None being one of success (its pages "Error responses" and
"CompleteMultipartUpload")."""

_PASSING_ERRNOS = frozenset(
    {
        *(errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ETIMEDOUT, errno.ESHUTDOWN),
        *(errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH, errno.ENETDOWN, errno.ENETRESET),
        # What network disks answer while their server is away.
        *(errno.EIO, errno.EREMOTEIO, errno.ESTALE, errno.EAGAIN, errno.EINTR),
    }
)

_PASSING_CLASSES = frozenset(
    {
        "aiohttp.client_exceptions.ClientOSError",
        "aiohttp.client_exceptions.ClientPayloadError",
        "aiohttp.client_exceptions.ServerDisconnectedError",
        "azure.core.exceptions.DecodeError",
        "azure.core.exceptions.DeserializationError",
        "azure.core.exceptions.ServiceRequestError",
        "azure.core.exceptions.ServiceResponseError",
        "botocore.exceptions.FlexibleChecksumError",
        "botocore.exceptions.HTTPClientError",
        "botocore.exceptions.IncompleteReadError",
        "botocore.exceptions.ResponseStreamingError",
        "botocore.parsers.ResponseParserError",
        "gcsfs.retry.ChecksumError",
        "google.auth.exceptions.TransportError",
        "http.client.IncompleteRead",
        "http.client.RemoteDisconnected",
        "json.decoder.JSONDecodeError",
        "requests.exceptions.ChunkedEncodingError",
        "requests.exceptions.ConnectionError",
        "requests.exceptions.Timeout",
        "xml.etree.ElementTree.ParseError",
    }
)
"""Connections that broke, and bodies that ended early, which shows in what they should hold; subclasses count too."""


class LongerError(Exception):
    """More bytes came, or would come, than are held."""


class ShortReadError(Exception):
    """Fewer bytes came back than were asked for."""


def is_retryable(error: BaseException) -> bool:
    """Tell whether `error` is retryable.

    A status decides where there is one. Without one, what cannot pass outweighs what may: a host whose name is unknown or whose
    certificate is wrong is reported as a broken connection as well.
    """
    for cause in chain(error):
        answer = _status(cause)
        if _is_malformed(cause) or _code(cause) in _PASSING_CODES.get(answer, ()):
            return True
        if answer is not None:
            return answer in PASSING_STATUSES
    causes = list(chain(error))
    return not any(_stays(cause) for cause in causes) and any(_may_pass(cause) for cause in causes)


_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
"""What the machine lacks for a moment: others let go of it."""

SHORTAGES = _SHORTAGES | {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""The same, and what is not retryable; EFBIG is what `ulimit -f` answers."""

_UNUSABLE_NAMES = frozenset({errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EILSEQ})
_UNUSABLE_CODES = frozenset({"KeyTooLongError", "InvalidUri", "InvalidResourceName", "OutOfRangeInput"})
"""What S3 and Azure answer for a name that they cannot hold."""


def is_shortage(error: BaseException) -> bool:
    """Tell whether this machine has run out of memory, file handles, threads or disk space: no fault of what was asked for."""
    return any(
        isinstance(cause, MemoryError)
        or (isinstance(cause, OSError) and cause.errno in SHORTAGES)
        or (isinstance(cause, RuntimeError) and re.match("can't (?:start new thread|allocate lock)", str(cause)))
        or (type(cause).__name__ == "ArrowMemoryError")
        for cause in chain(error)
    )


_DENIED_CLASSES = frozenset(
    {
        "azure.core.exceptions.ClientAuthenticationError",
        "botocore.exceptions.NoCredentialsError",
        "botocore.exceptions.PartialCredentialsError",
        "google.auth.exceptions.DefaultCredentialsError",
    }
)
"""What packages raise that find no credentials to send."""


def remedy(error: BaseException) -> str:
    """The end of a message that says what to check: credentials that are missing, wrong or not sufficient, or a host that has no address."""
    import socket

    causes = list(chain(error))
    if status(error) in (401, 403) or not all(_DENIED_CLASSES.isdisjoint(_classes(cause)) for cause in causes):
        return "; check the credentials for this store, in the environment or in --storage-options"
    if any(isinstance(cause, socket.gaierror) and cause.errno != socket.EAI_AGAIN for cause in causes):
        return "; check the name of the host or account, and the network of this machine"
    return ""


def is_unusable_name(error: BaseException) -> bool:
    """Tell whether a store refuses to write because of the file's name: it is too long, or another file's directory."""
    for cause in chain(error):
        if isinstance(cause, OSError) and cause.errno in _UNUSABLE_NAMES:
            return True
        if _code(cause) in _UNUSABLE_CODES or getattr(cause, "error_code", None) in _UNUSABLE_CODES:
            return True
    return False


def status(error: BaseException) -> int | None:
    """The HTTP status, from 400 on, that a store has answered with; None where it has not answered."""
    return next((found for cause in chain(error) if (found := _status(cause)) is not None), None)


def retry_after(error: BaseException) -> float | None:
    """The seconds to wait that the store asks for (RFC 9110, section 10.2.3); None where it asks for nothing."""
    for cause in chain(error):
        if (text := _header(cause, "retry-after")) is not None:
            return _seconds(text)
    return None


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised from, the outermost first."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        yield found
        seen.add(id(found))
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def _status(error: BaseException) -> int | None:
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):  # botocore
        found: Any = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:  # aiohttp; azure-core; requests; gcsfs. aiohttp has codes too, with which it says that an answer is malformed.
        names = ("status", "status_code", *(("code",) if type(error).__module__.startswith("gcsfs.") else ()))
        places = [(error, name) for name in names] + [(response, "status_code")]
        found = next((value for place, name in places if (value := getattr(place, name, None)) is not None), None)
    try:
        number = int(found)
    except (TypeError, ValueError):
        return None
    return number if 400 <= number < 600 else None


def _code(error: BaseException) -> str | None:
    response = getattr(error, "response", None)
    return response.get("Error", {}).get("Code") if isinstance(response, Mapping) else None


def _header(error: BaseException, name: str) -> str | None:
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):
        headers: Any = response.get("ResponseMetadata", {}).get("HTTPHeaders")
    else:
        headers = getattr(error, "headers", None) or getattr(response, "headers", None)
    if not isinstance(headers, Mapping):
        return None
    return next((str(value) for key, value in headers.items() if str(key).lower() == name), None)


def _seconds(text: str) -> float | None:
    """Of a number of seconds or a date; None for what is neither, or a time that no clock knows."""
    try:
        seconds = float(text)
    except ValueError:
        # Loaded where there was a failure: help and wrong options need none of it, and would take a fifth longer.
        from datetime import UTC
        from email.utils import parsedate_to_datetime

        try:
            when = parsedate_to_datetime(text)
            seconds = when.replace(tzinfo=when.tzinfo or UTC).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError, IndexError, OSError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _stays(error: BaseException) -> bool:
    import socket
    import ssl

    if isinstance(error, socket.gaierror):
        return error.errno != socket.EAI_AGAIN
    if isinstance(error, (PermissionError, FileExistsError, IsADirectoryError, NotADirectoryError)):
        return True
    return isinstance(error, ssl.SSLCertVerificationError)


def _may_pass(error: BaseException) -> bool:
    import socket

    if isinstance(error, (TimeoutError, ConnectionError, ShortReadError, socket.gaierror)):
        return True
    if isinstance(error, OSError) and error.errno in _PASSING_ERRNOS | _SHORTAGES:
        return True
    return not _PASSING_CLASSES.isdisjoint(_classes(error))


def _is_malformed(error: BaseException) -> bool:
    """Tell whether an answer was no HTTP at all; aiohttp reports it as if the server had answered with status 400."""
    causes = (error, error.__cause__, error.__context__)
    return any("aiohttp.http_exceptions.BadHttpMessage" in _classes(cause) for cause in causes if cause is not None)


def _classes(error: BaseException) -> list[str]:
    return [f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__]
