"""An end for each request of an endpoint, whatever it waits for: a handshake, a head or a body that come drop by drop.

A socket's own time-out begins anew with each byte, so a server may keep a request for ever. Here a thread shuts the connection
of a request down once its time is over, and what waits for it fails at once.
"""

from __future__ import annotations

import contextlib
import heapq
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from time import monotonic
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, connection_from_url
from urllib3.connection import HTTPConnection, HTTPSConnection


class Request:
    """A request that is under way: its connection, once it has one."""

    def __init__(self) -> None:
        self.connection: Any = None
        self.is_late = False
        self.done = False

    def cut(self) -> None:
        """Shut its connection down: what waits for it fails."""
        self.is_late = True
        held = getattr(self.connection, "sock", None)
        if held is not None and not self.done:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(held, socket.SHUT_RDWR)  # Past TLS, which the other thread is using.


_current: ContextVar[Request | None] = ContextVar("request", default=None)


class _Known:
    """A connection that the request which uses it knows."""

    def connect(self) -> None:
        """Connect, unless the time is over: what had no socket yet could not be cut."""
        self._tell()
        super().connect()  # type: ignore[misc]
        self._check()

    def request(self, *arguments: Any, **named: Any) -> None:
        """Send a request, unless the time is over."""
        self._tell()
        self._check()
        super().request(*arguments, **named)  # type: ignore[misc]

    def _tell(self) -> None:
        request = _current.get()
        if request is not None:
            request.connection = self

    @staticmethod
    def _check() -> None:
        request = _current.get()
        if request is not None and request.is_late:
            raise TimeoutError("the time of the request was over")


class _Plain(_Known, HTTPConnection):
    pass


class _Encrypted(_Known, HTTPSConnection):
    pass


def connection_pool(url: str, size: int) -> HTTPConnectionPool:
    """At most `size` connections to the server of `url`, whose requests `Deadlines` can cut."""
    pool = connection_from_url(url, maxsize=size, block=True)
    pool.ConnectionCls = _Encrypted if isinstance(pool, HTTPSConnectionPool) else _Plain
    return pool


class Deadlines:
    """The thread that ends requests whose time is over. For many threads; `close` ends it."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Request]] = []
        self._numbers = count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    @contextmanager
    def until(self, end: float) -> Iterator[None]:
        """Have what the block asks for fail at `end`, of the monotonic clock.

        Raises:
            TimeoutError: it was over before the block was.
        """
        request = Request()
        with self._changed:
            if self._closed:
                raise TimeoutError("nothing is asked any more")
            heapq.heappush(self._waiting, (end, next(self._numbers), request))
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, daemon=True)
                self._thread.start()
            self._changed.notify()
        token = _current.set(request)
        try:
            yield
        except Exception as error:
            if request.is_late:
                raise TimeoutError("the time of the request was over") from error
            raise
        finally:
            request.done = True
            _current.reset(token)
        if request.is_late:
            raise TimeoutError("the time of the request was over")

    def close(self) -> None:
        """End the thread, and with it all requests that are under way, and those that come."""
        with self._changed:
            self._closed = True
            for _, _, request in self._waiting:
                request.cut()
            self._changed.notify()

    def _watch(self) -> None:
        with self._changed:
            while not self._closed:
                while self._waiting and (self._waiting[0][2].done or self._waiting[0][0] <= monotonic()):
                    request = heapq.heappop(self._waiting)[2]
                    if not request.done:
                        request.cut()
                self._changed.wait(self._waiting[0][0] - monotonic() if self._waiting else None)
