"""A request over a connection that is kept: what answers it takes, what it makes of broken ones, and that it ends in time."""

from __future__ import annotations

import gzip
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from time import monotonic

import pytest
from urllib3.exceptions import HTTPError

from labelbeam.schemas.responses import TruncatedAnswerError
from labelbeam.transforms.score.answers import Answer
from labelbeam.transforms.score.connections import Connections, Exchange, NotPlainError
from labelbeam.transforms.score.failures import TooLargeError
from labelbeam.transforms.score.room import Room
from labelbeam.transforms.stores.failures import is_retryable
from tests.servers.hostile import read_request

OK = b"HTTP/1.1 200 OK\r\n"
ROOM = Room(lambda size: 0.0, 100)


class Server:
    """Answers each request of each connection with the next of `answers`; None ends the connection."""

    def __init__(self, listening: socket.socket, *answers: bytes | None) -> None:
        self.listening, self.answers = listening, list(answers)
        self.requests: list[bytes] = []
        self.connections = 0
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/score?x=1"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                connection = self.listening.accept()[0]
            except OSError:
                return
            self.connections += 1
            with connection:
                while self.answers and (request := read_request(connection)):
                    self.requests.append(request)
                    if (answer := self.answers.pop(0)) is None:
                        break
                    connection.sendall(answer)
                    if b"close" in answer or b"Length" not in answer or not self.answers:
                        break


Serving = Callable[..., tuple[Server, Connections]]


@pytest.fixture
def serving() -> Iterator[Serving]:
    opened: list[tuple[socket.socket, Connections]] = []

    def serve(*answers: bytes | None) -> tuple[Server, Connections]:
        server = Server(socket.create_server(("127.0.0.1", 0)), *answers)
        connections = Connections(server.url)
        opened.append((server.listening, connections))
        return server, connections

    yield serve
    for listening, connections in opened:
        connections.close()
        with closing(listening), suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)


def with_length(body: bytes, *headers: bytes) -> bytes:
    lines = [OK.rstrip(), b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, b"", b""]) + body


def test_a_request_says_where_it_goes_and_how_long_it_is(serving: Serving) -> None:
    server, connections = serving(with_length(b"[]", b"X-A: 1", b"x-a: 2"))
    answer = connections.post({"Content-Type": "text/plain"}, b"hello", monotonic() + 30, ROOM)
    assert answer == (200, {"content-length": "2", "x-a": "1, 2"}, b"[]")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    port = server.listening.getsockname()[1]
    assert head.decode().split("\r\n") == [
        "POST /score?x=1 HTTP/1.1",
        f"host: 127.0.0.1:{port}",
        "Content-Type: text/plain",
        "Content-Length: 5",
    ]
    assert body == b"hello"


def test_a_host_that_was_given_is_the_only_one(serving: Serving) -> None:
    server, connections = serving(with_length(b""))
    connections.post({"Host": "elsewhere"}, b"", monotonic() + 30, ROOM)
    assert server.requests[0].lower().count(b"host:") == 1


CHUNKS = OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1;x=y\r\n]\r\n0\r\nX-After: 1\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (with_length(b"[]"), b"[]"),
        (with_length(b""), b""),
        (with_length(b"[]", b"Content-Encoding: identity"), b"[]"),
        (with_length(b"[]", b"Content-Length: 2"), b"[]"),
        (with_length(gzip.compress(b"[]"), b"Content-Encoding: gzip"), b"[]"),
        (CHUNKS, b"[]"),
        (OK + b"\r\n[]", b"[]"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n[]", b"[]"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + with_length(b"[]"), b"[]"),
        (b"HTTP/1.1 102 Processing\r\n\r\n" * 3 + with_length(b"[]"), b"[]"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + CHUNKS, b"[]"),
        (OK + b"content-length:2\r\nX-Folded: a\r\n b\r\n\r\n[]", b"[]"),
        (with_length(b"[]").replace(b"\r\n", b"\n"), b"[]"),
        (b"HTTP/1.1 204 No Content\r\nX-Length: 0\r\n\r\n", b""),
    ],
    ids=[
        *(
            "with length",
            "empty",
            "identity",
            "one length twice",
            "gzip",
            "chunks",
            "until the end",
            "1.0",
            "continue",
            "processing",
            "early hints",
            "folded",
            "line feeds",
        ),
        "204",
    ],
)
def test_an_answer_of_any_form_is_read_as_it_is_meant(serving: Serving, answer: bytes, body: bytes) -> None:
    _, connections = serving(answer)
    assert connections.post({}, b"x", monotonic() + 30, ROOM).body == body


