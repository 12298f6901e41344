"""A server of this process that answers each connection with whatever a test writes to it, however slowly, or never."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Answering = Callable[[socket.socket, bytes], None]


@contextmanager
def hostile_server(answer: Answering) -> Iterator[str]:
    """The server's `http://127.0.0.1:PORT`; `answer(connection, request)` is called once a connection, in a thread of its own."""
    listening = socket.create_server(("127.0.0.1", 0))
    connections: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):  # The client has had enough.
            answer(connection, read_request(connection))

    def accept() -> None:
        while True:
            try:
                connection = listening.accept()[0]
            except OSError:
                return
            connections.append(connection)
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        accepting.join()
        for connection in connections:
            connection.close()


def read_request(connection: socket.socket) -> bytes:
    """A request, head and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return data
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    sizes = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    left = int(sizes[0].split(b":")[1]) - len(body) if sizes else 0
    while left > 0:
        part = connection.recv(65536)
        left -= len(part) or left
        data += part
    return data


def http(status: str, body: bytes, *headers: str) -> bytes:
    """An answer that ends its connection."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body
