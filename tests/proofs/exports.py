"""Exports that are killed, raced, and made of a build that is removed meanwhile: who looks at DEST sees nothing, or the whole of one."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem

from labelbeam.schemas.layout import is_of_a_claim
from labelbeam.transforms.export.marker import MARKER
from tests.proofs.beside import Output
from tests.proofs.mortal import Mortal
from tests.proofs.nightly import LATE, Moments, Tell
from tests.proofs.places import Content, Place, Reader
from tests.proofs.runs import Run, start
from tests.transforms.export.published import DETECTION, box, publish, record

FORMS = (("yolo", "--copy-images"), ("coco",), ("yolo",))
"""Many files and few, put at once and bit by bit; the last two forms share no file with each other."""

BUILDS = 2

IMAGES = 9
"""Images that builds are made of, each of some of them, so that exports share some names."""


def whole_export(place: Place) -> Content | None:
    """Read an export file by file, as its marker names them; None where there is none.

    Raises:
        AssertionError: a file is not there, or has another size.
    """
    try:
        marker = json.loads(place.read(MARKER))
    except FileNotFoundError:
        return None
    found = []
    for path, size in marker["files"].items():
        try:
            data = place.read(path)
        except FileNotFoundError:
            raise AssertionError(f"{path}: is not there") from None
        assert len(data) == size, f"{path}: {len(data)} bytes, expected {size}"
        found.append((path, hashlib.sha256(data).hexdigest()))
    return frozenset(found)


class ExportReader(Reader):
    """One who looks at DEST all the time. What was replaced while it was read says nothing; whoever begins a run counts it in `turns`."""

    turns = 0

    def _look(self, at_once: bool) -> None:
        before, turn, began = self._token(), self.turns, time.monotonic()
        if before is None or (before == self._pointer and began < self._next and not at_once):
            return
        problem, found = "", None
        try:
            found = whole_export(self.place)
        except AssertionError as error:
            problem = str(error)
        if found not in self.expected and not problem:
            problem = "is no export of any build"
        if self._token() != before or (problem and self.turns != turn):
            return
        self._pointer, self._next = before, time.monotonic() + self._rest * (time.monotonic() - began)
        self.reads += 1
        if problem:
            self.wrong.append(problem)

    def _token(self) -> bytes | None:
        """What changes when another export takes the place of the one that is there, on a disk also where it has the same bytes."""
        try:
            data = self.place.read(MARKER)
            if isinstance(self.place.fs, LocalFileSystem):
                about = os.stat(f"{self.place.path}/{MARKER}")
                data += f"{about.st_ino} {about.st_mtime_ns}".encode()
        except FileNotFoundError:
            return None
        return data


class Exports:
    """A destination, and builds that are exported to it; `expected` is what each comes to in each form."""

    def __init__(self, place: Place, folder: Path, seed: int, mortal: Mortal) -> None:
        self.place, self.mortal = place, mortal
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        chance = random.Random(seed)
        outputs = [_publish(folder, version, chance) for version in range(BUILDS)]
        self.commands = [(output, form) for output in outputs for form in FORMS]
        self.reader: ExportReader | None = None
        self.expected: list[Content] = []
        times: dict[tuple[str, ...], list[float]] = {}
        self.changes: dict[tuple[str, ...], int] = {}
        for number, (_, form) in enumerate(self.commands):
            apart = place.beside(f"undisturbed-{number}")
            run = self.start(number, replace(mortal, at=0), to=apart)
            assert run.end() == 0, run.said
            times.setdefault(form, []).append(time.monotonic() - run.started)
            self.changes[form] = max(len(mortal.changes()), self.changes.get(form, 0))
            found = whole_export(apart)
            assert found is not None
            self.expected.append(found)
        self.seconds = {form: statistics.median(taken) for form, taken in times.items()}
        assert len(set(self.expected)) == len(self.expected)

    def start(self, number: int, before: Callable[[], None] | None = None, to: Place | None = None) -> Run:
        """Begin an export of a build in a form."""
        output, form = self.commands[number]
        if self.reader is not None:
            self.reader.turns += 1
        command = ["export", output, "--to", form[0], (to or self.place).url, *form[1:]]
        return start(command, self.temporary, self.place.environment, before)

    def watched(self) -> ExportReader:
        """Somebody who looks at the destination from here on."""
        self.reader = ExportReader(self.place, self.expected)
        return self.reader

    def fates(self, chance: random.Random, form: tuple[str, ...]) -> Iterator[Mortal]:
        """Moments near each change that an export in a form makes, in any order, over and over."""
        while True:
            for number in chance.sample(range(1, self.changes[form] + 1), self.changes[form]):
                yield replace(self.mortal, at=number, late=chance.choice([0, chance.uniform(0, LATE)]))

    def completes(self, number: int) -> None:
        """An export that is left alone has the bytes of an undisturbed one, and leaves nothing else."""
        run = self.start(number)
        assert run.end() == 0, run.said
        self.seconds[self.commands[number][1]] = time.monotonic() - run.started  # How busy the machine is changes.
        self.is_there(number)

    def is_there(self, *numbers: int) -> None:
        """One of these exports is there, whole, and nothing else in it or beside it."""
        found = whole_export(self.place)
        assert found is not None and found in [self.expected[number] for number in numbers]
        names = {name for name in self.place.names() if not is_of_a_claim(name)}
        assert names == {MARKER, *(path for path, _ in found)}
        if isinstance(self.place.fs, LocalFileSystem):
            assert [path for path in Path(self.place.path).parent.iterdir() if path.name.startswith(".")] == []


def _publish(folder: Path, version: int, chance: random.Random) -> Path:
    """A build of some of the images, with boxes of its own."""
    there = chance.sample(range(IMAGES), chance.randrange(IMAGES - 4, IMAGES))

    def records(numbers: Sequence[int]) -> list[dict[str, Any]]:
        return [
            record(f"{number}.png", [box(f"v{version}", 0.1, 0.1, 0.2 + 0.05 * chance.randrange(1, 9), 0.9)])
            for number in numbers
        ]

    splits = {"train": [records(there[:2]), records(there[2:4])], "validation": [records(there[4:])]}
    return publish(folder / f"output-{version}", DETECTION, splits, folder / "images", build=_named(version))


def _named(version: int) -> str:
    return f"20260101T00000{version}000000Z-0a1b2c3d"


def _in_words(run: Run, words: str) -> None:
    """The run ended with status 1 and one message that holds the words."""
    assert run.end() == 1, run.said
    assert "Traceback" not in run.said and "this was not expected" not in run.said, run.said
    message = run.said.strip().splitlines()[-1]
    assert message.startswith("labelbeam export: ") and words in message, run.said


def kill_exports(place: Place, folder: Path, seed: int, kills: Moments, mortal: Mortal, tell: Tell) -> None:
    """Kill exports of several builds to one destination for so many `kills`, and let one end after every few.

    Half of the moments lie anywhere in a run, half near a change of the store, each of them in turn.
    """
    chance = random.Random(seed)
    exports = Exports(place, folder, seed, mortal)
    fates = {form: exports.fates(chance, form) for form in FORMS}
    stages, completed = Counter[str](), 0
    with exports.watched() as reader:
        exports.completes(0)
        before = exports.expected[0]
        while kills.go_on(stages.total() - stages["none, it had ended"]):
            number = chance.randrange(len(exports.commands))
            for _ in range(chance.randrange(1, 5)):
                form = exports.commands[number][1]
                if chance.random() < 0.5:
                    killed = exports.start(number).kill(chance.uniform(0, exports.seconds[form]))
                else:
                    killed = exports.start(number, next(fates[form])).end() == -signal.SIGKILL
                stages[_stage(place, before, exports.expected) if killed else "none, it had ended"] += 1
                reader.reads_again()
                if chance.random() < 0.3:  # The next one is of another build.
                    number = chance.randrange(len(exports.commands))
            exports.completes(number)
            before, completed = exports.expected[number], completed + 1
            reader.reads_again()
    tell(
        f"seed {seed}; exports killed, and what was at DEST: {dict(stages)}; exports left alone: {completed}; {reader.reads} reads; "
        f"changes of an export: {[*exports.changes.values()]}; seconds: {[round(taken, 2) for taken in exports.seconds.values()]}"
    )
    assert reader.wrong == []
    assert reader.reads >= completed


def _stage(place: Place, before: Content, expected: Iterable[Content]) -> str:
    found = whole_export(place)
    assert found is None or found in expected
    return "nothing" if found is None else "the one before" if found == before else "another one"


def race_exports(place: Place, folder: Path, seed: int, races: Moments, mortal: Mortal, tell: Tell) -> None:
    """Start two exports to one destination at once, or one somewhere in the other, and kill one of them in some of so many `races`."""
    chance = random.Random(seed)
    exports = Exports(place, folder, seed, mortal)
    ends, rounds = Counter[str](), 0
    with exports.watched() as reader:
        exports.completes(0)
        while races.go_on(rounds):
            numbers = chance.sample(range(len(exports.commands)), 2)
            first = exports.commands[numbers[0]][1]
            fate = next(exports.fates(chance, first)) if chance.random() < 0.3 else None
            runs = [exports.start(numbers[0], fate)]
            if rounds % 2:
                time.sleep(chance.uniform(0, exports.seconds[first]))
            runs.append(exports.start(numbers[1]))
            statuses = [run.end() for run in runs]
            for run, status in zip(runs, statuses, strict=True):
                if status == 1:
                    _in_words(run, "another export to it is under way")
                else:
                    assert status == 0 or (status == -signal.SIGKILL and fate is not None), run.said
                ends[{0: "ended", 1: "gave way"}.get(status, "killed")] += 1
            assert 0 in statuses or -signal.SIGKILL in statuses, [run.said for run in runs]
            if -signal.SIGKILL not in statuses:
                exports.is_there(*(number for number, status in zip(numbers, statuses, strict=True) if status == 0))
            exports.completes(numbers[0])
            rounds += 1
            reader.reads_again()
    tell(f"seed {seed}; {rounds} races of two exports: {dict(ends)}; {reader.reads} reads")
    assert reader.wrong == []


REMOVED = "was replaced while it was exported"
"""What an export says whose build a clean has removed meanwhile."""


def export_beside(place: Place, folder: Path, seed: int, stops: Moments, mortal: Mortal, tell: Tell) -> None:
    """Have exports stand still while another build is published and a clean removes the one that is exported, for so many `stops`."""
    chance = random.Random(seed)
    output = Output(place, folder, seed, mortal)
    dest = place.beside("exported")
    reader = ExportReader(dest, ())

    def begin(before: Callable[[], None] | None = None) -> Run:
        reader.turns += 1
        command = ["export", place.url, "--to", "yolo", dest.url, "--copy-images"]
        return start(command, output.temporary, place.environment, before)

    of_build: list[Content | None] = []
    for version in range(BUILDS):
        output.publishes(version)
        run = begin(replace(mortal, at=0))
        assert run.end() == 0, run.said
        seconds, changes = time.monotonic() - run.started, len(mortal.changes())
        of_build.append(whole_export(dest))
    reader.expected = {found for found in of_build if found is not None}
    ends, rounds, older = Counter[str](), 0, BUILDS - 1
    with reader:
        while stops.go_on(ends.total()):
            rounds += 1
            newer = (older + 1) % BUILDS
            if chance.random() < 0.5:
                run = begin()
                stood = run.stop(chance.uniform(0, seconds))
            else:
                run = begin(replace(mortal, at=chance.randrange(1, changes + 1), by=signal.SIGSTOP))
                stood = run.stands_still()
            output.publishes(newer)
            clean = output.clean(keep=1)
            assert clean.end() == 0, clean.said
            if stood:
                run.go_on()
                ends["went on to the end" if run.end() == 0 else "told that the build was removed"] += 1
            if run.end() == 0:
                assert whole_export(dest) in (of_build[older], of_build[newer])
            else:
                _in_words(run, REMOVED)
            older = newer
            if rounds % 4 == 0:
                run = begin()
                assert run.end() == 0, run.said
                assert whole_export(dest) == of_build[older]
            reader.reads_again()
    tell(f"seed {seed}; exports that stood still while their build was removed: {dict(ends)}; {reader.reads} reads")
    assert reader.wrong == []
