"""When a request is made again, and when it is given up: the waits, the limits, and what is told of it."""

from __future__ import annotations

import asyncio
import errno
import logging
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fsspec.asyn import get_loop, sync

from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.stores import retries
from labelbeam.transforms.stores.errors import MissingFileError, ShortageError, UnavailableError, explain
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.retries import (
    FEWEST_TRIES,
    FIRST_WAIT,
    LONGEST_WAIT,
    PATIENCE,
    QUIET,
    TRIES,
    ask,
    repeated,
    repeated_async,
)

Reporter = type(retries._reporter)


class Clock:
    """A time that passes only where something waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(retries, "sleep", clock.sleep)
    monkeypatch.setattr(retries, "sleep_async", clock.sleep_async)
    monkeypatch.setattr(retries, "monotonic", lambda: clock.now)
    monkeypatch.setattr(retries, "_reporter", Reporter())
    return clock


class Flaky:
    """A request that fails a number of times."""

    def __init__(self, times: int, error: Callable[[], Exception] = ConnectionResetError) -> None:
        self.times = times
        self.error = error
        self.asked = 0

    def __call__(self) -> str:
        self.asked += 1
        if self.asked <= self.times:
            raise self.error()
        return "answer"

    async def later(self) -> str:
        return self()


def test_what_succeeds_is_asked_once_and_waits_for_nothing(clock: Clock) -> None:
    flaky = Flaky(0)
    assert repeated("x://y", flaky) == "answer"
    assert (flaky.asked, clock.waits) == (1, [])


def test_waits_double_up_to_the_longest_and_up_to_half_of_each_is_chance(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    full: list[float] = []
    for share in (0.5, 1.0):
        monkeypatch.setattr(random, "uniform", lambda low, high, share=share: share if low <= share <= high else None)
        clock.waits.clear()
        assert repeated("x://y", Flaky(TRIES - 1)) == "answer"
        full.append(sum(clock.waits))
        expected = [min(FIRST_WAIT * 2**number, LONGEST_WAIT) * share for number in range(TRIES - 1)]
        assert clock.waits == expected
    assert full[0] * 2 == full[1]
    assert 30 < full[1] < PATIENCE, "a store that is away for half a minute is waited for"


def test_tries_are_counted_and_told(clock: Clock) -> None:
    flaky = Flaky(1000)
    with pytest.raises(ConnectionResetError) as caught:
        repeated("x://y", flaky)
    assert flaky.asked == TRIES
    assert explain(caught.value) == f"ConnectionResetError; tried {TRIES} times in {sum(clock.waits):.0f} seconds"


def test_a_request_that_takes_long_to_fail_is_tried_few_times(clock: Clock) -> None:
    def slow() -> Exception:
        clock.now += PATIENCE
        return TimeoutError("no answer")

    flaky = Flaky(1000, slow)
    with pytest.raises(TimeoutError):
        repeated("x://y", flaky)
    assert flaky.asked == FEWEST_TRIES


def test_the_same_holds_for_requests_inside_of_a_package(clock: Clock) -> None:
    flaky = Flaky(3)
    assert repeated("x://y", lambda: sync(get_loop(), lambda: repeated_async(flaky.later))) == "answer"
    assert (flaky.asked, len(clock.waits)) == (4, 3)


def test_what_was_given_up_inside_of_a_package_is_not_tried_again_outside(clock: Clock) -> None:
    flaky = Flaky(1000)

    async def translated() -> str:
        try:
            return await repeated_async(flaky.later)
        except ConnectionResetError:
            raise OSError(errno.EIO, "a package's own word for it") from None

    with pytest.raises(OSError, match="own word") as caught:
        repeated("x://y", lambda: sync(get_loop(), translated))
    assert flaky.asked == TRIES
    assert f"tried {TRIES} times" in explain(caught.value)


def test_each_request_of_a_call_has_tries_of_its_own(clock: Clock) -> None:
    pages = [Flaky(TRIES - 1) for _ in range(5)]

    async def listing() -> list[str]:
        return [await repeated_async(page.later) for page in pages]

    assert repeated("x://y", lambda: sync(get_loop(), listing)) == ["answer"] * 5


def test_a_body_that_breaks_after_a_request_succeeded_is_asked_for_anew(clock: Clock) -> None:
    flaky, body = Flaky(1), Flaky(2)

    async def read() -> str:
        await repeated_async(flaky.later)
        return body()

    assert repeated("x://y", lambda: sync(get_loop(), read)) == "answer"
    assert body.asked == 3


def test_a_package_that_is_used_without_a_call_repeats_too(clock: Clock) -> None:
    flaky = Flaky(2)
    assert asyncio.run(repeated_async(flaky.later)) == "answer"


def test_an_interruption_is_not_taken_for_a_failure(clock: Clock) -> None:
    def interrupted() -> Exception:
        raise KeyboardInterrupt

    flaky = Flaky(5, interrupted)
    with pytest.raises(KeyboardInterrupt):
        repeated("x://y", flaky)
    assert flaky.asked == 1


# The log. -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    caplog.set_level(logging.INFO, "labelbeam")
    yield lambda: [record.getMessage() for record in caplog.records]


def test_the_first_repetition_is_told_at_once_and_the_others_together(
    clock: Clock, told: Callable[[], list[str]]
) -> None:
    for number in range(50):
        repeated(f"x://y/{number}", Flaky(1))
        clock.now = 1000.0
    assert told() == ["x://y/0: ConnectionResetError; asking again"]
    clock.now += QUIET
    repeated("x://y/last", Flaky(1))
    assert told()[1:] == ["x://y/last: ConnectionResetError; asking again, like 49 requests since the last such line"]


def test_the_log_shows_no_credentials(clock: Clock, told: Callable[[], list[str]]) -> None:
    error = lambda: ConnectionResetError("https://me:SECRET@h/x?sig=SECRET refused s3SECRET")  # noqa: E731
    repeated("x://y", Flaky(1, error), {"secret": "s3SECRET"})
    assert len(told()) == 1
    assert not re.search("SECRET", told()[0])


def test_what_is_not_worth_it_is_neither_repeated_nor_told(clock: Clock, told: Callable[[], list[str]]) -> None:
    flaky = Flaky(5, FileNotFoundError)
    with pytest.raises(FileNotFoundError) as caught:
        repeated("x://y", flaky)
    assert flaky.asked == 1
    assert told() == []
    assert explain(caught.value) == "it does not exist"


def test_the_waits_are_real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.1)
    began = time.monotonic()
    assert repeated("x://y", Flaky(2)) == "answer"
    assert 0.15 <= time.monotonic() - began < 30
    began = time.monotonic()
    assert asyncio.run(repeated_async(Flaky(2).later)) == "answer"
    assert 0.15 <= time.monotonic() - began < 30


@pytest.mark.parametrize("error", [ShortageError, UnavailableError, MissingFileError, UsageError])
def test_what_was_told_already_stays_what_it_is(clock: Clock, error: type[LabelBeamError], tmp_path: Path) -> None:
    tries: list[int] = []

    def call() -> None:
        tries.append(1)
        raise error("told") from OSError(errno.ECONNRESET, "reset")

    with pytest.raises(error, match=r"^told$"):
        ask(locate(str(tmp_path), {}), "cannot be read", call)
    assert tries == [1]


def test_what_was_being_handled_when_a_store_was_asked_says_nothing_of_its_failure(
    clock: Clock, tmp_path: Path
) -> None:
    """As where what is left is put away after a connection has failed, and the disk is full: that was asked for half a minute."""

    def fail() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    try:
        raise ConnectionResetError(errno.ECONNRESET, "of something else")
    except ConnectionResetError:
        with pytest.raises(ShortageError, match="No space left"):
            ask(locate(str(tmp_path), {}), "cannot be written", fail)
    assert clock.waits == []
