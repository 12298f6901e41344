"""Amazon S3 and what speaks its protocol."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any
from urllib.parse import unquote_plus

from fsspec import register_implementation
from fsspec.asyn import sync_wrapper
from lxml import etree
from s3fs import S3FileSystem

from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.pages import Page, Paged
from labelbeam.transforms.stores.remote.limits import CONNECT_SECONDS, CONNECTIONS, READ_SECONDS, merged
from labelbeam.transforms.stores.retries import repeated_async
from labelbeam.transforms.stores.tokens import content_token

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


_LISTED, _TAKEN = "before-parse.s3.ListObjectsV2", "labelbeam.files"
_NAMES = {"s3": "http://s3.amazonaws.com/doc/2006-03-01/"}
_FILES: Any = etree.XPath("s3:Contents", namespaces=_NAMES)
_TEXTS: list[Any] = [
    etree.XPath(f"s3:Contents/s3:{name}/text()", namespaces=_NAMES, smart_strings=False)
    for name in ("Key", "Size", "ETag")
]

_for_us: ContextVar[bool] = ContextVar("for_us", default=False)
"""Whether a page that has arrived is one that `S3._page` asked for."""


def take_files(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Take the files out of a page before botocore reads it, which takes many times as long for all that the page tells of each.

    It is called by botocore, for each answer to ListObjectsV2, and may change it. A page with anything unexpected is left to botocore, as a whole.
    """
    if not _for_us.get() or response_dict["status_code"] != 200:
        return
    parser = etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(response_dict["body"], parser)
    except etree.XMLSyntaxError:
        return
    files, (keys, sizes, etags) = _FILES(root), (find(root) for find in _TEXTS)
    if not len(files) == len(keys) == len(sizes) == len(etags) or not all(map(str.isdecimal, sizes)):
        return
    if root.findtext(f"{{{_NAMES['s3']}}}EncodingType") == "url":
        keys = [unquote_plus(key) if "%" in key or "+" in key else key for key in keys]
    for each in files:
        root.remove(each)
    response_dict["body"] = etree.tostring(root)
    customized_response_dict[_TAKEN] = list(map(StoredFile, keys, map(int, sizes), etags))


class S3(Paged, S3FileSystem):  # type: ignore[misc]  # s3fs has no types
    """s3fs, with each request repeated as `transforms.stores.retries` does."""

    retries = 1

    def __init__(self, **options: Any) -> None:
        super().__init__(**merged(_DEFAULTS, options))

    async def _call_s3(self, *args: Any, **kwargs: Any) -> Any:
        return await repeated_async(lambda: super(S3, self)._call_s3(*args, **kwargs))

    async def _page(self, bucket: str, prefix: str, delimiter: str, more: str | None) -> Page:
        await self.set_session()
        client = await self.get_s3(bucket)
        client.meta.events.register(_LISTED, take_files, unique_id=_LISTED)
        options = {"ContinuationToken": more} if more else {}
        token = _for_us.set(True)
        try:
            found = await self._call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, Delimiter=delimiter, **options)
        finally:
            _for_us.reset(token)
        files = found.get(_TAKEN) or [
            StoredFile(each["Key"], each["Size"], content_token(each)) for each in found.get("Contents", ())
        ]
        folders = [each["Prefix"] for each in found.get("CommonPrefixes", ())]
        return Page(files, folders, found["NextContinuationToken"] if found.get("IsTruncated") else None)

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
