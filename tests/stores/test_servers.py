"""The servers that tests run against do what the tests take for granted of them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import fsspec
import pytest

from tests.servers.processes import GUARD, free_port, serving
from tests.servers.stores import ANYBODY, AzureStore, HttpStore, S3Store, Store

FILES = {"a.txt": b"first", "below/b c.txt": b"second", "below/d.bin": bytes(range(256))}

WRITABLE = ["s3_store", "azure_store", "gcs_store"]


@pytest.fixture(params=[*WRITABLE, "http_store", "plain_http_store"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each kind of place."""
    place: Store = request.getfixturevalue(request.param)
    return place


@pytest.mark.server
def test_what_a_test_writes_is_there_for_the_test_and_by_url(store: Store) -> None:
    store.write(FILES)
    assert store.paths() == sorted(FILES)
    assert store.files("below") == {path: data for path, data in FILES.items() if path.startswith("below/")}
    options = next(iter(store.storage_options.values()), {})
    fs, path = fsspec.url_to_fs(store.url("below/d.bin"), **options)
    assert fs.cat_file(path) == FILES["below/d.bin"]
    fs, path = fsspec.url_to_fs(store.url("below"), **options)
    assert sorted(name.rpartition("/")[2] for name in fs.ls(path, detail=False)) == sorted(
        name.rpartition("/")[2].replace(" ", "%20" if isinstance(store, HttpStore) else " ")
        for name in FILES
        if name.startswith("below/")
    )


@pytest.mark.server
def test_a_test_can_remove_one_file(store: Store) -> None:
    store.write(FILES)
    store.remove("a.txt")
    assert store.paths() == sorted(FILES.keys() - {"a.txt"})


@pytest.mark.server
@pytest.mark.parametrize("name", WRITABLE)
def test_the_environment_alone_opens_a_place(name: str, request: pytest.FixtureRequest) -> None:
    store: Store = request.getfixturevalue(name)
    store.write(FILES)
    script = "import fsspec, sys; fs, path = fsspec.url_to_fs(sys.argv[1]); print(fs.cat_file(path).decode())"
    ran = subprocess.run(
        [sys.executable, "-c", script, store.url("a.txt")],
        env=os.environ | store.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "first\n"), ran.stderr


@pytest.mark.server
def test_a_container_can_be_named_as_data_lake_does(azure_store: AzureStore) -> None:
    azure_store.write(FILES)
    fs, path = fsspec.url_to_fs(azure_store.abfs("below/d.bin"), **azure_store.storage_options["abfs"])
    assert fs.cat_file(path) == FILES["below/d.bin"]


@pytest.mark.server
def test_one_http_server_answers_ranges_and_the_other_ignores_them(
    http_store: HttpStore, plain_http_store: HttpStore
) -> None:
    found = []
    for store in (http_store, plain_http_store):
        store.write(FILES)
        fs, path = fsspec.url_to_fs(store.url("below/d.bin"))
        found.append(fs.cat_file(path, start=3, end=5))
    assert found == [b"\3\4", bytes(range(256))]


@pytest.mark.server
def test_the_emulator_of_s3_answers_one_request_after_the_other_on_a_connection(s3_store: S3Store) -> None:
    s3_store.write(FILES)
    with closing(HTTPConnection(s3_store.server.removeprefix("http://"), timeout=60)) as connection:
        for _ in range(2):
            for method, path, length in (("HEAD", "a.txt", 5), ("GET", "below/d.bin", 256)):
                connection.request(method, f"/{s3_store.name}/{path}", headers={"Authorization": ANYBODY})
                opened, answer = connection.sock, connection.getresponse()
                assert (answer.status, answer.headers["Content-Length"]) == (200, str(length))
                assert answer.read() == (FILES[path] if method == "GET" else b"")
                assert connection.sock is opened


@pytest.mark.server
def test_a_server_is_gone_after_its_use(tmp_path: Path) -> None:
    with serving(lambda port: [sys.executable, "-m", "http.server", str(port)], tmp_path / "log") as endpoint:
        assert _listens(endpoint)
    assert not _listens(endpoint)


@pytest.mark.server
def test_a_server_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from tests.servers.processes import serving\n"
        "with serving(lambda port: [sys.executable, '-m', 'http.server', str(port)], Path(sys.argv[1])) as endpoint:\n"
        "    print(endpoint, flush=True); time.sleep(60)"
    )
    started = [sys.executable, "-c", script, str(tmp_path / "log")]
    with subprocess.Popen(started, stdout=subprocess.PIPE, text=True, cwd=GUARD.parents[2]) as process:
        assert process.stdout is not None
        endpoint = process.stdout.readline().strip()
        assert _listens(endpoint)
        process.send_signal(signal.SIGKILL)
    end = time.monotonic() + 60
    while _listens(endpoint) and time.monotonic() < end:
        time.sleep(0.02)
    assert not _listens(endpoint)


@pytest.mark.server
def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no way')"]
    with pytest.raises(RuntimeError, match="no way"), serving(lambda port: command, tmp_path / "log"):
        pass


def test_a_free_port_is_free() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))


def _listens(endpoint: str) -> bool:
    parts = urlsplit(endpoint)
    try:
        socket.create_connection((parts.hostname, parts.port), timeout=1).close()
    except OSError:
        return False
    return True
