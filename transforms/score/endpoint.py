"""A deployed endpoint as it is asked: over connections that are kept, again where a failure is_retryable, never with its key in words.

What a failure means for a run is decided here. That the endpoint refuses the key, or is not there, ends it. What it says of one
image is that image's. What it failed at again and again is an image's fault only where it answers for others meanwhile.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from urllib3.exceptions import HTTPError
from urllib3.util import Timeout, parse_url

from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.requests import JSON_TYPE
from labelbeam.schemas.responses import TruncatedAnswerError
from labelbeam.schemas.score_config import DEFAULT_KEY, ScoreConfig
from labelbeam.transforms.messages.redact import hide, redact, secrets_of
from labelbeam.transforms.score.deadline import Deadlines, connection_pool
from labelbeam.transforms.stores.errors import UnavailableError, explain
from labelbeam.transforms.stores.failures import ShortReadError, is_retryable
from labelbeam.transforms.stores.retries import repeated
from labelbeam.transforms.stores.small_files import read_small

CONNECTING = 10.0
"""Seconds for a connection: an endpoint that takes longer is not there, or behind a firewall."""

ANSWER_LIMIT = 256 * 2**20
"""Bytes of an answer: the attributions of a few large images come near it."""

SHAKY_TRIES = 3
"""How often an image is asked for where the endpoint answers 500, or the beginning of an answer as if it were all of it: that is
what a scoring script does to an image that it chokes on, more often than a server to which it happens once."""

EXCERPT = 500
"""Characters of an answer that are shown or kept."""

_CHUNK = 2**16
_ENDS_THE_RUN = {
    401: "the key is missing or wrong",
    403: "the key is not allowed to ask it",
    404: "nothing answers under this path; expected the endpoint's scoring URI",
    405: "it takes no POST; expected the endpoint's scoring URI",
}

_Result = TypeVar("_Result")


class EndpointError(LabelBeamError):
    """The endpoint cannot be asked for any image; the run ends."""


class StatusError(Exception):
    """An answer of another status than 200, with its headers and the beginning of its body."""

    def __init__(self, status: int, headers: Any, answer: str) -> None:
        super().__init__(answer[:200] or str(status))
        self.status = status
        self.headers = headers
        self.answer = answer


class GivenUpError(Exception):
    """A request failed again and again in a retryable way; `last_status` is that of the last answer, if there was one.

    It is not called `status`, by which whoever asks again would know it for a retryable one.
    """

    def __init__(self, words: str, status: int | None, answer: str) -> None:
        super().__init__(words)
        self.last_status = status
        self.answer = answer


class TooLargeError(Exception):
    """An answer is larger than `ANSWER_LIMIT`."""


class Reply(NamedTuple):
    """An answer of status 200. `content_type` is in lower case and without parameters, "" where none was given."""

    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class KeySource:
    """Source of the key, read by each process that asks: a file, or else an environment variable.

    `required` says that the driver has a key, so that a worker without one must not go on.
    """

    env: str
    file: str | None
    required: bool


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """Options of requests to an endpoint: its URL, what is sent as which type, requests at once, seconds for each of them."""

    url: str
    content_type: str
    concurrency: int
    timeout: float
    key: KeySource

    @property
    def shown(self) -> str:
        """The URL for messages, without credentials."""
        return redact(self.url)


def key_source(config: ScoreConfig, required: bool | None = None) -> KeySource:
    """Source of an endpoint's key; by default one is required where a place for it was named."""
    named = config.key_env != DEFAULT_KEY
    return KeySource(config.key_env, config.key_file, named if required is None else required)


