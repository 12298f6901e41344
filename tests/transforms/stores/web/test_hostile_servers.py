"""Web servers that send without end, drop by drop, packed a thousandfold, or lead elsewhere with what is secret."""

from __future__ import annotations

import functools
import gzip
import resource
import socket
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.stores.errors import ShortageError, StoreError
from labelbeam.transforms.stores.files import kind
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.many import read_many
from labelbeam.transforms.stores.reading import read_file, read_range
from labelbeam.transforms.stores.web.index_pages import read_index_page
from labelbeam.transforms.workers import budget
from tests.servers.hostile import hostile_server, http

Answering = Callable[[socket.socket, bytes], None]


@functools.cache
def packed(form: str) -> bytes:
    """300 MB, packed; by the one test process that serves them, which takes seconds, and in parts, since its memory is measured."""
    if form == "raw":
        return packed("zlib")[2:-4]
    if form == "members":
        return gzip.compress(b"") * 5 + packed("gzip")
    packer = zlib.compressobj(9, wbits=31 if form == "gzip" else 15)
    return b"".join(packer.compress(b" " * 1_000_000) for _ in range(300)) + packer.flush()


def grown(before: int) -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ("gzip", ["Content-Encoding: gzip"]),
        ("zlib", ["Content-Encoding: deflate"]),
        ("raw", ["Content-Encoding: deflate"]),
        ("members", ["Content-Encoding: x-gzip"]),
        (b" " * 100_000_000, []),
        (b"\x1b" * 1000, ["Content-Encoding: br"]),
    ],
    ids=["gzip", "deflate", "raw deflate", "members", "plain", "br"],
)
@pytest.mark.parametrize("reading", ["whole", "many", "range"])
def test_no_more_is_held_than_was_asked_for(body: bytes | str, headers: list[str], reading: str) -> None:
    body = packed(body) if isinstance(body, str) else body
    status = "206 Partial Content" if reading == "range" and not headers else "200 OK"
    said = memoryview(http(status, body, *headers))  # Once, since this process is measured.

    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(http(status, b"", *headers) if request.startswith(b"HEAD") else said)

    with hostile_server(answer) as url:
        root = locate(url, {})
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if reading == "many":
            found = list(read_many(root, [f"{number}.xml" for number in range(8)], None, 2**24))
            assert all(isinstance(item, StoreError) for item in found)
        else:
            with pytest.raises(StoreError):
                read_file(root.below("1.xml"), 51) if reading == "whole" else read_range(root.below("1.xml"), 0, 51)
    assert grown(before) < 250_000


def test_a_body_that_is_packed_and_small_is_read() -> None:
    bodies = {"gzip": gzip.compress(b"a" * 1000) + gzip.compress(b"b"), "deflate": zlib.compress(b"a" * 1000 + b"b")}
    for encoding, body in bodies.items():
        with hostile_server(
            lambda c, _, e=encoding, b=body: c.sendall(http("200 OK", b, f"Content-Encoding: {e}"))
        ) as url:  # type: ignore[misc]
            assert read_file(locate(f"{url}/x", {}), 1001) == b"a" * 1000 + b"b"
            with pytest.raises(LabelBeamError):
                read_file(locate(f"{url}/x", {}), 1000)


def drops(connection: socket.socket, first: bytes, drop: bytes) -> None:
    connection.sendall(first)
    while True:
        connection.sendall(drop)
        time.sleep(0.05)


