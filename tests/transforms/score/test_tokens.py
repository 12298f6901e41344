"""Tokens are kept while they are good, renewed in time, and another one is asked for where one was refused."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from labelbeam.transforms.score import tokens as tokens_module
from labelbeam.transforms.score.failures import EndpointError
from labelbeam.transforms.score.tokens import Tokens

SCOPE = "https://ml.azure.com/.default"


class Token(NamedTuple):
    token: str
    expires_on: int


@dataclass
class Issuer:
    """A credential whose tokens are numbered and live for so many seconds; `fails` is what it raises instead."""

    lifetime: float = 3600
    now: float = 1_800_000_000.0
    fails: Exception | None = None
    scopes: list[str] = field(default_factory=list)

    def get_token(self, *scopes: str) -> Token:
        if self.fails is not None:
            raise self.fails
        self.scopes += scopes
        return Token(f"token-{len(self.scopes)}", int(self.now + self.lifetime))


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Issuer:
    issuer = Issuer()
    monkeypatch.setattr(tokens_module, "time", lambda: issuer.now)
    return issuer


@pytest.mark.parametrize(
    ("lifetime", "kept", "renewed"), [(3600, 3299, 3301), (86400, 86000, 86101), (400, 199, 201), (2, 0.9, 1.1)]
)
def test_a_token_is_kept_until_shortly_before_it_expires(
    issuer: Issuer, lifetime: float, kept: float, renewed: float
) -> None:
    issuer.lifetime = lifetime
    tokens, began = Tokens(SCOPE, issuer), issuer.now
    assert tokens.current() == "token-1" and issuer.scopes == [SCOPE]
    issuer.now = began + kept
    assert tokens.current() == "token-1"
    issuer.now = began + renewed
    assert tokens.current() == "token-2" == tokens.current()


def test_a_token_that_cannot_be_renewed_is_used_until_it_expires(issuer: Issuer) -> None:
    tokens = Tokens(SCOPE, issuer)
    tokens.current()
    issuer.now += 3400
    issuer.fails = ServiceRequestError("no route to the authority")
    assert tokens.current() == "token-1"
    issuer.fails = None
    issuer.now += 10
    assert tokens.current() == "token-1"  # It is not tried again at once.
    issuer.now += 30
    assert tokens.current() == "token-2"
    issuer.now += 3600
    issuer.fails = ServiceRequestError("no route to the authority")
    with pytest.raises(EndpointError, match=r"no token of Entra ID for https://ml.azure.com/.default: no route to the"):
        tokens.current()


def test_without_a_token_there_is_no_request(issuer: Issuer) -> None:
    issuer.fails = ClientAuthenticationError("please run az login")
    with pytest.raises(EndpointError, match="please run az login"):
        Tokens(SCOPE, issuer).current()


def test_another_token_is_asked_for_once_for_all_that_were_refused_the_same(issuer: Issuer) -> None:
    tokens = Tokens(SCOPE, issuer)
    first = tokens.current()
    assert tokens.in_place_of(first) == "token-2"
    assert tokens.in_place_of(first) == "token-2" and len(issuer.scopes) == 2


def test_a_credential_that_has_no_other_token_says_so(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens(SCOPE, issuer)
    monkeypatch.setattr(issuer, "get_token", lambda *scopes: Token("the same", int(issuer.now) + 3600))
    assert tokens.in_place_of(tokens.current()) is None


def test_many_threads_have_one_token_fetched(issuer: Issuer) -> None:
    tokens = Tokens(SCOPE, issuer)
    threads = [threading.Thread(target=tokens.current) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(issuer.scopes) == 1


def test_a_token_is_known_without_waiting_for_as_long_as_it_is_kept(issuer: Issuer) -> None:
    tokens = Tokens(SCOPE, issuer)
    assert tokens.known() is None and issuer.scopes == []
    tokens.current()
    assert tokens.known() == "token-1"
    issuer.now += 3400
    assert tokens.known() is None and issuer.scopes == [SCOPE]
