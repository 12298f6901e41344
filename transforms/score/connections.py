"""Connections to the server of an endpoint, kept and used again, and one request over one of them, which ends in time whatever it waits for.

A request of a few milliseconds is made some hundred times a second, and what a general client does for each costs more processor time
than the request itself. So what nearly all servers answer, a head and as many bytes as it says, is read from the socket (`answers.py`).
Of any other answer `http.client` and urllib3 find out what it is, from its first byte on. Connecting and TLS are urllib3's alone.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, SSLError
from urllib3.util import parse_url
from urllib3.util.connection import is_connection_dropped
from urllib3.util.ssl_ import create_urllib3_context

from labelbeam.transforms.score.answers import BORDER, CHUNK, HEAD_LIMIT, Answer, plain_head, read_answer, wait_until
from labelbeam.transforms.score.room import SHORT, Room

CONNECTING = 10.0
"""Seconds for a connection: an endpoint that takes longer is not there, or behind a firewall."""


class NotPlainError(Exception):
    """An exchange is to be finished by `Connections.finish`, which waits, and finds out what it is."""


class Exchange:
    """A request over a connection, and its answer: what is not sent of one yet, and what was received of the other.

    `advance` does what can be done without waiting, as long as the answer is a plain and short one, and nothing fails.
    """

    __slots__ = ("_body", "_head", "connection", "end", "error", "is_stale", "received", "stays", "unsent")

    def __init__(self, connection: HTTPConnection, request: bytes, end: float) -> None:
        self.connection, self.end = connection, end
        self.unsent = memoryview(request)
        self.received = bytearray()
        self._head: tuple[int, dict[str, str]] | None = None
        self._body = 0
        """Where its body begins, once the head is there."""

        self.error: OSError | None = None
        self.stays = False
        self.is_stale = False
        """Whether the server ended the connection, as it may where none of a request is under way, and has answered nothing."""

    def fileno(self) -> int:
        """The number of its socket."""
        number: int = self.connection.sock.fileno()
        return number

    def advance(self, is_readable: bool) -> Answer | None:
        """Send and receive; the answer once it is complete.

        Raises:
            NotPlainError: it is not a plain one, or the connection failed.
        """
        sock: Any = self.connection.sock
        if sock.gettimeout() != 0:
            sock.settimeout(0)
        try:
            while self.unsent:
                self.unsent = self.unsent[sock.send(self.unsent) :]
            while is_readable:
                part = sock.recv(CHUNK)
                if not part:
                    self.is_stale = not self.received
                    raise NotPlainError
                looked_at = len(self.received)
                self.received += part
                if (answer := self._answer(looked_at)) is not None:
                    return answer
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as error:
            has_ended = isinstance(error, (BrokenPipeError, ConnectionResetError))
            self.is_stale = has_ended and not self.received and not is_readable
            if not has_ended or not self.unsent:  # Where it ended while more was sent, an answer may be there.
                self.error = error
            self.unsent = memoryview(b"")
            raise NotPlainError from error
        return None

    def _answer(self, looked_at: int) -> Answer | None:
        """The answer, if it is complete; in its first `looked_at` bytes was no end of a head, or the head is known."""
        if self._head is None:
            border = self.received.find(BORDER, max(0, looked_at - len(BORDER) + 1))
            if border < 0:
                if len(self.received) >= HEAD_LIMIT:
                    raise NotPlainError
                return None
            self._head, self._body = plain_head(self.received[:border].decode("latin-1")), border + len(BORDER)
        if self._head is None:
            raise NotPlainError
        status, headers = self._head
        length, arrived = int(headers["content-length"]), len(self.received) - self._body
        if length > SHORT or arrived > length:
            raise NotPlainError
        self.stays = "close" not in headers.get("connection", "").lower()
        return Answer(status, headers, bytes(self.received[self._body :])) if arrived == length else None


class Connections:
    """Connections to the server of `url`, for several threads. No proxy is used, and no redirect followed."""

    def __init__(self, url: str) -> None:
        where = parse_url(url)
        host = where.host or ""
        self._encrypted = where.scheme == "https"
        self._host = host.strip("[]")
        self._port = where.port or (443 if self._encrypted else 80)
        self._target = where.request_uri
        self._named = host if self._port == (443 if self._encrypted else 80) else f"{host}:{self._port}"
        self._context = _context() if self._encrypted else None
        self._lock = threading.Lock()
        self._idle: list[HTTPConnection] = []
        self._busy: set[HTTPConnection] = set()
        self._closed = False
        self._head: tuple[Mapping[str, str] | None, bytes] = None, b""
        """The head of requests with the headers that came last, but for its end: they are mostly the same ones."""

    def post(self, headers: Mapping[str, str], body: bytes, end: float, room: Room) -> Answer:
        """Send `body`; the answer, for which `room` has room, before `end` of the monotonic clock.

        Raises:
            TimeoutError: it took longer, or the connections were closed.
            HTTPError: of urllib3: it cannot be connected, or the connection broke.
            OSError: the same.
            TooLargeError: the body is larger.
            TruncatedAnswerError: the body came packed, though nobody asked for that, and broken.
        """
        with self._lock:
            connection = self._idle.pop() if self._idle else self._new()
            self._busy.add(connection)
        with self._held(connection):
            if connection.sock is not None and is_connection_dropped(connection):
                connection.close()
            if connection.sock is None:
                self._connect(connection, end)
            return self._finished(Exchange(connection, self._request(headers, body), end), room)

    def begin(self, headers: Mapping[str, str], body: bytes, end: float) -> Exchange | None:
        """A request over a connection that is open and idle, of which nothing is sent yet; None where there is no such connection.

        It is to be given to `finish`, or to `release`.
        """
        while True:
            with self._lock:
                if self._closed or not self._idle:
                    return None
                connection = self._idle.pop()
                self._busy.add(connection)
            if not is_connection_dropped(connection):
                return Exchange(connection, self._request(headers, body), end)
            connection.close()
            self._give_back(connection)

    def finish(self, exchange: Exchange, room: Room) -> Answer:
        """Do what is left of a request, and wait for that; as `post`."""
        with self._held(exchange.connection):
            if exchange.error is not None:
                raise exchange.error
            return self._finished(exchange, room)

    def release(self, exchange: Exchange) -> None:
        """Have others use a connection whose answer is complete, if it stays open; else close it."""
        if not exchange.stays:
            exchange.connection.close()
        self._give_back(exchange.connection)

    def _request(self, headers: Mapping[str, str], body: bytes) -> bytes:
        known, head = self._head
        if known is not headers:
            named = {"host": self._named} if "host" not in map(str.lower, headers) else {}
            named |= {name: value for name, value in headers.items() if name.lower() != "content-length"}
            lines = [f"{name}: {value}\r\n" for name, value in named.items()]
            head = f"POST {self._target} HTTP/1.1\r\n{''.join(lines)}Content-Length: ".encode("latin-1")
            self._head = headers, head
        return b"%b%d\r\n\r\n%b" % (head, len(body), body)

    @staticmethod
    def _finished(exchange: Exchange, room: Room) -> Answer:
        connection, end = exchange.connection, exchange.end
        if exchange.unsent:
            # It may have answered before it had read all, that it is too much, and ended the connection.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                wait_until(connection.sock, end).sendall(exchange.unsent)
        answer, stays = read_answer(connection.sock, end, room, bytes(exchange.received))
        if not stays:
            connection.close()
        return answer

    def close(self) -> None:
        """Close all connections; what is under way fails, and what comes."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for connection in self._busy:
                held = connection.sock
                if held is not None:
                    with contextlib.suppress(OSError):
                        socket.socket.shutdown(held, socket.SHUT_RDWR)  # Past TLS, which another thread is using.
        for connection in idle:
            connection.close()

    @contextmanager
    def _held(self, connection: HTTPConnection) -> Iterator[None]:
        """A connection for the block, which is kept for others afterwards where it is still open."""
        try:
            if self._closed:
                raise TimeoutError("nothing is asked any more")
            yield
        except BaseException as error:
            connection.close()  # What is left of an answer must not pass for the next one.
            if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
                raise ConnectionResetError(errno.ECONNRESET, "the server ended the connection") from error
            raise
        finally:
            self._give_back(connection)

    def _give_back(self, connection: HTTPConnection) -> None:
        with self._lock:
            self._busy.discard(connection)
            if self._closed:
                connection.close()
            elif connection.sock is not None:
                self._idle.append(connection)

    def _new(self) -> HTTPConnection:
        if self._encrypted:
            return HTTPSConnection(self._host, self._port, ssl_context=self._context)
        return HTTPConnection(self._host, self._port)

    @staticmethod
    def _connect(connection: HTTPConnection, end: float) -> None:
        connection.timeout = min(CONNECTING, max(0.001, end - monotonic()))
        try:
            connection.connect()
        except ssl.SSLError as error:
            raise SSLError(error) from error
        except TimeoutError as error:  # Of the handshake.
            raise ConnectTimeoutError("the handshake took too long") from error


def _context() -> ssl.SSLContext:
    """One for all connections: to read the system's certificates takes longer than a request."""
    found = create_urllib3_context()
    found.load_default_certs()
    return found
