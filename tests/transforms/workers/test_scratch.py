"""Temporary directories, and what becomes of those of killed runs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from labelbeam.transforms.workers.scratch import scratch

HOLD = """
import sys
from labelbeam.transforms.workers.scratch import scratch
with scratch() as folder:
    (folder / "parcels-1").write_bytes(b"x" * 1000)
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)


def run() -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_it_is_gone_after_use_also_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(KeyError), scratch() as folder:
        (folder / "x").write_bytes(b"x")
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_that_of_a_killed_run_is_removed_by_the_next_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    killed, left = run()
    living, held = run()
    assert (left / "parcels-1").exists()
    killed.kill()
    killed.communicate()
    (tmp_path / "labelbeam-notes").mkdir()
    (tmp_path / "labelbeam-notes" / "x").write_bytes(b"")
    with scratch() as folder:
        assert sorted(tmp_path.iterdir()) == sorted([folder, held, tmp_path / "labelbeam-notes"])
    living.communicate("")
    assert living.returncode == 0
    assert not held.exists()


def test_what_another_user_may_put_into_tmp_is_neither_waited_for_nor_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    victim = tmp_path / "victim"
    for folder in ("pipe", "link", "folder"):
        (tmp_path / "tmp" / f"labelbeam-{folder}").mkdir(parents=True)
    os.mkfifo(tmp_path / "tmp/labelbeam-pipe/alive")
    victim.mkdir()
    (victim / "alive").write_text("mine")
    (tmp_path / "tmp/labelbeam-link/alive").symlink_to(victim / "alive")
    (tmp_path / "tmp/labelbeam-elsewhere").symlink_to(victim)
    (tmp_path / "tmp/labelbeam-folder/alive").mkdir()
    with scratch():
        pass
    assert (victim / "alive").read_text() == "mine"
    assert sorted(path.name for path in (tmp_path / "tmp").iterdir()) == [
        "labelbeam-elsewhere",
        "labelbeam-folder",
        "labelbeam-link",
        "labelbeam-pipe",
    ]
