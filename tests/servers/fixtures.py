"""Fixtures: real servers, each started once a run when a test first asks for it, and places on them.

`s3_store`, `azure_store`, `gcs_store`, `http_store` (answers ranges) and `plain_http_store` (ignores them) give a test a place of
its own, a `Store`. `proxied` puts a proxy before one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol, TypeVar
from uuid import uuid4

import pytest

from tests.servers.azurite import azurite_blob
from tests.servers.processes import HOST
from tests.servers.proxy import Proxy, proxy_before
from tests.servers.room import PORT, Room, Visitor, room_of
from tests.servers.stores import AzureStore, GcsStore, HttpStore, S3Store, Store
from tests.suites import needs

# gcsfs reads this when it is imported, which is when a test first opens gs://; see GcsStore.
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"


@pytest.fixture(scope="session")
def room(request: pytest.FixtureRequest) -> Room | Visitor:
    """Where the servers are."""
    return room_of(request.config)


@pytest.fixture(scope="session")
def s3_server(room: Room | Visitor) -> str:
    """The endpoint of a moto server."""
    needs("server", "moto")
    return room.endpoint("s3", [sys.executable, "-P", str(Path(__file__).with_name("s3_process.py")), HOST, PORT])


@pytest.fixture(scope="session")
def azure_server(room: Room | Visitor) -> str:
    """The endpoint of an Azurite blob server."""
    needs("server", "Azurite")
    # The packages of Azure ask for API versions that Azurite does not list yet, and answer the same.
    flags = ["--blobHost", HOST, "--silent", "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]
    return room.endpoint("azure", [azurite_blob(), *flags, "--blobPort", PORT])


@pytest.fixture(scope="session")
def gcs_server(room: Room | Visitor) -> str:
    """The endpoint of an emulator of Google Cloud Storage."""
    needs("server", "an emulator of Google Cloud Storage")
    flags = ["start", "--quiet", "--in-memory", f"--host={HOST}", f"--port={PORT}"]
    return room.endpoint("gcs", [sys.executable, "-P", str(Path(__file__).with_name("gcs_process.py")), *flags])


@pytest.fixture(scope="session")
def shown_folder(room: Room | Visitor) -> Path:
    """What the HTTP servers show."""
    return room.shown


@pytest.fixture(scope="session")
def http_server(room: Room | Visitor) -> str:
    """The endpoint of an HTTP server that answers ranges and lists directories."""
    needs("server", "an HTTP server")
    return room.endpoint("http", [sys.executable, "-m", "RangeHTTPServer", "--bind", HOST, PORT])


@pytest.fixture(scope="session")
def plain_http_server(room: Room | Visitor) -> str:
    """The endpoint of an HTTP server that ignores ranges and lists directories."""
    needs("server", "an HTTP server")
    return room.endpoint("plain-http", [sys.executable, "-m", "http.server", "--bind", HOST, PORT])


def new_name() -> str:
    """A name for a bucket, container or directory that nothing else has."""
    return f"test-{uuid4().hex[:16]}"


@pytest.fixture
def s3_store(s3_server: str) -> S3Store:
    """A new bucket."""
    store = S3Store(new_name(), s3_server, s3_server)
    store.create()
    return store


@pytest.fixture
def azure_store(azure_server: str) -> AzureStore:
    """A new container."""
    store = AzureStore(new_name(), azure_server, azure_server)
    store.create()
    return store


@pytest.fixture
def gcs_store(gcs_server: str) -> GcsStore:
    """A new bucket."""
    store = GcsStore(new_name(), gcs_server, gcs_server)
    store.create()
    return store


@pytest.fixture
def http_store(http_server: str, shown_folder: Path) -> HttpStore:
    """A new directory of the HTTP server that answers ranges."""
    return _shown(http_server, shown_folder)


@pytest.fixture
def plain_http_store(plain_http_server: str, shown_folder: Path) -> HttpStore:
    """A new directory of the HTTP server that ignores ranges."""
    return _shown(plain_http_server, shown_folder)


def _shown(server: str, folder: Path) -> HttpStore:
    name = new_name()
    (folder / name).mkdir()
    return HttpStore(name, server, server, folder / name)


AnyStore = TypeVar("AnyStore", bound=Store)


class Proxied(Protocol):
    """Puts a proxy of its own before a place."""

    def __call__(self, store: AnyStore, /) -> tuple[AnyStore, Proxy]:
        """The same place through the proxy, and the proxy."""


@pytest.fixture
def proxied() -> Iterator[Proxied]:
    """A function: place → the same place through a proxy of its own, and the proxy."""
    with ExitStack() as running:

        def before(store: AnyStore) -> tuple[AnyStore, Proxy]:
            proxy = running.enter_context(proxy_before(store.server))
            return store.through(proxy.endpoint), proxy

        yield before
