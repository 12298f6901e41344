"""A deployed endpoint of AutoML for Images, as its documents describe it: both generations, all tasks, and what goes wrong.

What it answers for an image follows from the image's bytes, so that a test knows what it must have said. It runs in threads of the
test's process; a test looks at what it was asked, and may change its faults while it runs.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, Literal

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.requests import RequestedImage, parse_request

LABELS = ["bolt", "gear", "nut"]

Generation = Literal["v1", "v1-text", "v2", "v2-bare", "mlflow"]
"""v1 answers one object, v1-text a string that holds it, v2 a list with all keys, v2-bare one with the prediction alone, mlflow the same
as `predictions`, as `mlflow models serve` does."""

FaultKind = Literal[
    "latency", "together", "status", "reset", "page", "truncated", "cut", "count", "not-json", "slow", "invalid", "echo"
]


@dataclass
class Fault:
    """What goes wrong with the first `times` requests (None: all) that hold the image `image` (None: any), after `spared` of them.

    - `latency`: the answer comes `seconds` late
    - `together`: it comes when `many` requests have been under way at once, or after `seconds`
    - `status`: it has this status and these headers, and Retry-After where that is given
    - `echo`: it holds what the request's headers held
    - `reset`: the connection is reset without an answer
    - `page`: a page in HTML; `not-json`: text; `truncated`: half an answer that says to be whole; `invalid`: no prediction
    - `cut`: the connection is closed half-way through the answer
    - `count`: an entry too many
    - `slow`: the answer comes byte by byte, `seconds` apart
    """

    kind: FaultKind
    times: int | None = None
    image: bytes | None = None
    spared: int = 0
    status: int = 503
    retry_after: str | None = None
    seconds: float = 0.0
    many: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def answers(self) -> int:
        """The status of the answer."""
        return {"status": self.status, "echo": self.status, "reset": 0}.get(self.kind, 200)

    def takes(self, images: Sequence[RequestedImage]) -> bool:
        """Whether a request suffers it; that is counted."""
        if self.times == 0 or (self.image is not None and self.image not in [item.image for item in images]):
            return False
        if self.spared:
            self.spared -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass
class Asked:
    """A request: its images, its content type, when it came, the status that it is answered with (0: none), and its headers."""

    images: list[RequestedImage]
    content_type: str
    at: float
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class EndpointServer:
    """What it is, and what it was asked; `most_at_once` requests were under way together.

    `answers_as` is the content type of predictions, None for none; what goes before them is `mark`. With more than
    `takes` requests under way it is `busy`.
    """

    task: str
    generation: Generation = "v2"
    key: str | None = None
    answers_as: str | None = "application/json"
    mark: bytes = b""
    takes: int | None = None
    busy: Fault = field(default_factory=lambda: Fault("status", status=429))
    faults: list[Fault] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    most_at_once: int = 0
    connections: int = 0
    port: int = 0
    under_way: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """Its scoring URI."""
        return f"http://127.0.0.1:{self.port}{self.path}"

    @property
    def path(self) -> str:
        """The path under which it answers."""
        return "/invocations" if self.generation == "mlflow" else "/score"

    def asked_for(self, image: bytes) -> int:
        """How many requests held an image."""
        return sum(image in [item.image for item in request.images] for request in self.asked)

    def parse(self, content_type: str, body: bytes) -> list[RequestedImage]:
        """The images of a request."""
        if self.generation == "mlflow":
            return parse_request(as_input_data(body))
        if content_type != "application/octet-stream":
            return parse_request(body)
        if self.generation.startswith("v2"):
            raise LabelBeamError("found bytes, expected JSON")
        return [RequestedImage(body, None)]

    def answer(self, images: Sequence[RequestedImage]) -> Any:
        """What it says of images."""
        entries = [answer_for(item, self.task, self.generation) for item in images]
        if self.generation == "mlflow":
            return {"predictions": entries}
        if self.generation.startswith("v2"):
            return entries
        return json.dumps(entries[0]) if self.generation == "v1-text" else entries[0]


def as_input_data(body: bytes) -> bytes:
    """A request of MLflow's as one of the second generation; it holds exactly one of four keys, and of them rows of one image each."""
    request = json.loads(body)
    if list(request) != ["dataframe_split"] or set(request["dataframe_split"]) != {"columns", "data"}:
        raise LabelBeamError(f"found {list(request)}, expected exactly one of the input fields")
    columns, rows = request["dataframe_split"]["columns"], request["dataframe_split"]["data"]
    if any(not isinstance(row, list) or len(row) != len(columns) for row in rows):
        raise LabelBeamError("found rows that have not as many values as there are columns")
    return json.dumps({"input_data": {"columns": columns, "data": [value for (value,) in rows]}}).encode()


