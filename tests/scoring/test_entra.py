"""Endpoints that take tokens of Entra ID, which azure-identity fetches from a server of tokens as Azure's machines have one."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.scoring.runs import DETECTION, IMAGES, Score, lines, manifest
from tests.servers.endpoint import EndpointServer, Fault, endpoint_server

HEADER = "the-secret-of-the-machine"


@contextmanager
def token_server(lifetime: float, issued: list[str], words: int = 40) -> Iterator[str]:
    """The address of a managed identity's tokens; each is another, of so many words, and lives for so many seconds."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            good = self.headers.get("X-IDENTITY-HEADER") == HEADER and asked["resource"] == ["https://ml.azure.com"]
            issued.append(f"eyJ0eXAi.{'payload-of-a-token-' * words}.signature-{len(issued)}")
            answer = {
                "access_token": issued[-1],
                "expires_on": str(int(time.time() + lifetime)),
                "resource": asked["resource"][0],
                "token_type": "Bearer",
            }
            body = json.dumps(answer if good else {"error": "wrong"}).encode()
            self.send_response(200 if good else 401)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/msi/token"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A process that runs as nobody, until a test says as whom."""
    for name in ("CLIENT_ID", "TENANT_ID", "CLIENT_SECRET", "USERNAME", "FEDERATED_TOKEN_FILE", "TOKEN_CREDENTIALS"):
        monkeypatch.delenv(f"AZURE_{name}", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("IDENTITY_HEADER", HEADER)
    yield monkeypatch


@pytest.mark.parametrize("end", ["published", "echoed"])
def test_an_endpoint_is_asked_with_a_token_that_stands_nowhere_else(
    score: Score, tmp_path: Path, endpoint: EndpointServer, identity: pytest.MonkeyPatch, end: str
) -> None:
    issued: list[str] = []
    if end == "echoed":
        endpoint.faults = [Fault("echo", status=400, image=IMAGES["a/05.jpg"])]
    with token_server(86400, issued) as url:
        identity.setenv("IDENTITY_ENDPOINT", url)
        answer = score("--auth", "entra", "--max-failed", "0.1")
    assert answer.status == 0, answer.err
    assert len(issued) == 1 and {request.headers["authorization"] for request in endpoint.asked} == {
        f"Bearer {issued[0]}"
    }
    for secret in (issued[0], HEADER):
        assert secret not in answer.out + answer.err
        for path in tmp_path.rglob("*"):
            assert not path.is_file() or secret.encode() not in path.read_bytes(), path
    if end == "echoed":
        assert "Bearer ***" in lines(manifest(tmp_path / "scores")[0], "failed")[0]["answer"]


def test_a_token_is_renewed_while_images_are_scored(
    score: Score, endpoint: EndpointServer, identity: pytest.MonkeyPatch
) -> None:
    issued: list[str] = []
    endpoint.faults = [Fault("latency", seconds=0.5)]
    # Looking for one in all that is told takes a pattern, and long patterns time.
    with token_server(2, issued, words=1) as url:
        identity.setenv("IDENTITY_ENDPOINT", url)
        assert score("--auth", "entra", "--concurrency", "1").status == 0
    sent = [request.headers["authorization"].removeprefix("Bearer ") for request in endpoint.asked]
    assert len(sent) == 10 and len(set(sent)) >= 2 and set(sent) <= set(issued)


def test_a_token_that_the_endpoint_refuses_is_told(score: Score, identity: pytest.MonkeyPatch) -> None:
    issued: list[str] = []
    with token_server(86400, issued) as url, endpoint_server(DETECTION, key="another") as server:
        identity.setenv("IDENTITY_ENDPOINT", url)
        answer = score("--auth", "entra", "--concurrency", "1", by=server)
    assert answer.status == 1 and "answers 401" in answer.err, answer.err
    assert not any(token in answer.err for token in issued)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--auth", "entra", "--key-file", "key"], "--key-file: is of no use with --auth entra"),
        (["--auth", "entra", "--key-env", "A_KEY"], "--key-env: is of no use with --auth entra"),
        (["--auth-scope", "https://other/.default"], "--auth-scope: is of no use without --auth entra"),
        (["--auth", "entra", "--header-env", "authorization=PATH"], "a token is sent in this header already"),
        (["--auth", "aad"], "--auth: invalid choice: 'aad'"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    score: Score, endpoint: EndpointServer, options: list[str], words: str
) -> None:
    answer = score(*options)
    assert answer.status == 2 and words in answer.err, answer.err
    assert endpoint.asked == []
