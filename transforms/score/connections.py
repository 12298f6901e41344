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

    def post(self, headers: Mapping[str, str], body: bytes, end: float, most: int) -> Answer:
        """Send `body`; the answer, whose body has no more than `most` bytes, before `end` of the monotonic clock.

        Raises:
            TimeoutError: it took longer, or the connections were closed.
            HTTPError: of urllib3: it cannot be connected, or the connection broke.
            OSError: the same.
            TooLargeError: the body is larger.
            TruncatedAnswerError: the body came packed, though nobody asked for that, and broken.
        """
        with self._connection(end) as connection:
            named = {"host": self._named} if "host" not in map(str.lower, headers) else {}
            lines = [
                f"{name}: {value}\r\n" for name, value in {**named, **headers, "Content-Length": len(body)}.items()
            ]
            head = f"POST {self._target} HTTP/1.1\r\n{''.join(lines)}\r\n".encode("latin-1")
            # It may have answered before it had read all, that it is too much, and ended the connection.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                _wait_until(connection.sock, end).sendall(head + body)
            answer, stays = _read(connection.sock, end, most)
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
    def _connection(self, end: float) -> Iterator[HTTPConnection]:
        """A connection for the block, which is kept for others afterwards where it is still open."""
        with self._lock:
            connection = self._idle.pop() if self._idle else self._new()
            self._busy.add(connection)
        try:
            if connection.sock is not None and is_connection_dropped(connection):
                connection.close()
            if connection.sock is None:
                self._connect(connection, end)
            if self._closed:
                raise TimeoutError("nothing is asked any more")
            yield connection
        except BaseException as error:
            connection.close()  # What is left of an answer must not pass for the next one.
            if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
                raise ConnectionResetError(errno.ECONNRESET, "the server ended the connection") from error
            raise
        finally:
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


def _read(sock: Any, end: float, most: int) -> tuple[Answer, bool]:
    """An answer, and whether the connection can be used for another one."""
    begun = _with_head(sock, b"", end)
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
