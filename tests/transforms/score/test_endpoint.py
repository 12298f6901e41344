"""When an endpoint is asked again, when it is given up and by whose fault, without a server: what it answers is said here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from labelbeam.schemas.responses import TruncatedAnswerError
from labelbeam.transforms.score import endpoint as module
from labelbeam.transforms.score.credentials import KeySource
from labelbeam.transforms.score.endpoint import EXCERPT, SHAKY_TRIES, Begun, Endpoint, EndpointOptions, Reply
from labelbeam.transforms.score.failures import EndpointError, GivenUpError, StatusError
from labelbeam.transforms.score.room import Room
from labelbeam.transforms.stores.errors import UnavailableError
from labelbeam.transforms.stores.retries import TRIES

URL = "https://me:hunter2@host/score?code=open9sesame"
NAME = "LABELBEAM_TEST_KEY"


class Said:
    """What the endpoint says to each request in turn; the last again and again."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[bytes] = []

    def __call__(self, body: bytes, room: Room, begun: Begun | None = None) -> Reply:
        self.asked.append(body)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return Reply("application/json", answer)


Asking = Callable[..., tuple[Endpoint, Said]]


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> Iterator[Asking]:
    """An endpoint that answers so, with no wait between tries."""
    monkeypatch.setenv(NAME, "key1secret")
    monkeypatch.setattr(module, "pause", lambda *_: None)
    made: list[Endpoint] = []

    def endpoint(*answers: Any) -> tuple[Endpoint, Said]:
        found = Endpoint(EndpointOptions(URL, "application/json", 4, 5.0, KeySource(NAME, None, True)))
        said = Said(*answers)
        monkeypatch.setattr(found, "_send", said)
        made.append(found)
        return found, said

    yield endpoint
    for found in made:
        found.close()


def body_of(reply: Reply) -> bytes:
    return reply.body


def failed(status: int, **headers: str) -> StatusError:
    return StatusError(status, headers, "no", {})


def test_what_is_answered_is_asked_once(asking: Asking) -> None:
    endpoint, said = asking(b"yes")
    assert endpoint.ask(b"x", body_of) == b"yes"
    assert said.asked == [b"x"]


@pytest.mark.parametrize("failure", [failed(503), failed(429), failed(502), ConnectionResetError()])
def test_what_passes_is_asked_again(asking: Asking, failure: Exception) -> None:
    endpoint, said = asking(failure, failure, b"yes")
    assert endpoint.ask(b"x", body_of) == b"yes"
    assert len(said.asked) == 3


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_is_refused_is_not_asked_again(asking: Asking, status: int) -> None:
    endpoint, said = asking(failed(status))
    with pytest.raises(StatusError) as caught:
        endpoint.ask(b"x", body_of)
    assert (caught.value.status, len(said.asked)) == (status, 1)


def test_a_failure_without_an_answer_that_does_not_pass_ends_the_run(asking: Asking) -> None:
    endpoint, _ = asking(PermissionError(13, "no"))
    with pytest.raises(EndpointError, match="cannot be asked: permission denied") as caught:
        endpoint.ask(b"x", body_of)
    assert "hunter2" not in str(caught.value) and "open9sesame" not in str(caught.value)


def test_what_never_passes_is_given_up_after_so_many_tries_with_the_last_answer(asking: Asking) -> None:
    endpoint, said = asking(failed(503))
    with pytest.raises(GivenUpError, match=f"tried {TRIES} times") as caught:
        endpoint.ask(b"x", body_of)
    assert len(said.asked) == TRIES
    assert caught.value.last is not None and caught.value.last.status == 503


def test_a_scoring_script_that_fails_is_asked_a_few_times(asking: Asking) -> None:
    endpoint, said = asking(failed(500))
    with pytest.raises(GivenUpError):
        endpoint.ask(b"x", body_of)
    assert len(said.asked) == SHAKY_TRIES


def test_the_beginning_of_an_answer_is_asked_for_a_few_times(asking: Asking) -> None:
    def read(reply: Reply) -> bytes:
        raise TruncatedAnswerError("cut")

    endpoint, said = asking(b"[")
    with pytest.raises(TruncatedAnswerError):
        endpoint.ask(b"x", read)
    assert len(said.asked) == SHAKY_TRIES


def test_an_endpoint_that_has_answered_nothing_yet_is_not_known_to_be_alive(asking: Asking) -> None:
    endpoint, said = asking(b"yes")
    assert endpoint.check_alive(GivenUpError("x", None)) is False
    assert said.asked == []


def test_an_endpoint_is_alive_where_it_answers_what_it_has_answered_before(asking: Asking) -> None:
    endpoint, said = asking(b"yes")
    endpoint.ask(b"good", body_of)
    endpoint.ask(b"later", body_of)
    assert endpoint.check_alive(GivenUpError("x", None)) is True
    assert said.asked == [b"good", b"later", b"good"]


def test_an_endpoint_that_does_not_answer_that_either_is_away_for_all_that_ask(asking: Asking) -> None:
    endpoint, said = asking(b"yes", failed(503))
    endpoint.ask(b"good", body_of)
    for _ in range(2):
        with pytest.raises(UnavailableError, match="the endpoint is unavailable; nothing was published") as caught:
            endpoint.check_alive(GivenUpError("x", None))
        assert "open9sesame" not in str(caught.value)
    assert len(said.asked) == 1 + TRIES, "one finds out for all"


def test_once_stopped_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "key1secret")
    endpoint = Endpoint(EndpointOptions(URL, "application/json", 1, 5.0, KeySource(NAME, None, True)))
    endpoint.close()
    with pytest.raises(EndpointError):
        endpoint.ask(b"x", body_of)


def test_what_the_endpoint_says_is_shown_in_part_and_without_secrets(asking: Asking) -> None:
    endpoint, _ = asking(b"yes")
    shown = endpoint.excerpt(b"x" * (EXCERPT - 5) + b"key1secret and more")
    assert len(shown) == EXCERPT and "key1" not in shown
    assert endpoint.excerpt(b"\xffkey1secret open9sesame") == "\ufffd*** ***"
    assert endpoint._without_secrets(b'{"label": "\xffkey1secret"}') == b'{"label": "\xff***"}'
