"""A short run of every fuzzer: the same inputs each time. Longer ones are for people; see `fuzz.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).with_name("fuzz.py")
NAMES = (
    "coco-split",
    "coco-records",
    "coco-build",
    "rle",
    "voc-xml",
    "voc-masks",
    "yolo-labels",
    "yolo-data",
    "tables",
    "json-lines",
    "predictions",
    "images",
    "answers",
    "archives",
    "index-pages",
    "voc-lists",
    "outputs",
    "messages",
    "config",
)


def fuzz(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FUZZ), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


def test_every_fuzzer_is_run_here() -> None:
    assert "{" + ",".join([*NAMES, "all"]) + "}" in "".join(fuzz("--help").stdout.split())


@pytest.mark.parametrize("name", NAMES)
def test_mutated_input_meets_declared_errors_only(name: str, tmp_path: Path) -> None:
    run = fuzz(name, "--runs", 120, "--seed", 1, "--finds", tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{name}: 120 inputs" in run.stdout
    assert list(tmp_path.iterdir()) == []
