"""One run at a time on an output: on a disk and on each object store, with runs that are alive, dead, or silent."""

from __future__ import annotations

import os
import random
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from labelbeam.schemas.errors import BusyError, LabelBeamError, LostLockError, TooManyRejectedError
from labelbeam.transforms.builds.lock import Claim, Lock, Pace, Work, locked, read_claims
from labelbeam.transforms.stores.errors import MissingFileError, ShortageError, StoreError
from labelbeam.transforms.stores.files import kind, list_directory, put, remove_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from tests.transforms.builds.claims import QUICK, claim_of, leave, shown_alive

STORES = ("local", *(pytest.param(store, marks=pytest.mark.server) for store in ("s3", "azure", "gcs")))


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """An output, in the store that the test names."""
    if request.param == "local":
        return locate(str(tmp_path / "out"), {})
    store = request.getfixturevalue(f"{request.param}_store")
    return locate(store.url("out"), store.storage_options)


everywhere = pytest.mark.parametrize("place", STORES, indirect=True)


@pytest.fixture
def output(tmp_path: Path) -> Location:
    """An output on the disk."""
    return locate(str(tmp_path / "out"), {})


@everywhere
def test_nothing_is_left_of_a_run_that_has_ended(place: Location) -> None:
    with locked(place, "build", QUICK) as lock:
        lock.tell("B1")
        (claim,) = read_claims(place).values()
        assert (claim.work, claim.build, claim.held) == ("build", "B1", True)
        lock.check()
    assert read_claims(place) == {}
    assert list_directory(place) == ([], [])


@everywhere
def test_a_second_run_gives_way_and_names_the_first(place: Location) -> None:
    with locked(place, "build", QUICK) as lock:
        lock.tell("B1")
        said = r"out: another build is being made \(B1\), since 20.* on .*changed nothing"
        with pytest.raises(BusyError, match=said), locked(place, "build", QUICK):
            pass
        lock.check()
    with locked(place, "build", QUICK):
        pass


@everywhere
def test_of_runs_that_begin_together_one_at_a_time_is_inside(place: Location) -> None:
    inside: list[int] = []
    most: list[int] = []
    ended: list[str] = []

    def run(number: int) -> None:
        try:
            with locked(place, "build", QUICK):
                inside.append(number)
                most.append(len(inside))
                time.sleep(0.05)
                inside.remove(number)
                ended.append("built")
        except BusyError:
            ended.append("gave way")

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}
    assert len(ended) == 6
    assert read_claims(place) == {}


@everywhere
def test_a_silent_run_elsewhere_is_dead_after_a_while(place: Location) -> None:
    leave(place, claim_of("another-boot 1 2 3"))
    began = time.monotonic()
    with locked(place, "build", QUICK):
        assert time.monotonic() - began >= QUICK.dead_after
        assert len(read_claims(place)) == 1


def test_a_run_elsewhere_that_shows_signs_of_life_is_given_way_to(output: Location) -> None:
    with shown_alive(output), pytest.raises(BusyError, match=r"B7.*elsewhere"), locked(output, "build", QUICK):
        pass
    assert len(read_claims(output)) == 1


def test_a_run_that_stood_still_while_it_wrote_its_claim_counts_itself_as_lost(output: Location) -> None:
    with locked(output, "build", QUICK) as lock:
        lock.pace = Pace(beat=QUICK.beat, dead_after=0.0, look=QUICK.look)
        time.sleep(5 * QUICK.beat)
        said = r"out: the store took \d+ seconds for .*after 0 of which another one may have taken over; nothing was published"
        with pytest.raises(LostLockError, match=said):
            lock.check()
        assert read_claims(output) == {}


def test_a_build_waits_for_a_clean_to_end(output: Location) -> None:
    order: list[str] = []

    def build() -> None:
        with locked(output, "build", QUICK):
            order.append("build")

    with locked(output, "clean", QUICK):
        thread = threading.Thread(target=build)
        thread.start()
        time.sleep(0.3)
        order.append("clean")
    thread.join()
    assert order == ["clean", "build"]


