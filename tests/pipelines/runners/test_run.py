"""Pipelines of Beam, and what they leave."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import DebugOptions, PipelineOptions, StandardOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.worker.statesampler import StateSampler
from apache_beam.utils.counters import CounterFactory

from labelbeam.pipelines.runners.run import SAMPLE_MS, new_pipeline, pipeline_options, run_pipeline


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


def test_a_stage_that_ends_waits_for_the_runners_sampler_some_milliseconds_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def period() -> int:
        milliseconds: int = StateSampler("", CounterFactory()).sampling_period_ms
        return milliseconds

    monkeypatch.setattr(StateSampler.__init__, "__defaults__", (200,))
    assert period() == 200

    import apache_beam as beam

    run_pipeline(lambda pipeline: pipeline | beam.Create([1]), [])
    assert period() == SAMPLE_MS


def test_options_are_parsed_once_for_each_kind_and_say_what_others_of_beam_say() -> None:
    flags = ["--experiments=a", "--experiments=b", "--runner=DirectRunner"]
    ours, beams = pipeline_options(flags), PipelineOptions(flags, save_main_session=False)
    assert ours.get_all_options() == beams.get_all_options()
    for options in (ours, copy.deepcopy(ours)):
        assert options.view_as(DebugOptions) is options.view_as(DebugOptions)
        options.view_as(DebugOptions).experiments.append("c")
        assert options.view_as(StandardOptions).view_as(DebugOptions).experiments == ["a", "b", "c"]
        options.view_as(DebugOptions).experiments.remove("c")
    copied = copy.deepcopy(ours)
    copied.view_as(StandardOptions).runner = "PrismRunner"
    assert ours.view_as(StandardOptions).runner == "DirectRunner"
