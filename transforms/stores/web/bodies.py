"""Bodies of a web server's answers: as long as they may be, as slow as they may be, unpacked in bounded steps."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

from labelbeam.transforms.stores.failures import LongerError
from labelbeam.transforms.workers.budget import LOOKED_AT_FROM, check_room

STEP = 2**18
"""Bytes that are taken, or unpacked, at a time."""

SLOWEST = 10_000
"""Bytes a second: a body that has come more slowly, once the time-out is over, is given up."""


async def read_body(answer: Any, most: int, timeout: float) -> bytes:
    """The whole body of an answer, unpacked.

    Raises:
        LongerError: it has more than `most` bytes; no more than that are held.
        ShortageError: this process has not the memory for it.
        TimeoutError: it comes drop by drop.
        OSError: it is packed in a way that is not read, or damaged.
    """
    declared = answer.headers.get("Content-Length", "")
    if not is_encoded(answer) and declared.isdecimal() and len(declared) < 20 and int(declared) > most:
        raise LongerError(f"the server sends {declared} bytes, and no more than {most} are taken")
    parts: list[bytes] = []
    taken = asked = 0
    async for part in _unpacked(answer, _arriving(answer, timeout)):
        taken += len(part)
        if taken > most:
            raise LongerError(f"the server sends more than {most} bytes")
        parts.append(part)
        if taken >= asked + LOOKED_AT_FROM:
            asked = taken
            check_room(taken, "what a server sends")  # The parts are held once more when they are joined.
    return b"".join(parts)


async def _arriving(answer: Any, timeout: float) -> AsyncIterator[bytes]:
    """The parts of a body. The time is that of all that is sent: sizes of chunks and trailers bring no byte of a body."""
    began = monotonic()
    taken = 0
    while True:
        try:
            async with asyncio.timeout(began + timeout + taken / SLOWEST - monotonic()):
                part = await answer.content.read(STEP)
        except TimeoutError:
            raise TimeoutError(f"{taken} bytes of its body came in {monotonic() - began:.0f} seconds") from None
        if not part:
            return
        taken += len(part)
        yield part


async def _unpacked(answer: Any, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if not is_encoded(answer):
        async for part in parts:
            yield part
        return
    if encoding not in _WINDOWS:
        raise OSError(
            f"the server sends it packed by {encoding!r}, unasked, expected it as it is (Accept-Encoding: identity)"
        )
    inflate: Any = None
    async for part in parts:
        if inflate is None:
            # Some servers send deflate without the header that it is to have (RFC 9110, section 8.4.1.2).
            bare = encoding == "deflate" and (part[0] & 0x0F) != 8
            inflate = zlib.decompressobj(-zlib.MAX_WBITS if bare else _WINDOWS[encoding])
        while part:
            try:
                out = inflate.decompress(part, STEP)
            except zlib.error as error:
                raise OSError(f"it is damaged as it is packed: {error}") from None
            if inflate.eof and encoding != "deflate" and inflate.unused_data.startswith(b"\x1f\x8b"):
                part, inflate = inflate.unused_data, zlib.decompressobj(_WINDOWS[encoding])
            else:
                part = inflate.unconsumed_tail
            if out:
                yield out
            elif not part:
                break
    if inflate is not None:
        while out := inflate.decompress(inflate.unconsumed_tail, STEP):
            yield out
        if not inflate.eof:
            raise OSError("it ends early as it is packed")


_WINDOWS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


def is_encoded(answer: Any) -> bool:
    """Tell whether the server has packed a body."""
    encoding: str = answer.headers.get("Content-Encoding", "identity")
    return encoding.strip().lower() not in ("", "identity")
