"""Options of Beam's: the table is the installed Beam's, values are checked before it loads, and lossy ones are refused."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from labelbeam.pipelines.cli import main
from labelbeam.pipelines.runners.options import BEAM_OPTIONS, RUNNERS, BeamOption, beam_arguments
from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from tests.pipelines.conftest import command_of_coco

WALK = """
import json, logging
logging.getLogger().addHandler(logging.NullHandler())
import apache_beam
from apache_beam.options import pipeline_options as beam

def subclasses(kind):
    for sub in kind.__subclasses__():
        yield sub
        yield from subclasses(sub)

def kind_of(action):
    if action.nargs == 0:
        return "flag"
    if action.nargs == "?":
        return "optional"
    return {"int": "integer", "float": "number", "loads": "json", "<lambda>": "json"}.get(
        getattr(action.type, "__name__", ""), "text"
    )

options = {}
for kind in subclasses(beam.PipelineOptions):
    if kind.__module__.startswith("apache_beam.") and "_add_argparse_args" in vars(kind):
        parser = beam._BeamArgumentParser(allow_abbrev=False, add_help=False)
        kind._add_argparse_args(parser)
        for action in parser._actions:
            many = type(action).__name__ not in ("_StoreAction", "_StoreTrueAction", "_StoreFalseAction")
            for name in action.option_strings:
                options[name.removeprefix("--")] = [kind_of(action), many, list(action.choices or [])]
print(json.dumps([options, beam.StandardOptions.KNOWN_RUNNER_NAMES]))
"""


@pytest.fixture(scope="module")
def walked() -> Any:
    """The options and the runners of the installed Beam."""
    ran = subprocess.run([sys.executable, "-c", WALK], check=True, capture_output=True, text=True)
    return json.loads(ran.stdout)


NEWEST = version("apache-beam").startswith("2.77.")
OURS = {name: [option.kind, option.many, list(option.choices)] for name, option in BEAM_OPTIONS.items()}


def test_the_table_is_that_of_the_newest_beam(walked: Any) -> None:
    options, runners = walked
    assert options == OURS
    assert sorted(RUNNERS) == sorted(runners)


def test_every_option_and_runner_of_an_older_beam_is_in_the_table(walked: Any) -> None:
    options, runners = walked
    assert {name: OURS.get(name, [])[:2] for name in options} == {name: about[:2] for name, about in options.items()}
    assert set(runners) <= set(RUNNERS)


def test_an_option_that_the_installed_beam_does_not_have_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if NEWEST:  # It lacks none: then one more that we know and it does not.
        monkeypatch.setitem(BEAM_OPTIONS, "profiler_agent_of_tomorrow", BeamOption("text"))
    name = "profiler_agent_of_tomorrow" if NEWEST else "profiler_agent"
    assert main([*command_of_coco(tmp_path), f"--{name}=x"]) == 2
    said = capsys.readouterr().err
    assert f"--{name}: found apache-beam {version('apache-beam')}, which does not have this option" in said
    assert not (tmp_path / "built" / "latest.json").exists()


def test_no_option_of_ours_has_the_name_of_one_of_beams() -> None:
    # Beam takes its labels, of jobs of Dataflow, as --label too, and ours are what one asks for far more often.
    assert set(ConvertConfig.__struct_fields__) & set(BEAM_OPTIONS) == {"labels"}
    assert "label" in BEAM_OPTIONS


def test_flags_stand_after_the_options_of_the_file_and_replace_those_of_the_same_name() -> None:
    from_file = [("experiments", "a"), ("experiments", "b"), ("region", "eu"), ("streaming", None)]
    from_flags = [("experiments", "c"), ("num_workers", "4")]
    assert beam_arguments(from_file, from_flags, ["--checkpointing_interval=60", "--fasterCopy"]) == [
        "--region=eu",
        "--streaming",
        "--experiments=c",
        "--num_workers=4",
        "--checkpointing_interval=60",
        "--fasterCopy",
    ]


@pytest.mark.parametrize("value", ["flink", "FlinkRunner", "FLINKRUNNER", "flinkrunner"])
def test_a_runner_may_be_spelled_as_loosely_as_beam_takes_it(value: str) -> None:
    assert beam_arguments([], [("runner", value)], []) == ["--runner=FlinkRunner"]


def test_a_runner_may_be_named_by_its_module() -> None:
    assert beam_arguments([], [("runner", "company.runners.Fast")], []) == ["--runner=company.runners.Fast"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("runner", "DaskRunner"),
        ("runner", "dask"),
        ("runner", "apache_beam.runners.dask.dask_runner.DaskRunner"),
        ("direct_running_mode", "multi_threading"),
        ("experiments", "data_buffer_time_limit_ms"),
        ("experiments", "data_buffer_time_limit_ms=100"),
        ("experiment", "use_fast_path, data_buffer_time_limit_ms=100"),
    ],
)
def test_what_loses_data_is_refused_wherever_it_stands(name: str, value: str) -> None:
    for from_file, from_flags, unchecked in (
        ([(name, value)], [], []),
        ([], [(name, value)], []),
        ([], [], [f"--{name}={value}"]),
    ):
        with pytest.raises(UsageError) as caught:
            beam_arguments(from_file, from_flags, unchecked)
        message = str(caught.value)
        assert message.startswith(f"--{name}={value}: refused: ")
        assert "leave" in message


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("runner", "FlinkRuner", "did you mean FlinkRunner?"),
        ("runner", "", "expected one of DirectRunner, "),
        ("num_workers", "many", "found 'many', expected a whole number"),
        ("num_workers", "", "found '', expected a whole number"),
        ("profile_sample_rate", "often", "found 'often', expected a number"),
        ("transform_name_mapping", "{", "found '{', expected JSON"),
        ("flink_version", "1.2", "found '1.2', expected one of 1.19, 1.20, 2.0, 2.1, 2.2"),
        ("direct_running_mode", "fast", "found 'fast', expected one of in_memory, multi_processing"),
        ("spark_version", "4", "found '4', expected 3"),
        ("streaming", "true", "found a value, expected none; write --streaming"),
        ("region", None, "found no value, expected text; write --region=VALUE"),
    ],
)
def test_a_value_that_beam_would_not_take_is_refused_in_words(name: str, value: str | None, message: str) -> None:
    with pytest.raises(UsageError, match=f"^--{name}: ") as caught:
        beam_arguments([], [(name, value)], [])
    assert message in str(caught.value)


@pytest.mark.parametrize("word", ["value", "-x", "--", "--=1"])
def test_options_of_the_runner_are_written_with_their_values_attached(word: str) -> None:
    with pytest.raises(UsageError, match="expected options of the runner, each as --name=value"):
        beam_arguments([], [], [word])


def test_an_option_in_json_that_says_a_thing_twice_is_refused() -> None:
    name = next(name for name, option in BEAM_OPTIONS.items() if option.kind == "json")
    assert beam_arguments([], [(name, '{"a": 1, "b": 1}')], []) == [f'--{name}={{"a": 1, "b": 1}}']
    with pytest.raises(UsageError, match=f"^--{name}: the key 'a' occurs twice, expected each key once$"):
        beam_arguments([], [(name, '{"a": 1, "a": 2}')], [])
