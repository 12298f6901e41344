"""Damaged builds, and the command that looks at them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelbeam.pipelines.cli import main
from labelbeam.schemas.records import RECORDS
from tests.transforms.verify.damaged import Build, Run, copy, publish


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An output with one build for each task."""
    root = tmp_path_factory.mktemp("verify")
    return {task: publish(task, root) for task in RECORDS}


@pytest.fixture
def build(published: dict[str, Path], tmp_path: Path) -> Build:
    """A copy of the build for detection."""
    return copy(published["image_object_detection"], tmp_path / "build")


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `labelbeam verify --json` and returns the exit status and the answer."""

    def run(target: Build | Path | str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        status = main(["verify", str(target.output if isinstance(target, Build) else target), "--json"])
        out, err = capsys.readouterr()
        assert err == ""
        answer: dict[str, Any] = json.loads(out)
        assert answer["status"] == ("different" if status else "ok")
        return status, answer

    return run
