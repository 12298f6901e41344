"""Pipelines of Beam, and what they leave."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from labelbeam.pipelines.runners.run import new_pipeline, run_pipeline


def test_a_pipeline_has_no_directory_that_a_killed_run_would_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen: list[list[Path]] = []
    new_pipeline([], FnApiRunner())
    assert list(tmp_path.iterdir()) == []

    import apache_beam as beam

    def build(pipeline: beam.Pipeline) -> None:
        seen.append([path for path in tmp_path.iterdir() if path.name.startswith("beam-pipeline-temp")])
        pipeline | beam.Create([1])

    run_pipeline(build, [])
    assert seen == [[]]
