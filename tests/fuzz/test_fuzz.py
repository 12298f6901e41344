"""A short run of every fuzzer: the same inputs each time. Longer ones are for people; see `fuzz.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

FUZZ = Path(__file__).with_name("fuzz.py")
NAMES = (
    "coco-split",
    "coco-records",
    "coco-build",
    "rle",
    "voc-xml",
    "voc-masks",
    "voc-lists",
    "yolo-labels",
    "yolo-data",
    "tables",
    "box-tables",
    "json-lines",
    "predictions",
    "answers",
    "labelme",
    "via",
    "cvat",
    "labelstudio",
    "datumaro",
    "supervisely",
    "customvision",
    "openimages",
    "huggingface",
    "webdataset",
    "parquet",
    "arrow",
    "images",
    "other-images",
    "archives",
    "index-pages",
    "outputs",
    "messages",
    "config",
)


class Ran(NamedTuple):
    """What a run of all fuzzers ended with, and where it left its finds."""

    status: int
    said: str
    finds: Path


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """All of them one after the other, since loading what they call takes longer than they do."""
    finds = tmp_path_factory.mktemp("finds")
    command = [sys.executable, str(FUZZ), "all", "--runs", "120", "--seed", "1", "--finds", str(finds)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=250)
    return Ran(run.returncode, run.stdout + run.stderr, finds)


def test_every_fuzzer_is_run_here(ran: Ran) -> None:
    assert [line.partition(":")[0] for line in ran.said.splitlines() if ": 120 inputs in " in line] == list(NAMES)
    assert ran.status == 0, ran.said


@pytest.mark.parametrize("name", NAMES)
def test_mutated_input_meets_declared_errors_only(name: str, ran: Ran) -> None:
    (line,) = (line for line in ran.said.splitlines() if line.startswith(f"{name}: 120 inputs in "))
    assert line.endswith(" 0 finds"), ran.said
    assert [path for path in ran.finds.iterdir() if path.name.lstrip(".").startswith(f"{name}-")] == [], ran.said
