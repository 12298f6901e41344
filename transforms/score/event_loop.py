"""One thread that has many requests under way, as long as all goes well; what does not is handed to threads, which may wait.

A request of some milliseconds costs a thread more for taking the interpreter's lock again after each call of the system, a dozen times,
than for all else. So one thread makes requests, sends them over connections that are open and idle, and takes plain answers of success.
It decides nothing: where there is no such connection, where an answer is anything else, or late, a thread goes on with the request as
it stands, which holds its place among those under way. Where a disk has to be waited for, threads make the requests, too.
"""

from __future__ import annotations

import resource
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from functools import partial
from time import monotonic, perf_counter
from typing import Any, NamedTuple, Protocol

from labelbeam.transforms.score.batches import Encoded
from labelbeam.transforms.score.connections import NotPlainError
from labelbeam.transforms.score.endpoint import Begun, Endpoint

SLOW = 0.001
"""Seconds for making a request in which a disk was waited for, from which on it is worth making others meanwhile."""

_LOOKED_AT = 16
"""Requests after which a disk is known to be slow."""


class Made(NamedTuple):
    """A request: its images, and the body that is sent."""

    batch: Sequence[Encoded]
    body: bytes


class Work(Protocol):
    """What is to be asked. All of these are called by the thread of the loop.

    What one of them raises, or the future of one, `fail` is told, and nothing is begun any more.
    """

    def make(self) -> Made | None:
        """The next request; None where there is none any more."""

    def take(self, made: Made, begun: Begun) -> bool:
        """Take the complete answer to a request, without waiting; False where a thread has to go on with it."""

    def go_on(self, made: Made, begun: Begun) -> Future[None]:
        """Have a thread go on with a request: one that does not wait for those of `by_threads`, as the request holds a place."""

    def by_threads(self) -> list[Future[None]]:
        """Have threads make and ask all that is left."""

    def fail(self, error: BaseException) -> None:
        """See to it that the endpoint is stopped."""


