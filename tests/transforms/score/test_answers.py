"""Answers that come bit by bit take time in proportion to their size, and memory for little more than their bytes."""

from __future__ import annotations

import tracemalloc
from time import monotonic, thread_time
from types import SimpleNamespace
from typing import Any

import pytest

from labelbeam.transforms.score.answers import HEAD_LIMIT, read_answer
from labelbeam.transforms.score.connections import Exchange
from labelbeam.transforms.score.room import Room

OK = b"HTTP/1.1 200 OK\r\n"
ROOM = Room(lambda size: 0.0)


class Dripping:
    """A socket that gives out `data` in pieces of `size` bytes, after which there is nothing yet."""

    def __init__(self, data: bytes, size: int) -> None:
        self.data, self.size, self.at = data, size, 0

    def gettimeout(self) -> float:
        return 0

    def settimeout(self, _: float) -> None:
        return

    def recv(self, most: int) -> bytes:
        if self.at == len(self.data):
            raise BlockingIOError
        piece = self.data[self.at : self.at + min(most, self.size)]
        self.at += len(piece)
        return piece

    def recv_into(self, buffer: Any) -> int:
        piece = self.recv(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def send(self, data: bytes) -> int:
        return len(data)


def with_length(body: bytes) -> bytes:
    return OK + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize("size", [1, 3])
def test_a_plain_answer_that_comes_bit_by_bit_is_scanned_once(size: int) -> None:
    body = bytes(400_000)
    exchange = Exchange(SimpleNamespace(sock=Dripping(with_length(body), size)), b"x", monotonic() + 60)  # type: ignore[arg-type]
    began = thread_time()
    answer = exchange.advance(True)
    assert answer is not None and answer.body == body
    assert thread_time() - began < 4


def test_a_head_that_comes_bit_by_bit_is_scanned_once() -> None:
    head = OK + b"".join(b"a%d: %d\r\n" % (number, number) for number in range(HEAD_LIMIT // 14 - 10))
    data = head + b"Content-Length: 2\r\n\r\n[]"
    assert len(data) < HEAD_LIMIT
    began = thread_time()
    answer, _ = read_answer(Dripping(data, 1), monotonic() + 60, ROOM, b"")
    assert answer.body == b"[]" and answer.headers["a3"] == "3"
    assert thread_time() - began < 1


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_answer_that_comes_bit_by_bit_takes_memory_for_little_more_than_its_bytes(chunked: bool) -> None:
    size = 100_000
    data = with_length(b"[]" * (size // 2))
    if chunked:
        data = OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"2\r\n[]\r\n" * (size // 2) + b"0\r\n\r\n"
    drip = Dripping(data, 7 if chunked else 2)
    tracemalloc.start()
    try:
        answer, _ = read_answer(drip, monotonic() + 100, ROOM, b"")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answer.body == b"[]" * (size // 2)
    assert peak < 4 * size


def test_any_number_of_answers_before_the_final_one_takes_time_in_proportion() -> None:
    data = b"HTTP/1.1 103 E\r\n\r\n" * 20_000 + with_length(b"[]")
    began = thread_time()
    answer, stays = read_answer(Dripping(data, 2**16), monotonic() + 60, ROOM, b"")
    assert (answer.body, stays) == (b"[]", True)
    assert thread_time() - began < 0.5
