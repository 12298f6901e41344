"""A unit is scored by several threads, and what comes of it is in order; what ends one of them ends all."""

from __future__ import annotations

import gc
import threading
import zipfile
from concurrent.futures import CancelledError
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import msgspec
import pytest

from labelbeam.transforms.builds.resume import Target
from labelbeam.transforms.score import event_loop
from labelbeam.transforms.score import kept as kept_module
from labelbeam.transforms.score.credentials import KeySource
from labelbeam.transforms.score.endpoint import EndpointOptions
from labelbeam.transforms.score.failures import EndpointError
from labelbeam.transforms.score.kept import KeptPredictions
from labelbeam.transforms.score.plan import ImageToScore, ScoreUnit
from labelbeam.transforms.score.work import ScoreOptions, Scorer
from labelbeam.transforms.stores.errors import StoreError
from tests.servers.endpoint import Fault, endpoint_server

TASK = "image_classification"
UNIT = ScoreUnit(0, tuple(ImageToScore(f"u/{number}.jpg", f"{number}.jpg", None) for number in range(12)))


def scorer(folder: Path, url: str, concurrency: int) -> Scorer:
    """One that asks for images of a directory, which are there afterwards."""
    return Scorer(scorer_options(folder, url, concurrency))


def scorer_options(folder: Path, url: str, concurrency: int) -> ScoreOptions:
    """Those of `scorer`."""
    (folder / "images").mkdir(exist_ok=True)
    for image in UNIT.images:
        assert image.path is not None
        (folder / "images" / image.path).write_bytes(image.url.encode())
    return ScoreOptions(
        task=TASK,
        endpoint=EndpointOptions(
            url, "application/json", concurrency, 30.0, KeySource("LABELBEAM_TEST_NO_KEY", None, False)
        ),
        protocol="json",
        explain=None,
        batch=1,
        batch_bytes=10**6,
        images_root=str(folder / "images"),
        may_fail=False,
        units=1,
        target=Target(str(folder / "build"), str(folder / "unfinished"), "made from", False),
        report=str(folder / "report.json"),
        storage={},
    )


def test_images_are_asked_for_at_once_as_often_as_may_be_and_written_in_order(tmp_path: Path) -> None:
    with endpoint_server(TASK, faults=[Fault("together", many=3, seconds=20)]) as endpoint:
        told: list[int] = []
        with closing(scorer(tmp_path, endpoint.url, 3)) as asking:
            asking.tell = told.append
            receipt = asking.score(UNIT)
    assert (receipt.counts.scored, receipt.counts.failed, sum(told)) == (12, 0, 12)
    assert endpoint.most_at_once == 3
    lines = (tmp_path / "build" / receipt.predictions.path).read_bytes().splitlines()
    assert [msgspec.json.decode(line)["image_url"] for line in lines] == [image.url for image in UNIT.images]


def test_a_request_that_fails_has_a_thread_though_the_disk_turns_out_to_be_slow_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labelbeam.transforms.score.endpoint.pause", lambda *_: None)
    monkeypatch.setattr(event_loop, "SLOW", -1.0)
    monkeypatch.setattr(event_loop, "_pauses", count().__next__)
    monkeypatch.setattr(event_loop, "_LOOKED_AT", 6)
    # Whichever holds the only place when threads begin to make requests, it is not answered well at once.
    faults = [Fault("status", status=503, times=1, image=image.url.encode()) for image in UNIT.images[3:9]]
    with endpoint_server(TASK, faults=faults) as endpoint:
        asking = scorer(tmp_path, endpoint.url, 1)
        scored: list[int] = []
        unit = threading.Thread(target=lambda: scored.append(asking.score(UNIT).counts.scored), daemon=True)
        unit.start()
        unit.join(60)
        asking.close(wait=bool(scored))
    assert scored == [12]


def test_what_ends_one_request_ends_the_unit_and_nothing_is_asked_any_more(tmp_path: Path) -> None:
    with endpoint_server(TASK, faults=[Fault("status", status=403)]) as endpoint:
        with closing(scorer(tmp_path, endpoint.url, 2)) as asking:
            for _ in range(2):
                with pytest.raises(EndpointError, match="403"):
                    asking.score(UNIT)
        assert len(endpoint.asked) <= 2
    assert not (tmp_path / "build").exists()


def test_what_is_answered_is_kept_meanwhile_by_another_thread_than_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_module, "PERIOD", 0.0)
    with endpoint_server(TASK) as endpoint, closing(scorer(tmp_path, endpoint.url, 2)) as asking:
        assert asking.score(UNIT).counts.scored == 12
        target = asking.options.target
        found = KeptPredictions(target, {}, TASK, UNIT.number, 1).read(None)
    assert set(found) == {image.url for image in UNIT.images}


def test_what_cannot_be_kept_ends_the_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(kept_module, "PERIOD", 0.0)
    monkeypatch.setattr(kept_module, "put", full)
    with (
        endpoint_server(TASK) as endpoint,
        closing(scorer(tmp_path, endpoint.url, 2)) as asking,
        pytest.raises(StoreError, match="the disk is full"),
    ):
        asking.score(UNIT)


def test_a_unit_all_of_whose_threads_were_cancelled_ends_as_a_cancelled_run(tmp_path: Path) -> None:
    with endpoint_server(TASK, faults=[Fault("latency", seconds=30)]) as endpoint:
        with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
            for image in UNIT.images:
                archive.writestr(f"i/{image.path}", image.url)
        options = replace(scorer_options(tmp_path, endpoint.url, 1), images_root=f"zip://i::{tmp_path}/images.zip")
        asking = Scorer(options)
        ended: list[BaseException] = []

        def score() -> None:
            try:
                asking.score(UNIT)
            except BaseException as error:
                ended.append(error)

        units = [threading.Thread(target=score, daemon=True) for _ in range(2)]
        for unit in units:
            unit.start()
        late = monotonic() + 30
        while asking.asking._work_queue.qsize() < asking.threads and monotonic() < late:
            sleep(0.01)
        asking.close(wait=False)
        for unit in units:
            unit.join(60)
    assert len(ended) == 2
    assert all(isinstance(error, CancelledError | EndpointError) for error in ended), ended


def test_a_unit_that_can_have_one_thread_only_waits_for_it_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with endpoint_server(TASK) as endpoint:
        with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
            for image in UNIT.images:
                archive.writestr(f"i/{image.path}", image.url)
        options = replace(scorer_options(tmp_path, endpoint.url, 1), images_root=f"zip://i::{tmp_path}/images.zip")
        with closing(Scorer(options)) as asking:
            submit = asking.asking.submit

            def once(*call: Any) -> Any:
                monkeypatch.setattr(asking.asking, "submit", refuse)
                return submit(*call)

            def refuse(*_: Any) -> None:
                raise RuntimeError("can't start new thread")

            monkeypatch.setattr(asking.asking, "submit", once)
            with pytest.raises(RuntimeError, match="can't start new thread"):
                asking.score(UNIT)


def test_what_is_loaded_is_not_looked_through_for_cycles_while_an_endpoint_is_asked(tmp_path: Path) -> None:
    gc.unfreeze()
    with closing(scorer(tmp_path, "http://127.0.0.1:9/score", 1)):
        assert gc.get_freeze_count() > 1000
    assert gc.get_freeze_count() == 0
    gc.freeze()  # As `tests/conftest.py` did.
