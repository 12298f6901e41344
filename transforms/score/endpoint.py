"""A deployed endpoint as it is asked: over connections that are kept, again where a failure is_retryable, never with its key in words.

What a failure means for a run is decided here. That the endpoint refuses the key, or is not there, ends it. What it says of one
image is that image's. What it failed at again and again is an image's fault only where it answers for others meanwhile. That it
sheds load is nobody's fault: less is asked at once, and for as long as anything is answered, nothing is given up for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic
from typing import NamedTuple, TypeVar

from urllib3.exceptions import HTTPError

from labelbeam.schemas.requests import JSON_TYPE
from labelbeam.schemas.responses import TruncatedAnswerError
from labelbeam.transforms.messages.redact import hide_in_bytes, redact, secrets_of
from labelbeam.transforms.score.answers import Answer
from labelbeam.transforms.score.connections import Connections, Exchange
from labelbeam.transforms.score.credentials import DEPLOYMENT, Headers, KeySource, hidden, read_headers, read_key
from labelbeam.transforms.score.failures import (
    EndpointError,
    GivenUpError,
    StatusError,
    model_headers,
)
from labelbeam.transforms.score.limit import Limit
from labelbeam.transforms.score.room import Room, room_for_answer
from labelbeam.transforms.score.tokens import Tokens, default_credential
from labelbeam.transforms.stores.errors import UnavailableError, explain
from labelbeam.transforms.stores.failures import is_retryable, retry_after
from labelbeam.transforms.stores.retries import FEWEST_TRIES, PATIENCE, TRIES, pause

SHAKY_TRIES = 3
"""How often an image is asked for where its scoring script fails, or the beginning of an answer comes as if it were all of it: that
is what a scoring script does to an image that it chokes on, more often than a server to which it happens once."""

PROOFS = 3
"""The last tries of an image for which the endpoint sheds load by another status than 429: nothing else is asked meanwhile."""

LONGEST_QUIET = 300.0
"""Seconds for which an endpoint that sheds load is waited for at most where its Retry-After asks for more than `PATIENCE`."""

EXCERPT = 500
"""Characters of an answer that are shown or kept."""

_TOKENS_KNOWN = 3
"""Tokens that are looked for in answers: the one that is in use, and those that requests under way may have been made with."""

_ENDS_THE_RUN = {
    401: "the key is missing or wrong; check --key-env, --key-file or --auth",
    403: "the key does not permit requests to this endpoint",
    404: "nothing answers under this path; expected the endpoint's scoring URI",
    405: "it takes no POST; expected the endpoint's scoring URI",
}

_Result = TypeVar("_Result")


class Reply(NamedTuple):
    """An answer of success. `content_type` is in lower case and without parameters, "" where none was given; `packed` how it was said to be
    packed, if at all, in lower case."""

    content_type: str
    body: bytes
    status: int = 200
    packed: str = ""

    @property
    def beginning(self) -> bytes:
        """As much of the body as `excerpt` looks at: who keeps it does not keep all."""
        return self.body[: 8 * EXCERPT]


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """Options of requests to an endpoint: its URL, what is sent as which type, requests at once, seconds for each of them.

    `scope` is that of tokens which are sent in place of a key.
    """

    url: str
    content_type: str
    concurrency: int
    timeout: float
    key: KeySource
    headers: Headers = field(default_factory=Headers)
    scope: str | None = None

    @property
    def shown(self) -> str:
        """The URL for messages, without credentials."""
        return redact(self.url)


@dataclass(slots=True)
class _Effort:
    """Tries of one request: how many, how many of them were answered by 429, or failed in the scoring script; seconds spent on
    answers; whether the last one failed as where there is too much load."""

    tries: int = 0
    busy: int = 0
    shaky: int = 0
    spent: float = 0.0
    is_shed: bool = False
    since: float = field(default_factory=monotonic)

    @property
    def needs_proof(self) -> bool:
        """Whether the next try is among the last ones, which show whether the image is to blame or the load: it is made alone."""
        late = self.spent >= PATIENCE and self.tries >= FEWEST_TRIES - 1
        return self.is_shed and (late or self.tries - self.busy >= TRIES - PROOFS)


@dataclass(slots=True)
class Begun:
    """A request that holds a place among those under way, since `began`: over an open connection if there was one, with a token if the
    endpoint takes these; its answer once it is there."""

    began: float
    end: float
    exchange: Exchange | None = None
    token: str | None = None
    answer: Answer | None = None


class Endpoint:
    """An endpoint, for several threads.

    Raises:
        UsageError: its key, or a header, cannot be read.
    """

    def __init__(self, options: EndpointOptions) -> None:
        self.options = options
        self._tokens = None if options.scope is None else Tokens(options.scope, default_credential())
        key = read_key(options.key) if self._tokens is None else None
        headers = read_headers(options.headers)
        self._options = hidden(options.url, key, options.headers, headers)
        self._secrets = secrets_of(self._options)
        self._known_tokens: tuple[str, ...] = ()
        own = {
            "Content-Type": options.content_type,
            "Accept": JSON_TYPE,
            "Accept-Encoding": "identity",
            "User-Agent": "labelbeam",
        }
        self._headers = {name: value for name, value in own.items() if name.lower() not in map(str.lower, headers)}
        self._headers |= headers
        if options.headers.deployment is not None:
            self._headers[DEPLOYMENT] = options.headers.deployment
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        self._connections = Connections(options.url)
        self.limit = Limit(options.concurrency)
        self._good: bytes | None = None
        self._probing = threading.Lock()
        self.stopped = False
        self._is_away = False

    def stop(self) -> None:
        """Ask for nothing again, and for nothing new."""
        self.stopped = True
        self.limit.close()

    def close(self) -> None:
        """Stop, and close all connections."""
        self.stop()
        self._connections.close()

    def without_key(self, text: str) -> str:
        """Text of the endpoint's without credentials."""
        return redact(text, self._options)

    def excerpt(self, body: bytes) -> str:
        """The beginning of an answer, for people and without credentials."""
        # Cut last, since what is left of a secret would not be known for one.
        return self.without_key(body[: 8 * EXCERPT].decode(errors="replace"))[:EXCERPT]

    def begin(self, body: bytes) -> Begun | None:
        """A request that is not sent yet; None where another one may not be under way now. It is to end in `ask`, or in `accept`."""
        began = self.limit.take()
        if began is None:
            return None
        begun = Begun(began, began + self.options.timeout)
        headers = self._headers
        if self._tokens is not None:
            begun.token = self._tokens.known()
            if begun.token is None:
                return begun
            headers = self._with_token(begun.token)
        begun.exchange = self._connections.begin(headers, body, begun.end)
        return begun

    def accept(self, begun: Begun, body: bytes, read: Callable[[Reply], _Result]) -> _Result | None:
        """What `read` makes of an answer that is complete; None where it is no success, and `ask` is to say what it is."""
        assert begun.answer is not None and begun.exchange is not None
        self._connections.release(begun.exchange)
        if begun.answer.status != HTTPStatus.OK:
            return None
        try:
            result = read(_reply(begun.answer._replace(body=self._without_secrets(begun.answer.body))))
        except Exception:  # Whatever it is, `ask` raises it again.
            return None
        self._succeeded(body)
        self.limit.give_back()
        return result

    def abandon(self, begun: Begun) -> None:
        """Give up a request with which nobody goes on."""
        self.limit.give_back()
        if begun.exchange is not None and begun.answer is None:
            self._connections.release(begun.exchange)

    def _succeeded(self, body: bytes) -> None:
        self.limit.answered()
        if self._good is None:
            self._good = body

    def ask(self, body: bytes, read: Callable[[Reply], _Result], begun: Begun | None = None) -> _Result:
        """Ask, and return what `read` makes of the answer to `body`; asked again after a retryable failure.

        With `begun`, the first try has begun already.

        Raises:
            EndpointError: it cannot be asked for anything.
            UnavailableError: it sheds load, and has answered nothing for long.
            GivenUpError: it failed in a retryable way until the last try.
            StatusError: it answers with a status that does not pass.
            TooLargeError: the answer is too large.
            TruncatedAnswerError: `read` found the answer to be the beginning of one, each time.
            InvalidAnswerError: as `read` raises it; it is not asked again.
        """
        effort = _Effort() if begun is None else _Effort(since=begun.began)
        while True:
            with self.limit.place(effort.needs_proof) if begun is None else self.limit.held(begun.began) as began:
                try:
                    with room_for_answer() as room:
                        result = read(self._send(body, room, begun))
                except (HTTPError, OSError, StatusError, TruncatedAnswerError) as error:
                    failure = error
                except EndpointError:
                    self.stop()  # Before another one has the place.
                    raise
                else:
                    self._succeeded(body)
                    return result
                effort.spent += monotonic() - began
                effort.is_shed = isinstance(failure, TimeoutError) or getattr(failure, "is_shedding", False)
                if effort.is_shed:
                    self.limit.shed(began)
            begun = None
            self._check_worth(effort, failure)
            pause(self.options.shown, effort.tries, failure, self._options)

    def _check_worth(self, effort: _Effort, error: Exception) -> None:
        """Make sure that it is worth asking again after `error`, which is counted.

        Raises:
            Exception: it is not; see `ask`.
        """
        effort.tries += 1
        answered = error if isinstance(error, StatusError) else None
        if isinstance(error, TruncatedAnswerError) or (answered is not None and answered.is_of_scoring_script):
            effort.shaky += 1
            if effort.shaky < SHAKY_TRIES:
                return
            if answered is None:
                raise error from None
        elif not is_retryable(error):
            if answered is not None:
                raise error from None
            raise EndpointError(f"{self.options.shown}: cannot be asked: {self.words(error)}") from None
        elif answered is not None and answered.status == HTTPStatus.TOO_MANY_REQUESTS:
            effort.busy += 1
            quiet = self.limit.quiet_since(effort.since)
            patience = max(PATIENCE, min(2 * (retry_after(error) or 0.0), LONGEST_QUIET))
            if effort.tries < FEWEST_TRIES or quiet < patience:
                return
            error.add_note(f"and nothing else for {quiet:.0f} seconds")
            raise self.unavailable(self._given_up(error)) from None
        elif effort.tries - effort.busy < TRIES and (effort.spent < PATIENCE or effort.tries < FEWEST_TRIES):
            return
        error.add_note(f"tried {effort.tries} times in {monotonic() - effort.since:.0f} seconds")
        raise self._given_up(error) from None

    def words(self, error: BaseException) -> str:
        """An error in one line of words, without credentials."""
        return explain(error, self._options)

    def _given_up(self, error: Exception) -> GivenUpError:
        return GivenUpError(self.words(error), error if isinstance(error, StatusError) else None)

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
            f"{self.options.shown}: {given_up}; the endpoint is unavailable; nothing was published. Check --endpoint, or run again: "
            "finished shards are kept. If the endpoint is overloaded, lower --concurrency"
        )

    def _send(self, body: bytes, room: Room, begun: Begun | None = None) -> Reply:
        if begun is None or begun.exchange is None:
            begun = None
            if self.stopped:
                raise EndpointError(f"{self.options.shown}: is not asked any more, since the run has ended")
        if self._tokens is None:
            answer = self._in_time(body, self._headers, room, begun)
        else:
            token = begun.token if begun is not None and begun.token is not None else self._tokens.current()
            answer = self._in_time(body, self._with_token(token), room, begun)
            if answer.status == HTTPStatus.UNAUTHORIZED and (other := self._tokens.in_place_of(token)) is not None:
                answer = self._in_time(body, self._with_token(other), room)
        status, headers, content = answer
        if status == HTTPStatus.OK or (200 < status < 300 and content.strip()):
            return _reply(answer)
        said = self.excerpt(content)
        if why := _ENDS_THE_RUN.get(status):
            raise EndpointError(f"{self.options.shown}: answers {status}: {why}{_said(said)}")
        if 300 <= status < 400:
            there = self.without_key(headers.get("location", "elsewhere"))
            raise EndpointError(
                f"{self.options.shown}: answers {status} and leads to {there}; the key is not sent there unasked: if "
                "that is the endpoint, give its URL as --endpoint"
            )
        model = {name: self.without_key(value)[:EXCERPT] for name, value in model_headers(headers).items()}
        raise StatusError(status, headers, said, model)

    def _with_token(self, token: str) -> dict[str, str]:
        """The headers with a token, which is one more secret; those before it are not repeated any more after a while."""
        known = self._known_tokens
        if token not in known:
            self._known_tokens = known = (token, *known)[:_TOKENS_KNOWN]
            self._options = {**self._options, "tokens": known}
            self._secrets = secrets_of(self._options)
        return {**self._headers, "Authorization": f"Bearer {token}"}

    def _in_time(self, body: bytes, headers: Mapping[str, str], room: Room, begun: Begun | None = None) -> Answer:
        """Send `body`; the answer, without secrets, and room for what is made of it."""
        try:
            if begun is not None and begun.exchange is not None and begun.exchange.is_stale:
                self._connections.release(begun.exchange)
                begun = None
            if begun is None or begun.exchange is None:
                found = self._connections.post(headers, body, monotonic() + self.options.timeout, room)
            elif begun.answer is None:
                found = self._connections.finish(begun.exchange, room)
            else:
                found = begun.answer
        except TimeoutError as error:
            raise TimeoutError(
                f"the answer was not complete within {self.options.timeout:g} seconds (--timeout)"
            ) from error
        room.parse(found.body)
        return found._replace(body=self._without_secrets(found.body))

    def _without_secrets(self, body: bytes) -> bytes:
        """An answer in which the endpoint repeats no secret that it was asked with, such as in a label: it is published."""
        return hide_in_bytes(body, self._secrets) if self._secrets else body


def _reply(answer: Answer) -> Reply:
    content_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Reply(content_type, answer.body, answer.status, answer.headers.get("content-encoding", "").strip().lower())


def _said(answer: str) -> str:
    text = " ".join(answer.split())[:200]
    return f"; it says: {text}" if text else ""
