"""The limit finds what an endpoint takes at once, and nobody waits for longer than until a place is free."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from labelbeam.transforms.score import limit as limit_module
from labelbeam.transforms.score.limit import Limit


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    now = [1000.0]
    monkeypatch.setattr(limit_module, "monotonic", lambda: now[0])
    yield now


def round_trip(limit: Limit, clock: list[float], capacity: int) -> tuple[int, int]:
    """As many requests at once as may be, all of which come back; how many were answered and shed by a server of `capacity`."""
    clock[0] += 1
    together = limit.now
    with ExitStack() as stack:
        began = [stack.enter_context(limit.place()) for _ in range(together)]
    clock[0] += 1
    for number in range(together):
        if number < capacity:
            limit.answered()
        else:
            limit.shed(began[number])
    return min(together, capacity), max(0, together - capacity)


@pytest.mark.parametrize("capacity", [1, 2, 3, 5])
def test_few_requests_are_shed_once_the_limit_is_found(clock: list[float], capacity: int) -> None:
    limit = Limit(16)
    rounds = [round_trip(limit, clock, capacity) for _ in range(60)]
    answered, shed = (sum(column) for column in zip(*rounds[10:], strict=True))
    assert shed <= answered / 2
    assert answered >= 50 * capacity * 0.6  # And not much is left idle.


def test_all_that_were_shed_together_lower_the_limit_once(clock: list[float]) -> None:
    limit = Limit(10)
    clock[0] += 1
    began = clock[0]
    clock[0] += 1
    with ExitStack() as stack:
        for _ in range(9):
            stack.enter_context(limit.place())
        for _ in range(8):
            limit.shed(began)
    assert limit.now == 7


def test_the_limit_is_raised_again_one_by_one_and_no_further_than_it_was(clock: list[float]) -> None:
    limit = Limit(4)
    for _ in range(20):
        clock[0] += 1
        limit.shed(clock[0])
        clock[0] += 1
    assert limit.now == 1
    steps = []
    for _ in range(20):
        limit.answered()
        steps.append(limit.now)
    assert steps[:2] == [2, 2] and steps[-1] == 4 and steps == sorted(steps)


def test_quiet_is_the_time_since_the_last_answer_in_which_nothing_is_under_way(clock: list[float]) -> None:
    limit = Limit(2)
    clock[0] = 1100.0
    assert limit.quiet_since(1040.0) == 60
    limit.answered()
    clock[0] = 1110.0
    assert limit.quiet_since(1040.0) == 10
    assert limit.quiet_since(1105.0) == 5
    with limit.place():
        assert limit.quiet_since(1040.0) == 0


def test_whoever_waits_for_a_place_gets_it_when_one_is_free_or_nothing_is_asked_any_more() -> None:
    limit = Limit(1)
    entered = threading.Event()

    def enter() -> None:
        with limit.place():
            entered.set()

    with limit.place():
        waiting = threading.Thread(target=enter)
        waiting.start()
        assert not entered.wait(0.1)
    waiting.join(60)
    assert entered.is_set()
    entered.clear()
    with limit.place():
        waiting = threading.Thread(target=enter)
        waiting.start()
        assert not entered.wait(0.1)
        limit.close()
        waiting.join(60)
    assert entered.is_set()


def test_a_request_that_is_to_be_alone_waits_for_the_others_and_lets_none_begin() -> None:
    limit = Limit(8)
    at_once: list[int] = []
    under_way = 0
    lock = threading.Lock()

    def ask(alone: bool) -> None:
        nonlocal under_way
        with limit.place(alone):
            with lock:
                under_way += 1
            time.sleep(0.01)
            with lock:
                if alone:
                    at_once.append(under_way)
                under_way -= 1

    threads = [threading.Thread(target=ask, args=(number % 5 == 0,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert at_once == [1] * 8 and under_way == 0


def test_a_place_is_taken_without_waiting_or_not_at_all_and_whoever_found_none_is_told_of_the_next() -> None:
    limit = Limit(2)
    told: list[int] = []
    limit.freed = lambda: told.append(limit.now)
    assert limit.take() is not None
    limit.give_back()
    assert told == []  # Nobody wanted one.
    began = [limit.take(), limit.take()]
    assert None not in began and limit.take() is None
    limit.give_back()
    assert told == [2]
    assert limit.take() is not None
    limit.close()
    limit.give_back()
    assert limit.take() is None and told == [2]
    limit.close()
    assert told == [2, 2]


@pytest.mark.parametrize("alone", [False, True])
def test_no_place_is_taken_before_those_who_wait_for_one(alone: bool) -> None:
    limit = Limit(1)
    freed, done = threading.Event(), threading.Event()
    limit.freed = freed.set
    assert limit.take() is not None

    def wait() -> None:
        with limit.place(alone):
            done.wait(30)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not limit._waiting:
        time.sleep(0.001)
    with limit._changed:  # It wakes, and has not gone on yet.
        limit._under_way -= 1
        limit._changed.notify_all()
        assert limit.take() is None
        limit._under_way += 1
    limit.give_back()
    done.set()
    waiting.join(30)
    assert freed.is_set() and limit.take() is not None
