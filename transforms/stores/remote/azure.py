"""Azure Blob Storage and Data Lake Storage Gen2."""

from __future__ import annotations

from functools import partial
from typing import Any

from adlfs import AzureBlobFileSystem
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import ExponentialRetry
from fsspec import register_implementation
from fsspec.asyn import sync_wrapper

from labelbeam.transforms.stores.failures import PASSING_STATUSES
from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.pages import Page, Paged
from labelbeam.transforms.stores.remote.limits import CONNECT_SECONDS, READ_SECONDS, merged
from labelbeam.transforms.stores.retries import repeated_async
from labelbeam.transforms.stores.tokens import content_token

_DEFAULTS = {
    "use_listings_cache": False,
    "connection_timeout": CONNECT_SECONDS,
    "read_timeout": READ_SECONDS,
}


class _Repeat(ExponentialRetry):  # type: ignore[misc]  # azure has no types here
    """A policy of a client's pipeline, in the place of its own, which waits for 15 seconds and more."""

    async def send(self, request: Any) -> Any:
        settings = self.configure_retries(request)
        body = request.http_request.body

        async def once() -> Any:
            if settings["body_position"] is not None:
                body.seek(settings["body_position"])
            response = await self.next.send(request)
            if response.http_response.status_code in PASSING_STATUSES:
                if not getattr(response.http_response, "is_stream_consumed", True):
                    await response.http_response.read()  # The connection is free again only then.
                raise HttpResponseError(response=response.http_response)
            return response

        response = await repeated_async(once)
        response.http_response.location_mode = settings["mode"]
        return response


class Azure(Paged, AzureBlobFileSystem):  # type: ignore[misc]  # adlfs has no types
    """adlfs, with each request repeated as `transforms.stores.retries` does."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**merged(_DEFAULTS, options))

    def do_connect(self) -> None:
        """Make the client, which the base class calls on."""
        super().do_connect()
        # Clients of containers and blobs take this client's policies, and adlfs hands none to it.
        policies = self.service_client._pipeline._impl_policies
        place = policies.index(self.service_client._config.retry_policy)
        policies[place] = repeat = _Repeat()
        policies[place - 1].next, repeat.next = repeat, policies[place + 1]

    async def _page(self, bucket: str, prefix: str, delimiter: str, more: str | None) -> Page:
        async with self.service_client.get_container_client(container=bucket) as container:
            ask = partial(container.walk_blobs, delimiter=delimiter) if delimiter else container.list_blobs
            pages = ask(include=["metadata"], name_starts_with=prefix).by_page(more)
            found = [each async for each in await anext(pages)]
        blobs = [each for each in found if isinstance(each, BlobProperties)]
        files = [
            StoredFile(info["name"].removeprefix(f"{bucket}/"), info["size"] or 0, content_token(info))
            for info in await self._details(blobs)
            if info["type"] == "file"
        ]
        folders = [each.name for each in found if not isinstance(each, BlobProperties)]
        return Page(files, folders, pages.continuation_token or None)

    async def _files_below(self, path: str) -> list[StoredFile]:
        try:
            return await super()._files_below(path)
        except ResourceNotFoundError:
            return []  # There is no such container, and so no directory in it.

    async def _version(self, path: str) -> str:
        return str((await self._info(path, refresh=True))["etag"])

    async def _put_if(self, path: str, data: bytes, version: str | None) -> None:
        container, name, _ = self.split_path(path)
        unchanged = {"etag": version, "match_condition": MatchConditions.IfNotModified} if version else {}
        async with self.service_client.get_blob_client(container=container, blob=name) as blob:
            await blob.upload_blob(
                data,
                overwrite=version is not None,
                metadata={"is_directory": "false"},
                **unchanged,
                **self._timeout_kwargs,
            )
        self.invalidate_cache(self._parent(path))

    version = sync_wrapper(_version)
    put_if = sync_wrapper(_put_if)


for protocol in ("az", "abfs", "abfss"):
    register_implementation(protocol, Azure, clobber=True)
