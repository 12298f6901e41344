"""The project as people install it, made once: its sdist and wheel, and an environment that holds the wheel and nothing of the checkout."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packaging.made import ROOMS, ROOT, Dist, make_dist
from tests.runners.driving import Installed
from tests.runners.provision import new_environment, pip, run, worker_python
from tests.servers.room import Room, Visitor


@pytest.fixture(scope="session")
def dist(room: Room | Visitor) -> Dist:
    """The sdist, and the wheel that is made from it."""
    return make_dist(room)


@pytest.fixture(scope="session")
def installed(dist: Dist, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel, installed beside what it needs."""
    folder = tmp_path_factory.mktemp("installed")
    python = worker_python(dist.sdist)
    run(*pip(str(python)), "--no-deps", "--target", str(folder / "packages"), str(dist.wheel))
    (folder / "empty").mkdir()
    return Installed(python, folder / "packages", folder / "empty")


@pytest.fixture(scope="session")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, which a newcomer may edit."""
    checkout = tmp_path_factory.mktemp("clone") / "labelbeam"
    for name in ("labelbeam", *ROOMS):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    return checkout


@pytest.fixture(scope="session")
def editable(copied: Path, dist: Dist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment in which the copy is installed with -e; what it needs is borrowed from another."""
    python = Path(new_environment(tmp_path_factory.mktemp("editable") / "venv"))
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own, others = (
        subprocess.run([name, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
        for name in (str(python), str(worker_python(dist.sdist)))
    )
    Path(own, "borrowed.pth").write_text(f"{others}\n")
    run(*pip(str(python)), "--no-deps", "--editable", str(copied))
    return python
