"""Connections to the server of an endpoint, kept and used again, and one request over one of them, which ends in time whatever it waits for.

A request of a few milliseconds is made some hundred times a second, and what a general client does for each costs more processor time
than the request itself. So what nearly all servers answer, a head and as many bytes as it says, is read here from the socket. Of any
other answer `http.client` and urllib3 find out what it is, from its first byte on. Connecting and TLS are urllib3's alone.
"""

from __future__ import annotations

import contextlib
import errno
import io
import re
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse, RemoteDisconnected
from time import monotonic
from typing import Any, NamedTuple

from urllib3 import HTTPHeaderDict
from urllib3 import HTTPResponse as Unpacked
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    InvalidHeader,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util import parse_url
from urllib3.util.connection import is_connection_dropped
from urllib3.util.ssl_ import create_urllib3_context

from labelbeam.schemas.responses import TruncatedAnswerError
from labelbeam.transforms.score.failures import TooLargeError

CONNECTING = 10.0
"""Seconds for a connection: an endpoint that takes longer is not there, or behind a firewall."""

_CHUNK = 2**16
_HEAD_LIMIT = 2**16
_SHORT = 2**19
"""Bytes of an answer that is received bit by bit, between others."""

_STATUS = re.compile(r"HTTP/1\.1 ([2-5][0-9]{2})( .*)?")
_INTERIM = re.compile(rb"HTTP/1\.1 1(?!01)[0-9]{2}[ \r].*?\r\n\r\n", re.DOTALL)
"""The head of an answer before the final one, of which there may be any number, unasked (RFC 9110, section 15.2); 101 is one of its own."""

_LENGTH = re.compile(r"[0-9]{1,15}")
_WITHOUT_A_BODY = (204, 304)


class Answer(NamedTuple):
    """An answer. `headers` are by their names in lower case, those that came more than once with a comma between."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NotPlainError(Exception):
    """An exchange is to be finished by `Connections.finish`, which waits, and finds out what it is."""


class Exchange:
    """A request over a connection, and its answer: what is not sent of one yet, and what was received of the other.

    `advance` does what can be done without waiting, as long as the answer is a plain and short one, and nothing fails.
    """

    __slots__ = ("connection", "end", "error", "is_stale", "received", "stays", "unsent")

    def __init__(self, connection: HTTPConnection, request: bytes, end: float) -> None:
        self.connection, self.end = connection, end
        self.unsent = memoryview(request)
        self.received = b""
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
                part = sock.recv(_CHUNK)
                if not part:
                    self.is_stale = not self.received
                    raise NotPlainError
                self.received += part
                if (answer := self._answer()) is not None:
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

    def _answer(self) -> Answer | None:
        head, border, body = self.received.partition(b"\r\n\r\n")
        if not border:
            if len(self.received) >= _HEAD_LIMIT:
                raise NotPlainError
            return None
        plain = _plain_head(head.decode("latin-1"))
        if plain is None:
            raise NotPlainError
        status, headers = plain
        length = int(headers["content-length"])
        if length > _SHORT or len(body) > length:
            raise NotPlainError
        self.stays = "close" not in headers.get("connection", "").lower()
        return Answer(status, headers, body) if len(body) == length else None


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

    def post(self, headers: Mapping[str, str], body: bytes, end: float, most: int) -> Answer:
        """Send `body`; the answer, whose body has no more than `most` bytes, before `end` of the monotonic clock.

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
            return self._finished(Exchange(connection, self._request(headers, body), end), most)

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

    def finish(self, exchange: Exchange, most: int) -> Answer:
        """Do what is left of a request, and wait for that; as `post`."""
        with self._held(exchange.connection):
            if exchange.error is not None:
                raise exchange.error
            return self._finished(exchange, most)

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
    def _finished(exchange: Exchange, most: int) -> Answer:
        connection, end = exchange.connection, exchange.end
        if exchange.unsent:
            # It may have answered before it had read all, that it is too much, and ended the connection.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                _wait_until(connection.sock, end).sendall(exchange.unsent)
        answer, stays = _read(connection.sock, end, most, exchange.received)
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


def _wait_until(sock: Any, end: float) -> Any:
    """The socket, with a time-out that ends at `end`: it holds for one call, however many bytes that waits for."""
    left = end - monotonic()
    if left <= 0:
        raise TimeoutError("the time of the request was over")
    sock.settimeout(left)
    return sock


def _receive(sock: Any, end: float, most: int) -> bytes:
    data: bytes = _wait_until(sock, end).recv(most)
    return data


