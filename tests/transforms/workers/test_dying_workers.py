"""Worker processes that end before their work does."""

from __future__ import annotations

import errno
import itertools
import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.workers.parallel import ParallelDo
from labelbeam.transforms.workers.pool import Workers, current_workers, workers


class Call(ParallelDo):
    """Calls what the elements say: (function, arguments…)."""

    stage = "called"

    def call(self, element: Any, first: Any, second: Any) -> tuple[Any, ...]:
        return tuple(element)

    def outputs(self, element: Any, result: Any) -> Iterator[Any]:
        yield result

    def size(self, element: Any) -> int:
        return 1


def test_a_process_that_dies_is_an_error_in_words_and_leaves_nothing_behind() -> None:
    folders: list[Path] = []
    with (  # the processes have to be begun inside
        pytest.raises(
            LabelBeamError, match="one of 2 worker processes died, probably because memory ran out"
        ) as raised,
        workers(2) as processes,
    ):
        assert processes is not None
        folders.append(processes.folder)
        pipeline = beam.Pipeline(runner=FnApiRunner())
        pipeline | beam.Create([(pow, 1, 1), (os._exit, 9)], reshuffle=False) | beam.ParDo(Call(None))
        pipeline.run().wait_until_finish()
    assert type(raised.value) is LabelBeamError
    assert current_workers() is None
    assert [folder.exists() for folder in folders] == [False]


def test_where_processes_cannot_be_had_there_are_none_and_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def without_semaphores(*_: Any, **__: Any) -> None:
        raise OSError("no semaphores here")

    monkeypatch.setattr("labelbeam.transforms.workers.pool.ProcessPoolExecutor", without_semaphores)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with workers(2) as processes:
        assert processes is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("lacks", ["processes", "threads"])
def test_processes_that_were_made_before_no_more_could_be_are_ended(
    lacks: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    numbers = itertools.count()
    before = multiprocessing.active_children()

    def second_fails(process: Any) -> Any:
        if next(numbers):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return made(process)

    def no_thread(_: Any) -> None:
        raise RuntimeError("can't start new thread")

    if lacks == "processes":
        made = multiprocessing.context.ForkProcess._Popen
        monkeypatch.setattr(multiprocessing.context.ForkProcess, "_Popen", staticmethod(second_fails))
    else:
        monkeypatch.setattr("concurrent.futures.process._ExecutorManagerThread.start", no_thread)
    with pytest.raises((OSError, RuntimeError)):
        Workers(2, tmp_path, copied=True)
    assert multiprocessing.active_children() == before  # Python waits for them before it ends, without end.
