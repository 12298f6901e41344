"""What holds for all tests. In CI, one that is skipped counts as failed, since it would say nothing and look like a pass."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Generator, Iterator
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings

from labelbeam.transforms.stores import retries

_Report = TypeVar("_Report", pytest.TestReport, pytest.CollectReport)

pytest_plugins = ["tests.suites", "tests.figures", "tests.servers.room", "tests.servers.fixtures"]

# How long an example takes says how busy the machine is.
settings.register_profile("at leisure", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("at leisure")

IN_CI = os.environ.get("CI", "").lower() == "true"


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """Leave the log as each test found it: a command that runs in the same process with `--json` has it tell only warnings."""
    log = logging.getLogger("labelbeam")
    handlers, level = log.handlers, log.level
    yield
    log.handlers = handlers
    log.setLevel(level)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that requests were put off by before they were made again, in a test that does not wait for them."""
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(retries, "sleep", waited.append)
    monkeypatch.setattr(retries, "sleep_async", wait)
    return waited


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Call bytes that are no short text by their argument: gzip writes the time, and all processes must call a test the same."""
    return argname if isinstance(val, bytes) and (len(val) > 40 or not val.isascii()) else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without the garbage collector: it would walk over ten thousand tests again and again, and find that all of them stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Have Beam remember what it works out, and nothing wait for the disk, in each process that runs tests.

    The garbage collector leaves out what is there by now: it would walk over all tests, and over Beam, whenever it looks at everything.
    """
    from tests.beam_memory import remember
    from tests.unsynced import spare

    remember()
    spare()
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Have the garbage collector find all again: libraries in C tell of what they take for leaks at the end."""
    gc.unfreeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that skipped itself; one that was expected to fail, and did, is not skipped."""
    report = yield
    return report if hasattr(report, "wasxfail") else _failed_if_skipped(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a module that was skipped as a whole."""
    return _failed_if_skipped((yield))


def _failed_if_skipped(report: _Report) -> _Report:
    if IN_CI and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI=true does not allow: {report.longrepr}"
    return report