def _read(sock: Any, end: float, most: int, begun: bytes) -> tuple[Answer, bool]:
    """An answer, of which the beginning was received, and whether the connection can be used for another one."""
    begun = _with_head(sock, begun, end)
    while (interim := _INTERIM.match(begun)) is not None:
        begun = _with_head(sock, begun[interim.end() :], end)
    head, border, body = begun.partition(b"\r\n\r\n")
    plain = _plain_head(head.decode("latin-1")) if border else None
    if plain is None:
        return _by_library(sock, begun, end, most)
    status, headers = plain
    length = int(headers["content-length"])
    if length > most:
        raise TooLargeError(f"found {length} bytes, expected at most {most}")
    parts, left = [body], length - len(body)
    while left > 0:
        part = _receive(sock, end, min(left, 4 * _CHUNK))
        if not part:
            raise ConnectionResetError(errno.ECONNRESET, f"the answer ended {left} of {length} bytes early")
        parts.append(part)
        left -= len(part)
    stays = left == 0 and "close" not in headers.get("connection", "").lower()
    return Answer(status, headers, b"".join(parts)[:length]), stays


def _with_head(sock: Any, begun: bytes, end: float) -> bytes:
    """The beginning of an answer that holds its head, unless that has no end or another one than it should."""
    part = b"more"
    while part and b"\r\n\r\n" not in begun and len(begun) < _HEAD_LIMIT:
        part = _receive(sock, end, _CHUNK)
        begun += part
    if not part and begun and begun[:5] == b"HTTP/"[: len(begun)] and b"\n\n" not in begun:
        raise ConnectionResetError(errno.ECONNRESET, "the answer ended within its head")
    return begun


def _plain_head(head: str) -> tuple[int, dict[str, str]] | None:
    """Status and headers of an answer that is as long as it says, and not packed; None for any other."""
    first, *lines = head.split("\r\n")
    status = _STATUS.fullmatch(first)
    if status is None or int(status[1]) in _WITHOUT_A_BODY:
        return None
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or name != name.strip() or not value.isprintable():
            return None
        value = value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    packed = headers.get("content-encoding", "identity") != "identity" or "transfer-encoding" in headers
    if packed or not _LENGTH.fullmatch(headers.get("content-length", "")):
        return None
    return int(status[1]), headers


class _Replayed(io.RawIOBase):
    """A socket as `http.client` reads it: what was received of an answer, and then what comes."""

    def __init__(self, sock: Any, begun: bytes, end: float) -> None:
        self._sock, self._begun, self._end = sock, begun, end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._begun:
            size = min(len(buffer), len(self._begun))
            buffer[:size], self._begun = self._begun[:size], self._begun[size:]
            return size
        received: int = _wait_until(self._sock, self._end).recv_into(buffer)
        return received

    def makefile(self, mode: str) -> io.BufferedReader:
        """A file, as `http.client` asks a socket for one."""
        return io.BufferedReader(self)


def _by_library(sock: Any, begun: bytes, end: float, most: int) -> tuple[Answer, bool]:
    """An answer of any other form: in chunks, packed, until the connection ends, or none at all."""
    found = HTTPResponse(_Replayed(sock, begun, end), method="POST")  # type: ignore[arg-type]
    try:
        found.begin()
        headers = HTTPHeaderDict(found.msg.items())
        unpacked = Unpacked(found, headers, found.status, found.version, preload_content=False, request_method="POST")
        parts: list[bytes] = []
        size = 0
        while part := unpacked.read1(_CHUNK):
            parts.append(part)
            size += len(part)
            if size > most:
                raise TooLargeError(f"found more than {most} bytes")
    except DecodeError as error:
        packed = found.headers.get("content-encoding")
        raise TruncatedAnswerError(f"answer: cannot be unpacked, though it is said to be packed as {packed}") from error
    except ReadTimeoutError as error:
        raise TimeoutError("the time of the request was over") from error
    except InvalidHeader as error:  # RFC 9112, section 6.3: nobody can tell where the answer ends.
        raise ConnectionResetError(errno.ECONNRESET, "the answer gives itself two lengths (Content-Length)") from error
    except RemoteDisconnected:
        raise
    except HTTPException as error:
        raise ProtocolError(f"no answer in HTTP, or the beginning of one: {error}") from error
    except ProtocolError as error:
        raise ConnectionResetError(errno.ECONNRESET, "the answer ended early, or its chunks are none") from error
    lower = {name.lower(): value for name, value in headers.items()}
    return Answer(found.status, lower, b"".join(parts)), not found.will_close