def read_key(source: KeySource) -> str | None:
    """The key of an endpoint; None where there is none and none is required.

    Raises:
        UsageError: it cannot be read, or is no key. The message does not repeat it.
    """
    if source.file is not None:
        where = f"--key-file {source.file}"
        try:
            text: str | None = read_small(source.file).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UsageError(f"{where}: cannot be read: it is no text") from None
        except (OSError, ValueError) as error:
            raise UsageError(f"{where}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    else:
        where = f"the environment variable {source.env}"
        text = os.environ.get(source.env)
    key = (text or "").strip()
    if not key and (source.required or source.file is not None):
        raise UsageError(f"{where}: holds no key here, expected the key of the endpoint")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UsageError(f"{where}: found text that is no key: one has letters, digits and signs, in one line")
    return key or None


class Endpoint:
    """An endpoint, for several threads.

    Raises:
        UsageError: its key cannot be read.
    """

    def __init__(self, options: EndpointOptions) -> None:
        self.options = options
        self.key = read_key(options.key)
        # Its key, and the query of its URL, in which others keep theirs.
        self._options = {"endpoint": {"key": self.key, "url": options.url}}
        self._secrets = secrets_of(self._options)
        self._headers = {
            "Content-Type": options.content_type,
            "Accept": JSON_TYPE,
            "Accept-Encoding": "identity",
            "User-Agent": "labelbeam",
        }
        if self.key is not None:
            self._headers["Authorization"] = f"Bearer {self.key}"
        self._target = parse_url(options.url).request_uri
        self._timeout = Timeout(connect=min(CONNECTING, options.timeout), read=options.timeout)
        self._pool = connection_pool(options.url, options.concurrency)
        self._deadlines = Deadlines()
        self._good: bytes | None = None
        self._probing = threading.Lock()
        self._stopped = False
        self._is_away = False

    def stop(self) -> None:
        """Ask for nothing again, and for nothing new."""
        self._stopped = True

    def close(self) -> None:
        """Stop, and close all connections."""
        self.stop()
        self._pool.close()
        self._deadlines.close()

    def without_key(self, text: str) -> str:
        """Text of the endpoint's without credentials."""
        return redact(text, self._options)

    def excerpt(self, body: bytes) -> str:
        """The beginning of an answer, for people and without credentials."""
        # Cut last, since what is left of a secret would not be known for one.
        return self.without_key(body[: 8 * EXCERPT].decode(errors="replace"))[:EXCERPT]

    def ask(self, body: bytes, read: Callable[[Reply], _Result]) -> _Result:
        """Ask, and return what `read` makes of the answer to `body`; asked again after a retryable failure.

        Raises:
            EndpointError: it cannot be asked for anything.
            GivenUpError: it failed in a retryable way until the last try.
            StatusError: it answers with a status that does not pass.
            TooLargeError: the answer is too large.
            TruncatedAnswerError: `read` found the answer to be the beginning of one, each time.
            InvalidAnswerError: as `read` raises it; it is not asked again.
        """
        shaky = 0

        def attempt() -> _Result:
            nonlocal shaky
            try:
                return read(self._send(body))
            except (TruncatedAnswerError, StatusError) as error:
                if isinstance(error, StatusError) and error.status != HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise
                shaky += 1
                if shaky < SHAKY_TRIES:
                    raise (error if isinstance(error, StatusError) else ShortReadError(str(error))) from None
                if isinstance(error, StatusError):
                    raise self._given_up(error) from None
                raise

        try:
            result = repeated(self.options.shown, attempt, self._options)
        except (HTTPError, OSError, ShortReadError, StatusError) as error:
            if is_retryable(error):
                raise self._given_up(error) from None
            if isinstance(error, StatusError):
                raise
            raise EndpointError(f"{self.options.shown}: cannot be asked: {self.words(error)}") from None
        if self._good is None:
            self._good = body
        return result

    def words(self, error: BaseException) -> str:
        """An error in one line of words, without credentials."""
        return explain(error, self._options)

    def _given_up(self, error: Exception) -> GivenUpError:
        answer = error.answer if isinstance(error, StatusError) else ""
        return GivenUpError(self.words(error), getattr(error, "status", None), answer)

    def check_alive(self, given_up: GivenUpError) -> bool:
        """Make sure that the endpoint answers at all, by a request that it has answered before; False where there is none.

        Raises:
            UnavailableError: it does not answer that one either.
        """
        if self._good is None:
            return False
        with self._probing:  # One finds out for all that wait here.
            if self._is_away:
                raise self.unavailable(given_up)
            try:
                self.ask(self._good, lambda reply: reply)
            except (GivenUpError, StatusError):
                self._is_away = True
                raise self.unavailable(given_up) from None
        return True

    def unavailable(self, given_up: GivenUpError) -> UnavailableError:
        """Failure of a run whose endpoint is unavailable."""
        return UnavailableError(
            f"{self.options.shown}: {given_up}; the endpoint is unavailable, so nothing was published. The next run resumes with "
            "the shards that were finished; ask for less at once with --concurrency if it sheds load"
        )

    def _send(self, body: bytes) -> Reply:
        if self._stopped:
            raise EndpointError(f"{self.options.shown}: is not asked any more, since the run has ended")
        end = monotonic() + self.options.timeout
        try:
            with self._deadlines.until(end):
                response, content = self._exchange(body, end)
        except TimeoutError as error:
            raise TimeoutError(
                f"the answer was not complete within {self.options.timeout:g} seconds (--timeout)"
            ) from error
        if response.status == HTTPStatus.OK:
            return Reply(response.headers.get("Content-Type", "").partition(";")[0].strip().lower(), content)
        answer = self.excerpt(content)
        if why := _ENDS_THE_RUN.get(response.status):
            raise EndpointError(f"{self.options.shown}: answers {response.status}: {why}{_said(answer)}")
        if 300 <= response.status < 400:
            there = self.without_key(response.headers.get("Location", "elsewhere"))
            raise EndpointError(
                f"{self.options.shown}: answers {response.status} and leads to {there}; the key is not sent there unasked: if "
                "that is the endpoint, give its URL as --endpoint"
            )
        raise StatusError(response.status, response.headers, answer)

    def _exchange(self, body: bytes, end: float) -> tuple[Any, bytes]:
        """Send `body`; the answer, and its whole body without secrets."""
        response = self._pool.urlopen(
            "POST",
            self._target,
            body,
            self._headers,
            retries=False,
            redirect=False,
            timeout=self._timeout,
            preload_content=False,
        )
        whole = False
        try:
            content = self._without_secrets(self._content(response, end))
            whole = True
        finally:
            if not whole:
                response.close()  # What is left of the answer must not pass for the next one.
        return response, content

    def _without_secrets(self, body: bytes) -> bytes:
        """An answer in which the endpoint repeats no secret that it was asked with, such as in a label: it is published."""
        text = body.decode(errors="surrogateescape")
        return hide(text, self._secrets).encode(errors="surrogateescape")

    def _content(self, response: Any, end: float) -> bytes:
        """The whole body; a server that sends it drop by drop has no longer for it than for anything else."""
        parts: list[bytes] = []
        size = 0
        while part := response.read1(_CHUNK):
            parts.append(part)
            size += len(part)
            if size > ANSWER_LIMIT:
                raise TooLargeError(f"found more than {ANSWER_LIMIT} bytes")
            if monotonic() > end:
                raise TimeoutError("the time of the request was over")
        response.release_conn()
        return b"".join(parts)


def _said(answer: str) -> str:
    text = " ".join(answer.split())[:200]
    return f"; it says: {text}" if text else ""
