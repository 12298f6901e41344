"""An endpoint that answers each image after a while and does little else, `labelbeam score` against it, and what it allows.

    python -m benchmarks.endpoint score ENDPOINT IMAGES OUTPUT AT_ONCE
    python -m benchmarks.endpoint by-hand ENDPOINT IMAGES COUNT AT_ONCE

The endpoint is a process of its own: asyncio, an answer of three boxes, made once. Both commands print seconds. Those of the first are
of the pipeline's one step, without planning, publishing and loading Beam. The second sends one image again and again, so often, by a
loop that does nothing else.
"""

from __future__ import annotations

import asyncio
import json
import re
import selectors
import socket
import sys
import time
from contextlib import ExitStack, redirect_stderr
from io import StringIO
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

BOX = {
    "box": {"topX": 0.1, "topY": 0.2, "bottomX": 0.3, "bottomY": 0.4},
    "label": "gear",
    "score": 0.9,
}
ANSWER = json.dumps([{"filename": "/tmp/tmp1", "boxes": [BOX] * 3}]).encode()
HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(ANSWER)}\r\n\r\n".encode()


class _Waiting(asyncio.Protocol):
    """Answers each request after the delay."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.expected = 0
        self.received = 0
        self.head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if not self.expected:
            self.head += data
            if b"\r\n\r\n" not in self.head:
                return
            head, _, data = self.head.partition(b"\r\n\r\n")
            self.expected = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            self.received, self.head = 0, b""
        self.received += len(data)
        if self.received >= self.expected:
            self.expected = 0
            asyncio.get_running_loop().call_later(self.delay, self.transport.write, HEAD + ANSWER)


def serve(pipe: Connection, delay: float) -> None:
    """Serve until the process is ended; the port goes into `pipe`."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Waiting(delay), "127.0.0.1", 0, backlog=256)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def by_hand(endpoint: str, images: str, count: str, at_once: str) -> None:
    """Ask so often with one image, so often at once, and print the seconds: what the endpoint allows on this machine."""
    from labelbeam.schemas.requests import encode_item, encode_request

    where = urlsplit(endpoint)
    body = encode_request([encode_item(next(path for path in Path(images).rglob("*") if path.is_file()).read_bytes())])
    request = f"POST /score HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    unsent = unanswered = int(count)
    began = time.monotonic()
    with ExitStack() as stack:
        waiting = stack.enter_context(selectors.DefaultSelector())
        for _ in range(min(int(at_once), unsent)):
            connection = stack.enter_context(socket.create_connection((where.hostname, where.port)))
            connection.sendall(request)
            waiting.register(connection, selectors.EVENT_READ)
            unsent -= 1
        while unanswered:
            for key, _ in waiting.select():
                assert isinstance(key.fileobj, socket.socket)
                assert key.fileobj.recv(len(HEAD + ANSWER), socket.MSG_WAITALL) == HEAD + ANSWER
                unanswered -= 1
                if unsent:
                    key.fileobj.sendall(request)
                    unsent -= 1
    print(time.monotonic() - began)


def score(endpoint: str, images: str, output: str, at_once: str) -> None:
    """Score, and print the seconds of the pipeline's step."""
    from labelbeam.pipelines.cli import main as labelbeam

    places = [images, "--output", output]
    options = ["--task", "image_object_detection", "--endpoint", f"{endpoint}/score", "--concurrency", at_once]
    told = StringIO()
    with redirect_stderr(told):
        status = labelbeam(["score", *places, *options])
    counted = re.search(r"score: ([\d,]+) of ([\d,]+) images in ([\d.]+) s", told.getvalue())
    if status or counted is None or counted[1] != counted[2]:
        sys.exit(told.getvalue())
    print(counted[3])


if __name__ == "__main__":
    {"score": score, "by-hand": by_hand}[sys.argv[1]](*sys.argv[2:])
