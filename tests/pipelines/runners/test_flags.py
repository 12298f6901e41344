"""The runner that Beam's flags name, and where its work is done."""

from __future__ import annotations

import pytest

from labelbeam.pipelines.runners.flags import in_process, is_distributed, is_dry_run, runner_of, value_of


def test_of_an_option_that_is_given_twice_the_last_counts() -> None:
    flags = ["--runner=a", "--name=x=y", "--flag", "--runner=b"]
    assert value_of(flags, "runner") == "b"
    assert value_of(flags, "name") == "x=y"
    assert value_of(flags, "flag") == ""
    assert value_of(flags, "other") is None
    assert value_of(flags, "name", "flag") == ""


@pytest.mark.parametrize(
    ("flags", "runner", "here"),
    [
        ([], None, True),
        (["--runner=DirectRunner"], "DirectRunner", True),
        (["--runner=apache_beam.runners.FnApiRunner"], "FnApiRunner", True),
        (["--runner=PrismRunner"], "PrismRunner", False),
        (["--runner=company.runners.Fast"], "Fast", False),
    ],
)
def test_a_runner_goes_by_its_name_without_its_module(flags: list[str], runner: str | None, here: bool) -> None:
    assert (runner_of(flags), in_process(flags)) == (runner, here)


@pytest.mark.parametrize(
    ("flags", "elsewhere"),
    [
        ([], False),
        (["--runner=PrismRunner"], False),
        (["--runner=PrismRunner", "--environment_config=x"], True),
        (["--runner=FlinkRunner", "--flink_master="], False),
        (["--runner=FlinkRunner", "--flink_master=host:1"], True),
        (["--runner=FlinkRunner", "--flink_master=host:1", "--environment_type=loopback"], False),
        (["--runner=SparkRunner", "--spark_master_url=spark://h"], True),
        (["--runner=DataflowRunner", "--environment_type=LOOPBACK"], True),
        (["--runner=Unknown"], True),
    ],
)
def test_work_is_done_elsewhere_unless_it_is_known_to_be_done_here(flags: list[str], elsewhere: bool) -> None:
    assert is_distributed(flags) is elsewhere


@pytest.mark.parametrize(("flags", "dry"), [([], False), (["--dry_run"], True), (["--dry_run=False"], True)])
def test_any_value_is_a_yes_to_a_dry_run_as_beam_takes_it(flags: list[str], dry: bool) -> None:
    assert is_dry_run(flags) is dry
