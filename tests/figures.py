"""Figures that tests tell: a line for each, printed when the test ends, whichever process ran it and whether it passed or not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

_NAME = "figures"


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Hand on a line of figures, which is what a proof is judged by."""

    def line(text: str) -> None:
        request.node.user_properties.append((_NAME, text))

    return line


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # What a process of the tests printed would be lost: their reports are not.
        config.pluginmanager.register(_Printed(config))


class _Printed:
    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            for _, text in (told for told in report.user_properties if told[0] == _NAME):
                self._config.get_terminal_writer().line(f"\n{report.nodeid}: {text}", flush=True)
