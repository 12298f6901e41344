"""Calls that wait are made side by side, those that do not by the thread that wants them."""

from __future__ import annotations

import threading
import time

import pytest

from labelbeam.transforms.stores.threads import READS_AT_ONCE, each_in_threads, each_in_turn, in_threads


def test_waiting_calls_run_side_by_side() -> None:
    together = threading.Barrier(READS_AT_ONCE, timeout=60)
    assert in_threads(lambda item: (together.wait(), item)[1], range(READS_AT_ONCE)) == list(range(READS_AT_ONCE))


def test_calls_that_do_not_wait_are_made_by_the_thread_that_wants_them() -> None:
    me = threading.get_ident()
    assert list(each_in_turn(lambda _: threading.get_ident(), range(100))) == [me] * 100


def test_calls_that_wait_are_made_at_the_same_time_and_come_in_order() -> None:
    def call(number: int) -> tuple[int, int]:
        time.sleep(0.02)
        return number, threading.get_ident()

    found = list(each_in_turn(call, range(200)))
    assert [number for number, _ in found] == list(range(200))
    assert len({thread for _, thread in found}) > 10


def test_a_failure_comes_in_its_place_and_what_stands_before_it_is_given_out() -> None:
    def call(number: int) -> int:
        if number == 2:
            raise ValueError("the third")
        return number

    for calls in (each_in_threads(call, range(5)), each_in_turn(call, range(5))):
        assert [next(calls), next(calls)] == [0, 1]
        with pytest.raises(ValueError, match="the third"):
            next(calls)


def test_one_call_needs_no_thread_and_none_no_call() -> None:
    me = threading.get_ident()
    assert in_threads(lambda _: threading.get_ident(), ["one"]) == [me]
    assert in_threads(lambda _: threading.get_ident(), []) == []
