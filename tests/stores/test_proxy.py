"""The proxy does to requests what its rules say, before each kind of store, and nothing else."""

from __future__ import annotations

import http.client
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import fsspec
import pytest

from tests.servers.faults import CUT, HUNG, LOST, OK, REFUSED, RESET, SHORT, Faults, draw, mixed
from tests.servers.fixtures import Proxied
from tests.servers.proxy import Proxy, most_at_once
from tests.servers.stores import HttpStore, S3Store, Store

FILES = {f"{number}.bin": bytes(range(number, 100)) for number in range(20)}


@pytest.mark.server
@pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")  # aiohttp's; it goes to no user.
@pytest.mark.parametrize("name", ["s3_store", "azure_store", "gcs_store", "http_store", "plain_http_store"])
def test_without_rules_a_store_is_the_same_behind_it(
    name: str, request: pytest.FixtureRequest, proxied: Proxied
) -> None:
    direct: Store = request.getfixturevalue(name)
    store, proxy = proxied(direct)
    options = next(iter(store.storage_options.values()), {})
    fs, path = fsspec.url_to_fs(store.url(), **options, use_listings_cache=False)
    if isinstance(store, HttpStore):
        store.write(FILES)
    else:
        for file, data in FILES.items():
            fs.pipe_file(f"{path}/{file}", data)
        assert len(proxy.writes()) >= len(FILES)
        fs.pipe_file(f"{path}/big", bytes(2**24))  # Some stores take this in parts.
        assert direct.read("big") == bytes(2**24)
        fs.rm_file(f"{path}/big")
    assert direct.files() == FILES
    found = fs.find(path)
    assert sorted(file.rpartition("/")[2] for file in found) == sorted(FILES)
    assert fs.cat_file(f"{path}/3.bin") == FILES["3.bin"]
    if name != "plain_http_store":
        assert fs.cat_file(f"{path}/3.bin", start=5, end=9) == FILES["3.bin"][5:9]
    assert fs.info(f"{path}/4.bin")["size"] == len(FILES["4.bin"])
    assert {outcome for _, outcome in proxy.counts()} == {OK}
    assert any(request.method == "GET" and "3.bin" in request.target for request in proxy.requests())


REFUSAL = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>ServiceUnavailable</Code><Message>by test</Message></Error>'
)


class Client:
    """A client that keeps its connection, repeats nothing and hides nothing."""

    def __init__(self, store: HttpStore) -> None:
        self.connection = HTTPConnection(urlsplit(store.endpoint).netloc, timeout=30)
        self.folder = urlsplit(store.root).path

    def get(self, file: str, method: str = "GET") -> tuple[int, bytes]:
        self.connection.request(method, f"{self.folder}/{file}")
        answer = self.connection.getresponse()
        return answer.status, answer.read()


@pytest.fixture
def behind(http_store: HttpStore, proxied: Proxied) -> Iterator[tuple[Client, Proxy]]:
    """A client of files behind a proxy."""
    http_store.write(FILES)
    store, proxy = proxied(http_store)
    client = Client(store)
    yield client, proxy
    client.connection.close()


@pytest.mark.server
def test_a_connection_is_kept_from_request_to_request(behind: tuple[Client, Proxy]) -> None:
    client, proxy = behind
    proxy.suffer(Faults(refused=0.5), seed=1)
    client.connection.connect()
    client.connection.auto_open = False
    for file, data in FILES.items():
        assert client.get(file) in ((200, data), (503, REFUSAL))
        assert client.get(file, "HEAD")[0] in (200, 503)
    assert proxy.counts().keys() == {("GET", OK), ("GET", REFUSED), ("HEAD", OK), ("HEAD", REFUSED)}


@pytest.mark.server
def test_a_refusal_says_when_to_come_again(behind: tuple[Client, Proxy]) -> None:
    client, proxy = behind
    proxy.suffer(Faults(refused=1, status=429, retry_after="3"))
    client.connection.request("GET", f"{client.folder}/1.bin")
    answer = client.connection.getresponse()
    assert (answer.status, answer.headers["Retry-After"]) == (429, "3")


@pytest.mark.server
def test_a_reset_comes_instead_of_an_answer(behind: tuple[Client, Proxy]) -> None:
    client, proxy = behind
    proxy.suffer(Faults(reset=1))
    with pytest.raises(ConnectionResetError):
        client.get("1.bin")
    assert [(request.outcome, request.status) for request in proxy.requests()] == [(RESET, 0)]


