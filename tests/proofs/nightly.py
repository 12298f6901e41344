"""A build that runs every night, and what becomes of it when it is killed."""

from __future__ import annotations

import json
import math
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
from tests.proofs.places import Content, Place, Reader, current_manifest, leftovers, whole
from tests.proofs.runs import Run, start

VERSIONS = 5

KEPT = 3
"""Builds that stay when old ones are removed, so that a reader who is still at one can end."""

WORKERS = "--direct_num_workers=2"

LATE = 0.01
"""Seconds: about what passes between some changes of a store."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Moments:
    """How many moments a proof takes at random, or how many it reaches until a time by `time.monotonic`."""

    count: int
    until: float = math.inf

    def go_on(self, reached: int) -> bool:
        """Whether to take another one."""
        return reached < self.count and time.monotonic() < self.until


class Nightly:
    """A schedule that builds a dataset which changes, on one output; `expected` is what each version should come to."""

    def __init__(self, place: Place, folder: Path, seed: int, shards: int) -> None:
        self.place, self.options = place, ("--shards", str(shards))
        self.nights = make_nights(folder / "data", VERSIONS, seed)
        self.copies = place.beside("copies")
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.expected = [
            self._undisturbed(place.beside(f"undisturbed-{version}"), version) for version in range(VERSIONS)
        ]

    def _undisturbed(self, place: Place, version: int) -> Content:
        self.nights.become(version)
        run = start(self.nights.command(place.url, *self.options), self.temporary, place.environment)
        assert run.end() == 0, run.said
        assert leftovers(place) == set()
        return whole(place)[1]

    def start(self, *more: str, before: Mortal | None = None) -> Run:
        """Begin tonight's build."""
        command = self.nights.command(self.place.url, *self.options, *more)
        return start(command, self.temporary, self.place.environment, before)

    def measured(self, mortal: Mortal, *more: str) -> tuple[float, int]:
        """How many seconds an undisturbed run takes, in the middle of three, and how often it changes the store."""
        times = []
        for _ in range(3):
            run = self.start(*more, before=replace(mortal, at=0))
            assert run.end() == 0, run.said
            times.append(time.monotonic() - run.started)
        return statistics.median(times), len(mortal.changes())

    def killed_at(self, number: int, mortal: Mortal) -> bytes:
        """Have a run die at a change of the store; returns the pointer that it found.

        A run may make fewer changes than the one that was counted: while it lives it says so, every few seconds, and a busy
        machine takes more of them. It dies at the last one then.
        """
        while True:
            pointer = self.place.read("latest.json")
            run = self.start(before=replace(mortal, at=number))
            status = run.end()
            if status == -signal.SIGKILL:
                return pointer
            assert status == 0 and len(mortal.changes()) < number, run.said
            number = len(mortal.changes())

    def completes(self, version: int, *more: str) -> None:
        """A run that is left alone publishes this version, whole, with the copies of its images if they are asked for."""
        run = self.start(*more)
        assert run.end() == 0, run.said
        assert whole(self.place)[1] == self.expected[version], f"not the bytes of an undisturbed build: {run.said}"
        if "--copy-images" in more:
            for split, part in current_manifest(self.place)["splits"].items():
                for name in self._images(split, [entry["path"] for entry in part["files"]]):
                    assert self.copies.read(name) == (self.nights.folder / "images" / name).read_bytes(), name

    def _images(self, split: str, paths: list[str]) -> list[str]:
        root = json.loads(self.place.read("latest.json"))["manifest"].rpartition("/")[0]
        lines = [line for path in paths for line in self.place.read(f"{root}/{path}").splitlines()]
        return [json.loads(line)["image_url"].rpartition("/")[2] for line in lines]

    def tidies(self) -> None:
        """What killed builds left, a clean removes; the current build, it leaves, and verify finds no difference."""
        for command in (["clean", self.place.url, "--keep", str(KEPT)], ["verify", self.place.url]):
            run = start(command, self.temporary, self.place.environment)
            assert run.end() == 0, run.said
        assert leftovers(self.place) == set()


def stage(place: Place, pointer: bytes) -> str:
    """How far a killed run had come, by what it left in the store."""
    if place.read("latest.json") != pointer:
        return "after its pointer was put"
    newest = max(place.folders("builds"))
    if newest <= json.loads(pointer)["build"]:
        return "before its first shard"
    return "between manifest and pointer" if place.has(f"builds/{newest}/manifest.json") else "while it wrote"


