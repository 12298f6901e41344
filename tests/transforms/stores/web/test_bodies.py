"""Bodies of answers: unpacked in bounded steps, whatever pieces they come in, and given up where they are too long or too slow."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.stores.failures import LongerError
from labelbeam.transforms.stores.web.bodies import is_encoded, read_body


class Pieces:
    """A body that arrives in pieces of a size, and then no more; or that waits for ever."""

    def __init__(self, data: bytes, size: int, waits: bool = False) -> None:
        self.data, self.size, self.waits = data, size, waits

    async def read(self, most: int) -> bytes:
        if not self.data and self.waits:
            await asyncio.sleep(60)
        piece, self.data = self.data[: min(self.size, most)], self.data[min(self.size, most) :]
        return piece


def body(
    data: bytes, most: int = 10**6, size: int = 10**6, timeout: float = 5, waits: bool = False, **headers: str
) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return asyncio.run(read_body(SimpleNamespace(headers=named, content=Pieces(data, size, waits)), most, timeout))


def bare(data: bytes) -> bytes:
    return zlib.compress(data)[2:-4]


PACKINGS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "Deflate ": bare,
    "identity": bytes,
}


@given(st.binary(max_size=300), st.sampled_from(sorted(PACKINGS)), st.integers(1, 20))
def test_a_body_is_the_same_however_it_is_packed_and_cut(data: bytes, packing: str, size: int) -> None:
    assert body(PACKINGS[packing](data), size=size, Content_Encoding=packing) == data


def test_members_of_gzip_one_after_the_other_are_one_body() -> None:
    assert body(gzip.compress(b"one") + gzip.compress(b"two"), size=7, Content_Encoding="gzip") == b"onetwo"


def test_more_than_is_taken_is_refused_before_it_comes_where_the_server_tells() -> None:
    assert body(b"x" * 10, most=10, Content_Length="10") == b"x" * 10
    with pytest.raises(LongerError, match="the server sends 11 bytes, and no more than 10 are taken"):
        body(b"", most=10, Content_Length="11")
    with pytest.raises(LongerError, match="more than 10 bytes"):
        body(b"x" * 11, most=10, Content_Length="\u0661\u0660" + "9" * 30)


def test_the_limit_is_that_of_what_is_unpacked() -> None:
    assert len(body(gzip.compress(bytes(10**5)), most=10**5, Content_Encoding="gzip", Content_Length="120")) == 10**5
    with pytest.raises(LongerError, match="more than 99999 bytes"):
        body(gzip.compress(bytes(10**5)), most=10**5 - 1, Content_Encoding="gzip")


@pytest.mark.parametrize("packing", ["gzip", "deflate"])
def test_what_ends_early_or_is_damaged_as_it_is_packed_is_an_error(packing: str) -> None:
    packed = PACKINGS[packing](bytes(range(200)))
    with pytest.raises(OSError, match="it ends early as it is packed"):
        body(packed[:-1], Content_Encoding=packing)
    with pytest.raises(OSError, match="it is damaged as it is packed"):
        body(packed[:-6] + bytes(6), Content_Encoding=packing)


def test_a_packing_that_was_not_asked_for_and_is_not_known_is_an_error() -> None:
    with pytest.raises(OSError, match="packed by 'br', unasked"):
        body(b"x", Content_Encoding="br")


def test_a_body_that_stops_coming_is_given_up_with_how_much_came() -> None:
    with pytest.raises(TimeoutError, match="3 bytes of its body came in 0 seconds"):
        body(b"abc", timeout=0.05, waits=True)


@pytest.mark.parametrize(("encoding", "packed"), [("gzip", True), (" Identity", False), ("", False), (None, False)])
def test_identity_is_no_packing(encoding: str | None, packed: bool) -> None:
    headers = {} if encoding is None else {"Content-Encoding": encoding}
    assert is_encoded(SimpleNamespace(headers=headers)) is packed
