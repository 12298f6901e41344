"""What a schedule finds where it runs: the installed command, and tools to check and run the schedule with."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.schedules.environment import tools_python


@pytest.fixture(scope="session")
def labelbeam() -> Path:
    """The command as it is installed."""
    return Path(sys.executable).with_name("labelbeam")


@pytest.fixture(scope="session")
def worker_env(labelbeam: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a machine that has the command on its PATH, and nothing else of this process."""
    folder = tmp_path_factory.mktemp("installed")
    (folder / "labelbeam").symlink_to(labelbeam)
    home = tmp_path_factory.mktemp("home")
    return {"PATH": os.pathsep.join([str(folder), "/usr/bin", "/bin"]), "HOME": str(home), "LANG": "C.UTF-8"}


@pytest.fixture(scope="session")
def tools() -> Path:
    """The Python of an environment with Airflow and with the validators."""
    return tools_python()
