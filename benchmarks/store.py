"""An S3 server that answers late: what a store at the other end of a network costs, and next to nothing else.

Moto takes 3 ms of a core for a request and sorts all keys for each page of a listing, so it, not the network, would be measured. This
one knows what reading and listing ask for: ListObjectsV2, HeadObject, HeadBucket and GetObject, with ranges. It answers each request
after `delay` seconds, as many at once as there are; a bucket is a directory, or so many made-up names in directories of a thousand.
`tests/benchmarks/test_store.py` compares its answers with moto's.
"""

from __future__ import annotations

import asyncio
import hashlib
from bisect import bisect_left
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

MODIFIED = "2026-01-01T00:00:00.000Z"
MODIFIED_HTTP = "Thu, 01 Jan 2026 00:00:00 GMT"
BUCKET = "bucket"
_LAST = "\U0010ffff"


class Bucket(NamedTuple):
    """Sorted keys, their sizes and ETags, and what an object holds."""

    keys: list[str]
    sizes: list[int]
    etags: list[str]
    read: Callable[[str], bytes]


class Answer(NamedTuple):
    """An answer: its body is not sent where only the head is asked for."""

    status: str
    body: bytes
    fields: tuple[str, ...] = ()


def of_directory(root: Path) -> Bucket:
    """The files below a directory, held in memory."""
    held = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    keys = sorted(held)
    etags = [hashlib.md5(held[key]).hexdigest() for key in keys]
    return Bucket(keys, [len(held[key]) for key in keys], etags, held.__getitem__)


def of_names(count: int) -> Bucket:
    """Made-up images, a thousand in a directory."""
    keys = [f"{number // 1000:04}/IMG_{number:07}.jpg" for number in range(count)]
    return Bucket(keys, [1000] * count, ["0" * 32] * count, lambda _: bytes(1000))


def answer(bucket: Bucket, target: str, wanted: str) -> Answer:
    """Answer a request to read; `wanted` is its Range header."""
    url = urlsplit(target)
    name, _, key = unquote(url.path).lstrip("/").partition("/")
    if name != BUCKET:
        return Answer("404 Not Found", _error("NoSuchBucket"))
    if not key:
        return Answer("200 OK", _page(bucket, {name: value[-1] for name, value in parse_qs(url.query).items()}))
    place = bisect_left(bucket.keys, key)
    if place == len(bucket.keys) or bucket.keys[place] != key:
        return Answer("404 Not Found", _error("NoSuchKey"))
    fields = (f'ETag: "{bucket.etags[place]}"', f"Last-Modified: {MODIFIED_HTTP}", "Accept-Ranges: bytes")
    body = bucket.read(key)
    if not wanted:
        return Answer("200 OK", body, fields)
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    start = int(first) if first else len(body) - int(last)
    end = min(int(last), len(body) - 1) if first and last else len(body) - 1
    if start >= len(body):
        return Answer("416 Requested Range Not Satisfiable", _error("InvalidRange"))
    return Answer(
        "206 Partial Content", body[start : end + 1], (*fields, f"Content-Range: bytes {start}-{end}/{len(body)}")
    )


def _page(bucket: Bucket, query: dict[str, str]) -> bytes:
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    most = int(query.get("max-keys", "1000"))
    after = query.get("continuation-token") or query.get("start-after") or ""
    encoded = query.get("encoding-type") == "url"
    spelt = (lambda text: quote(text, safe="/")) if encoded else escape
    found = []
    for count, (key, place) in enumerate(_entries(bucket, prefix, delimiter, after)):
        if count == most:
            break
        last = key
        found.append(
            f"<CommonPrefixes><Prefix>{spelt(key)}</Prefix></CommonPrefixes>"
            if place is None
            else f"<Contents><Key>{spelt(key)}</Key><LastModified>{MODIFIED}</LastModified>"
            f'<ETag>"{bucket.etags[place]}"</ETag><Size>{bucket.sizes[place]}</Size><StorageClass>STANDARD</StorageClass></Contents>'
        )
    else:
        last = ""
    token = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>" if last else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{BUCKET}</Name><Prefix>{spelt(prefix)}</Prefix><KeyCount>{len(found)}</KeyCount><MaxKeys>{most}</MaxKeys>"
        f"{f'<Delimiter>{spelt(delimiter)}</Delimiter>' if delimiter else ''}{'<EncodingType>url</EncodingType>' if encoded else ''}"
        f"<IsTruncated>{'true' if last else 'false'}</IsTruncated>{token}{''.join(found)}</ListBucketResult>"
    ).encode()


def _entries(bucket: Bucket, prefix: str, delimiter: str, after: str) -> Iterator[tuple[str, int | None]]:
    """Keys below a prefix with their places, and what several share up to the delimiter, without one; those behind `after`."""
    place = bisect_left(bucket.keys, max(prefix, after))
    if after and delimiter and after.endswith(delimiter):
        place = bisect_left(bucket.keys, after + _LAST)
    elif place < len(bucket.keys) and bucket.keys[place] == after:
        place += 1
    while place < len(bucket.keys) and bucket.keys[place].startswith(prefix):
        key = bucket.keys[place]
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        if cut < 0:
            yield key, place
            place += 1
        else:
            yield (shared := key[: cut + len(delimiter)]), None
            place = bisect_left(bucket.keys, shared + _LAST)


def _error(code: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{code}</Message></Error>'.encode()
    )


class _Late(asyncio.Protocol):
    """Answers the requests of a connection, none of which has a body."""

    def __init__(self, bucket: Bucket, delay: float) -> None:
        self.bucket, self.delay = bucket, delay
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while b"\r\n\r\n" in self.received:
            head, _, self.received = self.received.partition(b"\r\n\r\n")
            asyncio.get_running_loop().call_later(
                self.delay, self.transport.write, self._answer(head.decode("latin-1"))
            )

    def _answer(self, head: str) -> bytes:
        line, *fields = head.split("\r\n")
        method, target, _ = line.split(" ")
        ranges = [field.partition(":")[2].strip() for field in fields if field.lower().startswith("range:")]
        if method in ("GET", "HEAD"):
            status, body, more = answer(self.bucket, target, ranges[0] if ranges else "")
        else:
            status, body, more = "501 Not Implemented", _error("NotImplemented"), ()
        lines = [f"HTTP/1.1 {status}", "x-amz-request-id: 1", f"Content-Length: {len(body)}", *more, "", ""]
        return "\r\n".join(lines).encode("latin-1") + (b"" if method == "HEAD" else body)


def serve(pipe: Connection, source: str | int, delay: float) -> None:
    """Serve a directory, or so many names, until the process is ended; the port goes into `pipe`."""

    async def run() -> None:
        bucket = of_names(source) if isinstance(source, int) else of_directory(Path(source))
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Late(bucket, delay), "127.0.0.1", 0, backlog=1024)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def environment(endpoint: str) -> dict[str, str]:
    """What tells a command where S3 is, and who asks."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
