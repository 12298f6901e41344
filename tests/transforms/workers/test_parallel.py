"""A step that calls functions gives out what comes back in the order of its elements, here or from processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from apache_beam.pvalue import TaggedOutput
from apache_beam.utils.windowed_value import WindowedValue

from labelbeam.transforms.workers import parallel
from labelbeam.transforms.workers.parallel import AHEAD, ParallelDo, globally


class Doubled(ParallelDo):
    """Doubles numbers; None is passed over."""

    stage = "doubled"

    def call(self, element: Any, first: Any, second: Any) -> tuple[Any, ...] | None:
        return None if element is None else (lambda number: 2 * number + (first or 0), element)

    def outputs(self, element: Any, result: Any) -> Iterator[Any]:
        yield result
        if result > 4:
            yield TaggedOutput("large", result)

    def key(self, element: Any) -> str:
        return f"key {element}"

    def size(self, element: Any) -> int:
        return 1


class Processes:
    """Processes of which none is done before its result is asked for."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.begun: dict[str, Future[Any]] = {}
        self.submitted: list[Any] = []

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        self.submitted.append(arguments[0])
        return SimpleNamespace(result=lambda: function(*arguments))

    def result(self, future: Any) -> Any:
        return future.result()


def plain(output: Any) -> Any:
    return (
        (output.tag, plain(output.value))
        if isinstance(output, TaggedOutput)
        else output.value
        if isinstance(output, WindowedValue)
        else output
    )


def run(
    elements: list[Any], processes: Processes | None, monkeypatch: pytest.MonkeyPatch, first: Any = None
) -> tuple[list[Any], list[Any]]:
    """What is given out while elements come, and at the end of the bundle."""
    monkeypatch.setattr(parallel, "current_workers", lambda: processes)
    step = Doubled(None)
    step.start_bundle()
    early = [plain(output) for element in elements for output in step.process(element, first)]
    return early, [plain(output) for output in step.finish_bundle()]


def test_without_processes_each_element_is_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run([1, None, 3], None, monkeypatch) == ([2, 6, ("large", 6)], [])
    assert run([1], None, monkeypatch, first=10) == ([12, ("large", 12)], [])


def test_with_processes_a_few_wait_and_all_come_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    processes = Processes(1)
    early, late = run([0, 1, 2, None, 1], processes, monkeypatch)
    assert early + late == [0, 2, 4, 2]
    assert len(late) == processes.count + AHEAD
    assert processes.submitted == [0, 1, 2, 1]


def test_a_call_that_was_begun_already_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    processes = Processes(1)
    processes.begun["key 1"] = SimpleNamespace(result=lambda: 42)  # type: ignore[assignment]
    assert run([1], processes, monkeypatch) == ([], [42, ("large", 42)])
    assert processes.submitted == [] and processes.begun == {}


def test_what_a_bundle_gives_out_at_its_end_is_in_the_window_of_all() -> None:
    value = globally(5)
    assert value.value == 5 and len(value.windows) == 1
    assert value.timestamp == value.windows[0].max_timestamp()
