"""The runner that Beam's flags name, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence

IN_PROCESS = (None, "DirectRunner", "SwitchingDirectRunner", "FnApiRunner")
"""Names of the in-process runner. Beam's own DirectRunner is Prism where its binary can be downloaded, and this one elsewhere."""

_ON_THIS_MACHINE = ("BundleBasedDirectRunner", "InteractiveRunner", "TestDirectRunner")
DATAFLOW = ("DataflowRunner", "TestDataflowRunner")


def value_of(beam_flags: Sequence[str], *names: str) -> str | None:
    """The value of the last of Beam's options that has one of these names, such as `runner`; "" for one without a value."""
    for flag in reversed(beam_flags):
        name, _, value = flag.removeprefix("--").partition("=")
        if name in names:
            return value
    return None


def runner_of(beam_flags: Sequence[str]) -> str | None:
    """The runner's name without its module; None where none was asked for."""
    value = value_of(beam_flags, "runner")
    return None if value is None else value.rpartition(".")[2]


def in_process(beam_flags: Sequence[str]) -> bool:
    """Tell whether the build runs on Beam's in-process runner."""
    return runner_of(beam_flags) in IN_PROCESS


def has_several_workers(beam_flags: Sequence[str]) -> bool:
    """Tell whether the runner may deal elements out to several workers."""
    return not in_process(beam_flags) or value_of(beam_flags, "direct_num_workers") not in (None, "1")


def is_dry_run(beam_flags: Sequence[str]) -> bool:
    """Tell whether the job is to be built and not submitted; Beam takes any value for yes."""
    return value_of(beam_flags, "dry_run") is not None


def is_distributed(beam_flags: Sequence[str]) -> bool:
    """Tell whether the work is done by workers that may be on other machines.

    It is not where they run in the submitting process: by --environment_type=LOOPBACK, which is what Prism and the local masters of
    Flink and Spark take where nothing else is said.
    """
    runner = runner_of(beam_flags)
    if runner in IN_PROCESS or runner in _ON_THIS_MACHINE:
        return False
    if runner in DATAFLOW:
        return True
    environment = value_of(beam_flags, "environment_type")
    if environment is not None:
        return environment.upper() != "LOOPBACK"
    if value_of(beam_flags, "environment_config") is not None:
        return True
    if runner == "FlinkRunner":
        return (value_of(beam_flags, "flink_master") or "[auto]") not in ("[auto]", "[local]")
    if runner == "SparkRunner":
        return not (value_of(beam_flags, "spark_master_url") or "local").startswith("local")
    return runner != "PrismRunner"