@pytest.mark.parametrize("number", range(4))
@everywhere
def test_builds_and_cleans_that_begin_together_never_wait_for_each_other(place: Location, number: int) -> None:
    chance = random.Random(number)
    inside: list[Work] = []
    ended: list[str] = []

    def run(work: Work, after: float) -> None:
        time.sleep(after)
        try:
            with locked(place, work, Pace(look=0.02)):
                inside.append(work)
                assert len(inside) == 1
                time.sleep(0.03)
                inside.remove(work)
                ended.append(work)
        except BusyError:
            ended.append("gave way")

    works: list[Work] = [*chance.choice([["clean", "build"], ["build", "clean"], ["clean", "build", "build", "clean"]])]
    threads = [threading.Thread(target=run, args=(work, chance.uniform(0, 0.04)), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(ended) == len(works), "some wait for each other"
    assert {"build", "clean"} & set(ended)
    assert read_claims(place) == {}


def test_a_clean_goes_on_where_a_build_that_came_later_waits_for_it(
    output: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    threads: list[threading.Thread] = []

    def build() -> None:
        with locked(output, "build", QUICK):
            order.append("build")

    def look(output: Location) -> dict[str, Claim]:
        claims = read_claims(output)
        if not threads:  # Between the first look of the clean and its second.
            threads.append(threading.Thread(target=build, daemon=True))
            threads[0].start()
            until = time.monotonic() + 10
            while len(read_claims(output)) < 2:
                assert time.monotonic() < until
        return claims

    monkeypatch.setattr("labelbeam.transforms.builds.lock.read_claims", look)
    with locked(output, "clean", QUICK):
        order.append("clean")
    threads[0].join(60)
    assert order == ["clean", "build"]


def test_a_clean_elsewhere_that_died_while_a_build_waited_for_it_is_not_waited_for_for_ever(output: Location) -> None:
    name = "lock-20240101T000000000000Z-aaaaaaaa.json"
    leave(output, claim_of(None, work="clean"), name)
    change = threading.Timer(0.3, leave, (output, claim_of(None, work="clean", beat=1), name))
    change.start()
    began = time.monotonic()
    with locked(output, "build", QUICK):
        assert time.monotonic() - began >= 0.3 + QUICK.dead_after - 0.05
    change.join()


@pytest.mark.parametrize("first", ["build", "clean"])
def test_a_clean_gives_way(first: Work, output: Location) -> None:
    words = {"build": "another build is being made", "clean": "it is being cleaned"}[first]
    with (
        locked(output, first, QUICK),
        pytest.raises(BusyError, match=words),
        locked(output, "clean", QUICK),
    ):
        pass


def test_a_run_that_was_taken_for_dead_does_not_take_the_output_back(output: Location) -> None:
    with locked(output, "build", QUICK) as lock:
        for _ in range(3):
            remove_files(output, [f"unfinished/{lock.name}"])
            time.sleep(5 * QUICK.beat)
            # A beat that had found the claim just before may have written it once more.
            if kind(lock.location) is None:
                break
        assert kind(lock.location) is None
        with pytest.raises(LostLockError, match="another one has taken over; nothing was published"):
            lock.check()


@pytest.mark.parametrize(
    "error",
    [
        MissingFileError("report.json: does not exist"),
        LabelBeamError("2 of 4 units of work were not read"),
        RuntimeError("Traceback (most recent call last): what a worker says of a file that is missing"),
    ],
    ids=["a missing file", "counts", "from a runner"],
)
def test_a_run_that_was_taken_for_dead_and_then_fails_says_that_it_was(error: Exception, output: Location) -> None:
    with pytest.raises(LostLockError, match="another one has taken over") as raised, locked(output, "build") as lock:
        remove_files(output, [f"unfinished/{lock.name}"])
        raise error
    assert raised.value.__cause__ is error
    with pytest.raises(type(error), match=re.escape(str(error)[:20])), locked(output, "build"):
        raise error


def test_what_a_gate_refuses_is_said_by_a_run_that_was_taken_for_dead_too(output: Location) -> None:
    with pytest.raises(TooManyRejectedError), locked(output, "build") as lock:
        remove_files(output, [f"unfinished/{lock.name}"])
        raise TooManyRejectedError("too many")


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"",
        b"\xff",
        b"[]",
        b"[" * 10_000,
        b'{"work": "sleep", "since": "", "host": "", "process": null}',
        b'{"work": "build", "since": 1, "host": "", "process": null}',
        b'{"work": "build", "since": "", "host": "", "process": null, "beat": "x"}',
        b'{"work": "build", "since": "", "host": "", "process": null, "x": ' + b"[" * 10_000,
        b" " * 100_000,
    ],
)
def test_a_claim_that_is_none_is_named(content: bytes, output: Location) -> None:
    put(output.below("unfinished/lock-x.json"), content)
    with (
        pytest.raises(
            StoreError, match=r"unfinished/lock-x.json: (not a claim of a run: .*remove it|cannot be read: )"
        ),
        locked(output, "build"),
    ):
        pass
    assert [file.path for file in list_directory(output.below("unfinished")).files] == ["lock-x.json"]


def test_a_claim_that_is_no_file_is_none(output: Location) -> None:
    folder = Path(output.path, "unfinished")
    folder.mkdir(parents=True)
    os.mkfifo(folder / "lock-1.json")
    (folder / "lock-2.json").symlink_to("/dev/zero")
    (folder / "lock-3.json").mkdir()
    (folder / "lock-4.json").symlink_to("nowhere")
    with locked(output, "build", QUICK):
        pass


@pytest.mark.parametrize("name", ["builds", "unfinished"])
def test_an_output_whose_directory_is_a_link_is_refused(name: str, output: Location, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    Path(output.path).mkdir()
    Path(output.path, name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match=f"{name}: is a link, .*elsewhere"), locked(output, "build", QUICK):
        pass
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_an_output_that_cannot_be_written_to_is_told_first(nobody: Path) -> None:
    with (
        pytest.raises(StoreError, match=r"unfinished.*permission denied"),
        locked(locate(str(nobody / "out"), {}), "build"),
    ):
        pass


@pytest.mark.parametrize("error", [LabelBeamError("x"), KeyboardInterrupt()])
def test_a_run_that_fails_leaves_no_claim(error: BaseException, output: Location) -> None:
    def fail() -> None:
        raise error

    run: Callable[[], None] = fail
    with pytest.raises(type(error)), locked(output, "build", QUICK):
        run()
    assert kind(output.below("unfinished")) is None


def test_a_run_that_is_short_of_file_handles_for_a_moment_shows_signs_of_life_again(
    output: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    with locked(output, "build", QUICK) as lock:
        write, failed = Lock.write, threading.Event()

        def short(lock: Lock) -> None:
            failed.set()
            raise ShortageError("too many open files")

        with monkeypatch.context() as patch:
            patch.setattr(Lock, "write", short)
            assert failed.wait(10)
        assert Lock.write is write
        (before,) = read_claims(output).values()
        until = time.monotonic() + 10
        while read_claims(output)[lock.name].beat == before.beat:
            assert time.monotonic() < until, "no sign of life any more"
            time.sleep(0.02)
