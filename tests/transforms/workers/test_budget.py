"""A budget of bytes: shared, waited for, given back, and refused where the process has not so many."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest

from labelbeam.transforms.stores.errors import ShortageError
from labelbeam.transforms.workers import budget as module
from labelbeam.transforms.workers.budget import (
    LOOKED_AT_FROM,
    Budget,
    GrowingBudget,
    check_room,
    decoding,
    reading,
    short,
)


def test_a_budget_is_given_back_when_it_was_refused() -> None:
    budget = Budget(100)
    for _ in range(3):
        with pytest.raises(Exception, match="needs"), budget.take(2**60):
            raise AssertionError
    with budget.take(100):
        pass


def test_what_is_taken_is_waited_for() -> None:
    budget = Budget(100)
    order: list[str] = []
    inside, go = threading.Event(), threading.Event()

    def first() -> None:
        with budget.take(60):
            inside.set()
            go.wait(30)
            order.append("first")

    def second() -> None:
        with budget.take(60):
            order.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert inside.wait(30)
    threads[1].start()
    with budget.take(40):  # There is room for this one beside the first.
        go.set()
    for thread in threads:
        thread.join(30)
    assert order == ["first", "second"]


def test_a_thread_that_holds_some_does_not_wait_for_itself_and_others_wait_for_it() -> None:
    budget = Budget(100)
    order: list[str] = []

    def other() -> None:
        with budget.take(50):
            order.append("other")

    thread = threading.Thread(target=other)
    with budget.take(100):
        with budget.take(500), budget.take(1):
            thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join(30)
    assert order == ["first", "other"]
    assert budget._free == 100


def test_what_a_half_read_iterator_holds_keeps_nobody_of_its_thread_waiting() -> None:
    budget = Budget(100)

    def parts() -> Iterator[int]:
        with budget.take(100):
            yield from range(3)

    half_read = parts()
    next(half_read)
    for _ in range(3):
        with budget.take(100):
            pass
    half_read.close()
    assert budget._free == 100


def test_who_wants_more_than_there_is_gets_all_of_it() -> None:
    budget = Budget(100)
    with budget.take(500):
        assert budget._free == 0
    assert budget._free == 100


def test_only_what_is_large_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "memory_left", lambda: 0)
    budget = Budget(2 * LOOKED_AT_FROM)
    with budget.take(LOOKED_AT_FROM - 1):
        pass
    with (
        pytest.raises(ShortageError, match=r"^a\.png: needs 8 MB of memory, and 0 MB are left"),
        budget.take(LOOKED_AT_FROM, "a.png"),
    ):
        raise AssertionError
    assert budget._free == budget.size


def test_a_shortage_names_what_it_is_for_or_what_is_read() -> None:
    assert str(short("", 10**9, 5)).startswith("what is read: needs 1,000 MB")


def test_pixels_and_files_have_budgets_of_their_own() -> None:
    assert reading() is reading() is not decoding()


def test_room_is_looked_for_from_a_size_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "memory_left", lambda: 0)
    check_room(LOOKED_AT_FROM - 1)
    with pytest.raises(ShortageError, match=r"^a table: needs .* no fault of the data"):
        check_room(LOOKED_AT_FROM, "a table")


class Holder:
    """Holds some of a budget in a generator that nobody ends, and itself, so that the collector alone finds it."""

    def __init__(self, budget: Budget) -> None:
        self.itself = self

        def half_read() -> Iterator[None]:
            with budget.take(100):
                yield

        self.reading = half_read()
        next(self.reading)


def test_what_is_garbage_is_given_back_while_one_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITS", (0.01, 60.0))
    budget, done = Budget(100), threading.Event()
    gc.disable()
    try:
        thread = threading.Thread(target=Holder, args=(budget,))
        thread.start()
        thread.join()

        def take() -> None:
            with budget.take(1):
                done.set()

        threading.Thread(target=take, daemon=True).start()
        assert done.wait(30)
    finally:
        gc.enable()


def test_nobody_waits_for_ever_for_what_an_exception_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITS", (0.01, 0.01))
    budget = Budget(100)
    kept: list[Holder] = []
    thread = threading.Thread(target=lambda: kept.append(Holder(budget)))
    thread.start()
    thread.join()
    for _ in range(2):
        with budget.take(100):
            pass


def test_what_grows_waits_for_what_others_hold_but_for_the_first() -> None:
    budget = GrowingBudget(100)
    holds, waits = threading.Event(), threading.Event()
    seconds: list[float] = []

    def second() -> None:
        with budget.hold() as have:
            have(50)
            holds.set()
            waits.wait(30)
            seconds.append(have(200))

    thread = threading.Thread(target=second)
    with budget.hold() as have:
        assert have(40) < 1
        thread.start()
        assert holds.wait(30)
        have(300)  # More than there is, while another one holds half of it.
        have(20)
        waits.set()
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(30)
    assert seconds[0] > 0.2
    with budget.hold() as have:
        assert have(100) < 1


def test_what_grows_beyond_what_this_process_may_have_ends_in_words_and_is_given_back() -> None:
    budget = GrowingBudget(2**62)
    for _ in range(3):
        with pytest.raises(ShortageError, match="an answer: needs"), budget.hold("an answer") as have:
            have(2**61)
