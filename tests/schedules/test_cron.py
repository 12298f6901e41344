"""The crontab's lines do what they say when a shell runs them as cron does, and print only what should be mailed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.schedules.dataset import coco

CRONTAB = Path(__file__).parents[2] / "configs" / "schedules" / "crontab"

RANGES = {"minute": range(60), "hour": range(24), "day": range(1, 32), "month": range(1, 13), "weekday": range(8)}


class Job(NamedTuple):
    """A line of a crontab that runs something."""

    times: list[str]
    command: str


def parse(text: str) -> tuple[dict[str, str], list[Job]]:
    """Variables and jobs, by the rules of crontab(5)."""
    variables: dict[str, str] = {}
    jobs: list[Job] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if assignment := re.fullmatch(r"(\w+)\s*=\s*(.*)", line):
            variables[assignment[1]] = assignment[2]
        else:
            *times, command = line.split(maxsplit=5)
            jobs.append(Job(times, command))
    return variables, jobs


VARIABLES, JOBS = parse(CRONTAB.read_text(encoding="utf-8"))
CONVERT, CLEAN = JOBS


class Machine(NamedTuple):
    """Where the jobs run."""

    work: Path
    env: dict[str, str]

    def mail(self, job: Job) -> str:
        """Run a job as cron does; what it prints is mailed."""
        ran = subprocess.run(
            ["/bin/sh", "-c", job.command],
            env=self.env,
            cwd=self.env["HOME"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return ran.stdout

    @property
    def log(self) -> str:
        return (self.work / "nightly.log").read_text(encoding="utf-8")


@pytest.fixture
def machine(tmp_path: Path, labelbeam: Path) -> Machine:
    work = tmp_path / "parts of this machine"
    work.mkdir()
    (work / "coco.json").write_bytes(coco(20))
    (work / "nightly.yaml").write_text("task: image_object_detection\nsource: coco.json\noutput: published/parts\n")
    # What cron sets, and what a person fills in.
    given = {"HOME": str(tmp_path), "LOGNAME": "lab", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    return Machine(work, {**VARIABLES, **given, "LABELBEAM": str(labelbeam), "WORK": str(work)})


def test_each_job_has_five_times_that_exist_and_no_percent_sign_which_cron_takes_for_a_line_break() -> None:
    for job in JOBS:
        assert len(job.times) == len(RANGES)
        for time, allowed in zip(job.times, RANGES.values(), strict=True):
            assert time == "*" or int(time) in allowed
        assert "%" not in job.command


def test_a_night_that_goes_well_mails_nothing_and_the_next_finds_nothing_changed(machine: Machine) -> None:
    assert machine.mail(CONVERT) == ""
    pointer = (machine.work / "published" / "parts" / "latest.json").read_bytes()
    assert "published in" in machine.log
    assert machine.mail(CONVERT) == machine.mail(CLEAN) == ""
    assert "unchanged: " in machine.log
    assert (machine.work / "published" / "parts" / "latest.json").read_bytes() == pointer


def test_a_refused_build_is_mailed_with_its_status_and_reason_and_yesterdays_stays(machine: Machine) -> None:
    assert machine.mail(CONVERT) == ""
    pointer = (machine.work / "published" / "parts" / "latest.json").read_bytes()
    (machine.work / "coco.json").write_bytes(coco(10))
    mail = machine.mail(CONVERT)
    assert mail.startswith("labelbeam convert: exit status 3\n")
    assert "images: 20 → 10 (50%" in mail
    assert (machine.work / "published" / "parts" / "latest.json").read_bytes() == pointer


def test_a_failure_is_mailed_with_its_status_and_reason(machine: Machine) -> None:
    (machine.work / "coco.json").unlink()
    mail = machine.mail(CONVERT)
    assert mail.startswith("labelbeam convert: exit status 1\n")
    assert "coco.json" in mail


def test_a_directory_that_is_not_there_is_mailed(machine: Machine) -> None:
    machine.env["WORK"] = "/nowhere"
    assert "/nowhere" in machine.mail(CONVERT)
