"""A stand-in for Azure Resource Manager, as far as a workspace of Azure ML is asked for data assets and jobs; and for its tokens.

It answers over TLS, since Azure's packages send no token otherwise. What it knows of the protocol is what azure-ai-ml asks for.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_PROVIDER = "Microsoft.MachineLearningServices"
_WORKSPACE = f"/subscriptions/s/resourceGroups/g/providers/{_PROVIDER}/workspaces/w"
_HEADER = "the-secret-of-the-machine"


@dataclass
class Arm:
    """What there is: the workspace `w` of the group `g` in the subscription `s`, and `closed`, which nobody may look into.

    `assets` and `jobs` are what was put, by path and by name; `asked` holds the method and path of each request. Its datastore is
    `container` of an account of Azure Storage, whose key it tells.
    """

    certificate: Path
    port: int = 0
    assets: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    account: str = ""
    key: str = ""
    container: str = ""

    @property
    def url(self) -> str:
        """Its address."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Environment of a process for which this is Azure, and which runs as somebody."""
        return {
            "AZUREML_CURRENT_CLOUD": "LocalCloud",
            "ARM_CLOUD_METADATA_URL": f"{self.url}/metadata",
            "REQUESTS_CA_BUNDLE": str(self.certificate),
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            "IDENTITY_ENDPOINT": f"{self.url}/msi/token",
            "IDENTITY_HEADER": _HEADER,
        }

    def answer(self, method: str, path: str, header: str | None, body: Any) -> tuple[int, Any]:
        """Status and content of an answer; `header` is whatever authorizes the request."""
        self.asked.append((method, path))
        if path == "/metadata":
            ends = {"authentication": {"loginEndpoint": self.url}, "suffixes": {"storage": "local.test"}}
            return 200, [
                {"name": "LocalCloud", "portal": "https://portal.local.test/", "resourceManager": self.url, **ends}
            ]
        if path == "/msi/token":
            expires = str(int(time.time()) + 86_400)
            token = {"access_token": "a-token", "expires_on": expires, "resource": self.url, "token_type": "Bearer"}
            return (200, token) if header == _HEADER else (401, {"error": "wrong"})
        if header != "Bearer a-token":
            return 401, _error("InvalidAuthenticationToken", "The access token is invalid.")
        return self._resource(method, path, body)

    def _resource(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        parts = path.strip("/").split("/")
        if [part.lower() for part in parts[:4:2]] != ["subscriptions", "resourcegroups"] or len(parts) < 8:
            return 404, _error("NotFound", path)
        where, workspace, rest = parts[1:4:2], parts[7], parts[8:]
        if workspace == "closed":
            return 403, _error(
                "AuthorizationFailed", "The client does not have authorization to perform action 'read'."
            )
        if [*where, workspace] != ["s", "g", "w"]:
            return 404, _error("ResourceNotFound", f"The Resource '{_PROVIDER}/workspaces/{workspace}' was not found.")
        if not rest:
            about = {"discoveryUrl": f"{self.url}/discovery", "workspaceId": "1", "provisioningState": "Succeeded"}
            return 200, {"id": _WORKSPACE, "name": "w", "location": "westeurope", "tags": {}, "properties": about}
        kind, name = rest[0], "/".join(rest[1:])
        if kind == "datastores":
            return self._datastore(method, name)
        if kind not in ("data", "jobs"):
            return 404, _error("NotFound", path)
        known = self.assets if kind == "data" else self.jobs
        if method == "PUT":
            return 201, self.make(kind, name, body["properties"])
        return (200, known[name]) if name in known else (404, _error("UserError", f"Not found: {name}"))

    def _datastore(self, method: str, name: str) -> tuple[int, Any]:
        if method == "POST" and name == "workspaceblobstore/listSecrets":
            return 200, {"secretsType": "AccountKey", "key": self.key}
        if name != "workspaceblobstore":
            return 404, _error("UserError", f"Not found: {name}")
        about = {"datastoreType": "AzureBlob", "accountName": self.account, "containerName": self.container}
        properties = about | {"isDefault": True, "credentials": {"credentialsType": "AccountKey"}}
        return 200, {"id": f"{_WORKSPACE}/datastores/{name}", "name": name, "properties": properties}

    def make(self, kind: str, name: str, properties: dict[str, Any]) -> dict[str, Any]:
        """Put an asset or a job there, as a request does."""
        made = {"id": f"{_WORKSPACE}/{kind}/{name}", "name": name.rpartition("/")[2], "properties": properties}
        if kind == "jobs":
            studio = {"jobServiceType": "Studio", "endpoint": f"https://ml.azure.com/runs/{name}"}
            properties |= {"status": "Starting", "services": {"Studio": studio}}
        (self.assets if kind == "data" else self.jobs)[name] = made
        return made


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


@contextmanager
def arm(folder: Path) -> Iterator[Arm]:
    """The server, until the block ends; its certificate lies in a folder."""
    about = Arm(folder / "certificate.pem")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _handle(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            header = self.headers.get("X-IDENTITY-HEADER") or self.headers.get("Authorization")
            status, content = about.answer(self.command, urlsplit(self.path).path, header, body)
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            self._handle()

        def do_PUT(self) -> None:
            self._handle()

        def do_POST(self) -> None:
            self._handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(write_certificate(about.certificate))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    about.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield about
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def write_certificate(path: Path) -> Path:
    """Write a certificate for 127.0.0.1, which is its own authority, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path
