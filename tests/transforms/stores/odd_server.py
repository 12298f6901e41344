"""A web server with the oddities of real ones, each switched on by itself, that notes what it was asked for."""

from __future__ import annotations

import gzip
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote_to_bytes


@dataclass
class OddServer:
    """What it has, by path as bytes are named in it, and how it answers.

    Args:
        heads: the status that answers every HEAD; 200 for the right one.
        length: whether it tells how long an answer is; if not, the connection's end is the answer's.
        zero_heads: whether it says that everything is 0 bytes long when asked by HEAD.
        query: what has to stand after the `?`; 403 otherwise.
        moved: where else a path is.
        statuses: what is answered for a path instead of its content.
        tag: the ETag of everything; none where it is empty.
        hangs: whether it takes requests and never answers.
        cut: how many bytes fewer it sends than a range asks for.
        together: answers only when so many requests are waiting.
    """

    files: dict[str, bytes]
    ranges: bool = True
    heads: int = 200
    length: bool = True
    zero_heads: bool = False
    compressed: bool = False
    query: str = ""
    moved: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    tag: str = '"1"'
    hangs: bool = False
    cut: int = 0
    together: threading.Barrier | None = None
    asked: list[str] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    authorization: list[str | None] = field(default_factory=list)
    url: str = ""

    def page(self, folder: str) -> str | None:
        """The index page of a directory, None where nothing lies in it."""
        if folder in self.pages:
            return self.pages[folder]
        below = {path.removeprefix(folder) for path in self.files if path.startswith(folder)}
        names = sorted({re.sub(r"/.*", "/", path) for path in below})
        return "".join(f'<a href="{quote(name)}">x</a>' for name in names) if names else None


class _Handler(BaseHTTPRequestHandler):
    odd: OddServer
    released: threading.Event

    def log_message(self, format: str, *arguments: object) -> None:
        """Be quiet."""

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self._answer(head=True)

    def do_GET(self) -> None:
        """Answer."""
        self._answer(head=False)

    def _answer(self, head: bool) -> None:
        target, _, query = self.path.partition("?")
        wanted = self.headers.get("Range", "")
        self.odd.asked.append(f"{self.command} {self.path} {wanted}".strip())
        self.odd.authorization.append(self.headers.get("Authorization"))
        if self.odd.hangs:
            self.released.wait(30)
        if self.odd.together is not None:
            self.odd.together.wait()
        path = unquote_to_bytes(target).decode("utf-8", "surrogateescape").removeprefix("/")
        status, data, more = self._found(path, query, wanted)
        if head and self.odd.heads != 200:
            status, data, more = self.odd.heads, b"", {}
        self._send(status, data, head, more)

    def _found(self, path: str, query: str, wanted: str) -> tuple[int, bytes, dict[str, str]]:
        odd = self.odd
        if query != odd.query:
            return 403, b"", {}
        if path in odd.statuses:
            return odd.statuses[path], b"", {}
        if path in odd.moved:
            return 302, b"", {"Location": odd.moved[path]}
        if (not path or path.endswith("/")) and (page := odd.page(path)) is not None:
            return 200, page.encode(), {"Content-Type": "text/html; charset=utf-8"}
        if path not in odd.files:
            return (301, b"", {"Location": f"/{quote(path)}/?{query}"}) if odd.page(f"{path}/") else (404, b"", {})
        data, more = odd.files[path], {"ETag": odd.tag} if odd.tag else {}
        if odd.compressed:
            data = gzip.compress(data)
            more["Content-Encoding"] = "gzip"
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", wanted)
        if not odd.ranges or match is None:
            return 200, data, more
        start, end = int(match[1]), min(int(match[2]) + 1, len(data))
        if start >= len(data):
            return 416, b"", {"Content-Range": f"bytes */{len(data)}"}
        return 206, data[start : end - odd.cut], more | {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}

    def _send(self, status: int, data: bytes, head: bool, more: dict[str, str]) -> None:
        self.send_response(status)
        if self.odd.length or status >= 300:
            self.send_header("Content-Length", "0" if head and self.odd.zero_heads else str(len(data)))
        for name, value in ({"Content-Type": "application/octet-stream"} | more).items():
            self.send_header(name, value)
        self.end_headers()
        if not head:
            try:
                self.wfile.write(data)
            except ConnectionError:
                return  # A client that has seen enough.
            self.odd.sent.append(len(data))


@contextmanager
def odd_server(odd: OddServer) -> Iterator[OddServer]:
    """Run it on a free port; `url` is its address, without a slash at the end."""
    released = threading.Event()
    handler = type("Handler", (_Handler,), {"odd": odd, "released": released})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        odd.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield odd
        finally:
            released.set()
            server.shutdown()
            thread.join()
