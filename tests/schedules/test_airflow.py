"""A real Airflow loads the DAG and runs its tasks against the installed command."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.schedules.dataset import coco

pytestmark = [pytest.mark.installation, pytest.mark.slow(seconds=15), pytest.mark.xdist_group("airflow")]

DAG = Path(__file__).parents[2] / "configs" / "schedules" / "airflow_dag.py"
RUN_DAG = Path(__file__).with_name("run_dag.py")

TASKS = ("build", "verify", "clean")

RUNS: dict[str, dict[str, Any]] = {
    "first": {"config": "nightly.yaml"},
    "again": {"config": "nightly.yaml"},
    "halved": {"config": "halved.yaml"},
    "accepted": {"config": "halved.yaml", "accept_change": True},
    "wrong": {"config": "wrong.yaml"},
    "missing": {"config": "missing.yaml"},
}


@pytest.fixture(scope="module")
def answer(tools: Path, worker_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Airflow says of the DAG, and how the tasks of each run ended: one process, which loads Airflow once."""
    folder = tmp_path_factory.mktemp("airflow")
    dags, work = folder / "dags", folder / "work"
    dags.mkdir()
    work.mkdir()
    shutil.copy(DAG, dags)
    for name, images in (("nightly", 20), ("halved", 10)):
        (work / f"{name}.json").write_bytes(coco(images))
    for name in ("nightly", "halved", "missing", "wrong"):
        task = "no_such_task" if name == "wrong" else "image_object_detection"
        (work / f"{name}.yaml").write_text(f"task: {task}\nsource: {name}.json\noutput: published\n")
    env = {
        **worker_env,
        "AIRFLOW_HOME": str(folder / "home"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    answer_file = folder / "answer.json"
    confs = {name: {**conf, "output": "published"} for name, conf in RUNS.items()}
    for arguments in (["-m", "airflow", "db", "migrate"], [str(RUN_DAG), json.dumps(confs), str(answer_file)]):
        ran = subprocess.run([tools, *arguments], env=env, cwd=work, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr[-4000:]
    found: dict[str, Any] = json.loads(answer_file.read_text(encoding="utf-8"))
    return {**found, "complaints": re.findall(r"^labelbeam \w+: .*", ran.stderr, re.MULTILINE)}


def test_airflow_loads_the_dag(answer: dict[str, Any]) -> None:
    assert (answer["import_errors"], answer["dags"]) == ({}, ["labelbeam_nightly"])
    assert (answer["schedule"], answer["catchup"], answer["max_active_runs"]) == ("15 3 * * *", False, 1)
    assert answer["downstream"] == {"build": ["verify"], "verify": ["clean"], "clean": []}
    assert answer["retries"] == dict.fromkeys(TASKS, 3)


@pytest.mark.parametrize(
    ("run", "ended"),
    [
        ("first", [["success", 1], ["success", 1], ["success", 1]]),
        ("again", [["skipped", 1], ["skipped", 0], ["skipped", 0]]),
        ("halved", [["failed", 1], ["upstream_failed", 0], ["upstream_failed", 0]]),
        ("accepted", [["success", 1], ["success", 1], ["success", 1]]),
        ("wrong", [["failed", 1], ["upstream_failed", 0], ["upstream_failed", 0]]),
        ("missing", [["failed", 4], ["upstream_failed", 0], ["upstream_failed", 0]]),
    ],
    ids=[
        "a build that is published is verified and old ones are removed",
        "without a change all tasks are skipped",
        "a refused build fails at once",
        "a change is accepted by hand",
        "a wrong config fails at once",
        "a run that failed is tried again three times",
    ],
)
def test_tasks_end_by_the_exit_status(answer: dict[str, Any], run: str, ended: list[list[Any]]) -> None:
    assert answer["runs"][run] == dict(zip(TASKS, ended, strict=True)), answer["complaints"]


def test_the_log_of_a_task_holds_the_message_of_the_command(answer: dict[str, Any]) -> None:
    said = "\n".join(answer["complaints"])
    assert "labelbeam convert: this build differs from the current one" in said
    assert "missing.json" in said
