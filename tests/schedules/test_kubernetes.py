"""The CronJobs are what Kubernetes takes, and their containers do what they say against a real store."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from labelbeam.pipelines.command_line.config_file import read_config
from labelbeam.pipelines.command_line.options import FIELDS, make_config
from tests.schedules.dataset import coco
from tests.servers.stores import AzureStore

FILE = Path(__file__).parents[2] / "configs" / "schedules" / "kubernetes.yaml"
OBJECTS = {
    item["metadata"]["name"] + "/" + item["kind"]: item for item in yaml.safe_load_all(FILE.read_text(encoding="utf-8"))
}
NIGHTLY = OBJECTS["labelbeam-nightly/CronJob"]["spec"]
CLEAN = OBJECTS["labelbeam-clean/CronJob"]["spec"]
CONFIG: str = OBJECTS["labelbeam-nightly/ConfigMap"]["data"]["nightly.yaml"]


def pod(cronjob: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = cronjob["jobTemplate"]["spec"]["template"]["spec"]
    return found


def action(status: int) -> str:
    """What the job does when its pod ends with a status: the first rule that matches, else Kubernetes' own default."""
    job = NIGHTLY["jobTemplate"]["spec"]
    for rule in job["podFailurePolicy"]["rules"]:
        codes = rule.get("onExitCodes")
        if codes and (status in codes["values"]) == (codes["operator"] == "In"):
            assert codes["containerName"] in [container["name"] for container in pod(NIGHTLY)["containers"]]
            return str(rule["action"])
    return "Count"


@pytest.mark.installation
def test_kubernetes_knows_every_field(tools: Path) -> None:
    command = [str(tools), "-m", "kubernetes_validate", "--strict", str(FILE)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (ran.stdout + ran.stderr).count(" passed for resource ") == len(OBJECTS)


def test_what_another_attempt_may_mend_is_tried_again_and_what_it_cannot_is_not() -> None:
    assert [action(status) for status in (1, 2, 3, 137)] == ["Count", "FailJob", "FailJob", "Count"]
    assert pod(NIGHTLY)["restartPolicy"] == "Never"  # Kubernetes takes no failure policy with another.
    assert NIGHTLY["concurrencyPolicy"] == CLEAN["concurrencyPolicy"] == "Forbid"


def test_the_config_is_one(tmp_path: Path) -> None:
    file = tmp_path / "nightly.yaml"
    file.write_text(CONFIG)
    config = make_config({}, read_config(str(file), FIELDS))
    assert config.output == pod(CLEAN)["containers"][0]["args"][0]


def run(cronjob: dict[str, Any], store: AzureStore, folder: Path, env: dict[str, str]) -> dict[str, Any]:
    """Run the container's command as its pod would: the ConfigMap mounted, the Secret in the environment."""
    (container,) = pod(cronjob)["containers"]
    mounts = {mount["mountPath"]: str(folder) for mount in container.get("volumeMounts", [])}
    command = [*container["command"], *container["args"]]
    for path, here in mounts.items():
        command = [word.replace(path, here) for word in command]
    command = [word.replace("az://", f"{store.url()}/") for word in command]
    folder.joinpath("nightly.yaml").write_text(CONFIG.replace("az://", f"{store.url()}/"))
    ran = subprocess.run(command, env={**env, **store.environment}, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    answer: dict[str, Any] = json.loads(ran.stdout) if "--json" in command else {}
    return answer


@pytest.mark.server
def test_the_containers_build_and_clean_in_a_store(
    azure_store: AzureStore, worker_env: dict[str, str], tmp_path: Path
) -> None:
    azure_store.write({"raw/parts/annotations/instances.json": coco(20)})
    first = run(NIGHTLY, azure_store, tmp_path, worker_env)
    assert (first["status"], first["counts"]["images"]["written"]) == ("published", 20)
    assert run(NIGHTLY, azure_store, tmp_path, worker_env)["status"] == "unchanged"
    run(CLEAN, azure_store, tmp_path, worker_env)
    assert json.loads(azure_store.read("training/parts/latest.json"))["build"] == first["build"]
