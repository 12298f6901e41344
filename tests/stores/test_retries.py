"""Requests that fail in a way that passes are made again, on real servers; others are made once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientTimeout

from labelbeam.transforms.stores import retries
from labelbeam.transforms.stores.errors import MissingFileError, StoreError, UnavailableError
from labelbeam.transforms.stores.files import list_directory, put, remove_files, stat
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.many import read_many
from labelbeam.transforms.stores.reading import read_file, read_range
from labelbeam.transforms.stores.threads import in_threads
from tests.servers.faults import CUT, LOST, REFUSED, RESET, SHORT, Faults, Request
from tests.servers.fixtures import new_name
from tests.servers.proxy import Proxy, proxy_before
from tests.servers.stores import AZURE_KEY, SECRET, AzureStore, GcsStore, HttpStore, S3Store, Store

DATA = bytes(range(256)) * 4
FILES = {"a.bin": DATA, "d/b.bin": b"x"}

pytestmark = [
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning"),
]  # As in test_proxy.py.


KINDS: dict[str, tuple[str, type[Store]]] = {
    "s3": ("s3_server", S3Store),
    "azure": ("azure_server", AzureStore),
    "gcs": ("gcs_server", GcsStore),
    "http": ("http_server", HttpStore),
}


class Place:
    """A store with `FILES` in it, as the program sees it through a proxy, and as it is."""

    def __init__(self, direct: Store, proxy: Proxy) -> None:
        self.direct = direct
        self.proxy = proxy
        self.root = self.seen_with()

    def seen_with(self, **options: Any) -> Location:
        """The store as the program sees it with further options of its own."""
        store = self.direct.through(self.proxy.endpoint)
        protocol = store.root.partition("://")[0]
        return locate(store.root, {protocol: {**store.storage_options.get(protocol, {}), **options}})

    @property
    def writable(self) -> bool:
        return not isinstance(self.direct, HttpStore)

    @property
    def file(self) -> Location:
        return self.root.below("a.bin")


@pytest.fixture(scope="module", params=KINDS)
def shared(request: pytest.FixtureRequest, shown_folder: Path) -> Iterator[Place]:
    """One place and one proxy for all tests of a kind, since a proxy takes a while to start."""
    fixture, kind = KINDS[request.param]
    server, name = request.getfixturevalue(fixture), new_name()
    if kind is HttpStore:
        (shown_folder / name).mkdir()
        store: Store = HttpStore(name, server, server, shown_folder / name)
    else:
        store = kind(name, server, server)
        store.create()  # type: ignore[attr-defined]
    with proxy_before(server) as proxy:
        yield Place(store, proxy)


@pytest.fixture
def place(shared: Place) -> Place:
    shared.proxy.suffer()
    shared.direct.write(FILES)
    if "new" in shared.direct.paths():
        shared.direct.remove("new")
    shared.proxy.forget()
    return shared


def failed(proxy: Proxy, *outcomes: str) -> list[Request]:
    return [request for request in proxy.requests() if request.outcome in outcomes]


def removed(place: Place) -> bool:
    remove_files(place.root, ["a.bin"])
    return "a.bin" not in place.direct.paths()


def written(place: Place) -> bool:
    put(place.root.below("new"), DATA)
    return place.direct.read("new") == DATA


OPERATIONS: dict[str, Callable[[Place], bool]] = {
    "read a file": lambda place: read_file(place.file) == DATA,
    "read a range": lambda place: read_range(place.file, 3, 9) == DATA[3:9],
    "stat": lambda place: stat(place.file).size == len(DATA),
    "list a tree": lambda place: [file.path for file in list_files(place.root).files] == sorted(FILES),
    "list a directory": lambda place: list_directory(place.root).folders == ["d"],
    "write": written,
    "remove": removed,
}
READING = ["read a file", "read a range", "list a tree", "list a directory"]
WRITING = ["write", "remove"]


# What passes. -------------------------------------------------------------------------------------------------------


def operations(place: Place, *names: str) -> list[str]:
    return [name for name in names or OPERATIONS if place.writable or name not in WRITING]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_is_refused_three_times_succeeds_the_fourth(status: int, place: Place, waits: list[float]) -> None:
    for operation in operations(place, *(OPERATIONS if status == 503 else ["read a file"])):
        place.proxy.suffer(Faults(refused=1, status=status, first=3))
        place.proxy.forget()
        waits.clear()
        assert OPERATIONS[operation](place), operation
        assert len(failed(place.proxy, REFUSED)) == len(waits) == 3, operation


def test_connections_that_are_reset_are_made_again(place: Place, waits: list[float]) -> None:
    for operation in operations(place):
        place.proxy.suffer(Faults(reset=1, first=5))
        waits.clear()
        assert OPERATIONS[operation](place), operation
        assert waits, operation


def test_an_answer_that_is_cut_is_asked_for_again(place: Place, waits: list[float]) -> None:
    for operation in READING:
        place.proxy.suffer(Faults(cut=1, methods=("GET",), first=2))
        place.proxy.forget()
        assert OPERATIONS[operation](place), operation
        assert len(failed(place.proxy, CUT)) == 2, operation


def test_an_answer_that_calls_itself_complete_is_asked_for_again_where_the_size_is_known(
    place: Place, waits: list[float]
) -> None:
    for number, read in enumerate(
        [
            lambda: read_range(place.file, 0, 100) == DATA[:100],
            lambda: read_file(place.file, len(DATA)) == DATA,
            lambda: list(read_many(place.root, ["a.bin"], [len(DATA)])) == [DATA],
        ]
    ):
        place.proxy.suffer(Faults(short=1, methods=("GET",), path=r"a\.bin", first=2), seed=number)
        waits.clear()
        assert read()
        assert waits


def test_a_write_whose_acknowledgement_is_lost_is_made_again(place: Place, waits: list[float]) -> None:
    for operation in operations(place, *WRITING):
        place.proxy.suffer(Faults(lost=1, first=2))
        place.proxy.forget()
        assert OPERATIONS[operation](place), operation
        assert len(failed(place.proxy, LOST)) == 2, operation


def test_a_store_may_say_how_long_it_wants_to_be_left_alone(place: Place, waits: list[float]) -> None:
    place.proxy.suffer(Faults(refused=1, status=503, retry_after="7", first=2))
    assert OPERATIONS["read a file"](place)
    if isinstance(place.direct, GcsStore):
        assert all(wait < 1 for wait in waits), "gcsfs does not hand the header on"
    else:
        assert waits == [7, 7]
    place.proxy.suffer(Faults(refused=1, status=429, retry_after="3600", first=1))
    assert OPERATIONS["read a file"](place)
    assert max(waits) <= retries.LONGEST_ASKED_FOR


PATIENCE: dict[type[Store], dict[str, Any]] = {
    S3Store: {"config_kwargs": {"read_timeout": 1}},
    AzureStore: {"read_timeout": 1},
    GcsStore: {"requests_timeout": ClientTimeout(sock_read=1)},
    HttpStore: {"timeout": 1},
}


def test_a_server_that_never_answers_is_asked_again(place: Place, waits: list[float]) -> None:
    root = place.seen_with(**PATIENCE[type(place.direct)])
    place.proxy.suffer(Faults(hung=1, first=1))
    began = time.monotonic()
    assert read_file(root.below("a.bin")) == DATA
    assert 0.9 < time.monotonic() - began < 20
    assert waits, "more than one only where the machine is so busy that the next answer takes a second too"


# What does not. -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412])
def test_what_is_refused_for_good_is_asked_for_once(status: int, place: Place, waits: list[float]) -> None:
    place.proxy.suffer(Faults(refused=1, status=status))
    with pytest.raises(StoreError, match=r"a\.bin: cannot be read: "):
        read_file(place.file)
    assert len(place.proxy.requests()) == 1
    assert waits == []


def test_what_is_not_there_is_asked_for_once(place: Place, waits: list[float]) -> None:
    with pytest.raises(MissingFileError, match=r"none: cannot be read: it does not exist$"):
        read_file(place.root.below("none"))
    assert len(place.proxy.requests()) == 1
    if place.writable:
        remove_files(place.root, ["d/none"])
    assert list_directory(place.root.below("none")) == ([], [])
    assert waits == []


def test_a_store_that_keeps_failing_is_given_up_with_a_word_on_how_often_it_was_tried(
    place: Place, waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    place.proxy.suffer(Faults(refused=1, status=503))
    caplog.set_level(logging.WARNING, "labelbeam")
    with pytest.raises(
        UnavailableError, match=rf"503 Service Unavailable.*; tried {retries.TRIES} times in \d+ seconds$"
    ):
        read_file(place.file)
    assert len(place.proxy.requests()) == retries.TRIES
    assert len(waits) == retries.TRIES - 1
    for operation in ("stat", "list a tree", "list a directory"):
        place.proxy.forget()
        with pytest.raises(UnavailableError):
            OPERATIONS[operation](place)
        assert len(place.proxy.requests()) <= 2 * retries.TRIES, "no package of a store repeats what was given up"
    told = [record.getMessage() for record in caplog.records if record.name == "labelbeam"]
    assert len(told) <= 1, "there is one line in half a minute"


def test_nothing_that_is_told_holds_a_credential(
    place: Place, waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    for status in (403, 503):
        place.proxy.suffer(Faults(refused=1, status=status))
        with pytest.raises((StoreError, UnavailableError)) as caught:
            read_file(place.file)
        for secret in (SECRET, AZURE_KEY):
            assert secret not in str(caught.value) + caplog.text


# Many at a time. ----------------------------------------------------------------------------------------------------


def test_a_quarter_of_requests_may_fail_without_any_loss(place: Place, waits: list[float]) -> None:
    files = {f"many/{number:03}.bin": str(number).encode() * 50 for number in range(200)}
    rate = 0.25 / 4
    seed = 11
    print("seed", seed)
    place.proxy.suffer(Faults(refused=rate, reset=rate, cut=rate, short=rate), seed=seed)
    if place.writable:
        in_threads(lambda path: put(place.root.below(path), files[path]), list(files))
    else:
        place.direct.write(files)
    root = place.root.below("many")
    assert list(read_many(place.root, list(files), [len(data) for data in files.values()])) == list(files.values())
    assert len(list_directory(root).files) == 200
    assert place.direct.files("many") == files
    outcomes = {outcome for _, outcome in place.proxy.counts()}
    assert {REFUSED, RESET, CUT, SHORT} < outcomes
    remove_files(place.root, list(files)) if place.writable else [place.direct.remove(path) for path in files]
    assert place.direct.paths() == sorted(FILES)
