"""An endpoint that answers each image after a while and does little else, and `labelbeam score` against it.

    python -m benchmarks.endpoint ENDPOINT IMAGES OUTPUT AT_ONCE

The endpoint is a process of its own: asyncio, an answer of three boxes, made once. The command prints seconds: those of the
pipeline's one step, without planning, publishing and loading Beam.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from contextlib import redirect_stderr
from io import StringIO
from multiprocessing.connection import Connection

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


def main(endpoint: str, images: str, output: str, at_once: str) -> None:
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
    main(*sys.argv[1:])
