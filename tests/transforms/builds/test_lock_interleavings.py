"""Runs that begin together, in every order of their steps with few switches between them, and with one that stands still meanwhile.

The steps are the requests to a store, and the pauses. At each of them another run may go on; the orders are all those with at most so
many switches that nothing made necessary, since what goes wrong between two or three runs goes wrong with one or two of these.
"""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from labelbeam.schemas.errors import BusyError, LostLockError
from labelbeam.transforms.builds import lock as locks
from labelbeam.transforms.builds.lock import Claim, Lock, Pace, Work, locked
from labelbeam.transforms.stores import files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location

PACE = Pace(beat=3600.0, dead_after=90.0, look=100.0)

MOST = 400
"""Steps after which runs count as waiting for each other."""


@dataclass
class Run:
    """A run, in a thread that goes on when it is told to."""

    name: str
    call: Callable[[], None]
    go_on: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    steps: int = 0
    ended: bool = False
    failure: BaseException | None = None


class Orders:
    """Runs of which one at a time goes on, until its next step."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.frozen: Run | None = None
        self.now = 0.0
        self.waits = False
        self._back = threading.Semaphore(0)

    def step(self, waits: bool = False) -> None:
        """Called by a run: let the others go on."""
        run = next((run for run in self.runs if run.name == threading.current_thread().name), None)
        if run is not None:
            self.waits = waits
            self.now += 100.0 if waits else 0.0
            self._back.release()
            run.go_on.acquire()

    def all(
        self,
        calls: Sequence[Callable[[], None]],
        switches: dict[int, int],
        freeze: tuple[int, int] | None,
        look: Callable[[], bool],
    ) -> int:
        """Have the calls run to their ends, and `look` after each step; how many steps that took.

        At the step numbers of `switches`, the run that many places on is next. `freeze` is a run, and the step of its own from which
        on it stands still until `look` says so, or the others have ended.
        """
        self.runs = [Run(f"run {number}", call) for number, call in enumerate(calls)]
        self.frozen, current, count = None, 0, 0
        threads = [threading.Thread(target=self._run, name=run.name, args=(run,), daemon=True) for run in self.runs]
        for thread in threads:
            thread.start()
        while not all(run.ended for run in self.runs):
            if freeze is not None and self.frozen is None and self.runs[freeze[0]].steps == freeze[1]:
                self.frozen = self.runs[freeze[0]]
            ready = [at for at, run in enumerate(self.runs) if not run.ended and run is not self.frozen]
            if not ready:
                freeze = self.frozen = None
                continue
            current += switches.get(count, 0) or self.waits
            current = min(ready, key=lambda at: (at - current) % len(self.runs))
            self._go_on(self.runs[current])
            count += 1
            assert count < MOST, f"wait for each other, with {switches}, {freeze}"
            if look() and freeze is not None and self.frozen is not None:
                current, freeze, self.frozen, self.waits = freeze[0], None, None, False
        for thread in threads:
            thread.join()
        for run in self.runs:
            if run.failure is not None:
                raise run.failure
        return count

    def _go_on(self, run: Run) -> None:
        self.waits = False
        run.steps += 1
        run.go_on.release()
        self._back.acquire()

    def _run(self, run: Run) -> None:
        run.go_on.acquire()
        try:
            run.call()
        except BaseException as error:
            run.failure = error
        run.ended = self.waits = True
        self._back.release()


class Memory:
    """A store that puts on conditions, and in which each request is a step."""

    def __init__(self, orders: Orders) -> None:
        self.held: dict[str, tuple[bytes, int]] = {}
        self._orders = orders
        self._versions = itertools.count(1)

    def invalidate_cache(self) -> None: ...

    def info(self, path: str) -> dict[str, Any]:
        self._orders.step()
        return {"type": "file", "size": len(self._found(path)[0])}

    def version(self, path: str) -> str:
        self._orders.step()
        return str(self._found(path)[1])

    def pipe_file(self, path: str, data: bytes) -> None:
        self._orders.step()
        self.held[path] = data, next(self._versions)

    def put_if(self, path: str, data: bytes, seen: str | None) -> None:
        self._orders.step()
        if (str(self.held[path][1]) if path in self.held else None) != seen:
            raise FileExistsError(path)
        self.held[path] = data, next(self._versions)

    def rm_file(self, path: str) -> None:
        self._orders.step()
        self._found(path)
        del self.held[path]

    def ls(self, path: str, detail: bool) -> list[dict[str, Any]]:
        self._orders.step()
        return [{"name": name, "type": "file", "size": len(data)} for name, (data, _) in self.held.items()]

    def cat_file(self, path: str, **_: object) -> bytes:
        self._orders.step()
        return self._found(path)[0]

    def _found(self, path: str) -> tuple[bytes, int]:
        if path not in self.held:
            raise FileNotFoundError(path)
        return self.held[path]


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> Orders:
    """Orders of steps, of runs each of which is known to live for as long as it goes on."""
    orders = Orders()

    def is_alive(claim: Claim) -> bool | None:
        return None if orders.frozen is not None and claim.process == orders.frozen.name else True

    clock = SimpleNamespace(monotonic=lambda: orders.now, sleep=lambda _: orders.step(waits=True))
    monkeypatch.setattr(locks, "time", clock)
    monkeypatch.setattr(locks, "_process", lambda _: threading.current_thread().name)
    monkeypatch.setattr(locks, "_is_alive", is_alive)
    return orders


def try_out(
    orders: Orders,
    works: Sequence[Work],
    switches: dict[int, int],
    freeze: tuple[int, int] | None = None,
    wakes_inside: bool = False,
) -> int:
    """Let runs begin together, and make sure that the output is no two's at a time; the number of steps.

    A run that stands still goes on once another has the output, with `wakes_inside`, or else when all have ended.
    """
    store = Memory(orders)
    place = Location(store, "out", "memory://out")
    inside: list[Lock] = []
    ended: list[str] = []

    def run(work: Work) -> None:
        try:
            with locked(place, work, PACE) as lock:
                inside.append(lock)
                orders.step()
                orders.step()
                inside.remove(lock)
                lock.check()
            ended.append("worked")
        except BusyError:
            ended.append("gave way")
        except LostLockError:
            ended.append("lost")

    def look() -> bool:
        having = [lock for lock in inside if f"out/unfinished/{lock.name}" in store.held]
        assert len(having) <= 1, f"{works}, {switches}, {freeze}: the output is {len(having)} runs'"
        return wakes_inside and bool(having)

    steps = orders.all([lambda work=work: run(work) for work in works], switches, freeze, look)  # type: ignore[misc]
    assert len(ended) == len(works) and "worked" in ended and (freeze or "lost" not in ended), (switches, freeze, ended)
    assert not store.held
    return steps


def switchings(steps: int, runs: int, most: int) -> Iterator[dict[int, int]]:
    """All ways to switch up to so many times between runs, at any of the steps."""
    for count in range(most + 1):
        for at in itertools.combinations(range(steps), count):
            for to in itertools.product(range(1, runs), repeat=count):
                yield dict(zip(at, to, strict=True))


PAIRS: list[tuple[Work, ...]] = [("build", "build"), ("build", "clean"), ("clean", "build"), ("clean", "clean")]
TRIPLES: list[tuple[Work, ...]] = [
    ("build", "clean", "build"),
    ("clean", "build", "clean"),
    ("build", "build", "clean"),
    ("clean", "build", "build"),
]


@pytest.mark.parametrize("works", PAIRS, ids="-".join)
def test_of_two_runs_one_has_the_output_in_every_order_of_two_switches(works: Sequence[Work], orders: Orders) -> None:
    steps = try_out(orders, works, {})
    for switches in switchings(steps, 2, 2):
        try_out(orders, works, switches)


@pytest.mark.parametrize("works", TRIPLES, ids="-".join)
def test_of_three_runs_one_has_the_output(works: Sequence[Work], orders: Orders) -> None:
    steps = try_out(orders, works, {})
    chance = random.Random(str(works))
    for switches in chance.sample([*switchings(steps + 10, 3, 3)], 100):
        try_out(orders, works, switches)


@pytest.mark.parametrize("works", [*PAIRS, TRIPLES[0]], ids="-".join)
def test_a_run_that_stands_still_at_any_step_and_is_taken_for_dead_has_the_output_no_more(
    works: Sequence[Work], orders: Orders
) -> None:
    for number, step, first, inside in itertools.product(
        range(len(works)), range(24), range(len(works)), (True, False)
    ):
        try_out(orders, works, {0: first} if first else {}, (number, step), inside)


# A disk, where a claim is put anew by way of a file beside it. ---------------------------------------------------------


def test_a_claim_that_is_removed_while_it_is_put_anew_never_comes_back(
    tmp_path: Path, orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove, write, check, replace = locks.remove_files, files._write_new, files._check_is_there, files.os.replace

    def in_steps(call: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*arguments: Any) -> Any:
            orders.step()
            return call(*arguments)

        return stepped

    def remove_each(root: Location, paths: Sequence[str]) -> None:
        for path in paths:
            orders.step()
            remove(root, [path])

    monkeypatch.setattr(locks, "remove_files", remove_each)
    seen: set[bool] = set()
    for number, at in enumerate(itertools.combinations(range(8), 2)):
        output = locate(str(tmp_path / f"{number}"), {})
        lock = Lock(output, "lock-1.json", Claim("build", "", "", None), PACE)
        lock.write()
        put: list[bool] = []

        def put_anew(lock: Lock = lock, put: list[bool] = put) -> None:
            try:
                lock.write()
                put.append(True)
            except LostLockError:
                put.append(False)

        with monkeypatch.context() as patch:
            patch.setattr(files, "_write_new", in_steps(write))
            patch.setattr(files, "_check_is_there", in_steps(check))
            patch.setattr(files.os, "replace", in_steps(replace))
            takes_over = lambda output=output: locks._remove_claim(output, "lock-1.json")  # noqa: E731
            orders.all([put_anew, takes_over], dict.fromkeys(at, 1), None, lambda: False)
        seen.update(put)
        assert not Path(lock.location.path).exists(), at
    assert seen == {True, False}
