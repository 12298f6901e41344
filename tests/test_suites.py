"""The suite of a test follows from its markers, and a test without the one that it needs fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.suites import OUTER

ROOT = Path(__file__).parents[1]

STRAY = """
import pytest
from pathlib import Path
from tests.suites import needs

@pytest.fixture(scope="session")
def kept():
    needs("server", "a server")

@pytest.fixture(scope="session")
def asking(kept):
    return kept

@pytest.mark.server
def test_marked(kept): Path("marked").touch()

def test_unmarked(kept): Path("unmarked").touch()

def test_unmarked_by_name(request): request.getfixturevalue("kept")

@pytest.mark.server
def test_marked_by_another(asking): pass

def test_unmarked_by_another(asking): pass

@pytest.mark.browser
def test_marked_otherwise(kept): pass

def test_that_needs_nothing(): pass
"""


def run(folder: Path, *arguments: str) -> str:
    """What pytest says of the tests above, run in one process."""
    (folder / "test_stray.py").write_text(STRAY)
    markers = [f"markers = {marker}" for marker in ("server", "browser", "cluster", "installation", "slow")]
    (folder / "pytest.ini").write_text("[pytest]\n" + markers[0] + "\n" + "\n".join(f"  {m[10:]}" for m in markers[1:]))
    command = [sys.executable, "-m", "pytest", "-p", "tests.suites", "-rA", "-n0", *arguments, "test_stray.py"]
    ran = subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    return ran.stdout + ran.stderr


def test_a_test_that_needs_a_server_and_has_no_marker_fails_and_is_told_which(tmp_path: Path) -> None:
    said = run(tmp_path, "--all")
    passed = {line.rpartition("::")[2] for line in said.splitlines() if line.startswith("PASSED")}
    assert {"test_marked", "test_marked_by_another", "test_that_needs_nothing"} <= passed, said
    for name in ("test_unmarked", "test_unmarked_by_another", "test_marked_otherwise"):
        assert name not in passed
        assert f"{name} needs a server: mark it with @pytest.mark.server" in said, said
    assert "ERROR test_stray.py::test_unmarked_by_name" in said, "seen at its end"
    assert not (tmp_path / "unmarked").exists()


@pytest.mark.parametrize(
    ("arguments", "run_too"),
    [([], False), (["--all"], True), (["-m", "server"], True)],
    ids=["plain", "all", "by marker"],
)
def test_without_all_only_tests_without_a_marker_run(arguments: list[str], run_too: bool, tmp_path: Path) -> None:
    said = run(tmp_path, *arguments)
    assert ("PASSED test_stray.py::test_marked" in said) == run_too, said
    assert ("PASSED test_stray.py::test_that_needs_nothing" in said) == (arguments != ["-m", "server"]), said


def test_every_marker_of_the_full_suite_is_declared(pytestconfig: pytest.Config) -> None:
    declared = {line.partition(":")[0].partition("(")[0] for line in pytestconfig.getini("markers")}
    assert set(OUTER) <= declared
