"""Builds that run out of disk, or may not write: they end with a message, yesterday's build stays, and the next run completes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from tests.proofs.datasets import Nights, make_nights
from tests.proofs.nightly import WORKERS, Tell
from tests.proofs.places import Place, leftovers, whole
from tests.proofs.rooms import NoRoomAfter, WithoutPrivileges, namespaces, small_disk
from tests.proofs.runs import Run, start
from tests.servers.faults import Faults
from tests.servers.fixtures import Proxied
from tests.servers.stores import S3Store

pytestmark = pytest.mark.slow(seconds=40)

ROUNDS = 12

DISK = 16 * 2**20
"""Bytes of a disk that holds all builds of a test, each with its report, before it is filled."""


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    """A dataset, with its first version in place."""
    made = make_nights(tmp_path / "data", 2, seed=1)
    made.become(0)
    return made


class Starved:
    """Builds of one dataset on one output."""

    def __init__(self, nights: Nights, place: Place, folder: Path, *options: str) -> None:
        self.nights, self.place, self.options = nights, place, options
        self.temporary = folder / "tmp"
        self.temporary.mkdir()

    def start(self, before: Callable[[], None] | None = None, **environment: str) -> Run:
        """Begin a build."""
        command = self.nights.command(self.place.url, "--shards", "3", *self.options)
        return start(command, self.temporary, {**self.place.environment, **environment}, before)

    def completes(self, before: Callable[[], None] | None = None) -> None:
        """Build with all that it needs."""
        run = self.start(before)
        assert run.end() == 0, run.said
        whole(self.place)


def refused(run: Run, *words: str) -> None:
    """The run ended with status 1 and one message that holds the words."""
    assert run.end() == 1, run.said
    assert "Traceback" not in run.said and "this was not expected" not in run.said, run.said
    message = run.said.strip().splitlines()[-1]
    assert message.startswith("labelbeam convert: "), run.said
    for word in words:
        assert word in message, message


def test_an_output_that_takes_no_more_bytes_ends_the_build_and_keeps_yesterdays(
    nights: Nights, disk: Place, tmp_path: Path, seed: int, tell: Tell
) -> None:
    chance = random.Random(seed)
    starved = Starved(nights, disk, tmp_path)
    starved.completes()
    ends = Counter[str]()
    for round_ in range(ROUNDS):
        nights.become(round_ % 2)
        before = whole(disk)
        run = starved.start(NoRoomAfter(disk.path, chance.randrange(1, 25)))
        if run.end() == 0:
            ends["had ended by then"] += 1
        else:
            refused(run, disk.path, "cannot be written", "File too large")
            assert whole(disk) == before
            ends["refused"] += 1
        starved.completes()
    tell(f"seed {seed}; {dict(ends)}")
    assert ends["refused"]


if namespaces():

    def test_a_full_disk_ends_the_build_and_keeps_yesterdays(
        nights: Nights, tmp_path: Path, seed: int, tell: Tell
    ) -> None:
        chance = random.Random(seed)
        mounted = tmp_path / "disk"
        mounted.mkdir()
        ends = Counter[str]()
        with small_disk(mounted, DISK) as room:
            place = Place(LocalFileSystem(), f"{room.seen}/output", f"{room.inside}/output")
            starved = Starved(nights, place, tmp_path)
            starved.completes(room)
            for round_ in range(ROUNDS):
                nights.become(round_ % 2)
                before = whole(place)
                room.leave(chance.randrange(0, 40))
                run = starved.start(room)
                if run.end() == 0:
                    ends["had room enough"] += 1
                else:
                    refused(run, place.url, "cannot be written", "No space left on device")
                    assert whole(place) == before
                    ends["refused"] += 1
                (room.seen / "ballast").unlink()
                starved.completes(room)
        tell(f"seed {seed}; {dict(ends)}")
        assert ends["refused"]

    def test_full_temporary_space_of_worker_processes_ends_the_build_and_names_it(
        nights: Nights, disk: Place, tmp_path: Path
    ) -> None:
        starved = Starved(nights, disk, tmp_path, WORKERS)
        starved.completes()
        mounted = tmp_path / "full"
        mounted.mkdir()
        for pages in (1, 2, 4):
            before = whole(disk)
            with small_disk(mounted, 2**20) as room:
                room.leave(pages)
                refused(starved.start(room, TMPDIR=room.inside), room.inside, "No space left on device", "TMPDIR")
            assert whole(disk) == before
        starved.completes()


def test_an_output_that_may_not_be_written_is_refused_before_anything_is_read(
    nights: Nights, disk: Place, tmp_path: Path
) -> None:
    starved = Starved(nights, disk, tmp_path)
    starved.completes()
    before = whole(disk)
    for name in ("unfinished", "builds", ""):
        Path(disk.path, name).mkdir(exist_ok=True)
        Path(disk.path, name).chmod(0o555)
    run = starved.start(WithoutPrivileges())
    refused(run, disk.path, "cannot be written", "permission denied")
    assert "read:" not in run.said
    assert whole(disk) == before
    for name in ("", "builds", "unfinished"):
        Path(disk.path, name).chmod(0o755)
    starved.completes()
    assert leftovers(disk) == set()


@pytest.mark.server
def test_an_object_store_that_refuses_writes_is_told_of_before_anything_is_read(
    nights: Nights, s3_store: S3Store, proxied: Proxied, tmp_path: Path
) -> None:
    through, proxy = proxied(s3_store)
    place = Place(s3_store.fs, f"{s3_store.path}/output", through.url("output"), through.environment)
    starved = Starved(nights, place, tmp_path)
    starved.completes()
    before = whole(place)
    proxy.suffer(Faults(refused=1.0, status=403, methods=("PUT", "POST", "DELETE")))
    run = starved.start()
    refused(run, place.url, "cannot be written")
    assert "read:" not in run.said
    assert whole(place) == before
    proxy.suffer()
    starved.completes()
    assert leftovers(place) == set()
