"""Every request has an end, whatever it waits for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from time import monotonic

import pytest
from urllib3 import HTTPSConnectionPool

from labelbeam.transforms.score.deadline import Deadlines, connection_pool


@pytest.fixture
def deadlines() -> Iterator[Deadlines]:
    found = Deadlines()
    yield found
    found.close()


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/score"


def ask(url: str) -> None:
    connection_pool(url, 1).urlopen("POST", "/score", b"x", retries=False)


def test_what_is_done_in_time_is_left_alone(deadlines: Deadlines) -> None:
    with deadlines.until(monotonic() + 60):
        done = True
    assert done


def test_a_request_that_waits_for_ever_fails_at_its_end(deadlines: Deadlines, silent: str) -> None:
    began = monotonic()
    with pytest.raises(TimeoutError, match="the time of the request was over"), deadlines.until(began + 0.1):
        ask(silent)
    assert 0.1 <= monotonic() - began < 30


def test_each_request_has_its_own_end(deadlines: Deadlines, silent: str) -> None:
    ended: list[str] = []

    def request(name: str, seconds: float) -> None:
        with pytest.raises(TimeoutError), deadlines.until(monotonic() + seconds):
            ask(silent)
        ended.append(name)

    threads = [threading.Thread(target=request, args=item) for item in (("late", 0.3), ("early", 0.05))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ended == ["early", "late"]


def test_an_error_of_its_own_is_told_as_it_is(deadlines: Deadlines) -> None:
    with pytest.raises(ValueError, match="mine"), deadlines.until(monotonic() + 60):
        raise ValueError("mine")


def test_what_comes_after_its_end_is_late_though_nothing_failed(deadlines: Deadlines) -> None:
    waited = threading.Event()
    with pytest.raises(TimeoutError), deadlines.until(monotonic() + 0.01):
        waited.wait(0.3)


def test_a_request_whose_time_is_over_does_not_connect_any_more(deadlines: Deadlines, silent: str) -> None:
    with pytest.raises(TimeoutError), deadlines.until(monotonic() + 0.01):
        threading.Event().wait(0.3)
        ask(silent)


def test_once_closed_nothing_is_asked_and_what_is_under_way_ends(silent: str) -> None:
    deadlines = Deadlines()
    threading.Timer(0.1, deadlines.close).start()
    with pytest.raises(TimeoutError), deadlines.until(monotonic() + 3600):
        ask(silent)
    with pytest.raises(TimeoutError, match="nothing is asked any more"), deadlines.until(monotonic() + 60):
        pass


def test_a_pool_is_of_the_url_s_scheme_and_its_connections_know_their_request() -> None:
    plain, encrypted = connection_pool("http://h/x", 3), connection_pool("https://h/x", 3)
    assert not isinstance(plain, HTTPSConnectionPool) and isinstance(encrypted, HTTPSConnectionPool)
    assert plain.ConnectionCls.__mro__[1] is encrypted.ConnectionCls.__mro__[1]
