"""Two processes at work on one output: a clean beside builds, and a build that stands still while another one takes over."""

from __future__ import annotations

import random
import signal
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tests.proofs.datasets import make_nights
from tests.proofs.mortal import Mortal
from tests.proofs.nightly import KEPT, LATE, Moments, Tell, stage
from tests.proofs.places import Content, Place, Reader, leftovers, whole
from tests.proofs.runs import Run, start

VERSIONS = 4

LIFE = 2.0
"""Seconds after which a process that stands still counts as dead, or as many as a build takes on this machine where that is more: one
that lives has shown so by then."""

TRIES = 5
"""How often a build is made that is too slow for the life of its claim, with twice the life each time."""

CHANGES_OF_A_CLEAN = 30
"""How many changes a clean that dies at one of them has made at most, about."""


@dataclass(frozen=True)
class Elsewhere:
    """Be on another machine, of which nobody can tell whether its processes live; a claim counts as dead after `life` seconds."""

    life: float
    then: Mortal | None = None

    def __call__(self) -> None:
        """Change what this process knows of processes and of time."""
        from labelbeam.transforms.builds import lock

        lock._process = lambda pid: None
        lock.locked.__wrapped__.__defaults__ = (lock.Pace(self.life / 10, self.life, self.life / 40),)  # type: ignore[attr-defined]
        if self.then is not None:
            self.then()


class Output:
    """An output on which versions of a dataset are built, each from a file of its own."""

    def __init__(self, place: Place, folder: Path, seed: int, mortal: Mortal) -> None:
        self.place, self.mortal = place, mortal
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.nights = make_nights(folder / "data", VERSIONS, seed)
        self.expected: list[Content] = []
        times = []
        for version in range(VERSIONS):
            began = time.monotonic()
            self.publishes(version)
            times.append(time.monotonic() - began)
            self.expected.append(whole(place)[1])
        self.seconds = statistics.median(times)
        self.life = max(LIFE, self.seconds)
        assert self.build(0, replace(mortal, at=0)).end() == 0
        self.changes = len(mortal.changes())

    def build(self, version: int, before: Callable[[], None] | None = None) -> Run:
        """Begin a build of a version."""
        command = self.nights.command(self.place.url, "--shards", "2", source=self.nights.versions[version])
        return start(command, self.temporary, self.place.environment, before)

    def clean(self, before: Callable[[], None] | None = None, keep: int = KEPT) -> Run:
        """Begin a clean."""
        command = ["clean", self.place.url, "--keep", str(keep)]
        return start(command, self.temporary, self.place.environment, before)

    def publishes(self, version: int) -> None:
        """A build that is left alone is published."""
        run = self.build(version)
        assert run.end() == 0, run.said
        if len(self.expected) == VERSIONS:
            assert whole(self.place)[1] == self.expected[version], run.said

    def takes_over(self, version: int) -> None:
        """A build elsewhere takes the one that stands still for dead, and is published.

        On a machine that has become busier it may be too slow for its own claim. It says so then, and has published nothing.
        """
        for _ in range(TRIES):
            current = self.place.read("latest.json")
            run = self.build(version, Elsewhere(self.life))
            if run.end() == 0:
                assert whole(self.place)[1] == self.expected[version], run.said
                return
            assert TOO_SLOW in run.said, run.said
            assert self.place.read("latest.json") == current
            self.life *= 2
        raise AssertionError(f"too slow for its claim {TRIES} times: {run.said}")

    def tidies(self) -> None:
        """After a clean that is left alone nothing is left that no published build is made of.

        One that the store kept waiting for as long as a claim lives has said so, and is run again.
        """
        for _ in range(TRIES):
            run = self.clean()
            if run.end() == 0:
                break
            assert TOO_SLOW in run.said, run.said
        else:
            raise AssertionError(f"too slow for its claim {TRIES} times: {run.said}")
        assert leftovers(self.place) == set()

    def fate(self, chance: random.Random, changes: int) -> Mortal:
        """A moment near a change of the store."""
        return replace(self.mortal, at=chance.randrange(1, changes + 1), late=chance.uniform(0, LATE))


