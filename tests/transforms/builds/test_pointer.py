"""The last step of publishing: a run that stood still and was taken for dead never puts its build over a newer one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from labelbeam.schemas.errors import BusyError
from labelbeam.transforms.builds import pointer
from labelbeam.transforms.builds import publish as publishing
from labelbeam.transforms.builds.lock import Claim, Lock, LostLockError, Pace, locked
from labelbeam.transforms.builds.pointer import make_current
from labelbeam.transforms.builds.published import latest_build
from labelbeam.transforms.stores.errors import ShortageError, StoreError
from labelbeam.transforms.stores.files import kind, put, put_if, remove_files, version
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from tests.end_to_end.builds import REPOSITORY
from tests.servers.faults import Faults
from tests.servers.fixtures import Proxied
from tests.servers.stores import S3Store

ALIVE = Pace(beat=0.05, dead_after=60, look=0.02)
"""Of runs that nobody takes for dead, themselves included, however busy the machine is."""
QUICK = Pace(beat=0.05, dead_after=0.6, look=0.02)
"""Of a run that takes another one for dead soon."""

FIRST, SECOND, THIRD = (f"2024010{day}T000000000000Z-{day}bcdef01" for day in range(1, 4))


@pytest.fixture(params=["local", *(pytest.param(name, marks=pytest.mark.server) for name in ("s3", "azure", "gcs"))])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """An output in each store."""
    if request.param == "local":
        return locate(str(tmp_path / "out"), {})
    store = request.getfixturevalue(f"{request.param}_store")
    return locate(store.url("out"), store.storage_options)


@contextmanager
def standing_still(lock: Lock, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], None]) -> Iterator[None]:
    """Let something happen between the last look of a run and its put, which then begins where it had stopped."""
    check = pointer._check

    def checked(asking: Lock, build: str) -> None:
        check(asking, build)
        if asking is lock and not done:
            done.append(True)
            meanwhile()

    done: list[bool] = []
    with monkeypatch.context() as patch:
        patch.setattr(pointer, "_check", checked)
        yield
    assert done


def refused(lock: Lock, build: str) -> None:
    with pytest.raises(LostLockError, match="nothing was published"):
        make_current(lock, build)


def taken_over(lock: Lock, build: str) -> None:
    """Another run takes this one for dead, and publishes."""
    lock.end()
    lock.claim.process, lock.claim.beat = None, 0
    lock.write()
    publishes_after(lock.output, build)


def publishes_after(output: Location, build: str) -> None:
    """A run publishes that takes whoever is at work for dead first."""
    for _ in range(5):
        # On a busy machine this one may itself be too slow for its pace, or meet a last sign of life that was on its way; it publishes nothing then.
        with suppress(LostLockError, BusyError), locked(output, "build", QUICK) as other:
            make_current(other, build)
            return
    raise AssertionError("no other run has published")


def test_a_run_that_stood_still_before_its_put_leaves_the_newer_build_current(
    place: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    with locked(place, "build", ALIVE) as lock:
        make_current(lock, FIRST)
    with locked(place, "build", ALIVE) as lock, standing_still(lock, monkeypatch, lambda: taken_over(lock, THIRD)):
        refused(lock, SECOND)
    assert latest_build(place) == THIRD
    assert kind(place.below("unfinished")) is None


def test_the_first_build_of_an_output_is_not_put_over_another_either(
    place: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    with locked(place, "build", ALIVE) as lock, standing_still(lock, monkeypatch, lambda: taken_over(lock, THIRD)):
        refused(lock, SECOND)
    assert latest_build(place) == THIRD


def test_a_run_that_was_taken_over_before_its_look_publishes_nothing(place: Location) -> None:
    with locked(place, "build", ALIVE) as lock:
        taken_over(lock, THIRD)
        refused(lock, SECOND)
    assert latest_build(place) == THIRD


def test_a_pointer_that_is_set_by_hand_meanwhile_is_replaced_as_ever(
    place: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_hand() -> None:
        put(
            place.below("latest.json"),
            json.dumps({"build": FIRST, "manifest": f"builds/{FIRST}/manifest.json"}).encode(),
        )

    with locked(place, "build", ALIVE) as lock:
        make_current(lock, SECOND)
        with standing_still(lock, monkeypatch, by_hand):
            make_current(lock, THIRD)
    assert latest_build(place) == THIRD


@pytest.mark.server
def test_a_pointer_that_changes_all_the_time_is_told_of(s3_store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    place = locate(s3_store.url("out"), s3_store.storage_options)
    monkeypatch.setattr(pointer, "put_if", lambda *_: False)
    with locked(place, "build", ALIVE) as lock, pytest.raises(StoreError, match="it changed 10 times meanwhile"):
        make_current(lock, SECOND)


def test_only_what_was_seen_is_replaced_and_only_nothing_by_what_is_new(place: Location) -> None:
    file = place.below("x")
    assert (version(file), put_if(file, b"a", None), put_if(file, b"b", None)) == (None, True, False)
    if not place.local:
        seen = version(file)
        assert (put_if(file, b"c", seen), put_if(file, b"d", seen)) == (True, False)
        remove_files(place, ["x"])
        assert not put_if(file, b"e", seen)
    else:
        assert sorted(path.name for path in Path(place.path).iterdir()) == ["x"]


@pytest.mark.server
def test_a_put_whose_answer_was_lost_is_known_to_have_been_made(
    s3_store: S3Store, proxied: Proxied, waits: list[float]
) -> None:
    through, proxy = proxied(s3_store)
    place = locate(through.url("out"), through.storage_options)
    with locked(place, "build", ALIVE) as lock:
        make_current(lock, FIRST)
        proxy.suffer(Faults(lost=1.0, methods=("PUT",), path="latest.json", first=1))
        make_current(lock, SECOND)
        proxy.suffer()
    assert latest_build(place) == SECOND


FROZEN = """
import os, signal, sys
from labelbeam.transforms.builds import lock as locks
from labelbeam.transforms.builds.pointer import make_current
from labelbeam.transforms.stores.locate import locate
locks._process = lambda pid: None  # As on another machine.