class _Job:
    """Work, and how many requests of it are made, or in threads, and not done."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.unfinished = 0
        self.made = self.slow = 0
        self.done: Future[None] = Future()


class _Lane(NamedTuple):
    """A request that has begun."""

    job: _Job
    made: Made
    begun: Begun


class EventLoop:
    """Asks an endpoint for work after work; at most `most` requests are made and not done, whoever goes on with them."""

    def __init__(self, endpoint: Endpoint, most: int) -> None:
        self._endpoint = endpoint
        self._most = most
        self._selector = selectors.DefaultSelector()
        self._here, self._there = socket.socketpair()
        for end in (self._here, self._there):
            end.setblocking(False)
        self._selector.register(self._here, selectors.EVENT_READ)
        self._calls: deque[Callable[[], None]] = deque()
        self._unmade: deque[_Job] = deque()
        self._jobs: set[_Job] = set()
        self._ready: deque[tuple[_Job, Made]] = deque()
        self._lanes: dict[int, _Lane] = {}
        self._handed = 0
        self._closed = self._has_ended = False
        self._lock = threading.Lock()
        endpoint.limit.freed = self._wake
        self._thread = threading.Thread(target=self._run, name="labelbeam-loop", daemon=True)
        self._thread.start()

    def run(self, work: Work) -> None:
        """Do work, for a thread that waits until all that was begun of it is done.

        Raises:
            CancelledError: the loop was closed before.
        """
        job = _Job(work)
        with self._lock:
            if self._has_ended:
                raise CancelledError
            self._call(partial(self._add, job))
        job.done.result()

    def close(self, wait: bool = True) -> None:
        """End, once the endpoint is closed."""
        self._call(self._end)
        if wait:
            self._thread.join()

    # By any thread. ------------------------------------------------------------------------------------------------------

    def _call(self, call: Callable[[], None]) -> None:
        self._calls.append(call)
        self._wake()

    def _wake(self) -> None:
        with suppress(OSError):  # So full that it wakes anyway, or closed.
            self._there.send(b"\0")

    # By the loop's own. --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._has_ended:
                self._turn()
                with self._lock:
                    self._has_ended = self._closed and not self._jobs and not self._calls
        except BaseException as error:  # A defect, which is told whoever waits.
            with self._lock:
                self._has_ended = True
            while self._calls:
                self._calls.popleft()()
            for job in self._jobs:
                job.done.set_exception(error)
            self._endpoint.stop()
        finally:
            self._selector.close()
            self._here.close()
            self._there.close()

    def _turn(self) -> None:
        may_make = self._may_make()
        for key, events in self._selector.select(0 if may_make else self._patience()):
            if key.fileobj is self._here:
                with suppress(BlockingIOError):
                    self._here.recv(2**12)
            elif (lane := self._lanes.get(key.fd)) is not None:
                self._advance(lane, bool(events & selectors.EVENT_READ))
                self._begin()
        while self._calls:
            self._calls.popleft()()
        now = monotonic()
        while (first := self._first()) is not None and first.begun.end <= now:
            self._hand_over(first)
        if self._endpoint.stopped:
            self._give_up()
        elif may_make:
            self._make()
        self._begin()

    def _may_make(self) -> bool:
        return bool(self._unmade) and len(self._ready) + len(self._lanes) + self._handed < self._most

    def _first(self) -> _Lane | None:
        """The request that is late before all others: they all have as many seconds."""
        return next(iter(self._lanes.values()), None)

    def _patience(self) -> float | None:
        first = self._first()
        return None if first is None else max(0.0, first.begun.end - monotonic())

    def _add(self, job: _Job) -> None:
        self._jobs.add(job)
        self._unmade.append(job)

    def _end(self) -> None:
        self._closed = True

    def _give_up(self) -> None:
        unmade, self._unmade = self._unmade, deque()
        ready, self._ready = self._ready, deque()
        for job, _ in ready:
            job.unfinished -= 1
        for job in {*unmade, *(job for job, _ in ready)}:
            self._settle(job)

    def _make(self) -> None:
        job = self._unmade[0]
        began, pauses = perf_counter(), _pauses()
        try:
            made = job.work.make()
        except Exception as error:
            self._fail(job, error)
            return
        if made is None:
            self._unmade.popleft()
            self._settle(job)
            return
        job.unfinished += 1
        self._ready.append((job, made))
        job.made += 1
        job.slow += perf_counter() - began > SLOW and (pauses is None or _pauses() > pauses)
        if job.made % _LOOKED_AT == 0 and 2 * job.slow > job.made:
            self._unmade.popleft()
            for future in self._tried(job, job.work.by_threads) or ():
                job.unfinished += 1
                future.add_done_callback(lambda ended: self._call(partial(self._ended, job, ended)))

    def _begin(self) -> None:
        while self._ready and (begun := self._endpoint.begin(self._ready[0][1].body)) is not None:
            lane = _Lane(*self._ready.popleft(), begun)
            if begun.exchange is None:
                self._hand_over(lane)
            else:
                self._advance(lane, False)

    def _advance(self, lane: _Lane, is_readable: bool) -> None:
        """Send and receive what can be of a request that has begun over an open connection."""
        exchange = lane.begun.exchange
        assert exchange is not None
        try:
            answer = exchange.advance(is_readable)
        except NotPlainError:
            self._hand_over(lane)
            return
        if answer is None:
            self._watch(lane)
            return
        self._unwatch(lane)
        lane.begun.answer = answer
        taken = self._tried(lane.job, partial(lane.job.work.take, lane.made, lane.begun))
        if taken is False:
            self._hand_over(lane)
        else:
            self._finish(lane.job)

    def _watch(self, lane: _Lane) -> None:
        exchange = lane.begun.exchange
        assert exchange is not None
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if exchange.unsent else 0)
        number = exchange.fileno()
        if number not in self._lanes:
            self._selector.register(number, events)
            self._lanes[number] = lane
        elif self._selector.get_key(number).events != events:
            self._selector.modify(number, events)

    def _unwatch(self, lane: _Lane) -> None:
        exchange = lane.begun.exchange
        if exchange is not None and self._lanes.pop(exchange.fileno(), None) is not None:
            self._selector.unregister(exchange.fileno())

    def _hand_over(self, lane: _Lane) -> None:
        self._unwatch(lane)
        future = self._tried(lane.job, partial(lane.job.work.go_on, lane.made, lane.begun))
        if future is None:
            self._endpoint.abandon(lane.begun)
            self._finish(lane.job)
            return
        self._handed += 1

        def end(ended: Future[None]) -> None:
            self._handed -= 1
            if ended.cancelled():
                self._endpoint.abandon(lane.begun)
            self._ended(lane.job, ended)

        future.add_done_callback(lambda ended: self._call(partial(end, ended)))

    def _ended(self, job: _Job, future: Future[None]) -> None:
        error = CancelledError() if future.cancelled() else future.exception()
        if error is not None:
            self._fail(job, error)
        self._finish(job)

    def _tried(self, job: _Job, call: Callable[[], Any]) -> Any:
        """The result of a call; None where it failed, which is told."""
        try:
            return call()
        except Exception as error:
            self._fail(job, error)
            return None

    def _fail(self, job: _Job, error: BaseException) -> None:
        job.work.fail(error)

    def _finish(self, job: _Job) -> None:
        job.unfinished -= 1
        self._settle(job)

    def _settle(self, job: _Job) -> None:
        if not job.unfinished and job not in self._unmade and job in self._jobs:
            self._jobs.discard(job)
            job.done.set_result(None)


def _pauses() -> Any:
    """How often this thread has given its processor up by itself; None where the system does not tell."""
    of_thread = getattr(resource, "RUSAGE_THREAD", None)
    return None if of_thread is None else resource.getrusage(of_thread).ru_nvcsw
