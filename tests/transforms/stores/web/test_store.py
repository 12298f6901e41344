"""Web servers as sources: what is asked for, and what is made of the answers."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Protocol

import pytest

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.stores.errors import MissingFileError, StoreError, UnavailableError
from labelbeam.transforms.stores.files import kind, list_directory, stat
from labelbeam.transforms.stores.globs import expand
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.locate import locate, locate_target
from labelbeam.transforms.stores.many import read_many
from labelbeam.transforms.stores.reading import read_file, read_range
from labelbeam.transforms.stores.web.store import WHOLE
from tests.servers.stores import HttpStore
from tests.transforms.stores.odd_server import OddServer, odd_server

TREE = {
    "voc/Annotations/1.xml": b"<annotation/>",
    "voc/JPEGImages/50% #1?.jpg": b"odd name",
    "voc/JPEGImages/a b&c+d;e=f.jpg": b"odder",
    "voc/JPEGImages/müll/日本.jpg": b"nested",
    "voc/empty.txt": b"",
}


class Pages(BaseHTTPRequestHandler):
    """Answers each request with the next of `pages`, the last one again and again."""

    pages: ClassVar[list[bytes]] = []

    def do_GET(self) -> None:
        page = self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.mark.parametrize(
    ("pages", "names"),
    [
        (["<html><a href='a.jpg'></a>", "<html><a href='a.jpg'></a><a href='b.jpg'></a></html>"], ["a.jpg", "b.jpg"]),
        (["<HTML><a href='a.jpg'></a>"], ["a.jpg"]),  # As its server writes it: it ends there again.
        (["<a href='a.jpg'></a>"], ["a.jpg"]),
    ],
)
def test_half_a_page_of_links_that_says_to_be_whole_is_asked_for_again(
    pages: list[str], names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pages, "pages", [page.encode() for page in pages])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        root = locate(f"http://127.0.0.1:{server.server_address[1]}/", {})
        assert [file.path for file in list_directory(root).files] == names
    finally:
        server.shutdown()
        server.server_close()


class Serve(Protocol):
    def __call__(self, files: dict[str, bytes], **oddities: Any) -> OddServer: ...


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A function: files and oddities → a server that is running."""
    with ExitStack() as running:
        yield lambda files, **oddities: running.enter_context(odd_server(OddServer(files, **oddities)))


# Names --------------------------------------------------------------------------------------------------------------


@pytest.mark.server
@pytest.mark.parametrize("server", ["http_store", "plain_http_store"])
def test_a_tree_is_listed_and_read_by_names_that_urls_have_to_encode(
    server: str, request: pytest.FixtureRequest
) -> None:
    store: HttpStore = request.getfixturevalue(server)
    store.write(TREE)
    root = locate(store.url("voc/"), {})
    found = list_files(root)
    assert {file.path: file.size for file in found.files} == {
        path.removeprefix("voc/"): len(data) for path, data in TREE.items()
    }
    assert found.warnings == []
    paths = [file.path for file in found.files]
    assert list(read_many(root, paths)) == [TREE[f"voc/{path}"] for path in paths]
    images = locate(store.url("voc/JPEGImages"), {}).below("müll/日本.jpg")
    assert images.url == store.url("voc/JPEGImages/m%C3%BCll/%E6%97%A5%E6%9C%AC.jpg")
    assert read_file(locate(images.url, {})) == b"nested"
    assert [kind(root.below(path)) for path in ("JPEGImages", "JPEGImages/müll", "none", "none.jpg")] == [
        "directory",
        "directory",
        None,
        None,
    ]


@pytest.mark.server
def test_a_url_is_taken_as_it_is_typed_encoded_or_not(http_store: HttpStore) -> None:
    http_store.write({"a b/50%.json": b"{}"})
    for typed in ("a b/50%25.json", "a%20b/50%25.json"):
        assert read_file(locate(http_store.url(typed), {})) == b"{}"


@pytest.mark.server
def test_a_glob_matches_decoded_names(http_store: HttpStore) -> None:
    http_store.write({"a/instances #1.json": b"{}", "a/instances #2.json": b"{}", "a/other.json": b"{}"})
    found = expand(http_store.url("a/instances*.json"), {})
    assert [place.url for place in found] == [http_store.url(f"a/instances%20%23{number}.json") for number in (1, 2)]


