"""A DoFn that calls one pure function an element, in a worker process where the run has some."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from labelbeam.transforms.workers.pool import current_workers
from labelbeam.transforms.workers.progress import advance

AHEAD = 1
"""Elements that wait for a process, beyond those that are worked on: each one costs memory."""


class ParallelDo(beam.DoFn):  # type: ignore[misc]  # Beam has no types
    """Calls a function for each element, several at a time, and gives out what comes back in the order of the elements.

    A subclass says what to call (`call`) and what to make of the result (`outputs`).
    """

    stage = ""

    def __init__(self, options: Any) -> None:
        self.options = options

    def call(self, element: Any, first: Any, second: Any) -> tuple[Any, ...] | None:
        """A function and its arguments, all of which can be pickled; None to pass the element over.

        `first` and `second` are the step's side inputs, None where it has fewer.
        """
        raise NotImplementedError

    def outputs(self, element: Any, result: Any) -> Iterator[Any]:
        """Outputs of an element."""
        raise NotImplementedError

    def key(self, element: Any) -> str:
        """Key under which a call for the element may have been begun already."""
        return ""

    def start_bundle(self) -> None:
        """Begin with nothing under way."""
        self.running: deque[tuple[Any, Future[Any]]] = deque()

    def process(self, element: Any, first: Any = None, second: Any = None) -> Iterator[Any]:
        """Call, or have called; give out what is done."""
        call = self.call(element, first, second)
        if call is None:
            return
        function, *arguments = call
        processes = current_workers()
        if processes is None:
            yield from self._finish(element, function(*arguments))
            return
        begun = processes.begun.pop(self.key(element), None)
        self.running.append((element, begun or processes.submit(function, *arguments)))
        while len(self.running) > processes.count + AHEAD:
            yield from self._next()

    def finish_bundle(self) -> Iterator[Any]:
        """Wait for what is under way."""
        while self.running:
            for output in self._next():
                if isinstance(output, TaggedOutput):
                    yield TaggedOutput(output.tag, globally(output.value))
                else:
                    yield globally(output)

    def _next(self) -> Iterator[Any]:
        element, future = self.running.popleft()
        processes = current_workers()
        yield from self._finish(element, future.result() if processes is None else processes.result(future))

    def _finish(self, element: Any, result: Any) -> Iterator[Any]:
        advance(self.stage, self.size(element))
        yield from self.outputs(element, result)

    def size(self, element: Any) -> int:
        """Progress that an element is."""
        size: int = element.size
        return size


def globally(value: Any) -> WindowedValue:
    """Value as `finish_bundle` gives it out."""
    window = GlobalWindow()
    return WindowedValue(value, window.max_timestamp(), [window])
