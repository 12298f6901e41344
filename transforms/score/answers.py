"""Answers of an endpoint, as they come from a socket: a plain one, which is a head and as many bytes as it says, and any other one.

However an answer comes, bit by bit as well, it takes time in proportion to its size, and memory for little more than its bytes.
"""

from __future__ import annotations

import errno
import io
import re
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse, RemoteDisconnected
from time import monotonic
from typing import Any, NamedTuple

from urllib3 import HTTPHeaderDict
from urllib3 import HTTPResponse as Unpacked
from urllib3.exceptions import DecodeError, InvalidHeader, ProtocolError, ReadTimeoutError

from labelbeam.schemas.responses import TruncatedAnswerError
from labelbeam.transforms.score.room import Room

CHUNK = 2**16
_PART = 4 * CHUNK
HEAD_LIMIT = 2**16
BORDER = b"\r\n\r\n"
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


def wait_until(sock: Any, end: float) -> Any:
    """The socket, with a time-out that ends at `end`: it holds for one call, however many bytes that waits for."""
    left = end - monotonic()
    if left <= 0:
        raise TimeoutError("the time of the request was over")
    sock.settimeout(left)
    return sock


def _receive(sock: Any, end: float, most: int) -> bytes:
    data: bytes = wait_until(sock, end).recv(most)
    return data


def read_answer(sock: Any, end: float, room: Room, begun: bytes) -> tuple[Answer, bool]:
    """An answer, of which the beginning was received, and whether the connection can be used for another one.

    The time in which it waits for room in memory is not the server's: it comes on top of `end`.
    """
    begun = _with_head(sock, begun, end)
    while (interim := _INTERIM.match(begun)) is not None:
        while (another := _INTERIM.match(begun, interim.end())) is not None:
            interim = another
        begun = _with_head(sock, begun[interim.end() :], end)
    head, border, body = begun.partition(BORDER)
    plain = plain_head(head.decode("latin-1")) if border else None
    if plain is None:
        return _by_library(sock, begun, end, room)
    status, headers = plain
    length = int(headers["content-length"])
    room.check(length)
    received = io.BytesIO()
    received.write(body[:length])
    while (left := length - received.tell()) > 0:
        end += room.receive(received.tell() + min(left, _PART))
        part = _receive(sock, end, min(left, _PART))
        if not part:
            raise ConnectionResetError(errno.ECONNRESET, f"the answer ended {left} of {length} bytes early")
        received.write(part)
    stays = len(body) <= length and "close" not in headers.get("connection", "").lower()
    return Answer(status, headers, received.getvalue()), stays  # A buffer of its own is no copy.


def _with_head(sock: Any, begun: bytes, end: float) -> bytes:
    """The beginning of an answer that holds its head, unless that has no end or another one than it should."""
    received, part, looked_at = bytearray(begun), b"more", 0
    while part and len(received) < HEAD_LIMIT and received.find(BORDER, max(0, looked_at - len(BORDER) + 1)) < 0:
        looked_at = len(received)
        part = _receive(sock, end, CHUNK)
        received += part
    if not part and received and received[:5] == b"HTTP/"[: len(received)] and b"\n\n" not in received:
        raise ConnectionResetError(errno.ECONNRESET, "the answer ended within its head")
    return bytes(received)


def plain_head(head: str) -> tuple[int, dict[str, str]] | None:
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
        self._sock, self._begun, self.end = sock, begun, end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._begun:
            size = min(len(buffer), len(self._begun))
            buffer[:size], self._begun = self._begun[:size], self._begun[size:]
            return size
        received: int = wait_until(self._sock, self.end).recv_into(buffer)
        return received

    def makefile(self, mode: str) -> io.BufferedReader:
        """A file, as `http.client` asks a socket for one."""
        return io.BufferedReader(self)


def _by_library(sock: Any, begun: bytes, end: float, room: Room) -> tuple[Answer, bool]:
    """An answer of any other form: in chunks, packed, until the connection ends, or none at all."""
    replayed = _Replayed(sock, begun, end)
    found = HTTPResponse(replayed, method="POST")  # type: ignore[arg-type]
    try:
        found.begin()
        headers = HTTPHeaderDict(found.msg.items())
        unpacked = Unpacked(found, headers, found.status, found.version, preload_content=False, request_method="POST")
        received = io.BytesIO()
        while part := unpacked.read1(CHUNK):
            replayed.end += room.receive(received.tell() + len(part))
            received.write(part)
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
    return Answer(found.status, lower, received.getvalue()), not found.will_close
