"""Two suites of tests, told apart by markers: plain `pytest` runs those without one of OUTER, `pytest --all` runs all.

Whatever starts or installs what a marker stands for calls `needs`; a test that gets there without the marker fails. So a test
cannot stray into the fast suite, wherever it lies.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import pytest
from xdist.scheduler import LoadGroupScheduling

OUTER = ("server", "cluster", "browser", "installation", "slow")
"""The markers that keep a test out of the fast suite; pyproject.toml says what each of them stands for."""

HANGS = 300
INSTALLS = 900
MOMENT = 60
"""Seconds after which a test is taken to hang: it fails, and shows what each thread does. A test outside of the fast suite may have to
install what it needs before, a slow one has five times its own seconds more, and in the nightly suite each of PROOF_MOMENTS a
minute."""

_running: list[pytest.Item] = []
_made: list[tuple[Any, str]] = []
"""Fixtures that are being made, by the node that they are made for and their names."""
_held: dict[tuple[Any, str], tuple[str, str]] = {}
"""Fixtures that stay when their first test has ended, which `needs` heard of: their marker, and what they hold."""


def needs(marker: str, what: str) -> None:
    """Fail the test that is running if it does not have the marker; `what` is about to be started or installed for it."""
    _held.update(dict.fromkeys(_made, (marker, what)))
    if _running and _running[-1].get_closest_marker(marker) is None:
        pytest.fail(
            f"{_running[-1].nodeid} needs {what}: mark it with @pytest.mark.{marker}, so that only `pytest --all` runs it",
            pytrace=False,
        )


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run all tests, not only the fast ones; see CONTRIBUTING.md")


def pytest_configure(config: pytest.Config) -> None:
    # Else each process of the tests would compile all of them anew, and each command that they start all that it loads.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    chosen = config.getoption("--all") or config.option.markexpr or _are_tests(config.args)
    if not chosen:
        config.option.markexpr = " and ".join(f"not {marker}" for marker in OUTER)


def _are_tests(arguments: Sequence[str]) -> bool:
    """Whether single tests are named: whoever names one wants it."""
    return bool(arguments) and all("::" in argument for argument in arguments)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no process is left with one of these when all else is done.

    Each of these goes by itself, beside others of its file, unless it has an `xdist_group` of its own.
    """
    slow = {item: seconds(item) for item in items}
    group = {item: _group(item) for item in items if slow[item]}
    groups: dict[str, float] = defaultdict(float)
    for item, name in group.items():
        groups[name] += slow[item]
    proofs = MOMENT * int(os.environ.get("PROOF_MOMENTS", "0"))
    # A group is as long as all of its tests, of which the longest comes first.
    items.sort(key=lambda item: (-groups[group[item]], -slow[item]) if slow[item] else (0, 0))
    for item in items:
        # In one walk for each of ten thousand: `get_closest_marker` is one for each name.
        names = {marker.name for marker in item.iter_markers()}
        if "timeout" not in names:
            installs = INSTALLS * (not names.isdisjoint(OUTER))
            item.add_marker(pytest.mark.timeout(HANGS + installs + 5 * slow[item] + proofs))
        if slow[item] and "xdist_group" not in names:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.rpartition("/")[2]))


def _group(item: pytest.Item) -> str:
    """The tests that a slow one stays with in one process: itself alone, unless it says more."""
    marker = item.get_closest_marker("xdist_group")
    return item.nodeid if marker is None else str(marker.args[0])


def seconds(item: pytest.Item) -> float:
    """About how many seconds a slow test takes, as its marker says; 0 for others."""
    marker = item.get_closest_marker("slow")
    return 0.0 if marker is None else float(marker.kwargs["seconds"])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    _running.append(item)
    try:
        return (yield)
    finally:
        _running.pop()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, Any, Any]:
    _made.append((request.node, fixturedef.argname))
    try:
        return (yield)
    finally:
        _made.pop()


@pytest.fixture(autouse=True)
def keeps_to_its_suite(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test without the marker also where what it needs is there already; at its end, where it asked for it by name."""
    _check(request)
    yield
    _check(request)


def _check(request: pytest.FixtureRequest) -> None:
    for node in request.node.listchain()[:-1]:
        for name in request.fixturenames:
            if (node, name) in _held:
                needs(*_held[node, name])


# Side by side -------------------------------------------------------------------------------------------------------


class ByFile(LoadGroupScheduling):  # type: ignore[misc]
    """Tests of a file share what is slow to make, and run in one process; those with an `xdist_group` go where it goes."""

    def _split_scope(self, nodeid: str) -> str:
        group: str = super()._split_scope(nodeid)
        return nodeid.partition("::")[0] if group == nodeid else group


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile | None:
    return ByFile(config, log) if config.getoption("dist") == "loadgroup" else None


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many processes: one for each core, and one more, since many tests wait; none for single files, which begin sooner."""
    if config.args and all(argument.partition("::")[0].endswith(".py") for argument in config.args):
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + 1
