"""Failures of stores in words: one line each, with no credential, and of the right kind."""

from __future__ import annotations

import errno
import ssl

import pytest
from fsspec.exceptions import FSTimeoutError

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.stores.errors import MissingFileError, ShortageError, StoreError, explain, is_missing
from labelbeam.transforms.stores.files import kind, put, stat
from labelbeam.transforms.stores.reading import read_file, read_range
from tests.transforms.stores.broken import broken


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (PermissionError(13, "no", "/x"), "permission denied"),
        (IsADirectoryError(21, "no"), "it is a directory"),
        (RuntimeError("one\n  two"), "one two"),
        (KeyError(), "KeyError"),
    ],
)
def test_whatever_a_store_raises_becomes_one_line(failure: Exception, said: str) -> None:
    location = broken(failure)
    for call in (
        lambda: stat(location),
        lambda: kind(location),
        lambda: read_file(location),
        lambda: put(location, b"x"),
    ):
        with pytest.raises(StoreError, match=rf"^broken://x.json: cannot be (read|written): {said}$") as caught:
            call()
        assert not isinstance(caught.value, MissingFileError)


@pytest.mark.parametrize(
    "failure",
    [
        OSError(errno.ENOSPC, "No space left on device", "/x"),
        OSError(errno.EMFILE, "Too many open files", "/x"),
        OSError(errno.ENFILE, "Too many open files in system"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError(errno.EFBIG, "File too large"),
        MemoryError(),
        RuntimeError("can't start new thread"),
        RuntimeError("can't allocate lock"),
    ],
    ids=str,
)
def test_what_this_machine_is_short_of_is_told_as_such_and_is_no_fault_of_a_file(
    failure: Exception, waits: list[float]
) -> None:
    location = broken(failure)
    for call in (lambda: stat(location), lambda: read_file(location), lambda: put(location, b"x")):
        with pytest.raises(ShortageError, match="no fault of the data") as caught:
            call()
        assert not isinstance(caught.value, StoreError)
    # Others let go of file handles; nobody makes room on a disk.
    assert len(waits) == (27 if getattr(failure, "errno", 0) in (errno.EMFILE, errno.ENFILE, errno.ENOMEM) else 0)


def test_a_store_s_error_does_not_repeat_what_is_secret_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "?sv=2024&sig=SECRET%2BSECRET")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token/of/SECRET+session")
    for said in ("no SECRET+SECRET here", "no token%2Fof%2FSECRET%2Bsession here"):
        with pytest.raises(StoreError) as caught:
            read_range(broken(RuntimeError(said)), 0, 1)
        assert "SECRET" not in str(caught.value)


def test_a_store_s_error_does_not_repeat_credentials() -> None:
    location = broken(RuntimeError("no access to https://me:SECRET@h/x?sig=SECRET with s3SECRET"), secret="s3SECRET")
    location = location._replace(url="https://me:SECRET@h/x?sig=SECRET")
    with pytest.raises(StoreError) as caught:
        read_range(location, 0, 1)
    assert "SECRET" not in str(caught.value)
    assert "https://***@h/x" in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("failure", [FileNotFoundError(2, "no"), NotADirectoryError(20, "no")])
def test_what_is_missing_is_told_apart_from_what_fails(failure: Exception) -> None:
    assert kind(broken(failure)) is None
    with pytest.raises(MissingFileError, match="it does not exist"):
        stat(broken(failure))


def test_errors_of_stores_are_failures_of_the_run() -> None:
    assert issubclass(MissingFileError, StoreError)
    assert StoreError("").exit_code == LabelBeamError.exit_code == 1


class AnsweredError(FileNotFoundError):
    """What a package of the web raises for whatever has failed."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError("x"), "it does not exist"),
        (AnsweredError(404, "x"), "it does not exist"),
        (PermissionError(13, "x"), "permission denied"),
        (RuntimeError(""), "RuntimeError"),
        (OSError(28, "No space left on device"), "No space left on device"),
    ],
)
def test_an_error_is_one_line_of_words(error: Exception, words: str) -> None:
    assert explain(error) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Forbidden", "the server answers 403 Forbidden"),
        ("403, ", "the server answers 403 Forbidden"),
        ("the key is wrong", "the server answers 403 Forbidden: the key is wrong"),
    ],
)
def test_the_status_of_an_answer_is_told_once(text: str, words: str) -> None:
    error = RuntimeError(text)
    error.status = 403  # type: ignore[attr-defined]
    assert explain(error) == words


def test_a_secret_is_hidden_before_the_text_is_cut() -> None:
    told = explain(RuntimeError("x" * 395 + "hunter2secret"), {"secret": "hunter2secret"})
    assert "hunter2" not in told


def test_what_a_package_calls_missing_while_the_server_fails_is_not_missing() -> None:
    assert not is_missing(AnsweredError(503, "x"))
    assert is_missing(AnsweredError(410, "gone"))
    assert not is_missing(PermissionError(13, "x"))


def test_notes_of_an_error_follow_its_words() -> None:
    error = OSError(5, "Input/output error")
    error.add_note("tried 8 times")
    assert explain(error) == "Input/output error; tried 8 times"


def test_a_certificate_that_is_not_trusted_is_told_with_what_to_do() -> None:
    said = explain(ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate has expired"))
    assert said.startswith("[SSL: CERTIFICATE_VERIFY_FAILED] certificate has expired; expected a certificate")
    assert "SSL_CERT_FILE" in said


def test_a_time_that_is_over_is_told_in_words() -> None:
    assert explain(FSTimeoutError()) == "it did not answer in time"
    assert explain(TimeoutError("the handshake took too long")) == "the handshake took too long"
