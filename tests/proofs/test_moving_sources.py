"""Datasets that change while they are read: all that was found is accounted for or the run says why it ends, and later it settles."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem

from tests.end_to_end.datasets import encoded, voc_object, voc_xml
from tests.proofs.datasets import make_nights
from tests.proofs.nightly import Tell
from tests.proofs.places import Place, content, current_manifest, leftovers, whole
from tests.proofs.runs import Run, start
from tests.servers.stores import S3Store

pytestmark = pytest.mark.slow(seconds=40)

ROUNDS = 8

FILES = 60


@dataclass(frozen=True)
class Source:
    """A directory that a build reads while others change it."""

    fs: Any
    path: str
    url: str

    def write(self, name: str, data: bytes) -> None:
        """Put a file as people do: not in one step, on a disk."""
        self.fs.pipe_file(f"{self.path}/{name}", data)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        if self.fs.exists(f"{self.path}/{name}"):
            self.fs.rm_file(f"{self.path}/{name}")


@pytest.fixture(params=["disk", pytest.param("s3", marks=pytest.mark.server)])
def moving(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Source, dict[str, str]]:
    """A source on a disk or in an object store, and what a run needs to reach it."""
    if request.param == "disk":
        return Source(LocalFileSystem(auto_mkdir=True), str(tmp_path / "set"), str(tmp_path / "set")), {}
    store: S3Store = request.getfixturevalue("s3_store")
    return Source(store.fs, f"{store.path}/set", store.url("set")), store.environment


def _voc(number: int, chance: random.Random) -> dict[str, bytes]:
    size = (chance.choice([40, 50]), 30)
    xml = voc_xml(voc_object(chance.choice(["cat", "dog"]), (1, 2, 20, 25)), filename=f"{number}.jpg", size=size)
    return {f"Annotations/{number}.xml": xml.encode(), f"JPEGImages/{number}.jpg": encoded(size=size)}


def _folder(number: int, chance: random.Random) -> dict[str, bytes]:
    return {f"{'cat' if number % 2 else 'dog'}/{number}.jpg": encoded(size=(chance.choice([40, 50]), 30))}


def _change(source: Source, make: Callable[[int, random.Random], dict[str, bytes]], chance: random.Random) -> None:
    """Add, replace or remove an image with its annotations, or one of the two alone."""
    files = make(chance.randrange(2 * FILES), chance)
    names = sorted(files)
    for name in names if chance.random() < 0.7 else names[:1]:
        if chance.random() < 0.4:
            source.remove(name)
        else:
            source.write(name, files[name])


def _spoken(run: Run) -> str:
    """How a run ended: well, or with a message of its own."""
    status = run.end()
    assert "Traceback" not in run.said and "this was not expected" not in run.said, run.said
    assert status in (0, 1, 3), run.said
    assert status == 0 or run.said.strip().splitlines()[-1].startswith("labelbeam convert: "), run.said
    return {0: "published", 1: "ended with a message", 3: "too much rejected"}[status]


@pytest.mark.parametrize(
    ("make", "task"),
    [(_voc, "image_object_detection"), (_folder, "image_classification")],
    ids=["voc", "folder"],
)
def test_files_that_come_and_go_during_a_build_are_written_or_rejected_and_later_builds_settle(
    make: Callable[[int, random.Random], dict[str, bytes]],
    task: str,
    moving: tuple[Source, dict[str, str]],
    tmp_path: Path,
    seed: int,
    tell: Tell,
) -> None:
    source, environment = moving
    chance = random.Random(seed)
    for number in range(FILES):
        for name, data in make(number, chance).items():
            source.write(name, data)
    (tmp_path / "tmp").mkdir()

    def build(place: Place) -> Run:
        options = ["--image-url", "https://images.example.org/c/", "--check-images", "header", "--max-rejected", "0.9"]
        command = ["convert", "--task", task, "--source", source.url, "--output", place.url, "--shards", "2", *options]
        return start(command, tmp_path / "tmp", environment)

    output = Place(LocalFileSystem(), str(tmp_path / "output"), str(tmp_path / "output"))
    ends, changes, rejected = Counter[str](), 0, Counter[str]()
    for _ in range(ROUNDS):
        run = build(output)
        while run.process.exitcode is None and run.process.join(0.01) is None:
            _change(source, make, chance)
            changes += 1
        ended = _spoken(run)
        ends[ended] += 1
        if ended == "published":
            whole(output)
            rejected.update(current_manifest(output)["rejected_by_reason"])
    assert build(output).end() == 0
    fresh = output.beside("fresh")
    assert build(fresh).end() == 0
    assert whole(output)[1] == whole(fresh)[1]
    tell(f"seed {seed}; {changes} changes during {ROUNDS} builds: {dict(ends)}; rejected: {dict(rejected)}")
    assert changes > ROUNDS


def test_a_coco_file_that_is_replaced_during_a_build_never_comes_to_a_mix(
    moving: tuple[Source, dict[str, str]], tmp_path: Path, seed: int, tell: Tell
) -> None:
    source, environment = moving
    chance = random.Random(seed)
    versions = [path.read_bytes() for path in make_nights(tmp_path / "made", 2, seed).versions]
    (tmp_path / "tmp").mkdir()

    def build(place: Place) -> Run:
        options = ["--image-url", "https://images.example.org/c/", "--shards", "2", "--max-rejected", "0.5"]
        command = ["convert", "--task", "image_object_detection", "--source", f"{source.url}/coco.json"]
        return start([*command, "--output", place.url, *options], tmp_path / "tmp", environment)

    output = Place(LocalFileSystem(), str(tmp_path / "output"), str(tmp_path / "output"))
    pure, seconds = [], 0.0
    for number, version in enumerate(versions):
        source.write("coco.json", version)
        began = time.monotonic()
        assert build(output.beside(f"pure-{number}")).end() == 0
        seconds = time.monotonic() - began
        pure.append(whole(output.beside(f"pure-{number}"))[1])
    ends = Counter[str]()
    for number in range(2 * ROUNDS):
        run = build(output)
        replace = threading.Timer(chance.uniform(0, seconds), source.write, ("coco.json", versions[number % 2]))
        replace.start()
        ended = _spoken(run)
        replace.join()
        ends[ended] += 1
        if ended == "published":
            assert content(current_manifest(output)) in pure, "a mix of both versions"
        else:
            assert "coco.json" in run.said.strip().splitlines()[-1], run.said
    assert build(output).end() == 0
    assert whole(output)[1] in pure
    assert {name for name in leftovers(output) if "lock" in name} == set()
    tell(f"seed {seed}; {2 * ROUNDS} builds of a file that was replaced meanwhile: {dict(ends)}")
