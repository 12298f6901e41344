"""The wheel holds all that an installation needs, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pipelines.version import VERSION

ROOT = Path(__file__).parents[1]
PACKAGES = [name for name in ("labelbeam", "pipelines", "schemas", "transforms") if ROOT.joinpath(name).is_dir()]
BESIDE = ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The files of the wheel that `python -m build` makes from the sdist; with the setuptools that are installed, to need no index."""
    checkout, dist = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("dist")
    for name in (*PACKAGES, "tests/schemas", "benchmarks", "configs"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in BESIDE:
        shutil.copy(ROOT / name, checkout)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(dist), str(checkout)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    with zipfile.ZipFile(dist / f"labelbeam-{VERSION}-py3-none-any.whl") as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: set[str]) -> None:
    files = {
        path.relative_to(ROOT).as_posix().removeprefix("labelbeam/")
        for name in PACKAGES
        for path in ROOT.joinpath(name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name.removeprefix("labelbeam/") for name in wheel if ".dist-info/" not in name} == files


def test_the_wheel_holds_the_licence_and_the_command(wheel: set[str]) -> None:
    assert {"licenses/LICENSE", "entry_points.txt"} <= {name.partition(".dist-info/")[2] for name in wheel}
