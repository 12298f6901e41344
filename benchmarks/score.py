"""How fast `labelbeam score` asks an endpoint that takes a while for each image, by the number of requests at once.

    python -m benchmarks.score [--images N] [--delay SECONDS] [--concurrency N …]

The endpoint is a process of its own that does little but wait: asyncio, an answer of three boxes, made once. What is reported is the
time of the pipeline's one step, without that of loading Beam, against what the endpoint would allow: so many requests at once, each of
the delay. `client` is the processor time of this process for each image, all threads together.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import sys
import tempfile
import time
from contextlib import redirect_stderr
from io import StringIO
from multiprocessing.connection import Connection
from pathlib import Path

import urllib3

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


def serve(delay: float, pipe: Connection) -> None:
    """Serve until the process is ended; the port goes into `pipe`."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Waiting(delay), "127.0.0.1", 0, backlog=256)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def measure(folder: Path, port: int, concurrency: int, images: int) -> tuple[float, float]:
    """Seconds of the pipeline's step, and processor seconds of this process in it."""
    from labelbeam.pipelines.cli import main

    places = [str(folder / "images"), "--output", str(folder / f"scores-{concurrency}")]
    options = ["--task", "image_object_detection", "--endpoint", f"http://127.0.0.1:{port}/score"]
    told = StringIO()
    processor = time.process_time()
    with redirect_stderr(told):
        status = main(["score", *places, *options, "--concurrency", str(concurrency)])
    processor = time.process_time() - processor
    if status:
        raise SystemExit(told.getvalue())
    (line,) = [line for line in told.getvalue().splitlines() if f"score: {images:,} of {images:,} images in" in line]
    return float(line.rpartition(" in ")[2].removesuffix(" s")), processor


def main(argv: list[str] | None = None) -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--delay", type=float, default=0.02)
    parser.add_argument("--size", type=int, default=50_000, help="bytes of an image")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 8, 32])
    chosen = parser.parse_args(argv)
    load = os.getloadavg()[0]
    print(
        f"{os.cpu_count()} cores; Python {platform.python_version()}, urllib3 {urllib3.__version__}; load {load:.1f} before"
    )
    print(f"{chosen.images} images of {chosen.size} bytes; the endpoint answers after {chosen.delay * 1000:.0f} ms\n")
    print("at once   images/s   of what the endpoint allows   client ms/image")
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(chosen.delay, there), daemon=True)
    server.start()
    port = here.recv()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "images").mkdir()
        content = os.urandom(chosen.size)
        for number in range(chosen.images):
            (folder / "images" / f"{number:06}.jpg").write_bytes(content)
        first = 0.0
        measure(folder, port, max(chosen.concurrency), chosen.images)  # Loads Beam.
        for concurrency in chosen.concurrency:
            images = chosen.images
            seconds, processor = measure(folder, port, concurrency, images)
            rate = images / seconds
            first = first or rate
            share = rate / (concurrency / chosen.delay)
            print(
                f"{concurrency:7}   {rate:8.0f}   {share:27.0%}   {1000 * processor / images:15.2f}   {rate / first:.1f} times",
                flush=True,
            )
    server.terminate()
    server.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())