def test_a_query_goes_with_every_request_and_never_into_messages(serve: Serve) -> None:
    server = serve(TREE, query="sv=2024&sig=SECRET%3D")
    root = locate(f"{server.url}/voc?{server.query}", {})
    assert root.below("a b.json").url == f"{server.url}/voc/a%20b.json?{server.query}"
    above = root.below("JPEGImages").parent
    assert above is not None
    assert (above.path, above.url) == (root.path, root.url)
    assert len(list_files(root).files) == len(TREE)
    assert read_file(root.below("JPEGImages/50% #1?.jpg")) == b"odd name"
    for fails in (lambda: read_file(root.below("none.jpg")), lambda: read_range(root.below("empty.txt"), 5, 9)):
        with pytest.raises(StoreError) as caught:
            fails()
        assert "SECRET" not in str(caught.value)
    assert all(asked.endswith(server.query) or server.query in asked for asked in server.asked)
    with pytest.raises(StoreError, match="403") as caught:
        read_file(locate(f"{server.url}/voc/empty.txt?sig=WRONG_SECRET", {}))
    assert "SECRET" not in str(caught.value)


def test_a_slash_within_a_name_stays_encoded(serve: Serve) -> None:
    server = serve({"o/annotations/val.json": b"{}"})
    assert read_file(locate(f"{server.url}/o/annotations%2Fval.json", {})) == b"{}"
    assert server.asked == ["GET /o/annotations%2Fval.json"]


def test_user_and_headers_are_sent_and_not_shown(serve: Serve) -> None:
    server = serve({"x.json": b"{}"}, statuses={"y.json": 401})
    address = server.url.replace("://", "://me:SECRETpass@")
    read_file(locate(f"{address}/x.json", {}))
    options = {"http": {"headers": {"Authorization": "Bearer SECRETtoken"}}}
    read_file(locate(f"{server.url}/x.json", options))
    assert server.authorization == ["Basic bWU6U0VDUkVUcGFzcw==", "Bearer SECRETtoken"]
    for url, known in ((f"{address}/y.json", {}), (f"{server.url}/y.json", options)):
        with pytest.raises(StoreError, match="401") as caught:
            read_file(locate(url, known))
        assert "SECRET" not in str(caught.value)


# Index pages --------------------------------------------------------------------------------------------------------


def test_links_that_lead_out_are_not_followed_and_told_of(serve: Serve) -> None:
    other = serve({"theirs.jpg": b"secret"})
    server = serve({"voc/1.jpg": b"1", "above.jpg": b"2"})
    server.pages["voc/"] = (
        f'<a href="../above.jpg">a</a><a href="{other.url}/theirs.jpg">b</a><a href="//127.0.0.1:1/x.jpg">c</a>'
        '<a href="../">up</a><a href="1.jpg">1</a><a href="gone.jpg">gone</a>'
    )
    found = list_files(locate(f"{server.url}/voc", {}))
    assert [file.path for file in found.files] == ["1.jpg"]
    assert "links of index pages to files elsewhere, not followed" in found.warnings[0]
    assert ": 3, such as" in found.warnings[0]
    assert "links that lead nowhere: 1, such as 'gone.jpg'" in found.warnings[1]
    assert other.asked == []
    assert sorted(server.asked) == ["GET /voc/", "HEAD /voc/1.jpg", "HEAD /voc/gone.jpg"]


def test_a_directory_whose_link_has_no_slash_is_entered(serve: Serve) -> None:
    server = serve({"d/sub/1.jpg": b"1"})
    server.pages["d/"] = '<a href="/d/sub">sub</a>'
    assert [file.path for file in list_files(locate(f"{server.url}/d", {})).files] == ["sub/1.jpg"]


def test_a_directory_is_found_on_a_server_that_knows_it_only_with_a_slash(serve: Serve) -> None:
    server = serve({"d/1.jpg": b"1"}, statuses={"d": 404})
    assert kind(locate(f"{server.url}/d", {})) == "directory"


def test_pages_without_end_are_an_error(serve: Serve) -> None:
    server = serve({})
    server.pages |= {"d/" * depth: '<a href="d/">d</a>' for depth in range(100)}
    with pytest.raises(StoreError, match="directories lie in each other more than 64 deep"):
        list_files(locate(server.url, {}))


