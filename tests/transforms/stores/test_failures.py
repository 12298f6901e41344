"""Which failures pass: what the system, disks and S3's odd answers raise; the rest is tried on servers in tests/stores."""

from __future__ import annotations

import errno
import json
import os
import socket
import ssl
from typing import Any

import pytest

from labelbeam.transforms.stores.failures import is_retryable, remedy, retry_after, status


class AnsweredError(Exception):
    """An error with an answer, as botocore's."""

    def __init__(self, answer: int, code: str = "", **headers: str) -> None:
        super().__init__(code)
        meta: dict[str, Any] = {"HTTPStatusCode": answer, "HTTPHeaders": headers}
        self.response = {"Error": {"Code": code}, "ResponseMetadata": meta}


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def refused_connection() -> Exception:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        try:
            socket.create_connection(unused.getsockname())
        except OSError as error:
            return error
    raise AssertionError("something listens there")


def unknown_host() -> Exception:
    return socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize(
    "error",
    [
        refused_connection(),
        TimeoutError(),
        OSError(errno.EIO, os.strerror(errno.EIO)),
        OSError(errno.ESTALE, os.strerror(errno.ESTALE)),
        socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
        caused(RuntimeError("a package's word"), ConnectionResetError()),
        caused(FileNotFoundError("whatever fails is missing to it"), AnsweredError(503)),
        AnsweredError(400, "RequestTimeout"),
        AnsweredError(200, "InternalError"),
        json.JSONDecodeError("cut", "{", 1),
    ],
    ids=repr,
)
def test_what_may_pass_is_worth_another_try(error: Exception) -> None:
    assert is_retryable(error)


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(),
        PermissionError(errno.EACCES, "no"),
        FileExistsError(),
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("nobody knows"),
        ValueError("bad option"),
        unknown_host(),
        caused(ConnectionError("cannot connect"), unknown_host()),
        caused(ConnectionError("cannot connect"), ssl.SSLCertVerificationError(1, "self-signed")),
        caused(OSError(errno.EIO, "a code that s3fs does not know"), AnsweredError(400, "InvalidRequest")),
        AnsweredError(400, "SlowDown"),
        AnsweredError(501),
        AnsweredError(505),
    ],
    ids=repr,
)
def test_what_stays_is_not(error: Exception) -> None:
    assert not is_retryable(error)


def test_the_status_of_an_answer_is_found_below_other_errors() -> None:
    assert status(caused(RuntimeError(), caused(OSError(), AnsweredError(429)))) == 429
    assert status(AnsweredError(200)) is None
    assert status(OSError()) is None


def test_an_error_that_is_its_own_cause_ends() -> None:
    first, second = RuntimeError(), RuntimeError()
    first.__cause__, second.__cause__ = second, first
    assert not is_retryable(first)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("-3", 0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("soon", None),
        ("nan", None),
        ("1e999", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    assert retry_after(caused(OSError(), AnsweredError(503, **{"Retry-After": header}))) == seconds
    assert retry_after(OSError()) is None


def test_what_to_check_is_told_of_credentials_and_of_hosts_without_an_address() -> None:
    missing = type("NoCredentialsError", (Exception,), {"__module__": "botocore.exceptions"})(
        "Unable to locate credentials"
    )
    for error in (missing, caused(OSError(5, "x"), AnsweredError(403)), AnsweredError(401)):
        assert "check the credentials" in remedy(error)
    assert "check the name of the host" in remedy(caused(OSError(5, "x"), socket.gaierror(socket.EAI_NONAME, "x")))
    for other in (AnsweredError(404), PermissionError(13, "x"), socket.gaierror(socket.EAI_AGAIN, "x")):
        assert remedy(other) == ""
