"""Assets and jobs of a build in a workspace: made once, by the real azure-ai-ml, against a server that stands in for Azure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.builds import workspace
from tests.end_to_end.builds import DETECTION, REPOSITORY, Answer, labelbeam
from tests.pipelines.commands.test_job import sources
from tests.schedules.environment import tools_python
from tests.servers.arm import Arm, arm
from tests.servers.fixtures import new_name
from tests.servers.stores import AZURE_ACCOUNT, AZURE_KEY, AzureStore

RUN = """
import contextlib, io, json, os, sys
sys.path.append(sys.argv[1])  # What is not among our own packages.
from azure.ai.ml.constants import _common
from labelbeam.pipelines.cli import main
_common.STORAGE_ACCOUNT_URLS["AzureBlob"] = os.environ["BLOBS"]  # Accounts are hosts of their own in Azure, below https.
ended = []
for environment, arguments in json.loads(sys.stdin.read()):
    os.environ.update(environment)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(["job", *arguments])
    ended.append([status, out.getvalue(), err.getvalue()])
print(json.dumps(ended))
"""


def test_a_package_that_is_missing_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"azure\.ai\.ml is not installed.*pip install 'labelbeam\[azureml\]'"):
        workspace.check_installed()


@dataclass
class Azure:
    """A workspace, and a build whose job was run in it in one process: `ended` are the runs by name."""

    service: Arm
    version: str
    ended: dict[str, Answer]
    store: AzureStore
    local: Path


NOBODY = {"IDENTITY_ENDPOINT": "", "IDENTITY_HEADER": "", "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential"}


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory, azure_server: str) -> Iterator[Azure]:
    """A build in a container, and the runs, one after the other."""
    folder = tmp_path_factory.mktemp("azure")
    store = AzureStore(new_name(), azure_server, azure_server)
    store.create()
    output, storage = store.url("My parts"), ["--storage-options", json.dumps(store.storage_options)]
    made = labelbeam("convert", "--task", DETECTION, *sources(folder), "--output", output, *storage)
    assert made.status == 0, made.err
    local = folder / "On disk"
    made = labelbeam("convert", "--task", DETECTION, *sources(folder), "--output", local)
    assert made.status == 0, made.err
    name = json.loads(store.read("My parts/latest.json"))["build"]
    given = [output, "--to", str(folder / "to"), "--datastore", "parts", *storage]
    runs: dict[str, tuple[Mapping[str, str], list[str]]] = {
        "register": ({}, ["--register"]),
        "submit": ({}, ["--submit"]),
        "again": ({}, ["--submit"]),
        "other options": ({}, ["--submit", "--model", "yolov5"]),
        "named": ({}, ["--submit", "--job-name", "once-more"]),
        "other asset": ({}, ["--register", "--name", "taken"]),
        "other workspace": ({}, ["--register", "--workspace", "gone"]),
        "closed": ({}, ["--register", "--workspace", "closed"]),
    }
    uploads = [str(local), "--to", str(folder / "local"), "--register"]
    commands: dict[str, tuple[Mapping[str, str], list[str]]] = {
        **{run: (environment, [*given, *more]) for run, (environment, more) in runs.items()},
        "local": ({}, uploads),
        "local again": ({}, uploads),
        "nobody": (NOBODY, [*given, "--register"]),
    }
    python = tools_python("azureml")
    packages = next(python.parents[1].glob("lib/python*/site-packages"))
    with arm(folder) as service:
        version = name.partition("-")[0]
        tags = {"tags": {"build": "another"}, "dataUri": "azureml://x", "dataType": "mltable"}
        service.make("data", f"taken-train/versions/{version}", tags)
        service.account, service.key, service.container = AZURE_ACCOUNT, AZURE_KEY, store.name
        ran = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", RUN, str(packages)],
            input=json.dumps(list(commands.values())),
            env={name: value for name, value in os.environ.items() if not name.startswith("AZURE_")}
            | {"PYTHONPATH": str(REPOSITORY), "BLOBS": f"{azure_server}/{{}}"}
            | service.environment,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        answers = [Answer(*each) for each in json.loads(ran.stdout.splitlines()[-1])]
        yield Azure(service, version, dict(zip(commands, answers, strict=True)), store, local)


def put(azure: Azure, kind: str) -> list[str]:
    """What was put, each time that it was."""
    return [
        path.partition(f"/workspaces/w/{kind}/")[2]
        for method, path in azure.service.asked
        if method == "PUT" and kind in path
    ]


@pytest.mark.installation
@pytest.mark.server
def test_assets_are_made_once_whose_version_is_of_the_build(azure: Azure) -> None:
    first, second = azure.ended["register"], azure.ended["submit"]
    assert (first.status, second.status) == (0, 0), first.err + second.err
    names = [f"My-parts-{split}" for split in ("train", "validation")]
    for name in names:
        assert f"registered {name}:{azure.version}\n" in first.err
        assert f"is registered already: {name}:{azure.version}\n" in second.err
    assert put(azure, "data")[:2] == [f"{name}/versions/{azure.version}" for name in names]
    assert "az ml job create" in first.err and "az ml data create" not in first.err
    properties: dict[str, Any] = azure.service.assets[put(azure, "data")[0]]["properties"]
    assert (properties["dataType"], properties["tags"]["task"]) == ("mltable", "image_object_detection")
    assert properties["dataUri"].endswith(
        f"/datastores/parts/paths/My parts/builds/{properties['tags']['build']}/train"
    )


@pytest.mark.installation
@pytest.mark.server
def test_a_job_of_the_same_build_and_options_is_submitted_once(azure: Azure) -> None:
    first, again, other, named = (azure.ended[name] for name in ("submit", "again", "other options", "named"))
    assert [answer.status for answer in (first, again, other, named)] == [0] * 4, named.err
    jobs = put(azure, "jobs")
    assert len(jobs) == 3 == len(set(jobs)) and jobs[2] == "once-more"
    assert f"submitted {jobs[0]}\n  https://ml.azure.com/runs/{jobs[0]}" in first.err
    assert f"was submitted before: {jobs[0]}, whose status is Starting" in again.err and "--job-name" in again.err
    assert f"submitted {jobs[1]}\n" in other.err
    job: dict[str, Any] = azure.service.jobs[jobs[0]]["properties"]
    assert job["jobType"] == "AutoML"
    details = job["taskDetails"]
    assert (details["taskType"], details["targetColumnName"]) == ("ImageObjectDetection", "label")
    for split, part in (("train", "trainingData"), ("validation", "validationData")):
        assert details[part]["uri"].endswith(f"/data/My-parts-{split}/versions/{azure.version}")


@pytest.mark.installation
@pytest.mark.server
@pytest.mark.parametrize(
    ("run", "words"),
    [
        ("other asset", ["data asset taken-train:", "is there already, of build another", "another --name"]),
        (
            "other workspace",
            ["workspace gone of the resource group g, subscription s", "was not found", "--resource-group"],
        ),
        (
            "other workspace",
            ["warning: images lie in workspace w of the resource group g, and the job is for gone of g"],
        ),
        ("closed", ["workspace closed", "does not have authorization", "give you a role"]),
        ("nobody", ["no credential that Azure takes", "az login", "AZURE_CLIENT_ID"]),
    ],
)
def test_what_keeps_a_build_from_its_workspace_is_told_with_what_to_do(
    azure: Azure, run: str, words: list[str]
) -> None:
    answer = azure.ended[run]
    assert answer.status == 1 and "Traceback" not in answer.err and answer.out == "", answer.err
    assert all(word in answer.err for word in words), answer.err


@pytest.mark.installation
@pytest.mark.server
def test_a_build_on_a_disk_is_uploaded_once_and_its_assets_lead_to_what_was(azure: Azure) -> None:
    first, again = azure.ended["local"], azure.ended["local again"]
    assert (first.status, again.status) == (0, 0), first.err + again.err
    (build,) = (azure.local / "builds").iterdir()
    for split in ("train", "validation"):
        name = f"On-disk-{split}"
        assert f"registered {name}:" in first.err and f"is registered already: {name}:" in again.err
        (path,) = [path for path in put(azure, "data") if path.startswith(f"{name}/")]
        uri = azure.service.assets[path]["properties"]["dataUri"]
        folder = uri.partition("/datastores/workspaceblobstore/paths/")[2].rstrip("/")
        assert folder, uri
        for file in (build / split).iterdir():
            assert azure.store.read(f"{folder}/{file.name}") == file.read_bytes()
