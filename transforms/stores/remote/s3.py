"""Amazon S3 and what speaks its protocol."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any
from urllib.parse import unquote_plus
from weakref import WeakSet
from xml.sax.saxutils import unescape

from fsspec import register_implementation
from fsspec.asyn import sync_wrapper
from s3fs import S3FileSystem

from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.pages import Page, Paged
from labelbeam.transforms.stores.remote.limits import CONNECT_SECONDS, CONNECTIONS, READ_SECONDS, merged
from labelbeam.transforms.stores.remote.s3_objects import Asking, Objects, answered, asking
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


_ARRIVED, _TAKEN = "before-parse.*.*", "labelbeam.files"
"""The event by which botocore calls what was registered for it before all that is for `s3` alone, which is its own."""

_LEAVES = "before-send.s3.GetObject"

_HEAD = re.compile(
    r'(?:<\?xml version="1\.0" encoding="UTF-8"(?: standalone="(?:yes|no)")?\?>)?\s*'
    r'<ListBucketResult xmlns="http://s3\.amazonaws\.com/doc/2006-03-01/">',
    re.IGNORECASE,
)
_FILE = re.compile(
    r"<Contents>\s*(?:(?:<Key>([^<]+)</Key>|<Size>([0-9]+)</Size>|<ETag>([^<]+)</ETag>"
    r"|<(LastModified|StorageClass|ChecksumAlgorithm|ChecksumType|ID|DisplayName|Type)>[^<&]*</\4>|</?Owner>|<Owner/>)\s*)*</Contents>\s*"
)
"""A file as nearly all servers write it, with its name, size and tag. What may be in these, and is not in plain text, is left to botocore."""

_IN_ORDER = re.compile(
    r"<Contents><Key>([^<]+)</Key><LastModified>[^<&]*</LastModified><ETag>([^<]+)</ETag>"
    r"(?:<(?:ChecksumAlgorithm>[^<&]*</ChecksumAlgorithm|ChecksumType>[^<&]*</ChecksumType)>)*"
    r"<Size>([0-9]+)</Size>(?:<StorageClass>[^<&]*</StorageClass>)?</Contents>"
)
"""The same, as S3 itself writes it: found in half of the time."""

_END = "</Contents>"

_ODD_REFERENCE = re.compile("&(?!(?:amp|lt|gt|quot|apos);)")


def _plain(texts: Sequence[str]) -> Sequence[str] | None:
    """Texts of XML without references; None where a parser has to see to it."""
    joined = "\0".join(texts)
    if "&" not in joined:
        return texts
    if _ODD_REFERENCE.search(joined):
        return None
    plain = unescape(joined, {"&quot;": '"', "&apos;": "'"}).split("\0")
    return plain if len(plain) == len(texts) else None


def _cut(page: str) -> tuple[str, tuple[Sequence[str], Sequence[str], Sequence[str]]] | None:
    """A page without its files, and their names, tags and sizes as they stand there; None where it has none, or anything unexpected."""
    count = page.count("<Contents>")
    files: list[tuple[str, ...]] = _IN_ORDER.findall(page)
    if count and len(files) == count and page.count(f"{_END}<Contents>") == count - 1:
        keys, etags, sizes = zip(*files, strict=True)
        return page[: page.index("<Contents>")] + page[page.rindex(_END) + len(_END) :], (keys, etags, sizes)
    files = _FILE.findall(page)
    if not count or len(files) != count or any(page.count(f"<{name}>") != count for name in ("Key", "Size", "ETag")):
        return None
    keys, sizes, etags, _ = zip(*files, strict=True)
    if not (all(keys) and all(sizes) and all(etags)):
        return None
    return _FILE.sub("", page), (keys, etags, sizes)


_for_us: ContextVar[bool] = ContextVar("for_us", default=False)
"""Whether what has arrived is a page that `S3._page` asked for, or an object that `S3._cat_file` did."""


def take_files(
    operation_model: Any, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    """Take the files out of a page before botocore reads it, which takes many times as long for all that the page tells of each.

    It is called by botocore before its own look at an answer, which it may change. A page with anything unexpected is left to
    botocore, as a whole; what a page holds beside files is always left to it, and whether that is a whole page.
    """
    if operation_model.name != "ListObjectsV2" or not _for_us.get() or response_dict["status_code"] != 200:
        return
    try:
        page = response_dict["body"].decode("utf-8")
    except UnicodeDecodeError:
        return
    if not _HEAD.match(page) or "<!" in page:
        return
    if (cut := _cut(page)) is None:
        return
    rest, (spelt, tags, sizes) = cut
    keys, etags = _plain(spelt), _plain(tags)
    if keys is None or etags is None:
        return
    if "<EncodingType>url</EncodingType>" in rest:
        keys = [unquote_plus(key) if "%" in key or "+" in key else key for key in keys]
    response_dict["body"] = rest.encode()
    customized_response_dict[_TAKEN] = list(map(StoredFile, keys, map(int, sizes), etags))


def leave_headers(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """Keep botocore from reading the headers of an object of which only the bytes are asked for: that costs a fifth of a small one.

    What checks the length and the sum of the bytes has seen them by then. Those of failures are left as they are.
    """
    if operation_model.name == "GetObject" and _for_us.get() and response_dict["status_code"] in (200, 206):
        response_dict["headers"] = {}


def take_for_us(client: Any) -> None:
    """Have a client call `take_files`, `leave_headers` and `answered`."""
    for call in (take_files, leave_headers):
        client.meta.events.register_first(_ARRIVED, call, unique_id=call.__name__)
    client.meta.events.register_last(_LEAVES, answered, unique_id=answered.__name__)


class S3(Paged, S3FileSystem):  # type: ignore[misc]  # s3fs has no types
    """s3fs, with each request repeated as `transforms.stores.retries` does."""

    retries = 1

    def __init__(self, **options: Any) -> None:
        super().__init__(**merged(_DEFAULTS, options))
        self._clients: WeakSet[Any] = WeakSet()
        self._objects = Objects()

    async def get_s3(self, bucket: str | None = None) -> Any:
        """The client for a bucket."""
        client = await super().get_s3(bucket)
        if client not in self._clients:
            take_for_us(client)
            self._clients.add(client)
        return client

    async def _cat_file(
        self, path: str, version_id: str | None = None, start: int | None = None, end: int | None = None, **kwargs: Any
    ) -> Any:
        bucket, key, version = self.split_path(path)
        is_plain = not (
            version_id or version or kwargs or (start or 0) < 0 or (end is not None and end <= (start or 0))
        )
        await self.set_session()
        client = await self.get_s3(bucket)
        current = Asking()
        if is_plain:
            is_part = start is not None or end is not None
            wanted = f"bytes={start or 0}-{'' if end is None else end - 1}" if is_part else ""
            if (data := await self._objects.read(client, bucket, key, wanted, current)) is not None:
                return data
        tokens = _for_us.set(True), asking.set(current)
        try:
            found = await super()._cat_file(path, version_id, start, end, **kwargs)
        finally:
            _for_us.reset(tokens[0])
            asking.reset(tokens[1])
        if is_plain and current.requests:
            self._objects.learn(client, bucket, key, current.requests[-1])
        return found

    async def _call_s3(self, *args: Any, **kwargs: Any) -> Any:
        return await repeated_async(lambda: super(S3, self)._call_s3(*args, **kwargs))

    async def _page(self, bucket: str, prefix: str, delimiter: str, more: str | None) -> Page:
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