def answer_for(item: RequestedImage, task: str, generation: Generation = "v2") -> dict[str, Any]:
    """The entry for one image."""
    draws = [byte / 255 for byte in hashlib.sha256(item.image).digest()]
    entry: dict[str, Any] = {} if generation in ("v2-bare", "mlflow") else {"filename": f"/tmp/tmp{draws[0]:.6f}"}
    if task.startswith("image_classification"):
        multilabel = task.endswith("multilabel")
        total = 1.0 if multilabel else sum(draws[:3]) or 1.0
        entry |= {"probs": [draw / total for draw in draws[:3]], "labels": LABELS}
        if generation == "v2":
            shown = base64.b64encode(item.image[:6]).decode()
            explain = item.explain
            entry["visualizations"] = ([shown] if multilabel else shown) if explain and explain.visualizations else None
            entry["attributions"] = [[[0.25]]] * 3 if explain and explain.attributions else None
        return entry
    entry["boxes"] = [_object(draws[7 * number + 1 :], task) for number in range(int(draws[0] * 4))]
    return entry


def _object(draws: Sequence[float], task: str) -> dict[str, Any]:
    left, right = sorted(draws[:2])
    top, bottom = sorted(draws[2:4])
    found: dict[str, Any] = {
        "box": {"topX": left, "topY": top, "bottomX": right, "bottomY": bottom},
        "label": LABELS[int(draws[4] * 2.99)],
        "score": draws[5],
    }
    if task == "image_instance_segmentation":
        found["polygon"] = [[left, top, right, top, right, bottom]]
    return found


@contextmanager
def endpoint_server(task: str, **options: Any) -> Iterator[EndpointServer]:
    """An endpoint on a free port of this machine, until the block ends; see `EndpointServer` for the options."""
    about = EndpointServer(task, **options)

    class Handler(_Handler):
        server_about = about

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # A client that has gone away.

    server = Server(("127.0.0.1", 0), Handler)
    about.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield about
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server_about: EndpointServer

    def setup(self) -> None:
        super().setup()
        with self.server_about.lock:
            self.server_about.connections += 1

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        about = self.server_about
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        at = time.monotonic()
        with about.lock:
            about.under_way += 1
            about.most_at_once = max(about.most_at_once, about.under_way)
        try:
            self._handle(body, at)
        finally:
            with about.lock:
                about.under_way -= 1

    def _handle(self, body: bytes, at: float) -> None:
        about = self.server_about
        images: list[RequestedImage] = []
        faults: list[Fault] = []
        refused: tuple[int, bytes] | None = None
        if self.path != about.path:
            refused = (404, b"not found")
        elif about.key is not None and self.headers.get("Authorization") != f"Bearer {about.key}":
            refused = (401, b"the key is wrong: " + str(self.headers.get("Authorization")).encode())
        else:
            try:
                images = about.parse(self.headers.get("Content-Type", ""), body)
            except LabelBeamError as error:
                refused = (400, str(error).encode())
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(images, self.headers.get("Content-Type", ""), at, headers=headers)
        with about.lock:
            faults = [fault for fault in about.faults if fault.takes(images)] if refused is None else []
            if refused is None and about.takes is not None and about.under_way > about.takes:
                faults = [about.busy]
            about.asked.append(asked)  # Before it is answered, so that whoever has the answer finds it.
            asked.status = refused[0] if refused is not None else next((fault.answers for fault in faults), 200)
        if refused is not None:
            self._send(*refused, "text/plain")
            return
        for fault in faults:
            if fault.kind == "latency":
                time.sleep(fault.seconds)
            elif fault.kind == "together":
                while about.most_at_once < fault.many and time.monotonic() < at + fault.seconds:
                    time.sleep(0.01)
            else:
                self._fail(fault, images)
                return
        self._send(200, about.mark + json.dumps(about.answer(images)).encode(), about.answers_as)

    def _fail(self, fault: Fault, images: Sequence[RequestedImage]) -> None:
        good = json.dumps(self.server_about.answer(images)).encode()
        match fault.kind:
            case "status":
                self._send(fault.status, b"it went wrong", "text/plain", fault.retry_after, fault.headers)
            case "echo":
                self._send(fault.status, str(self.headers).encode(), "text/plain")
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()
            case "page":
                self._send(200, b"<html>Sign in</html>", "text/html; charset=utf-8")
            case "not-json":
                self._send(200, b"a model is not loaded", "application/json")
            case "truncated":
                self._send(200, good[: len(good) // 2])
            case "invalid":
                self._send(200, b'[{"error": "no model"}]' if good.startswith(b"[") else b'{"error": "no model"}')
            case "count":
                entries = self.server_about.answer(images)
                self._send(200, json.dumps([*entries, entries[0]]).encode())
            case "cut":
                self._head(200, len(good), "application/json")
                self.wfile.write(good[: len(good) // 2])
                self.close_connection = True
            case "slow":
                self._head(200, len(good), "application/json")
                with suppress(OSError):  # The client has had enough.
                    for byte in good:
                        self.wfile.write(bytes([byte]))
                        self.wfile.flush()
                        time.sleep(fault.seconds)
            case _:
                raise AssertionError(fault)

    def _send(
        self,
        status: int,
        body: bytes,
        content_type: str | None = "application/json",
        retry_after: str | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        with suppress(OSError):  # The client may have had enough.
            self._head(status, len(body), content_type, retry_after, headers)
            self.wfile.write(body)

    def _head(
        self,
        status: int,
        size: int,
        content_type: str | None,
        retry_after: str | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.send_response(status)
        if content_type is not None:
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(size))
        if retry_after is not None:
            self.send_header("Retry-After", retry_after)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
