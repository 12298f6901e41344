"""An endpoint that keeps requests for ever, asks for pauses of any length, or repeats the key in what it answers."""

from __future__ import annotations

import base64
import contextlib
import gzip
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from urllib3.connection import HTTPConnection

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.responses import TruncatedAnswerError
from labelbeam.schemas.score_config import DEFAULT_KEY
from labelbeam.transforms.score import endpoint as endpoint_module
from labelbeam.transforms.score import room as room_module
from labelbeam.transforms.score.credentials import KeySource
from labelbeam.transforms.score.endpoint import Endpoint, EndpointOptions, Reply
from labelbeam.transforms.score.failures import EndpointError, GivenUpError, StatusError, TooLargeError
from tests.end_to_end.builds import labelbeam
from tests.servers.hostile import hostile_server, http

NO_KEY = KeySource(DEFAULT_KEY, None, False)
TRIES = 3
PATIENCE = 15
"""Seconds that a busy machine may be late; without an end it would be for ever."""
KEY = "AbCd/efGH12/3456789xyzKEYKEY"


@pytest.fixture
def few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare tests that wait for the end of each try the waiting for ten."""
    monkeypatch.setattr(endpoint_module, "TRIES", TRIES)


def drops(connection: socket.socket, drop: Callable[[], bytes]) -> None:
    while True:
        connection.sendall(drop())
        time.sleep(0.05)


def slow_head(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    drops(connection, lambda: b"a")


def slow_status(connection: socket.socket, _: bytes) -> None:
    drops(connection, lambda: b"H")


def endless_continue(connection: socket.socket, _: bytes) -> None:
    drops(connection, lambda: b"HTTP/1.1 100 Continue\r\n\r\n")


def slow_body(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    drops(connection, lambda: b" ")


def slow_chunks(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    drops(connection, lambda: b"1\r\n \r\n")


def slow_chunk_size(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    drops(connection, lambda: b"0")


def slow_trailer(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
    drops(connection, lambda: b"X-Trailer: a\r\n")


def silence(connection: socket.socket, _: bytes) -> None:
    connection.recv(1)


@pytest.mark.usefixtures("few_tries")
@pytest.mark.parametrize(
    "answer",
    [slow_head, slow_status, endless_continue, slow_body, slow_chunks, slow_chunk_size, slow_trailer, silence],
)
def test_no_answer_takes_longer_than_its_timeout(
    answer: Callable[[socket.socket, bytes], None], waits: list[float]
) -> None:
    with hostile_server(answer) as url:
        endpoint = Endpoint(EndpointOptions(f"{url}/score", "application/json", 1, 0.4, NO_KEY))
        began = time.monotonic()
        with pytest.raises(GivenUpError, match=r"not complete within 0.4 seconds|timed out"):
            endpoint.ask(b"{}", lambda reply: reply)
        endpoint.close()
    assert len(waits) == TRIES - 1
    assert time.monotonic() - began < TRIES * 0.4 + PATIENCE


@pytest.mark.usefixtures("few_tries")
def test_no_body_that_an_endpoint_takes_drop_by_drop_is_sent_for_ever(waits: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:  # It accepts nothing, and reads nothing.
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/score"
        endpoint = Endpoint(EndpointOptions(url, "application/json", 1, 0.3, NO_KEY))
        began = time.monotonic()
        with pytest.raises(GivenUpError):
            endpoint.ask(b" " * 2**24, lambda reply: reply)
        endpoint.close()
    assert time.monotonic() - began < TRIES * 0.3 + PATIENCE


@pytest.mark.usefixtures("few_tries")
def test_no_handshake_of_tls_takes_longer_either(waits: list[float]) -> None:
    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"\x16\x03\x03\x40\x00")  # A record of 16 KB, of which the bytes come one by one.
        drops(connection, lambda: b"\x02")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        import threading

        def serve() -> None:
            while True:
                try:
                    connection = listening.accept()[0]
                except OSError:
                    return
                threading.Thread(target=_quietly, args=(answer, connection), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/score"
        endpoint = Endpoint(EndpointOptions(url, "application/json", 1, 0.4, NO_KEY))
        began = time.monotonic()
        with pytest.raises(GivenUpError, match=r"^(?!.* at 0x).*too long"):
            endpoint.ask(b"{}", lambda reply: reply)
        endpoint.close()
        listening.shutdown(socket.SHUT_RDWR)
    assert time.monotonic() - began < TRIES * 0.4 + PATIENCE


def _quietly(answer: Callable[[socket.socket, bytes], None], connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        answer(connection, b"")


@pytest.mark.parametrize(
    "pause",
    [
        "Mon, 01 Jan 99999999999999 00:00:00 GMT",
        "Mon, 99 Jan 2030 99:00:00 GMT",
        "1e999",
        "nan",
        "-inf",
        "9" * 5000,
        "",
        "soon",
        "Mon, 01 Jan 9999 00:00:00 -9999",
        "\xb2",
    ],
)
def test_whatever_pause_is_asked_for_the_endpoint_is_asked_again(pause: str, waits: list[float]) -> None:
    first = itertools.count()

    def answer(connection: socket.socket, _: bytes) -> None:
        busy = next(first) == 0
        connection.sendall(http("429 No" if busy else "200 OK", b"[]", f"Retry-After: {pause}"))

    with hostile_server(answer) as url:
        endpoint = Endpoint(EndpointOptions(url, "application/json", 1, 5, NO_KEY))
        assert endpoint.ask(b"{}", lambda reply: reply.body) == b"[]"
        endpoint.close()
    assert len(waits) == 1 and 0 <= waits[0] <= 30


def asked_once(answer: bytes) -> Reply:
    """What an endpoint that answers so is found to say."""
    with hostile_server(lambda connection, _: connection.sendall(answer)) as url:
        endpoint = Endpoint(EndpointOptions(f"{url}/score", "application/json", 1, 5, NO_KEY))
        try:
            return endpoint.ask(b"{}", lambda reply: reply)
        finally:
            endpoint.close()


PACKED = gzip.compress(b"[]" * 1000)


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        (http("201 Created", b"[]", "Content-Type: application/json"), Reply("application/json", b"[]", 201)),
        (http("202 Accepted", b"[]"), Reply("", b"[]", 202)),
        (http("200 OK", PACKED, "Content-Encoding: gzip"), Reply("", b"[]" * 1000, packed="gzip")),
        (b"HTTP/1.0 200 OK\r\n\r\n[]", Reply("", b"[]")),
        (http("200 OK", b"[]", "Content-Type: Text/Plain; charset=utf-8"), Reply("text/plain", b"[]")),
    ],
    ids=["201", "202", "packed", "without a length", "plain text"],
)
def test_an_answer_of_success_is_taken_as_its_body_says(answer: bytes, reply: Reply) -> None:
    assert asked_once(answer) == reply


@pytest.mark.parametrize(
    ("answer", "kind", "words", "tries"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", StatusError, "the server answers 204 and nothing more", 1),
        (http("202 Accepted", b""), StatusError, "the server answers 202 and nothing more", 1),
        (http("200 OK", b"no gzip", "Content-Encoding: gzip"), TruncatedAnswerError, "cannot be unpacked", 3),
        (b"SSH-2.0-OpenSSH\r\n", EndpointError, "cannot be asked", 1),
    ],
    ids=["204", "202", "no gzip", "no http"],
)
def test_an_answer_without_a_prediction_is_told_and_one_that_came_broken_is_asked_for_again(
    answer: bytes, kind: type[Exception], words: str, tries: int, waits: list[float]
) -> None:
    with pytest.raises(kind, match=words):
        asked_once(answer)
    assert len(waits) == tries - 1


@pytest.mark.usefixtures("few_tries")
def test_two_lengths_of_one_answer_are_a_failed_try_and_end_no_run(waits: list[float]) -> None:
    odd = http("200 OK", b"[1, 2]", "Content-Length: 3")
    answers = iter([odd, http("200 OK", b"[]"), *[odd] * TRIES])
    with hostile_server(lambda connection, _: connection.sendall(next(answers))) as url:
        endpoint = Endpoint(EndpointOptions(f"{url}/score", "application/json", 1, 5, NO_KEY))
        assert endpoint.ask(b"{}", lambda reply: reply.body) == b"[]"
        with pytest.raises(GivenUpError, match="two lengths"):
            endpoint.ask(b"{}", lambda reply: reply)
        endpoint.close()
    assert len(waits) == 1 + TRIES - 1


def _slashed(key: str) -> str:
    return json.dumps(key).replace("/", "\\/")[1:-1]


@pytest.mark.parametrize(
    "said",
    [
        lambda key: key,
        _slashed,
        lambda key: "".join(f"\\u{ord(character):04x}" for character in key),
        lambda key: quote(key, safe=""),
        lambda key: base64.b64encode(f":{key}".encode()).decode(),
        lambda key: key.encode().hex(),
        lambda key: json.dumps(key.encode("utf-16-le").decode("latin-1"))[1:-1],
    ],
)
@pytest.mark.parametrize("as_what", ["label", "error", "page", "redirect"])
def test_what_an_endpoint_repeats_of_its_key_or_query_is_in_no_file_and_no_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Callable[[str], str], as_what: str
) -> None:
    monkeypatch.setenv(DEFAULT_KEY, KEY)
    code = "SECRETFUNCTIONKEY/0123456789"
    echoed = f"{said(KEY)} {said(code)}"

    def answer(connection: socket.socket, _: bytes) -> None:
        label = f'[{{"probs": [1.0], "labels": ["{echoed}"]}}]'.encode()
        kind = "Content-Type: application/json"
        connection.sendall(
            {
                "label": http("200 OK", label, kind),
                "error": http("400 No", f'{{"error": "{echoed * 40}"}}'.encode(), kind),
                "page": http("200 OK", f"<p>{echoed}".encode(), "Content-Type: text/html"),
                "redirect": http("302 Found", b"", f"Location: /login?{said(KEY)}&back={said(code)}"),
            }[as_what]
        )

    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").write_bytes(b"image")
    with hostile_server(answer) as url:
        places = ["--endpoint", f"{url}/score?code={code}", "--output", tmp_path / "out"]
        more = ["--task", "image_classification", "--max-failed", "1"]
        ran = labelbeam("score", tmp_path / "photos", *places, *more)
    assert ran.status == (1 if as_what == "redirect" else 0), ran.err
    texts = [ran.out, ran.err] + [
        path.read_text(errors="replace") for path in (tmp_path / "out").rglob("*") if path.is_file()
    ]
    for secret in (KEY, code):
        for form in {secret, said(secret).strip("="), _slashed(secret), quote(secret, safe="")}:
            assert not any(form[4:-4] in text for text in texts)


@pytest.mark.usefixtures("few_tries")
def test_a_request_whose_time_is_over_before_it_is_connected_does_not_begin(
    waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine that is busy: there is nothing to cut yet, and drops would be waited for without end."""
    connect = HTTPConnection.connect

    def slowly(connection: HTTPConnection) -> None:
        time.sleep(0.6)
        connect(connection)

    monkeypatch.setattr(HTTPConnection, "connect", slowly)
    with hostile_server(slow_head) as url:
        endpoint = Endpoint(EndpointOptions(f"{url}/score", "application/json", 1, 0.4, NO_KEY))
        began = time.monotonic()
        with pytest.raises(GivenUpError):
            endpoint.ask(b"{}", lambda reply: reply)
        endpoint.close()
    assert time.monotonic() - began < TRIES * 0.7 + PATIENCE


def test_a_request_that_is_under_way_ends_when_the_endpoint_is_closed(waits: list[float]) -> None:
    with hostile_server(slow_head) as url:
        endpoint = Endpoint(EndpointOptions(f"{url}/score", "application/json", 1, 600, NO_KEY))
        asking = threading.Thread(target=_asked, args=(endpoint,))
        asking.start()
        time.sleep(0.5)
        endpoint.close()
        asking.join(60)
        assert not asking.is_alive()


def _asked(endpoint: Endpoint) -> None:
    with contextlib.suppress(LabelBeamError, GivenUpError):
        endpoint.ask(b"{}", lambda reply: reply)


def test_an_answer_that_is_not_read_to_its_end_costs_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_module, "ANSWER_LIMIT", 1000)
    sizes = iter([2**20, 2])

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(http("200 OK", b" " * next(sizes)))

    with hostile_server(answer) as url:
        endpoint = Endpoint(EndpointOptions(f"{url}/score", "application/json", 1, 30, NO_KEY))
        with pytest.raises(TooLargeError):
            endpoint.ask(b"{}", lambda reply: reply)
        assert endpoint.ask(b"{}", lambda reply: reply.body) == b"  "
        endpoint.close()
