"""Google Cloud Storage."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

from aiohttp import ClientError, ClientTimeout
from fsspec import register_implementation
from fsspec.asyn import sync_wrapper
from gcsfs import GCSFileSystem
from gcsfs.retry import ChecksumError, HttpError
from google.auth.exceptions import GoogleAuthError
from requests.exceptions import RequestException

from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.pages import Page, Paged
from labelbeam.transforms.stores.remote.limits import CONNECT_SECONDS, READ_SECONDS, merged
from labelbeam.transforms.stores.retries import repeated_async
from labelbeam.transforms.stores.tokens import content_token

# Without this gcsfs asks a service of its own about every bucket first, and waits for a minute where that is out of reach.
os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")

_DEFAULTS = {
    "use_listings_cache": False,
    # gcsfs hands it to every request; None, which is its own default, is no limit whatever the session says.
    "requests_timeout": ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS),
}

_REPEATED_BY_GCSFS = (HttpError, RequestException, GoogleAuthError, ChecksumError, ClientError)


class GcsError(OSError):
    """Failure of a request; of a kind that gcsfs neither repeats nor logs with a traceback."""


class Gcs(Paged, GCSFileSystem):  # type: ignore[misc]  # gcsfs has no types
    """gcsfs, with each request repeated as `transforms.stores.retries` does."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**merged(_DEFAULTS, options))

    async def _request(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return await repeated_async(lambda: GCSFileSystem._request.__wrapped__(self, *args, **kwargs))
        except _REPEATED_BY_GCSFS as error:
            raise GcsError(str(error)) from error

    async def _page(self, bucket: str, prefix: str, delimiter: str, more: str | None) -> Page:
        found = await self._call_list_objects(
            bucket, prefix=prefix or None, delimiter=delimiter, maxResults=1000, pageToken=more
        )
        files = [
            StoredFile(each["name"], int(each.get("size", 0)), content_token(self._process_object(bucket, each)))
            for each in found.get("items", ())
        ]
        return Page(files, found.get("prefixes", []), found.get("nextPageToken"))

    async def _version(self, path: str) -> str:
        return str((await self._info(path))["generation"])

    async def _put_if(self, path: str, data: bytes, version: str | None) -> None:
        bucket, key, _ = self.split_path(path)
        await self._call(
            "POST",
            f"{self._location}/upload/storage/v1/b/{quote(bucket)}/o",
            uploadType="media",
            name=key,
            ifGenerationMatch=version or "0",
            headers={"Content-Type": "application/octet-stream"},
            data=data,
            json_out=True,
        )
        self.invalidate_cache(self._parent(path))

    version = sync_wrapper(_version)
    put_if = sync_wrapper(_put_if)


for protocol in ("gs", "gcs"):
    register_implementation(protocol, Gcs, clobber=True)
