"""Places of one test's own on real servers: a bucket, a container, or a directory that an HTTP server shows.

Tests arrange and look by the packages' own file systems, not by those that this project makes of them. The
packages take a second to load, so they are imported where they are used.
"""

from __future__ import annotations

import json
import posixpath
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from fsspec.implementations.local import LocalFileSystem

_Self = TypeVar("_Self", bound="Store")

SECRET = "dGhpcyBpcyBubyByZWFsIHNlY3JldCBidXQgYSB0ZXN0"
"""The secret key of the S3 store; moto takes any."""

ANYBODY = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=none"
"""The Authorization of a plain request to moto, which wants to be told who asks, and checks no signature."""

AZURE_ACCOUNT = "devstoreaccount1"

AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The account and key that Azurite documents and that every Azurite has."""


@dataclass(frozen=True)
class Store(ABC):
    """A place of a test's own.

    `name` is the bucket, container or directory; `server` is the real server's endpoint, through which the test arranges and
    looks; `endpoint` is the one that URLs and options for the program under test name: the server's, or a proxy's before it.
    """

    name: str
    server: str
    endpoint: str

    @property
    @abstractmethod
    def root(self) -> str:
        """The fsspec URL of the place."""

    @property
    def storage_options(self) -> dict[str, dict[str, Any]]:
        """What --storage-options takes: fsspec's options, with credentials, by protocol."""
        return {}

    @property
    def environment(self) -> dict[str, str]:
        """The same as variables of the environment, for a run without --storage-options."""
        return {}

    @property
    @abstractmethod
    def fs(self) -> Any:
        """The fsspec file system by which the test arranges and looks, straight from the server and without caches."""

    @property
    def path(self) -> str:
        """The place in `fs`."""
        return self.name

    def url(self, path: str = "") -> str:
        """The URL of a file or directory of this place."""
        return posixpath.join(self.root, path) if path else self.root

    def through(self: _Self, endpoint: str) -> _Self:
        """The same place, reached by another endpoint."""
        return replace(self, endpoint=endpoint)

    def write(self, files: Mapping[str, bytes]) -> None:
        """Put files, by their path below this place."""
        for path, data in files.items():
            self.fs.pipe_file(posixpath.join(self.path, path), data)

    def upload(self, folder: Path, below: str = "") -> None:
        """Put all files of a local directory, by their path below it."""
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        self.write({posixpath.join(below, path.relative_to(folder).as_posix()): path.read_bytes() for path in files})

    def read(self, path: str) -> bytes:
        """The bytes of one file."""
        data: bytes = self.fs.cat_file(posixpath.join(self.path, path))
        return data

    def paths(self, below: str = "") -> list[str]:
        """The paths of all files, sorted, relative to this place."""
        return sorted(
            posixpath.relpath(str(name), self.path) for name in self.fs.find(posixpath.join(self.path, below))
        )

    def files(self, below: str = "") -> dict[str, bytes]:
        """The bytes of all files, by their path relative to this place."""
        return {path: self.read(path) for path in self.paths(below)}

    def remove(self, path: str) -> None:
        """Remove one file."""
        self.fs.rm_file(posixpath.join(self.path, path))


@dataclass(frozen=True)
class S3Store(Store):
    """A bucket of moto."""

    @property
    def root(self) -> str:
        return f"s3://{self.name}"

    @property
    def storage_options(self) -> dict[str, dict[str, Any]]:
        return {"s3": self._options(self.endpoint)}

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    @property
    def fs(self) -> Any:
        from s3fs import S3FileSystem

        return S3FileSystem(**self._options(self.server), use_listings_cache=False)

    def create(self) -> None:
        """Make the bucket; s3fs names the region, which S3 refuses for this one."""
        self.fs.call_s3("create_bucket", Bucket=self.name)

    def _options(self, endpoint: str) -> dict[str, Any]:
        region = {"region_name": "us-east-1"}
        return {"key": "test", "secret": SECRET, "endpoint_url": endpoint, "client_kwargs": region}


