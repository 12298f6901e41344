"""A process that may have too little address space says so before a library in C aborts it."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelbeam.pipelines.cli import main


@pytest.mark.parametrize(
    "command", ["evaluate", "verify", "report", "convert", "score", "export", "inspect", "clean", "job"]
)
def test_too_little_address_space_is_told_before_a_library_aborts_for_it(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    more = {
        "evaluate": ["--predictions", "p"],
        "score": ["--output", "s", "--endpoint", "http://127.0.0.1:9/score"],
        "export": ["--to", "coco", "x"],
    }
    monkeypatch.setattr("labelbeam.pipelines.cli.address_space", lambda: 300_000_000)
    assert main([command, str(tmp_path / "o"), *more.get(command, [])]) == 1
    said = capsys.readouterr().err
    assert "ulimit -v or -d allows this process 300 MB of address space, expected 537 MB at least" in said
    assert main(["schema", "manifest"]) == 0