@pytest.mark.server
def test_a_cut_answer_is_shorter_than_it_says(behind: tuple[Client, Proxy]) -> None:
    client, proxy = behind
    proxy.suffer(Faults(cut=1))
    with pytest.raises(http.client.IncompleteRead) as caught:
        client.get("1.bin")
    assert caught.value.partial == FILES["1.bin"][: len(FILES["1.bin"]) // 2]
    assert proxy.counts() == {("GET", CUT): 1}


@pytest.mark.server
def test_a_short_answer_says_that_it_is_short(behind: tuple[Client, Proxy]) -> None:
    client, proxy = behind
    proxy.suffer(Faults(short=1))
    assert client.get("1.bin") == (200, FILES["1.bin"][: len(FILES["1.bin"]) // 2])
    assert proxy.counts() == {("GET", SHORT): 1}


@pytest.mark.server
def test_an_error_is_not_cut(behind: tuple[Client, Proxy]) -> None:
    client, proxy = behind
    proxy.suffer(Faults(cut=1))
    assert client.get("none.bin")[0] == 404
    assert proxy.counts() == {("GET", OK): 1}


@pytest.mark.server
def test_a_request_that_hangs_is_never_answered(behind: tuple[Client, Proxy]) -> None:
    client, proxy = behind
    proxy.suffer(Faults(hung=1))
    client.connection.timeout = 1
    with pytest.raises(TimeoutError):
        client.get("1.bin")
    client.connection.close()
    assert proxy.counts() in ({("GET", HUNG): 1}, {})  # Noted when the client has gone.


@pytest.mark.server
def test_a_lost_acknowledgement_is_of_a_write_that_took_effect(s3_store: S3Store, proxied: Proxied) -> None:
    store, proxy = proxied(s3_store)
    proxy.suffer(Faults(lost=1))
    connection = HTTPConnection(urlsplit(store.endpoint).netloc, timeout=60)
    with pytest.raises((ConnectionResetError, HTTPException)):
        connection.request("PUT", f"/{store.name}/a", b"data", {"Authorization": "AWS test:x"})
        connection.getresponse()
    connection.close()
    assert s3_store.files() == {"a": b"data"}
    assert proxy.counts() == {("PUT", LOST): 1}


@pytest.mark.server
def test_a_rule_is_for_its_methods_its_paths_and_as_many_requests_as_it_says(behind: tuple[Client, Proxy]) -> None:
    client, proxy = behind
    proxy.suffer(
        Faults(refused=1, status=403, path=r"/3\.bin$", methods=("GET",)),
        Faults(refused=1, status=500, path=r"/4\.bin$", first=2),
        Faults(refused=1, status=429, methods=("HEAD",)),
    )
    asked = [("GET", 3), ("HEAD", 3), ("GET", 4), ("GET", 4), ("GET", 4), ("HEAD", 4), ("GET", 5), ("HEAD", 5)]
    found = [client.get(f"{file}.bin", method)[0] for method, file in asked]
    assert found == [403, 429, 500, 500, 200, 429, 200, 429]
    assert [request.status for request in proxy.forget()] == found
    assert proxy.requests() == []
    proxy.suffer()
    assert client.get("3.bin")[0] == 200


@pytest.mark.server
def test_every_request_waits_and_waits_at_the_same_time_as_others(behind: tuple[Client, Proxy]) -> None:
    client, proxy = behind
    proxy.suffer(Faults(latency=0.5))
    host = client.connection.host

    def get(file: str) -> int:
        other = HTTPConnection(host, client.connection.port, timeout=60)
        other.request("GET", f"{client.folder}/{file}")
        status = other.getresponse().status
        other.close()
        return status

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(get, list(FILES)[:10])) == {200}
    assert most_at_once(proxy.requests()) > 5
    assert min(request.seconds for request in proxy.requests()) >= 0.5


def test_what_a_request_suffers_follows_from_the_seed_not_from_the_order() -> None:
    def fates(seed: int, numbers: range) -> dict[int, str]:
        return {number: draw(mixed(0.3), seed, "GET", f"/{number}", 1) for number in numbers}

    assert fates(1, range(99)) == fates(1, range(98, -1, -1))
    assert fates(1, range(99)) != fates(2, range(99))


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_rates_hold_for_every_method(method: str) -> None:
    drawn = Counter(draw(mixed(0.25), 5, method, f"/{number}", 1) for number in range(20_000))
    possible = {"GET": {REFUSED, RESET, CUT}, "HEAD": {REFUSED, RESET}}.get(method, {REFUSED, RESET, LOST})
    assert drawn.keys() == possible | {OK}
    assert 0.24 < 1 - drawn[OK] / 20_000 < 0.26
