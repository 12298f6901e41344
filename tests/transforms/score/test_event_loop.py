"""One thread asks for many images at once, and hands to threads whatever is not a plain answer of success."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

from labelbeam.transforms.score import event_loop
from labelbeam.transforms.score.batches import Encoded
from labelbeam.transforms.score.credentials import KeySource
from labelbeam.transforms.score.endpoint import Begun, Endpoint, EndpointOptions, Reply
from labelbeam.transforms.score.event_loop import EventLoop, Made
from tests.servers.arm import write_certificate
from tests.servers.hostile import read_request

AT_ONCE, MOST = 2, 4


def answered(body: bytes, *more: bytes, status: bytes = b"200 OK") -> bytes:
    return b"\r\n".join([b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *more, b"", body])


class Server:
    """Answers the requests of each connection with what `answer` makes of their bodies, in pieces; None ends the connection after that."""

    def __init__(self, answer: Callable[[bytes], list[bytes | None]], context: ssl.SSLContext | None = None) -> None:
        self.listening, self.context = socket.create_server(("127.0.0.1", 0)), context
        self.answer = answer
        self.bodies: list[bytes] = []
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=(self.listening.accept()[0],), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        if self.context is not None:
            connection = self.context.wrap_socket(connection, server_side=True)
        with connection, suppress(OSError):
            while request := read_request(connection):
                body = request.partition(b"\r\n\r\n")[2]
                self.bodies.append(body)
                for piece in self.answer(body):
                    if piece is None:
                        return
                    connection.sendall(piece)
                    time.sleep(0.01)


class Asked:
    """Work that asks for numbers; what came of each, and what threads had to do."""

    def __init__(self, endpoint: Endpoint, count: int, slow: float = 0.0) -> None:
        self.endpoint, self.slow = endpoint, slow
        self.numbers = iter(range(count))
        self.lock = threading.Lock()
        self.found: dict[bytes, bytes] = {}
        self.by_a_thread: list[bytes] = []
        self.failure: BaseException | None = None
        self.threads, self.others = ThreadPoolExecutor(MOST), ThreadPoolExecutor(MOST)

    def make(self) -> Made | None:
        with self.lock:
            number = next(self.numbers, None)
        if self.slow:
            time.sleep(self.slow)
        return None if number is None else Made([Encoded(number, "", b"")], b"%d" % number)

    def take(self, made: Made, begun: Begun) -> bool:
        body = self.endpoint.accept(begun, made.body, read)
        if body is None:
            return False
        self.found[made.body] = body
        return True

    def go_on(self, made: Made, begun: Begun) -> Future[None]:
        return self.threads.submit(self.ask, made, begun)

    def ask(self, made: Made, begun: Begun | None) -> None:
        self.by_a_thread.append(made.body)
        self.found[made.body] = self.endpoint.ask(made.body, read, begun)

    def by_threads(self) -> list[Future[None]]:
        def drain() -> None:
            while (made := self.make()) is not None:
                self.ask(made, None)

        return [self.others.submit(drain) for _ in range(MOST)]

    def fail(self, error: BaseException) -> None:
        self.failure = self.failure or error
        self.endpoint.stop()


def read(reply: Reply) -> bytes:
    if reply.body == b"bad":
        raise ValueError("bad")
    return reply.body


Serving = Callable[..., tuple[Server, Endpoint, EventLoop]]


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    monkeypatch.setattr("labelbeam.transforms.score.endpoint.pause", lambda *_: None)
    opened: list[tuple[Server, Endpoint, EventLoop]] = []

    def serve(
        answer: Callable[[bytes], list[bytes | None]], timeout: float = 20.0
    ) -> tuple[Server, Endpoint, EventLoop]:
        server = Server(answer)
        url = f"http://127.0.0.1:{server.listening.getsockname()[1]}/score"
        endpoint = Endpoint(
            EndpointOptions(url, "application/json", AT_ONCE, timeout, KeySource("LABELBEAM_TEST_NO_KEY", None, False))
        )
        opened.append((server, endpoint, EventLoop(endpoint, MOST)))
        return opened[-1]

    yield serve
    for server, endpoint, loop in opened:
        endpoint.close()
        loop.close()
        with closing(server.listening), suppress(OSError):
            server.listening.shutdown(socket.SHUT_RDWR)


def asked(serving: Serving, answer: Callable[[bytes], list[bytes | None]], count: int = 30) -> tuple[Server, Asked]:
    """What a server was asked, and what came of it."""
    server, endpoint, loop = serving(answer)
    work = Asked(endpoint, count)
    loop.run(work)
    work.threads.shutdown()
    return server, work


ALL = {b"%d" % number: b"%d" % number for number in range(30)}


def test_no_thread_is_needed_once_connections_are_open(serving: Serving) -> None:
    server, work = asked(serving, lambda body: [answered(body)])
    assert work.found == ALL and sorted(server.bodies) == sorted(ALL)
    assert len(work.by_a_thread) <= MOST


def test_an_answer_may_come_in_pieces_and_a_request_be_longer_than_what_is_sent_at_once(serving: Serving) -> None:
    _, endpoint, loop = serving(lambda body: [(whole := answered(b"%d" % len(body)))[:20], whole[20:-1], whole[-1:]])
    work = Asked(endpoint, 8)
    work.make = iter([*(Made([], b"x" * 10**7 + b"%d" % number) for number in range(8)), None]).__next__  # type: ignore[method-assign]
    loop.run(work)
    work.threads.shutdown()
    assert [*work.found.values()] == [b"%d" % (10**7 + 1)] * 8
    assert len(work.by_a_thread) <= MOST


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n17\r\n0\r\n\r\n"], id="chunks"),
        pytest.param([b"HTTP/1.1 200 OK\r\n\r\n17", None], id="until the end"),
        pytest.param([b"HTTP/1.1 102 Processing\r\n\r\n", answered(b"17")], id="interim"),
        pytest.param([answered(b"17", status=b"201 Created")], id="another success"),
        pytest.param([answered(b"17", b"Connection: close"), None], id="close"),
    ],
)
def test_what_is_no_plain_answer_is_read_by_a_thread_without_asking_again(
    serving: Serving, odd: list[bytes | None]
) -> None:
    server, work = asked(serving, lambda body: odd if body == b"17" else [answered(body)])
    assert work.found == ALL and sorted(server.bodies) == sorted(ALL)


def test_a_failure_is_tried_again_by_a_thread_while_others_go_on(serving: Serving) -> None:
    answers = [[answered(b"busy", status=b"503 No")], [answered(b"busy", status=b"429 No")], [answered(b"17")]]
    server, work = asked(serving, lambda body: answers.pop(0) if body == b"17" else [answered(body)])
    assert work.found == ALL and server.bodies.count(b"17") == 3
    assert len(server.bodies) == 32


def test_a_server_that_ends_connections_without_a_word_costs_no_try(serving: Serving) -> None:
    server, work = asked(serving, lambda body: [answered(body), None])
    assert work.found == ALL and sorted(server.bodies) == sorted(ALL)


def test_what_is_late_fails_in_time_whoever_waits_for_it(serving: Serving) -> None:
    late: list[bytes] = []

    def answer(body: bytes) -> list[bytes | None]:
        if body == b"17" and not late:
            late.append(body)
            time.sleep(3)
        return [answered(body)]

    server, endpoint, loop = serving(answer, timeout=1.0)
    work = Asked(endpoint, 30)
    began = time.monotonic()
    loop.run(work)
    assert work.found == ALL and server.bodies.count(b"17") == 2
    assert time.monotonic() - began < 3
    work.threads.shutdown()


def test_what_one_request_raises_ends_all_and_what_had_begun_is_answered(serving: Serving) -> None:
    server, work = asked(serving, lambda body: [answered(b"bad" if body == b"17" else body)])
    assert isinstance(work.failure, ValueError)
    assert len(work.found) == len(server.bodies) - 1 < 29
    assert work.found.items() <= ALL.items()


def test_work_for_a_loop_that_was_closed_is_cancelled(serving: Serving) -> None:
    _, endpoint, loop = serving(lambda body: [answered(body)])
    endpoint.close()
    loop.close()
    with pytest.raises(CancelledError):
        loop.run(Asked(endpoint, 1))


def test_a_loop_that_is_closed_lets_nobody_wait_and_leaves_no_connection_open(serving: Serving) -> None:
    _, endpoint, loop = serving(lambda body: [answered(body)] if len(body) < 2 else [b"HTTP/1.1 "] + [b""] * 500)
    work = Asked(endpoint, 30)
    waiting = threading.Thread(target=loop.run, args=(work,))
    waiting.start()
    while len(work.found) < 10:
        time.sleep(0.01)
    endpoint.close()
    work.threads.shutdown(cancel_futures=True)
    loop.close()
    waiting.join(10)
    assert not waiting.is_alive()  # A connection that was left open is a warning, which is an error.


@pytest.mark.parametrize("slow", [0.0, 3 * event_loop.SLOW])
def test_threads_make_requests_where_a_disk_has_to_be_waited_for(serving: Serving, slow: float) -> None:
    _, endpoint, loop = serving(lambda body: [answered(body)])
    work = Asked(endpoint, 60, slow)
    loop.run(work)
    work.threads.shutdown()
    assert len(work.found) == 60
    assert (len(work.by_a_thread) > 30) is bool(slow)


def test_requests_and_answers_pass_through_tls_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = write_certificate(tmp_path / "certificate.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = Server(lambda body: [(whole := answered(body[-60_000:]))[:20_000], whole[20_000:]], context)
    url = f"https://127.0.0.1:{server.listening.getsockname()[1]}/score"
    no_key = KeySource("LABELBEAM_TEST_NO_KEY", None, False)
    endpoint = Endpoint(EndpointOptions(url, "application/json", AT_ONCE, 20.0, no_key))
    loop = EventLoop(endpoint, MOST)
    work = Asked(endpoint, 12)
    bodies = [bytes([97 + number]) * 3_000_000 for number in range(12)]
    work.make = iter([*(Made([], body) for body in bodies), None]).__next__  # type: ignore[method-assign]
    loop.run(work)
    work.threads.shutdown()
    endpoint.close()
    loop.close()
    server.listening.close()
    assert work.failure is None
    assert work.found == {body: body[:60_000] for body in bodies}
    assert len(work.by_a_thread) <= MOST
