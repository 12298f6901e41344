"""Runners: which of them work in this process, which on other machines, and what those must be given before anything is submitted.

Nothing here imports Beam: what is missing is said at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from labelbeam.pipelines.runners.flags import DATAFLOW, is_distributed, is_dry_run, runner_of, value_of
from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.score_config import ScoreConfig
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.stores.paths import is_of_this_machine


@dataclass(frozen=True, slots=True)
class PreparedJob:
    """A job as it would be submitted: its steps, in order; the bytes of its graph; what workers run in and get in addition."""

    steps: list[str]
    bytes: int
    container_image: str
    staged: list[str]


def check_runner(config: ConvertConfig | ScoreConfig, beam_flags: Sequence[str]) -> None:
    """Make sure that the workers of a distributed runner can see the data and have the project.

    Raises:
        UsageError: a path is of this machine only, or something is missing or cannot be.
    """
    runner = runner_of(beam_flags)
    for name in ("output_executable_path", "template_location"):
        if value_of(beam_flags, name) is not None:
            raise UsageError(
                f"--{name}: refused: a build is planned for the files as they are now, and published by this command when the "
                "job has ended; a job that is kept to be run later has neither. Have a scheduler run this command instead"
            )
    if is_dry_run(beam_flags) and isinstance(config, ScoreConfig):
        raise UsageError("--dry_run: labelbeam score does not know it, and would ask the endpoint")
    if is_dry_run(beam_flags) and runner not in DATAFLOW:
        raise UsageError(
            f"--dry_run: {runner or 'the in-process runner'} does not know it and would build; expected --runner=DataflowRunner. "
            "labelbeam inspect reads everything and writes nothing"
        )
    if not is_distributed(beam_flags):
        return
    if not config.shared_paths:
        _check_places(config, str(runner))
    _check_project(str(runner), beam_flags)
    if runner in DATAFLOW:
        _check_dataflow(str(runner), beam_flags)


def _check_places(config: ConvertConfig | ScoreConfig, runner: str) -> None:
    given: list[tuple[str, str | None]] = [("--images", config.images), ("--output", config.output)]
    if isinstance(config, ScoreConfig):
        given = [("SOURCE", config.source), *given]
    else:
        given = [*(("--source", url) for url in config.source), *given, ("--copy-images", config.copy_images)]
    local = [f"{option} {redact(url)}" for option, url in given if url is not None and is_of_this_machine(url)]
    if local:
        loopback = "" if runner in DATAFLOW else "; to have them run in this process, --environment_type=LOOPBACK"
        raise UsageError(
            f"{', '.join(local)}: on this machine, whose disk and memory the workers of {runner} on other machines do not see; "
            "expected the URL of a store that all of them reach, such as s3://bucket/path. Where each of them has the same "
            f"disk under the same path, add --shared-paths{loopback}"
        )


def _check_project(runner: str, beam_flags: Sequence[str]) -> None:
    """Workers that Beam starts in containers have Beam alone, unless a job or an image brings the project."""
    dataflow = runner in DATAFLOW
    if not dataflow and (value_of(beam_flags, "environment_type") or "DOCKER").upper() != "DOCKER":
        return  # They are in an environment that somebody made for them.
    image = "sdk_container_image" if dataflow else "environment_config"
    bringing = ["setup_file", "extra_package", "extra_packages", image]
    bringing += ["worker_harness_container_image"] if dataflow else ["environment_option", "environment_options"]
    if value_of(beam_flags, *bringing) is None and not any(map(_names_project, _requirements(beam_flags))):
        raise UsageError(
            f"--runner={runner}: nothing brings this project to the workers, which have Beam alone; add --{image}=IMAGE with "
            "an image that holds it (configs/runners/worker.Dockerfile makes one), or --setup_file=./setup.py in a checkout, "
            "or --extra_package=labelbeam-VERSION-py3-none-any.whl"
        )


def _requirements(beam_flags: Sequence[str]) -> Iterator[Path]:
    path = value_of(beam_flags, "requirements_file")
    if path:
        yield Path(path)


def _names_project(requirements: Path) -> bool:
    try:
        lines = requirements.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--requirements_file={requirements}: cannot be read: {error}") from None
    return any("labelbeam" in line.partition("#")[0] for line in lines)


_IN_A_BUCKET = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]/[^/]")


def _check_dataflow(runner: str, beam_flags: Sequence[str]) -> None:
    missing = [f"--{name}" for name in ("project", "region", "temp_location") if not value_of(beam_flags, name)]
    if missing:
        raise UsageError(
            f"--runner={runner}: missing: {', '.join(missing)}; see configs/runners/dataflow.yaml for what Dataflow needs"
        )
    for name in ("temp_location", "staging_location"):
        place = value_of(beam_flags, name)
        if place is not None and not _IN_A_BUCKET.match(place):
            raise UsageError(
                f"--{name}: found {redact(place)!r}, expected a directory in a bucket, gs://BUCKET/PATH, whose name has 3 to 63 "
                "lower-case letters, digits, -, _ and .; Beam would make a bucket of its own instead"
            )
    try:
        installed = find_spec("google.cloud.dataflow") is not None
    except ModuleNotFoundError:
        installed = False
    if not installed:
        raise UsageError(
            f"--runner={runner}: the package that submits jobs to Dataflow is not installed; run: "
            "pip install 'labelbeam[dataflow]'"
        )
