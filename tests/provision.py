"""All that tests install, before they ask for it: `python -m tests.provision SDIST`, beside something else that runs.

What is there already is left as it is; what fails here is made again, and told, by the test that needs it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.runners.provision import jars, prism, worker_python
from tests.schedules.environment import REQUIREMENTS, tools_python
from tests.servers.azurite import azurite_blob

ENVIRONMENTS = sorted({path.stem for path in REQUIREMENTS.glob("*.txt")} - {"constraints", "lowest"})
"""Environments of some tests alone; the other two files are of all tests' environments."""

INSTALLED: tuple[Callable[[], object], ...] = (
    azurite_blob,
    lambda: worker_python(Path(sys.argv[1])),
    lambda: jars("flink"),
    lambda: jars("spark"),
    prism,
    *(partial(tools_python, name) for name in ENVIRONMENTS),
)
"""About in the order in which tests come to need them."""


def install(what: Callable[[], object]) -> None:
    """Install one thing; what is missing for that, or does not answer, is told by the tests that need it."""
    try:
        what()
    except (Exception, pytest.fail.Exception, pytest.skip.Exception) as error:
        print(error)


if __name__ == "__main__":
    with ThreadPoolExecutor(2) as beside:
        list(beside.map(install, INSTALLED))
