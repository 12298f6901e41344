"""Amazon S3 and what speaks its protocol."""

from __future__ import annotations

from typing import Any

from fsspec import register_implementation
from fsspec.asyn import sync_wrapper
from s3fs import S3FileSystem

from labelbeam.transforms.stores.remote.limits import CONNECT_SECONDS, CONNECTIONS, READ_SECONDS, merged
from labelbeam.transforms.stores.retries import repeated_async

_DEFAULTS = {
    "use_listings_cache": False,
    # One request for a small file: s3fs would ask for its size first, to cut it into parts that it reads side by side.
    "max_concurrency": 1,
    "config_kwargs": {
        # Its own is put together anew for each request, which costs a tenth of the time that a small file takes.
        "user_agent": "labelbeam",
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        "max_pool_connections": CONNECTIONS,
        "retries": {"max_attempts": 0},
    },
}


class S3(S3FileSystem):  # type: ignore[misc]  # s3fs has no types
    """s3fs, with each request repeated as `transforms.stores.retries` does."""

    retries = 1

    def __init__(self, **options: Any) -> None:
        super().__init__(**merged(_DEFAULTS, options))

    async def _call_s3(self, *args: Any, **kwargs: Any) -> Any:
        return await repeated_async(lambda: super(S3, self)._call_s3(*args, **kwargs))

    async def _version(self, path: str) -> str:
        return str((await self._info(path, refresh=True))["ETag"])

    async def _put_if(self, path: str, data: bytes, version: str | None) -> None:
        bucket, key, _ = self.split_path(path)
        condition = {"IfMatch": version} if version else {"IfNoneMatch": "*"}
        await self._call_s3("put_object", Bucket=bucket, Key=key, Body=data, **condition)
        self.invalidate_cache(path)

    version = sync_wrapper(_version)
    put_if = sync_wrapper(_put_if)


for protocol in ("s3", "s3a"):
    register_implementation(protocol, S3, clobber=True)
