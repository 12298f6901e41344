"""Room for answers: by what arrives and by what is made of it, shared, and too much refused."""

from __future__ import annotations

import gc
import weakref

import pytest

from labelbeam.transforms.score.failures import TooLargeError
from labelbeam.transforms.score.room import (
    ANSWER_LIMIT,
    PARSED_LIMIT,
    SHORT,
    Room,
    parsed_size,
    room_for_answer,
)
from labelbeam.transforms.workers.budget import LOOKED_AT_FROM


class Budget:
    """Notes what is asked for, and lets each wait for a second."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, size: int) -> float:
        self.asked.append(size)
        return 1.0


def test_a_short_answer_takes_nothing_and_a_longer_one_takes_it_in_steps() -> None:
    budget = Budget()
    room = Room(budget)
    assert room.receive(SHORT) == 0.0 and budget.asked == []
    assert room.receive(SHORT + 1) == 1.0
    room.receive(LOOKED_AT_FROM + 1)
    assert budget.asked == [LOOKED_AT_FROM, 2 * LOOKED_AT_FROM]
    room.parse(b"[]")
    room.parse(b" " * 2**20)
    assert budget.asked[2:] == [2**21]


def test_what_is_read_of_an_answer_and_made_of_it_has_a_bound() -> None:
    room = Room(lambda size: 0.0)
    room.receive(ANSWER_LIMIT)
    with pytest.raises(TooLargeError, match="expected at most"):
        room.receive(ANSWER_LIMIT + 1)
    with pytest.raises(TooLargeError, match="MB of memory to be parsed"):
        room.parse(b"{}," * (PARSED_LIMIT // 100))


def test_attributions_of_the_longest_answer_may_be_parsed() -> None:
    part = b"0.1234567890123456," * 1000
    assert parsed_size(part) * (ANSWER_LIMIT / len(part)) < PARSED_LIMIT


def test_who_keeps_an_error_does_not_keep_the_answer() -> None:
    class Held:
        pass

    def fail() -> None:
        held = Held()
        known.append(weakref.ref(held))
        try:
            raise KeyError(1)
        except KeyError:
            raise ValueError(2) from None

    known: list[weakref.ref[Held]] = []
    with pytest.raises(ValueError, match="2") as caught, room_for_answer():
        fail()
    gc.collect()
    assert caught.value is not None and known[0]() is None
