"""What holds for all examples of schedules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labelbeam.pipelines.cli import main

FOLDER = Path(__file__).parents[2] / "configs" / "schedules"
TESTED_BY = {
    "crontab": "test_cron.py",
    "kubernetes.yaml": "test_kubernetes.py",
    "github-actions.yaml": "test_github_actions.py",
    "airflow_dag.py": "test_airflow.py",
}

OF_OTHERS = {"--from", "--from-literal", "--dry-run", "--keep", "--no-accept-change"}
"""kubectl's; what only `clean` has; what the help of `convert` leaves out."""


def test_each_schedule_has_its_tests() -> None:
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} == TESTED_BY.keys()
    assert all(Path(__file__).with_name(name).is_file() for name in TESTED_BY.values())


@pytest.mark.parametrize("name", sorted(TESTED_BY))
def test_the_options_of_a_schedule_exist(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "--help"]) == 0
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) | OF_OTHERS
    used = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", FOLDER.joinpath(name).read_text(encoding="utf-8")))
    assert {"--if-changed", "--max-change"} <= used <= known


@pytest.mark.parametrize("name", sorted(TESTED_BY))
def test_a_schedule_explains_each_exit_status_beside_success(name: str) -> None:
    text = FOLDER.joinpath(name).read_text(encoding="utf-8")
    head = text.split('"""')[1] if name.endswith(".py") else "".join(re.findall(r"^#.*\n", text, re.MULTILINE))
    for status in "123":
        assert re.search(rf"\b{status}(?: \(|: |  | and )", head), status
