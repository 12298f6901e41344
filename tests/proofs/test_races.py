"""Builds that are started on one output at once: one publishes or they do so in turn, and whoever gives way says why."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.proofs.datasets import make_nights
from tests.proofs.nightly import Tell
from tests.proofs.places import Content, Place, Reader, leftovers, whole
from tests.proofs.runs import Run, start

pytestmark = pytest.mark.slow(seconds=40)

RACES = 6

VERSIONS = 3


@pytest.fixture
def course(place: Place, tmp_path: Path) -> Course:
    """An output with a build on it."""
    return Course(place, tmp_path)


class Course:
    """An output on which builds of several versions, each from a file of its own, are raced."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.place, self.temporary = place, folder / "tmp"
        self.temporary.mkdir()
        self.nights = make_nights(folder / "data", VERSIONS, seed=1)
        self.expected: list[Content] = []
        for version in range(VERSIONS):
            run = self.start(version)
            assert run.end() == 0, run.said
            self.expected.append(whole(place)[1])

    def start(self, version: int, *options: str) -> Run:
        """Begin a build of a version."""
        source = self.nights.versions[version]
        command = self.nights.command(self.place.url, "--shards", "2", *options, source=source)
        return start(command, self.temporary, self.place.environment)

    def race(self, versions: list[int], pauses: list[float], *options: str) -> Counter[str]:
        """Start builds with pauses between them, and see how they end: at least one publishes, none fails otherwise."""
        before = set(self.place.folders("builds"))
        runs = []
        for version, pause in zip(versions, pauses, strict=True):
            time.sleep(pause)
            runs.append(self.start(version, *options))
        ends = Counter(_how_it_ended(run) for run in runs)
        assert leftovers(self.place) == set()
        new = set(self.place.folders("builds")) - before
        assert len(new) == ends["published"]
        assert whole(self.place)[0] == max(new | before)
        return ends


def _how_it_ended(run: Run) -> str:
    status = run.end()
    assert "Traceback" not in run.said and "this was not expected" not in run.said, run.said
    if status == 0:
        return "unchanged" if '"status":"unchanged"' in run.said else "published"
    assert status == 1, run.said
    message = run.said.strip().splitlines()[-1]
    assert message.startswith("labelbeam convert: ") and "another build is being made" in message, run.said
    return "gave way to a build it named" if "(20" in message else "gave way"


@pytest.mark.parametrize("starters", [2, 3])
def test_of_builds_that_race_one_publishes_or_they_do_in_turn(
    course: Course, starters: int, seed: int, tell: Tell
) -> None:
    chance = random.Random(seed)
    ends = Counter[str]()
    with Reader(course.place, course.expected) as reader:
        for race in range(RACES):
            versions = [chance.randrange(VERSIONS) for _ in range(starters)]
            # Half of them start at once, the others somewhere in each other's build.
            pauses = [0.0 if race % 2 else chance.uniform(0, 1) for _ in range(starters)]
            ended = course.race(versions, pauses, "--json")
            assert ended["published"] >= 1
            ends += ended
    tell(f"seed {seed}; {RACES} races of {starters}: {dict(ends)}; {reader.reads} reads of {len(reader.seen)} builds")
    assert reader.wrong == []


def test_of_builds_that_race_if_changed_one_publishes_and_the_others_find_it_or_give_way(
    course: Course, seed: int, tell: Tell
) -> None:
    chance = random.Random(seed)
    ends = Counter[str]()
    with Reader(course.place, course.expected) as reader:
        for race in range(RACES):
            version = race % VERSIONS
            pauses = [0.0 if race % 2 else chance.uniform(0, 1) for _ in range(2)]
            ended = course.race([version, version], pauses, "--if-changed", "--json")
            assert ended["published"] == 1
            ends += ended
    tell(f"seed {seed}; {RACES} races with --if-changed: {dict(ends)}; {reader.reads} reads")
    assert reader.wrong == []