def test_a_connection_is_used_again_unless_it_is_to_be_closed(serving: Serving) -> None:
    server, connections = serving(with_length(b"1"), with_length(b"2", b"Connection: close"), with_length(b"3"))
    bodies = [connections.post({}, b"x", monotonic() + 30, ROOM).body for _ in range(3)]
    assert (bodies, server.connections) == ([b"1", b"2", b"3"], 2)


def test_what_follows_an_answer_unasked_does_not_pass_for_the_next_one(serving: Serving) -> None:
    _, connections = serving(with_length(b"1") + with_length(b"forged"), None)
    assert connections.post({}, b"x", monotonic() + 30, ROOM).body == b"1"
    with pytest.raises(ConnectionError):
        connections.post({}, b"x", monotonic() + 30, ROOM)


@pytest.mark.parametrize(
    "answer",
    [
        *(None, b"HTTP/1.1 20", OK, with_length(b"[1, 2]")[:-2], CHUNKS[:-25]),
        with_length(b"[1, 2]", b"Content-Length: 3"),
        with_length(b"[1, 2]", b"Content-Length: 3, 6"),
    ],
    ids=["nothing", "half a line", "half a head", "half a body", "half of the chunks", "two lengths", "three lengths"],
)
def test_an_answer_that_breaks_off_or_has_no_certain_end_is_worth_asking_for_again(
    serving: Serving, answer: bytes | None
) -> None:
    _, connections = serving(answer)
    with pytest.raises((OSError, HTTPError)) as caught:
        connections.post({}, b"x", monotonic() + 30, ROOM)
    assert is_retryable(caught.value)


@pytest.mark.parametrize(
    "answer", [with_length(b"x" * 101), OK + b"\r\n" + b"x" * 101], ids=["with length", "until the end"]
)
def test_no_more_is_read_than_may_be(serving: Serving, answer: bytes) -> None:
    _, connections = serving(answer)
    with pytest.raises(TooLargeError):
        connections.post({}, b"x", monotonic() + 30, ROOM)


@pytest.mark.parametrize("size", [1000, 2**24])
def test_an_answer_before_all_was_sent_is_read_though_the_connection_was_ended_with_it(size: int) -> None:
    """As of a server that takes no requests of that size: what was not read resets the connection."""

    def refuse() -> None:
        connection = listening.accept()[0]
        with connection:
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        connections = Connections(f"http://127.0.0.1:{listening.getsockname()[1]}")
        serving = threading.Thread(target=refuse)
        serving.start()
        found = connections.post({}, b"x" * size, monotonic() + 60, ROOM)
        serving.join()
        connections.close()
    assert (found.status, found.body) == (413, b"no")


def test_what_came_packed_and_broken_is_told(serving: Serving) -> None:
    _, connections = serving(with_length(b"no gzip", b"Content-Encoding: gzip"))
    with pytest.raises(TruncatedAnswerError, match="cannot be unpacked, though it is said to be packed as gzip"):
        connections.post({}, b"x", monotonic() + 30, ROOM)


def test_a_server_that_says_nothing_is_waited_for_until_the_end_and_no_longer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connections = Connections(f"http://127.0.0.1:{server.getsockname()[1]}")
        began = monotonic()
        with pytest.raises(TimeoutError):
            connections.post({}, b"x", began + 0.1, ROOM)
        assert 0.1 <= monotonic() - began < 30
        with pytest.raises(TimeoutError, match="the time of the request was over"):
            connections.post({}, b"x", began, ROOM)
        connections.close()