def kill_at_random(place: Place, folder: Path, seed: int, kills: Moments, mortal: Mortal, tell: Tell) -> None:
    """Kill builds for so many `kills`, and let one end after every few.

    Half of the moments lie anywhere in a run; half where it writes, which takes a small part of a small build's time.
    """
    chance = random.Random(seed)
    nightly = Nightly(place, folder, seed, shards=2)
    nightly.nights.become(0)
    nightly.completes(0)
    measured = {several: nightly.measured(mortal, *several) for several in [(), (WORKERS,)]}
    stages, nights, version = Counter[str](), 0, 0
    with Reader(place, nightly.expected) as reader:
        while kills.go_on(stages.total() - stages["none, it had ended"]):
            version = (version + chance.randrange(1, VERSIONS)) % VERSIONS
            nightly.nights.become(version)
            copying = ("--copy-images", nightly.copies.url) if chance.random() < 0.3 else ()
            for _ in range(chance.randrange(1, 9)):
                several = (WORKERS,) if chance.random() < 0.08 else ()
                seconds, changes = measured[several]
                pointer = place.read("latest.json")
                if chance.random() < 0.5:
                    killed = nightly.start(*copying, *several).kill(chance.uniform(0, seconds))
                else:
                    fate = replace(mortal, at=chance.randrange(1, changes + 1), late=chance.uniform(0, LATE))
                    killed = nightly.start(*copying, *several, before=fate).end() == -signal.SIGKILL
                stages[stage(place, pointer) if killed else "none, it had ended"] += 1
                reader.reads_again()
            nights += 1
            nightly.completes(version, *copying)
            reader.reads_again()
            if nights % 8 == 0:
                nightly.tidies()
    nightly.tidies()
    tell(
        f"seed {seed}; runs killed, and how far they had come: {dict(stages)}; runs left alone: {nights}; "
        f"{reader.reads} reads of {len(reader.seen)} builds; seconds a build: {measured[()][0]:.2f}, with worker "
        f"processes {measured[(WORKERS,)][0]:.2f}"
    )
    assert reader.wrong == []
    assert reader.reads >= stages.total() and len(reader.seen) >= nights


def kill_at_each_change(place: Place, folder: Path, seed: int, mortal: Mortal, tell: Tell) -> None:
    """Kill a build at its first change of the store, the next one at its second, and so on; shards at every third.

    A shard is written like another. How a run begins with an output, and how it publishes, has no such twins.
    """
    nightly = Nightly(place, folder, seed, shards=1)
    nightly.nights.become(0)
    nightly.completes(0)
    nightly.nights.become(1)
    assert nightly.start(before=replace(mortal, at=0)).end() == 0
    changes = [what for _, what in mortal.changes()]
    shards = [number for number, what in enumerate(changes, 1) if "/builds/" in what and "manifest.json" not in what]
    points = sorted({*range(1, len(changes) + 1)} - {*shards[seed % 3 :: 3], *shards[(seed + 1) % 3 :: 3]})
    stages, completed = Counter[str](), 0
    with Reader(place, nightly.expected) as reader:
        for count, number in enumerate(points):
            version = count % VERSIONS
            nightly.nights.become(version)
            pointer = nightly.killed_at(number, mortal)
            came_to = stage(place, pointer)
            stages[came_to] += 1
            # Another version is another build: where this one isn't completed, the next begins anew.
            if came_to in ("between manifest and pointer", "after its pointer was put") or count % 3 == 0:
                nightly.completes(version)
                completed += 1
            if count % 16 == 0:
                nightly.tidies()
        # The one step that all others are for, whatever its number is in this run.
        nightly.nights.become(len(points) % VERSIONS)
        pointer = nightly.place.read("latest.json")
        assert nightly.start(before=replace(mortal, named="/latest.json")).end() == -signal.SIGKILL
        stages[stage(place, pointer)] += 1
        nightly.completes(len(points) % VERSIONS)
        completed += 1
    nightly.tidies()
    tell(
        f"seed {seed}; {len(points)} runs killed at changes of {len(changes)}, and how far they had come: {dict(stages)}; runs left "
        f"alone: {completed}; {reader.reads} reads of {len(reader.seen)} builds"
    )
    assert reader.wrong == []
    assert stages.keys() >= {"while it wrote", "between manifest and pointer", "after its pointer was put"}