@dataclass(frozen=True)
class AzureStore(Store):
    """A container of Azurite; `abfs` is the other form of its URLs."""

    @property
    def root(self) -> str:
        return f"az://{self.name}"

    def abfs(self, path: str = "") -> str:
        """The URL of a file or directory, as Azure's Data Lake writes it."""
        return f"abfs://{self.name}@{AZURE_ACCOUNT}.dfs.core.windows.net/{path}"

    @property
    def connection_string(self) -> str:
        """What Azure's portal would show."""
        return _connection_string(self.endpoint)

    @property
    def storage_options(self) -> dict[str, dict[str, Any]]:
        return {protocol: {"connection_string": self.connection_string} for protocol in ("az", "abfs")}

    @property
    def environment(self) -> dict[str, str]:
        return {"AZURE_STORAGE_CONNECTION_STRING": self.connection_string}

    @property
    def may_read(self) -> str:
        """The query with which a plain request may read any blob of the container for a day."""
        from azure.storage.blob import ContainerSasPermissions, generate_container_sas

        until = datetime.now(UTC) + timedelta(days=1)
        allowed = ContainerSasPermissions(read=True)
        query: str = generate_container_sas(
            AZURE_ACCOUNT, self.name, account_key=AZURE_KEY, permission=allowed, expiry=until
        )
        return query

    def create(self) -> None:
        """Make the container."""
        self.fs.mkdir(self.name)

    @property
    def fs(self) -> Any:
        from adlfs import AzureBlobFileSystem

        options = {"connection_string": _connection_string(self.server)}
        return AzureBlobFileSystem(**options, use_listings_cache=False)


def _connection_string(endpoint: str) -> str:
    return (
        f"DefaultEndpointsProtocol=http;AccountName={AZURE_ACCOUNT};AccountKey={AZURE_KEY};"
        f"BlobEndpoint={endpoint}/{AZURE_ACCOUNT};"
    )


@dataclass(frozen=True)
class GcsStore(Store):
    """A bucket of the emulator of Google Cloud Storage, which asks for no credentials."""

    @property
    def root(self) -> str:
        return f"gs://{self.name}"

    @property
    def storage_options(self) -> dict[str, dict[str, Any]]:
        return {"gs": {"token": "anon", "endpoint_url": self.endpoint}}

    @property
    def environment(self) -> dict[str, str]:
        # Without the last, gcsfs asks a gRPC interface that the emulator lacks, for a minute.
        return {
            "STORAGE_EMULATOR_HOST": self.endpoint,
            "FSSPEC_GS_TOKEN": "anon",
            "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
        }

    @property
    def fs(self) -> Any:
        from gcsfs import GCSFileSystem

        return GCSFileSystem(token="anon", endpoint_url=self.server, use_listings_cache=False)

    def create(self) -> None:
        """Make the bucket; gcsfs would ask for a project's rights first."""
        bucket = json.dumps({"name": self.name}).encode()
        kind = {"Content-Type": "application/json"}
        request = Request(f"{self.server}/storage/v1/b?project=test", bucket, kind)
        for attempt in range(3):
            try:
                with urlopen(request, timeout=30):
                    return
            except HTTPError as error:
                if attempt == 0 or error.code != HTTPStatus.CONFLICT:
                    raise
                return  # It was made, and the answer got lost.
            except ConnectionError:
                if attempt == 2:
                    raise


@dataclass(frozen=True)
class HttpStore(Store):
    """A directory that an HTTP server shows, `folder` on this machine; its URLs can only be read."""

    folder: Path

    @property
    def root(self) -> str:
        return f"{self.endpoint}/{self.name}"

    @property
    def fs(self) -> Any:
        return LocalFileSystem(auto_mkdir=True)

    @property
    def path(self) -> str:
        return str(self.folder)