def test_pages_without_end_beside_each_other_are_an_error(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelbeam.transforms.stores.listing._MOST_FOLDERS", 50)
    server = serve({})
    paths = [""]
    for _ in range(6):
        server.pages |= dict.fromkeys(paths, '<a href="0/">0</a><a href="1/">1</a>')
        paths = [f"{path}{name}/" for path in paths for name in "01"]
    with pytest.raises(StoreError, match="its pages tell of more than 50 directories"):
        list_files(locate(server.url, {}))
    assert len(server.asked) < 50


def test_a_page_of_more_names_than_are_held_is_an_error(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelbeam.transforms.stores.listing._MOST_NAMES", 50)
    server = serve({})
    server.pages[""] = "".join(f'<a href="http://h/{number}.jpg">x</a>' for number in range(51))
    with pytest.raises(StoreError, match="or 50 names, perhaps without end"):
        list_files(locate(server.url, {}))


def test_a_directory_that_the_server_does_not_show_is_an_error_that_says_what_to_do(serve: Serve) -> None:
    server = serve({"d/e/1.jpg": b"1"}, statuses={"d/e/": 403})
    with pytest.raises(StoreError, match=r"/d/e: cannot be listed: .*403 Forbidden.*autoindex on"):
        list_files(locate(f"{server.url}/d", {}))
    with pytest.raises(MissingFileError, match="does not exist"):
        list_files(locate(f"{server.url}/none", {}))


def test_a_file_that_cannot_be_had_does_not_hide_the_others(serve: Serve) -> None:
    server = serve({"d/1.jpg": b"1", "d/2.jpg": b"22"}, statuses={"d/1.jpg": 403})
    assert [(file.path, file.size) for file in list_files(locate(f"{server.url}/d", {})).files] == [
        ("1.jpg", 0),
        ("2.jpg", 2),
    ]
    server.statuses["d/2.jpg"] = 403
    with pytest.raises(StoreError, match="403"):
        list_files(locate(f"{server.url}/d", {}))


# Sizes, ranges and tokens ---------------------------------------------------------------------------------------------

CONTENT = bytes(range(256)) * 100

ODDITIES: dict[str, dict[str, Any]] = {
    "as it should be": {},
    "no ranges": {"ranges": False},
    "HEAD refused": {"heads": 405},
    "HEAD not signed for": {"heads": 403},
    "HEAD refused, no ranges": {"heads": 501, "ranges": False},
    "HEAD says 0": {"zero_heads": True},
    "no length": {"length": False, "ranges": False},
    "compressed": {"compressed": True, "ranges": False},
    "compressed, with ranges": {"compressed": True},
    "moved": {"moved": {"x.bin": "/v3/x.bin"}},
}


@pytest.mark.parametrize("oddities", ODDITIES.values(), ids=ODDITIES)
def test_size_content_and_any_range_are_right_whatever_the_server_does(serve: Serve, oddities: dict[str, Any]) -> None:
    server = serve({"x.bin": CONTENT, "v3/x.bin": CONTENT, "none.bin": b""}, **oddities)
    file = locate(f"{server.url}/x.bin", {})
    assert stat(file).size == len(CONTENT)
    assert read_file(file) == CONTENT
    for start, end in ((0, 1), (0, len(CONTENT)), (255, 1000), (len(CONTENT) - 1, len(CONTENT))):
        assert read_range(file, start, end) == CONTENT[start:end]
    with pytest.raises(StoreError):
        read_range(file, len(CONTENT) - 1, len(CONTENT) + 1)
    assert stat(locate(f"{server.url}/none.bin", {})).size == 0


@pytest.mark.parametrize("ranges", [True, False])
def test_a_range_of_what_comes_compressed_is_cut_from_the_whole(serve: Serve, ranges: bool) -> None:
    server = serve({"x.bin": CONTENT}, compressed=True, ranges=ranges)
    assert read_range(locate(f"{server.url}/x.bin", {}), 300, 400) == CONTENT[300:400]


@pytest.mark.parametrize("cut", [1, -1])
def test_a_range_that_comes_back_short_or_long_is_an_error(
    serve: Serve, cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labelbeam.transforms.stores.retries.TRIES", 1)
    server = serve({"x.bin": CONTENT}, cut=cut)
    with pytest.raises((StoreError, UnavailableError), match=f"got {100 - cut}"):
        read_range(locate(f"{server.url}/x.bin", {}), 100, 200)


def test_what_was_taken_whole_is_fetched_anew_for_the_next_build(serve: Serve) -> None:
    server = serve({"x.bin": CONTENT}, ranges=False)
    assert read_range(locate(f"{server.url}/x.bin", {}), 0, 3) == CONTENT[:3]
    server.files["x.bin"] = b"new content"
    (file,) = expand(f"{server.url}/x.bin", {})
    assert read_range(file, 0, 3) == b"new"


def test_a_file_of_a_server_without_ranges_is_fetched_once_for_all_of_its_ranges(serve: Serve) -> None:
    server = serve({"x.bin": CONTENT}, ranges=False)
    file = locate(f"{server.url}/x.bin", {})
    for start in range(0, 20_000, 1000):
        assert read_range(file, start, start + 1000) == CONTENT[start : start + 1000]
    assert server.asked == ["GET /x.bin bytes=0-999"]


def test_a_large_file_of_a_server_without_ranges_is_refused_before_it_is_fetched(serve: Serve) -> None:
    server = serve({"x.bin": bytes(WHOLE + 1)}, ranges=False)
    with pytest.raises(StoreError, match=f"only the whole, of {WHOLE + 1} bytes.*copy the file to this machine first"):
        read_range(locate(f"{server.url}/x.bin", {}), 0, 10)
    assert len(server.asked) == 1
    assert server.sent == [], "its bytes were not taken"


def test_a_large_file_of_unknown_size_is_refused_when_too_much_has_come(serve: Serve) -> None:
    server = serve({"x.bin": bytes(WHOLE + 1)}, ranges=False, length=False)
    with pytest.raises(StoreError, match="of unknown size"):
        stat(locate(f"{server.url}/x.bin", {}))


@pytest.mark.parametrize("heads", [200, 405])
def test_the_token_is_the_etag_and_changes_with_it(serve: Serve, heads: int) -> None:
    server = serve({"x.bin": CONTENT}, heads=heads)
    file = locate(f"{server.url}/x.bin", {})
    before = stat(file)
    assert stat(file) == before
    server.tag = '"2"'
    assert stat(file).token == '"2"'
    server.tag = ""
    assert stat(file).token != stat(file).token, "what tells no version counts as changed"


@pytest.mark.server
def test_the_time_is_the_token_where_there_is_no_etag(plain_http_store: HttpStore) -> None:
    plain_http_store.write({"x.bin": b"1"})
    assert "GMT" in stat(locate(plain_http_store.url("x.bin"), {})).token


# Refusals -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["https://host/out", "http://host/out?sig=SECRET", "zip://::a.zip", "tar://x::s3://b/a"]
)
def test_what_is_read_only_is_refused_as_a_place_to_write_to(url: str) -> None:
    with pytest.raises(UsageError, match=r"--output: .* is read only, as (a web server|an archive) is") as caught:
        locate_target("--output", url, {})
    assert "SECRET" not in str(caught.value)


def test_a_missing_package_is_named_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    monkeypatch.delitem(sys.modules, "labelbeam.transforms.stores.web.store", raising=False)
    with pytest.raises(UsageError, match=r"^https://host/x.json: .*pip install 'labelbeam\[http\]'"):
        locate("https://host/x.json", {})


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("http://host:port/x", {}, "Port could not be cast"),
        ("https://host/x", {"https": {"anon": "SECRET"}}, "anon"),
    ],
)
def test_a_bad_address_or_option_is_a_usage_error(url: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        locate(url, options)
    assert "SECRET" not in str(caught.value)


def test_a_server_that_never_answers_is_given_up(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelbeam.transforms.stores.retries.TRIES", 2)
    server = serve({"x.bin": b""}, hangs=True)
    with pytest.raises(UnavailableError, match="tried 2 times"):
        read_file(locate(f"{server.url}/x.bin", {"http": {"timeout": 0.2}}))
    assert len(server.asked) == 2


def test_the_host_may_be_an_ipv6_address() -> None:
    file = locate("http://[::1]:8000/a/x.json", {}).parent
    assert file is not None
    assert (file.path, file.url) == ("a", "http://[::1]:8000/a")
    inside = locate("zip://d::http://[::1]:8000/a.zip", {})
    assert inside.below("1.jpg").url == "zip://d/1.jpg::http://[::1]:8000/a.zip"