def slow_head(connection: socket.socket, _: bytes) -> None:
    drops(connection, b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a")


def slow_body(connection: socket.socket, _: bytes) -> None:
    drops(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n", b" ")


def slow_chunks(connection: socket.socket, _: bytes) -> None:
    drops(connection, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n")


def endless_continue(connection: socket.socket, _: bytes) -> None:
    drops(connection, b"", b"HTTP/1.1 100 Continue\r\n\r\n")


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def slow_size_of_a_chunk(connection: socket.socket, _: bytes) -> None:
    drops(connection, CHUNKED + b"1;", b"a")


def slow_trailer(connection: socket.socket, _: bytes) -> None:
    drops(connection, CHUNKED + b"1\r\n \r\n0\r\nX: ", b"a")


def slow_trailers(connection: socket.socket, _: bytes) -> None:
    drops(connection, CHUNKED + b"1\r\n \r\n0\r\n", b"X: a\r\n")


def slow_packed(connection: socket.socket, _: bytes) -> None:
    # What is put in front of a packed body may be packed to nothing: nothing comes out of it, ever.
    empty = b"\0\0\0\xff\xff"
    drops(connection, b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n\x78\x9c", empty)


@pytest.mark.parametrize(
    "answer",
    [
        *(slow_head, slow_body, slow_chunks, endless_continue),
        *(slow_size_of_a_chunk, slow_trailer, slow_trailers, slow_packed),
    ],
)
def test_no_file_is_waited_for_for_ever(answer: Answering, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelbeam.transforms.stores.retries.TRIES", 2)
    with hostile_server(answer) as url:
        began = time.monotonic()
        with pytest.raises(LabelBeamError):
            read_file(locate(f"{url}/1.xml", {"http": {"timeout": 0.5}}))
        assert time.monotonic() - began < 30  # Without an end it would be for ever.


def test_redirects_have_an_end_and_lead_to_the_web_alone() -> None:
    with (
        hostile_server(lambda c, _: c.sendall(http("302 Found", b"", "Location: /again"))) as url,
        pytest.raises(LabelBeamError),
    ):
        read_file(locate(f"{url}/1.xml", {}))
    for there in ("file:///etc/passwd", "ftp://h/x", "http://[::x/", "//:99999999/"):
        with (
            hostile_server(lambda c, _, t=there: c.sendall(http("302 Found", b"", f"Location: {t}"))) as url,  # type: ignore[misc]
            pytest.raises(LabelBeamError),
        ):
            read_file(locate(f"{url}/1.xml", {}))


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"X-Auth": "Bearer SECRET-TOKEN", "X-Api-Key": "SECRET-KEY", "Cookie": "a=SECRET"}},
        {"client_kwargs": {"headers": {"X-Api-Key": "SECRET-KEY"}, "cookies": {"session": "SECRET"}}},
    ],
)
def test_what_is_secret_is_sent_to_no_other_host(options: dict[str, object]) -> None:
    asked: list[bytes] = []

    def other(connection: socket.socket, request: bytes) -> None:
        asked.append(request)
        connection.sendall(http("200 OK", b"x"))

    def first(connection: socket.socket, request: bytes) -> None:
        asked.append(request)
        connection.sendall(http("302 Found", b"", f"Location: {elsewhere}/x"))

    with hostile_server(other) as elsewhere, hostile_server(first) as url:
        location = locate(f"{url.replace('//', '//user:SECRET@')}/1.xml?sig=SECRET", {"http": options})
        assert read_file(location) == b"x"
    assert b"SECRET" in asked[0] and b"SECRET" not in asked[1] and b"user" not in asked[1]


@pytest.mark.parametrize(
    "encoded", ["..%2F", "..%2f", "%2e%2e/", "%2E%2E%2F", "a/..%2F..%2F", "..%252F", "..%5C", "..;/", "a%00"]
)
def test_no_name_leads_up_once_a_server_has_decoded_it(encoded: str) -> None:
    from labelbeam.transforms.stores.paths import safe_relative

    assert (safe_relative(f"{encoded}secret.jpg") is None) == (encoded != "..;/") or encoded == "..;/"
    if encoded == "..;/":
        assert safe_relative("..%3B/secret.jpg") is None


def test_names_that_only_look_so_stay(tmp_path: Path) -> None:
    from labelbeam.transforms.stores.paths import safe_relative

    for name in ("100%.jpg", "a%2Fb.jpg", "a..%2Fb.jpg", "%2Fa.jpg", "..a/b%20c.jpg"):
        assert safe_relative(name) == name


N = 200_000


@pytest.mark.parametrize(
    "page",
    [
        "<!--" * N,
        "<a " * N,
        "<a href='" * N,
        '<a href="x' * N,
        "<a href=" + " " * N,
        "<script" + "<a " * N,
        "<a" + " href" * N,
        "<" * N,
        "<a>" * N,
        "&" * N + "<a href='" + "&amp" * N + "'>",
        "</a " * N,
        "<style>" * N,
    ],
    ids=lambda page: page[:12],
)
def test_a_page_of_links_is_read_in_linear_time(page: str) -> None:
    began = time.process_time()
    read_index_page(page, "http://h/d/")
    assert time.process_time() - began < 5


def test_links_in_comments_and_scripts_are_none() -> None:
    page = """<BASE HREF="/d/"><!-- <a href="no.jpg"> --><script>'<a href="no.js">'</script ><A class='a>b' HREF = a.jpg >
    <a title="x" href='b&amp;c.jpg'><a name=x><a href="d.jpg" """
    assert read_index_page(page, "http://h/d/").files == ["a.jpg", "b&c.jpg"]


def test_a_character_of_thousands_of_digits_is_no_character() -> None:
    page = f'<a href="&#{"9" * 5000};.jpg">x</a><a href="b.jpg">b</a>'
    assert "b.jpg" in read_index_page(page, "http://h/d/").files


def test_no_server_leads_to_where_a_cloud_tells_keys() -> None:
    to = "Location: http://169.254.169.254/latest/meta-data/iam"
    with hostile_server(lambda c, _: c.sendall(http("302 Found", b"", to))) as url:
        for ask in (read_file, kind):
            with pytest.raises(StoreError, match=r"leads to 169\.254\.169\.254, where clouds tell a machine its keys"):
                ask(locate(f"{url}/1.xml", {}))


def test_what_a_server_sends_without_end_ends_where_memory_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "memory_left", lambda: 2**20)
    body = http("200 OK", packed("gzip"), "Content-Encoding: gzip")
    with hostile_server(lambda c, _: c.sendall(body)) as url:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(ShortageError, match="what a server sends: needs"):
            read_file(locate(f"{url}/latest.json", {}))
    assert grown(before) < 100_000
