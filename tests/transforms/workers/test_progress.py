"""Progress is counted for a display and for the runner, and what other processes counted is taken over once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from labelbeam.transforms.workers import progress


@pytest.fixture(autouse=True)
def fresh_counters() -> Iterator[None]:
    """Each test begins and leaves at nothing done."""
    progress.reset()
    yield
    progress.reset()


def job(**counts: int | None) -> Any:
    """A job whose steps counted so much."""
    found = [
        SimpleNamespace(key=SimpleNamespace(metric=SimpleNamespace(name=name.partition("__")[0])), result=count)
        for name, count in counts.items()
    ]
    return SimpleNamespace(metrics=lambda: SimpleNamespace(query=lambda _: {"counters": found}))


def test_stages_are_counted_apart_from_all_threads() -> None:
    threads = [threading.Thread(target=lambda: [progress.tally("read", 1) for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    progress.advance("write", 3)
    assert (progress.done("read"), progress.done("write"), progress.done("other")) == (2000, 3, 0)
    progress.reset()
    assert progress.done("read") == 0


def test_what_workers_counted_is_added_to_what_was_not_counted_here() -> None:
    progress.tally("read", 5)
    progress.take_over(job(read__a=4, read__b=3, write=2, other=None))
    assert (progress.done("read"), progress.done("write")) == (7, 2)


def test_what_was_counted_here_already_is_not_counted_again() -> None:
    progress.tally("read", 5)
    progress.take_over(job(read=5))
    progress.take_over(job(read=5))
    assert progress.done("read") == 5
