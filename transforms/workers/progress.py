"""Progress of a build: Beam counters on every runner, and a tally that a display in the same process can read."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from apache_beam.metrics import Metrics, MetricsFilter

NAMESPACE = "labelbeam"

_LOCK = threading.Lock()
_DONE: Counter[str] = Counter()


def advance(stage: str, amount: int) -> None:
    """Count work of a stage as done. Called once a unit, never once a record: a counter costs as much as a record."""
    count(stage, amount)
    tally(stage, amount)


def count(stage: str, amount: int) -> None:
    """Count it for the runner alone; a counter belongs to the thread that the runner calls a step in."""
    Metrics.counter(NAMESPACE, stage).inc(amount)


def tally(stage: str, amount: int) -> None:
    """Count it for a display in this process alone, from any thread."""
    with _LOCK:
        _DONE[stage] += amount


def done(stage: str) -> int:
    """Amount that this process has counted for a stage since `reset`."""
    with _LOCK:
        return _DONE[stage]


def take_over(job: Any) -> None:
    """Count what the workers of an ended job have counted, which may be other processes."""
    counters = job.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]
    told: Counter[str] = Counter()
    for counter in counters:  # One for each step that counts.
        told[counter.key.metric.name] += counter.result or 0
    with _LOCK:
        _DONE.update(told - _DONE)


def reset() -> None:
    """Begin a new build."""
    with _LOCK:
        _DONE.clear()
