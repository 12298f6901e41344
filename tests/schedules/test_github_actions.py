"""The workflow is what GitHub takes, and its steps do what they say when a shell runs them as a runner does."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.schedules.dataset import coco
from tests.servers.stores import AzureStore

ROOT = Path(__file__).parents[2]
FILE = ROOT / "configs" / "schedules" / "github-actions.yaml"
JOB: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["jobs"]["build"]
STEPS = {step["name"]: step for step in JOB["steps"] if "name" in step}

ACCEPT = "${{ inputs.accept_change && '--accept-change' || '--no-accept-change' }}"


def evaluated(text: str, accept: bool) -> str:
    """A value of the workflow as GitHub would hand it to a step."""
    text = text.replace(ACCEPT, "--accept-change" if accept else "--no-accept-change")
    assert "${{" not in text
    return text


def run(name: str, store: AzureStore, folder: Path, env: dict[str, str], accept: bool = False) -> tuple[int, str]:
    """Run a step as a runner does; its status and what stands in its log."""
    step = STEPS[name]
    variables = {key: evaluated(value, accept) for key, value in step.get("env", {}).items()}
    script = folder / "script.sh"
    script.write_text(evaluated(step["run"], accept).replace("az://", f"{store.url()}/"))
    ran = subprocess.run(
        ["bash", "-e", script],
        cwd=folder,
        env={**env, **store.environment, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout


@pytest.mark.installation
@pytest.mark.parametrize("file", [FILE, ROOT / ".github" / "workflows" / "ci.yml"], ids=lambda file: file.name)
def test_github_knows_every_key(file: Path, tools: Path) -> None:
    command = [str(tools), "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(file)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_what_is_installed_is_there_to_be_installed() -> None:
    (constraints,) = re.findall(r"-c (\S+)", STEPS["install"]["run"])
    assert ROOT.joinpath(constraints).is_file()
    (extra,) = re.findall(r"'\.\[(\w+)\]'", STEPS["install"]["run"])
    assert f'"{extra}": [' in ROOT.joinpath("setup.py").read_text(encoding="utf-8")


def test_every_step_that_runs_something_is_tested_here() -> None:
    assert [name for name, step in STEPS.items() if "run" in step] == ["install", "convert", "clean"]
    assert [step for step in JOB["steps"] if "run" in step and "name" not in step] == []


@pytest.fixture
def checkout(tmp_path: Path, azure_store: AzureStore) -> Path:
    """A repository that holds nightly.yaml, and a source in the store."""
    azure_store.write({"raw/instances.json": coco(20)})
    source, output = azure_store.url("raw/instances.json"), azure_store.url("training/parts")
    tmp_path.joinpath("nightly.yaml").write_text(
        f"task: image_object_detection\nsource: {source}\noutput: {output}\nimage_url: https://host/images/\n"
    )
    return tmp_path


@pytest.mark.server
def test_a_change_is_refused_by_night_and_accepted_by_hand(
    checkout: Path, azure_store: AzureStore, worker_env: dict[str, str]
) -> None:
    def summary() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(checkout.joinpath(STEPS["keep the summary"]["with"]["path"]).read_text())
        return found

    assert run("convert", azure_store, checkout, worker_env)[0] == 0
    assert summary()["status"] == "published"
    azure_store.write({"raw/instances.json": coco(10)})
    status, log = run("convert", azure_store, checkout, worker_env)
    assert status == 3
    assert "images: 20 → 10 (50%" in log
    status, log = run("convert", azure_store, checkout, worker_env, accept=True)
    assert status == 0, log
    assert any("images: 20 → 10" in warning for warning in summary()["warnings"])
    status, log = run("clean", azure_store, checkout, worker_env)
    assert status == 0, log