def stop(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith("latest.json"):
        print("stopped", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)

with locks.locked(locate(sys.argv[1], {}), "build", locks.Pace(0.05, 60, 0.02)) as lock:
    sys.addaudithook(stop)
    try:
        make_current(lock, sys.argv[2])
    except locks.LostLockError as error:
        print(error)
"""


def test_a_process_that_is_stopped_within_its_last_call_publishes_nothing_when_it_is_continued(tmp_path: Path) -> None:
    output = locate(str(tmp_path / "out"), {})
    command = [sys.executable, "-c", FROZEN, output.path, FIRST]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as frozen:
        assert frozen.stdout is not None
        assert frozen.stdout.readline() == "stopped\n"
        os.waitid(os.P_PID, frozen.pid, os.WSTOPPED | os.WNOWAIT)
        publishes_after(output, SECOND)
        frozen.send_signal(signal.SIGCONT)
        assert "another one has taken over; nothing was published" in frozen.stdout.read()
    assert latest_build(output) == SECOND
    assert sorted(path.name for path in Path(output.path).iterdir()) == ["latest.json"]


@pytest.mark.server
@pytest.mark.parametrize("place", ["s3", "azure", "gcs"], indirect=True)
def test_of_many_that_publish_at_once_the_last_build_stays_current(place: Location) -> None:
    names = [f"2024010{day}T000000000000Z-{day}bcdef01" for day in range(1, 8)]
    ended: list[str] = []

    def run(name: str) -> None:
        # Each believes that the output is its own, as after having stood still.
        lock = Lock(place, f"lock-{name}.json", Claim("build", "", "", None), ALIVE)
        lock.write()
        try:
            make_current(lock, name)
            ended.append(name)
        except LostLockError:
            ended.append("gave way")

    threads = [threading.Thread(target=run, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ended) == len(names)
    assert latest_build(place) == max(names)


def short(*_: object, **__: object) -> None:
    raise ShortageError("too many open files")


def test_what_was_made_current_is_so_where_the_machine_runs_short_right_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    output = locate(str(tmp_path / "out"), {})
    manifest: Any = SimpleNamespace(build=FIRST)
    monkeypatch.setattr(pointer, "sync_directory", short)
    monkeypatch.setattr(publishing, "publish", lambda lock, build, manifest: make_current(lock, manifest.build))
    monkeypatch.setattr(publishing, "forget", short)
    with locked(output, "build", ALIVE) as lock:
        publishing.finish(output, output, manifest, lock)
        monkeypatch.setattr("labelbeam.transforms.builds.lock._remove_claim", short)
    assert latest_build(output) == FIRST
    assert ["the build is current" in line for line in caplog.messages] == [True, False]
    assert ["the build is published" in line for line in caplog.messages] == [False, True]