def clean_beside_builds(place: Place, folder: Path, seed: int, kills: Moments, mortal: Mortal, tell: Tell) -> None:
    """Clean while builds are made, and kill either or both at random, for so many `kills`."""
    chance = random.Random(seed)
    output = Output(place, folder, seed, mortal)
    ends, rounds = Counter[str](), 0
    with Reader(place, output.expected) as reader:
        while kills.go_on(ends["build killed"] + ends["clean killed"]):
            rounds += 1
            version = chance.randrange(VERSIONS)
            dies = chance.choice(["build", "clean", "both", "both", "none"])
            fates = {
                "build": output.fate(chance, output.changes) if dies in ("build", "both") else None,
                "clean": replace(output.fate(chance, CHANGES_OF_A_CLEAN), trace=folder / "trace of a clean")
                if dies in ("clean", "both")
                else None,
            }
            build = output.build(version, fates["build"])
            time.sleep(chance.uniform(0, output.seconds) * chance.choice([0, 1]))
            clean = output.clean(fates["clean"])
            for name, run in (("build", build), ("clean", clean)):
                status = run.end()
                assert "Traceback" not in run.said and "this was not expected" not in run.said, run.said
                assert status == 0 or (status == -signal.SIGKILL and fates[name] is not None), (name, status, run.said)
                ends[f"{name} {'killed' if status else 'ended'}"] += 1
            found = whole(place)[1]
            assert found in output.expected
            if build.end() == 0:
                assert found == output.expected[version], build.said
            if rounds % 4 == 0:
                output.publishes(chance.randrange(VERSIONS))
            if rounds % 8 == 0:
                output.tidies()
    output.publishes(0)
    output.tidies()
    tell(f"seed {seed}; {rounds} rounds: {dict(ends)}; {reader.reads} reads of {len(reader.seen)} builds")
    assert reader.wrong == []


TOO_SLOW = "taken over; nothing was published by this one"
GAVE_WAY = (
    TOO_SLOW,
    "is the current build by now",
    "another run has finished",
    "another build is being made",
)
"""What a build says that went on and found another one in its place."""


def stand_still(place: Place, folder: Path, seed: int, stops: Moments, mortal: Mortal, tell: Tell) -> None:
    """Have builds stand still at random, have another one take over and publish, and let the first one go on, for so many `stops`.

    Half of the moments lie anywhere in a run, half near a change of the store.
    """
    chance = random.Random(seed)
    output = Output(place, folder, seed, mortal)
    stages, ends, rounds = Counter[str](), Counter[str](), 0
    with Reader(place, output.expected) as reader:
        while stops.go_on(stages.total()):
            rounds += 1
            older, newer = chance.randrange(VERSIONS), chance.randrange(VERSIONS)
            pointer = place.read("latest.json")
            if chance.random() < 0.5:
                frozen = output.build(older, Elsewhere(output.life))
                stood = frozen.stop(chance.uniform(0, output.seconds))
            else:
                frozen = output.build(
                    older, Elsewhere(output.life, replace(output.fate(chance, output.changes), by=signal.SIGSTOP))
                )
                stood = frozen.stands_still()
            if not stood:
                assert frozen.end() == 0 or TOO_SLOW in frozen.said, frozen.said
                continue
            stages[stage(place, pointer)] += 1
            output.takes_over(newer)
            current, _ = whole(place)
            frozen.go_on()
            status = frozen.end()
            assert "Traceback" not in frozen.said and "this was not expected" not in frozen.said, frozen.said
            build, found = whole(place)
            assert found in (output.expected[older], output.expected[newer])
            # It may have had no claim yet, and have come after the other one.
            assert build >= current and (build == current or status == 0), (build, current, frozen.said)
            if status:
                assert status == 1 and frozen.said.strip().splitlines()[-1].startswith("labelbeam convert: "), (
                    frozen.said
                )
            gave_way = any(words in frozen.said for words in GAVE_WAY)
            # A file that the other one has removed is no reason of its own.
            assert gave_way or not status, frozen.said
            ends["gave way" if status else "published before or after"] += 1
            if rounds % 6 == 0:
                output.tidies()
    output.publishes(0)
    output.tidies()
    tell(
        f"seed {seed}; builds that stood still, and how far they had come: {dict(stages)}; what became of them: {dict(ends)}; "
        f"{reader.reads} reads of {len(reader.seen)} builds; seconds that a claim lived: {output.life:.1f}"
    )
    assert reader.wrong == []
    assert ends["gave way"] or stages.total() < 10
