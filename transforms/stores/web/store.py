"""Files of a web server, read only.

fsspec's own HTTP store takes any link of a page for a file, any failure for a missing file, and the whole of a file for a range of it.
This one asks for names percent-encoded and gives them decoded, keeps a query such as a signature with every request, and
reads also from servers that know no ranges, refuse HEAD, compress, or tell no size.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import aiohttp
from fsspec.asyn import AsyncFileSystem, sync
from fsspec.implementations.http import HTTPFileSystem
from yarl import URL

from labelbeam.transforms.stores.failures import LongerError, ShortReadError
from labelbeam.transforms.stores.paths import quote_path
from labelbeam.transforms.stores.web.addresses import leads_to_keys
from labelbeam.transforms.stores.web.bodies import STEP, is_encoded, read_body
from labelbeam.transforms.stores.web.index_pages import IndexPage, is_cut, read_index_page

WHOLE = 64 * 2**20
"""Bytes up to which a file is taken whole where the server sends no part of it; the same amount is kept of such files."""

LARGEST = 2**30
"""The same where a file is asked for whole, and nobody has told its size."""

LARGEST_PAGE = 16 * 2**20
"""Bytes of a page of links: 100,000 files."""

REDIRECTS = 10

_REDIRECTING = frozenset({301, 302, 303, 307, 308})

_TELLS_NOTHING = frozenset({400, 403, 405, 406, 501})
"""Answers to a HEAD that say less about the file than about HEAD: it is refused, or was not signed for."""


_Info = dict[str, Any]


class HttpStore(AsyncFileSystem):  # type: ignore[misc]
    """The files below `origin`, a URL of scheme, host and perhaps user; `query` goes with every request.

    Paths are decoded names without a leading slash.
    """

    protocol = ("http", "https")
    cachable = False
    root_marker = ""

    def __init__(
        self,
        origin: str,
        query: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 60,
        ssl: bool = True,
        proxy: str | None = None,
        client_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Nothing is asked for before it is needed.

        Args:
            origin: scheme, host and port, and the user where there is one.
            query: what stands after the `?`.
            headers: those of every request, such as Authorization.
            timeout: seconds in which a server has to accept a connection, and to send something on it.
            ssl: whether certificates are checked.
            proxy: the URL of one to go through, instead of that of the environment.
            client_kwargs: further arguments of aiohttp's session.
        """
        super().__init__()
        self._origin = origin
        self._query = query
        known = dict(client_kwargs or {})
        # A session would send them to whatever host an answer leads to.
        more = {**(known.pop("headers", None) or {}), **(headers or {})}
        cookies = known.pop("cookies", None) or {}
        if cookies:
            more["Cookie"] = "; ".join(f"{name}={value}" for name, value in dict(cookies).items())
        self._headers = {str(name): str(value) for name, value in more.items()}
        self._timeout = timeout
        self._client = {
            "timeout": aiohttp.ClientTimeout(total=None, sock_connect=timeout, sock_read=timeout),
            "trust_env": True,
            **known,
            "auto_decompress": False,
        }
        self._ssl = ssl
        self._proxy = proxy
        self._cut_pages: dict[str, int] = {}
        self._session: aiohttp.ClientSession | None = None
        self._bodies: OrderedDict[str, bytes] = OrderedDict()

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path.rstrip("/")

    def invalidate_cache(self, path: str | None = None) -> None:
        """Forget the files that were taken whole."""
        self._bodies.clear()
        super().invalidate_cache(path)

    def index_page(self, path: str) -> IndexPage:
        """Links of the server's page of the directory at `path` into it.

        Raises:
            FileNotFoundError: there is none.
            aiohttp.ClientError: the server does not answer, or refuses.
            OSError: what it answers is no page.
        """
        page: IndexPage = sync(self.loop, self._index_page, path)
        return page

    async def _index_page(self, path: str) -> IndexPage:
        url = self._url(f"{path}/" if path else "")
        async with await self._ask("GET", url) as answer:
            if answer.status == 403:
                raise OSError(
                    "the server refuses to show what is in this directory (403 Forbidden); let it show an index page "
                    "(nginx: autoindex on), or read the directory by another protocol, such as s3:// or az://"
                )
            self._check(answer)
            if answer.content_type not in ("text/html", "application/xhtml+xml") and "Content-Type" in answer.headers:
                raise OSError(f"expected a page of links to what is in this directory, found: {answer.content_type}")
            body = await self._body(answer, LARGEST_PAGE)
            html = body.decode(answer.charset or "utf-8", "replace")
            if is_cut(html) and self._cut_pages.get(path) != len(body):
                # One that ends there again is written so.
                self._cut_pages[path] = len(body)
                raise ShortReadError(f"the page of links ends after {len(body)} bytes, before it is closed")
            return read_index_page(html, str(answer.url))

    async def _ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        page = await self._index_page(path)
        prefix = f"{path}/" if path else ""
        found = [{"name": f"{prefix}{name}", "type": "file", "size": None} for name in page.files]
        found += [{"name": f"{prefix}{name}", "type": "directory", "size": None} for name in page.folders]
        return found if detail else [info["name"] for info in found]

    async def _info(self, path: str, **_: Any) -> _Info:
        """Type, size and token of a file by one HEAD, or, where that tells too little, by asking for the first byte."""
        url = self._url(path)
        async with await self._ask("HEAD", url) as answer:
            status, info = answer.status, _facts(answer, path, url)
        if status in (404, 410) and path and "." not in path.rpartition("/")[2]:
            async with await self._ask("HEAD", self._url(f"{path}/")) as answer:
                if answer.status == 200:
                    return {"name": path, "type": "directory", "size": None}
        if status not in _TELLS_NOTHING:
            self._check(answer)
        if info["type"] == "directory":
            return info
        # Some servers answer every HEAD with a length of 0.
        if status in _TELLS_NOTHING or not info["size"]:
            async with await self._ask("GET", url, {"Range": "bytes=0-0"}) as answer:
                if answer.status != 416:
                    self._check(answer)
                info = _facts(answer, path, url)
        if info["type"] == "file" and info["size"] is None:
            info["size"] = len(await self._whole(path))
        return info

    async def _cat_file(
        self, path: str, start: int | None = None, end: int | None = None, most: int = LARGEST, **_: Any
    ) -> bytes:
        if start is None and end is None:
            return await self._whole(path, keep=False, most=most)
        if path in self._bodies:
            return self._bodies[path][start:end]
        if start is None or end is None or not 0 <= start < end:
            raise ValueError(f"expected a range of bytes, found {start} to {end}")
        async with await self._ask("GET", self._url(path), {"Range": f"bytes={start}-{end - 1}"}) as answer:
            self._check(answer)
            if answer.status == 206 and not is_encoded(answer):
                return await read_body(answer, end - start + STEP, self._timeout)
            if answer.status == 200:
                whole = await self._body(answer)
                self._keep(path, whole)
                return whole[start:end]
        return (await self._whole(path))[start:end]  # A part of what is compressed cannot be read.

    async def _whole(self, path: str, keep: bool = True, most: int = WHOLE) -> bytes:
        async with await self._ask("GET", self._url(path)) as answer:
            self._check(answer)
            if not keep:
                return await read_body(answer, most, self._timeout)
            whole = await self._body(answer)
        self._keep(path, whole)
        return whole

    async def _body(self, answer: aiohttp.ClientResponse, most: int = WHOLE) -> bytes:
        """The whole of an answer of bounded size."""
        try:
            return await read_body(answer, most, self._timeout)
        except LongerError:
            size = answer.content_length
            raise OSError(
                f"the server sends no part of it, only the whole, of {f'{size} bytes' if size else 'unknown size'}, and no more than "
                f"{most} bytes are taken so; copy the file to this machine first, or serve it by what answers ranges of "
                "bytes uncompressed, such as nginx or an object store"
            ) from None

    def _keep(self, path: str, whole: bytes) -> None:
        self._bodies[path] = whole
        self._bodies.move_to_end(path)
        while sum(map(len, self._bodies.values())) > WHOLE:
            self._bodies.popitem(last=False)

    def _url(self, path: str) -> URL:
        return URL(f"{self._origin}/{quote_path(path)}{f'?{self._query}' if self._query else ''}", encoded=True)

    async def _ask(self, method: str, url: URL, headers: Mapping[str, str] | None = None) -> aiohttp.ClientResponse:
        if self._session is None:
            self._session = aiohttp.ClientSession(**self._client)
            weakref.finalize(self, HTTPFileSystem.close_session, self.loop, self._session)
        for _ in range(REDIRECTS):
            answer = await self._asked(method, url, headers or {})
            there = answer.headers.get("Location")
            if answer.status not in _REDIRECTING or there is None:
                return answer
            answer.release()
            try:
                url = answer.url.join(URL(there, encoded=True))
            except ValueError:
                raise OSError("the server leads to what is no address") from None
            if url.scheme not in ("http", "https"):
                raise OSError(f"the server leads to an address of {url.scheme!r}, expected http or https")
            if url.host != URL(self._origin).host and await leads_to_keys(url.host or "", url.port or 0):
                raise OSError(
                    f"the server leads to {url.host}, where clouds tell a machine its keys; that is not followed"
                )
        raise OSError(f"the server leads on more than {REDIRECTS} times")

    async def _asked(self, method: str, url: URL, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """One answer, whose head has come within the time-out; what is secret is sent to the host alone that it was given for."""
        assert self._session is not None
        ours = url.origin() == URL(self._origin).origin()
        sent = {"Accept-Encoding": "identity", **(self._headers if ours else {}), **headers}
        async with asyncio.timeout(2 * self._timeout):  # A connection, and a head, however many drops it comes in.
            return await self._session.request(
                method, url, headers=sent, ssl=self._ssl, proxy=self._proxy, allow_redirects=False
            )

    @staticmethod
    def _check(answer: aiohttp.ClientResponse) -> None:
        if answer.status in (404, 410):
            raise FileNotFoundError(answer.url.path)
        answer.raise_for_status()


def _facts(answer: aiohttp.ClientResponse, path: str, asked: URL) -> _Info:
    """Facts that the headers give; a directory is what is answered under a path that ends in `/`, or as a page without a name's ending."""
    page = answer.content_type == "text/html" and "." not in path.rpartition("/")[2]
    if answer.url.raw_path.endswith("/") or (page and answer.status == 200 and answer.url.raw_path == asked.raw_path):
        return {"name": path, "type": "directory", "size": None}
    info = {"name": path, "type": "file", "size": _size(answer)}
    for key in ("ETag", "Last-Modified"):
        if key in answer.headers:
            info[key] = answer.headers[key]
    return info


def _size(answer: aiohttp.ClientResponse) -> int | None:
    if is_encoded(answer):
        return None  # That of what was compressed.
    if answer.status in (206, 416):
        total = answer.headers.get("Content-Range", "").rpartition("/")[2]
        return int(total) if total.isdecimal() else None
    return answer.content_length