def test_once_closed_what_is_under_way_fails_and_nothing_begins() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connections = Connections(f"http://127.0.0.1:{server.getsockname()[1]}")
        threading.Timer(0.1, connections.close).start()
        with pytest.raises(OSError, match=r".+"):
            connections.post({}, b"x", monotonic() + 3600, ROOM)
        with pytest.raises(TimeoutError, match="nothing is asked any more"):
            connections.post({}, b"x", monotonic() + 60, ROOM)


def begun(connections: Connections, body: bytes = b"x") -> Exchange:
    exchange = connections.begin({"X": "1"}, body, monotonic() + 30)
    assert exchange is not None
    return exchange


def advanced(exchange: Exchange) -> Answer:
    """The answer to an exchange that is waited for by nothing but its socket."""
    answer = exchange.advance(False)
    while answer is None:
        select.select([exchange], [exchange] if exchange.unsent else [], [], 30)
        answer = exchange.advance(True)
    return answer


def test_a_request_is_begun_over_an_open_and_idle_connection_alone(serving: Serving) -> None:
    server, connections = serving(*[with_length(b"%d" % number) for number in range(3)], None)
    assert connections.begin({}, b"x", monotonic() + 30) is None
    connections.post({}, b"x", monotonic() + 30, ROOM)
    exchange = begun(connections, b"y")
    assert connections.begin({}, b"x", monotonic() + 30) is None
    assert advanced(exchange).body == b"1"
    connections.release(exchange)
    exchange = begun(connections)
    assert advanced(exchange).body == b"2"
    connections.release(exchange)
    assert server.connections == 1 and server.requests[1].endswith(b"\r\nX: 1\r\nContent-Length: 1\r\n\r\ny")
    connections.close()
    assert connections.begin({}, b"x", monotonic() + 30) is None


def test_what_is_begun_is_finished_as_if_it_had_waited_all_along(serving: Serving) -> None:
    chunks = OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n"
    server, connections = serving(with_length(b"0"), with_length(b"1"), chunks, with_length(b"3"), with_length(b""))
    connections.post({}, b"x", monotonic() + 30, ROOM)
    assert connections.finish(begun(connections), ROOM).body == b"1"
    exchange = begun(connections)
    with pytest.raises(NotPlainError):
        advanced(exchange)
    assert connections.finish(exchange, ROOM).body == b"[]"
    connections.post({}, b"x", monotonic() + 30, ROOM)  # The server has ended the other connection.
    exchange = begun(connections)
    assert exchange.advance(False) is None
    exchange.end = monotonic() - 1
    with pytest.raises(TimeoutError):
        connections.finish(exchange, ROOM)
    assert connections.begin({}, b"x", monotonic() + 30) is None  # What may come yet is no answer to another one.
    assert len(server.requests) <= 5


def test_a_connection_that_ended_before_an_answer_began_is_stale_and_one_that_ended_within_it_is_not(
    serving: Serving,
) -> None:
    for end, stale in [([None], True), ([OK + b"Content-"], False)]:
        _, connections = serving(with_length(b"0"), *end)
        connections.post({}, b"x", monotonic() + 30, ROOM)
        exchange = begun(connections)
        with pytest.raises(NotPlainError):
            advanced(exchange)
        assert exchange.is_stale is stale
        with pytest.raises((OSError, HTTPError)):
            connections.finish(exchange, ROOM)


def test_headers_that_change_are_sent_as_they_are(serving: Serving) -> None:
    server, connections = serving(*[with_length(b"")] * 3)
    for token in ("a", "b", "b"):
        connections.post({"Authorization": token, "Content-Length": "7"}, b"x", monotonic() + 30, ROOM)
    assert [request.count(b"Authorization: a\r\n") for request in server.requests] == [1, 0, 0]
    assert all(request.lower().count(b"content-length: 1\r\n") == 1 for request in server.requests)
    assert not any(b"Content-Length: 7" in request for request in server.requests)
