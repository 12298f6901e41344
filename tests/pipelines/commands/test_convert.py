"""`labelbeam convert`: which of its words are options of a build, and how its outcome is shown."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import Any

import pytest

from labelbeam.pipelines.command_line.parser import Parser
from labelbeam.pipelines.commands.convert import COMMAND, _rehearse, flags_of, show_run
from labelbeam.pipelines.runners.requirements import PreparedJob
from tests.pipelines.runs.test_summary import config, outcome


def parsed(*words: str) -> argparse.Namespace:
    parser = Parser(prog="labelbeam convert", allow_abbrev=False)
    COMMAND.add_arguments(parser)
    return parser.parse_args(words)


def test_options_of_a_build_are_told_from_the_config_and_from_beam_s() -> None:
    known = parsed("a.yaml", "--shards", "3", "--if-changed", "--runner", "FlinkRunner", "--no-json")
    assert flags_of(known) == {"shards": "3", "if_changed": True, "json": False}
    assert (known.config, known.beam) == ("a.yaml", [("runner", "FlinkRunner")])


def test_options_that_are_not_given_are_absent() -> None:
    assert flags_of(parsed()) == {}


@pytest.mark.parametrize(("refusal", "status"), [("", 0), ("too much was rejected", 3)])
@pytest.mark.parametrize("as_json", [False, True])
def test_an_outcome_is_shown_on_one_stream_and_a_refusal_is_an_exit_status(
    refusal: str, status: int, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    found = dataclasses.replace(outcome(), refusal=refusal)

    def run(_: Any) -> Any:
        print("a library's word")
        return found

    assert show_run(config(json=as_json), run) == status
    out, err = capsys.readouterr()
    assert "a library's word" in err
    assert (json.loads(out)["build"] if as_json else out) == (found.manifest.build if as_json else "")


def test_a_rehearsal_says_what_the_job_is_made_of(capsys: pytest.CaptureFixture[str]) -> None:
    job = PreparedJob(["Read", "Write"], 1234, "image:1", ["a.tar.gz"])
    assert _rehearse(config(json=True), lambda _: job) == 0
    assert json.loads(capsys.readouterr().out) == {
        "steps": ["Read", "Write"],
        "bytes": 1234,
        "container_image": "image:1",
        "staged": ["a.tar.gz"],
    }
