"""A build on Dataflow as far as it can be seen without the cloud: the job that is posted, and the package that workers install."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from labelbeam.pipelines.runners.options import BEAM_OPTIONS
from labelbeam.schemas.config import ConvertConfig
from tests.packaging.made import ROOMS, make_dist, write_own_names
from tests.schedules.environment import tools_python
from tests.servers.room import Room, Visitor

ROOT = Path(__file__).parents[2]
SECRET = "k3y-that-nobody-sees"
DATAFLOW_LIMIT = 10_000_000
"""Bytes of a job's description, well below what the service takes."""

COCO = {
    "images": [{"id": number, "file_name": f"{number}.jpg", "width": 10, "height": 10} for number in range(5)],
    "categories": [{"id": 1, "name": "cat"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2]}],
}


class Jobs(NamedTuple):
    """What came of each command, and the directory with what they read and might have written."""

    built: dict[str, Any]
    folder: Path


@pytest.fixture(scope="module")
def jobs(room: Room | Visitor, tmp_path_factory: pytest.TempPathFactory) -> Jobs:
    """Jobs for some commands, built by an environment that has Dataflow's package and LabelBeam's, in a copy of the checkout.

    One is built where there is no checkout, but a user's own modules that are called as our rooms are.
    """
    folder = tmp_path_factory.mktemp("dataflow")
    dist = make_dist(room)
    packages = tmp_path_factory.mktemp("packages")
    with zipfile.ZipFile(dist.wheel) as archive:
        archive.extractall(packages)
    own = write_own_names(tmp_path_factory.mktemp("elsewhere") / "own")
    shutil.copy(dist.wheel, own)
    checkout = folder / "checkout"
    for name in ("labelbeam", *ROOMS, "configs"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    (folder / "coco.json").write_text(json.dumps(COCO))
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        for number in range(40_000):
            archive.writestr(
                f"class_{number % 10}/a_photograph_with_a_name_like_those_that_cameras_give_{number}.jpg", b""
            )
    # The source is a local file here: the job is built alike, and needs no store.
    local = ["--source", "../coco.json", "--images", "..", "--output", "../built", "--shared-paths"]
    dry = ["--dry_run=True", "--no_auth", "--region=us-central1", "--project=p-roject", "--json"]
    places = ["--temp_location=gs://bucket/temp", "--staging_location=gs://bucket/staging"]
    yaml_file = "configs/runners/dataflow.yaml"
    options = json.dumps({"gs": {"token": SECRET}})
    image = ["--sdk_container_image=registry/labelbeam-worker:0.1.0", "--sdk_location=container"]
    plain = ["--task", "image_object_detection", "--runner=dataflow"]
    tree = ["--task", "image_classification", "--source", "zip://::../images.zip", "--check-images", "none"]
    commands = {
        "config": ["convert", yaml_file, *local, *dry, *places, "--storage-options", options, "--num_workers=3"],
        "image": ["convert", *plain, *local, *dry, *places, *image],
        "many": ["convert", *tree, *local[4:], *plain[2:], *dry, *places, *image],
        "lacking": ["convert", *plain, *local, *dry, *places],
    }
    built = _built(list(commands.values()), checkout, packages)
    wheel = ["convert", *plain, *_absolute(local, checkout), *dry, *places, f"--extra_package={dist.wheel.name}"]
    built += _built([wheel], own, packages)
    return Jobs(dict(zip([*commands, "wheel"], built, strict=True)), folder)


def _absolute(options: list[str], folder: Path) -> list[str]:
    return [str((folder / word).resolve()) if word.startswith("..") else word for word in options]


def _built(commands: list[list[str]], folder: Path, packages: Path) -> list[Any]:
    ran = subprocess.run(
        [str(tools_python("dataflow")), "-m", "tests.pipelines.dataflow_jobs", json.dumps(commands), SECRET],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(packages), str(ROOT)]), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    answers: list[Any] = json.loads(ran.stdout.splitlines()[-1])
    return answers


@pytest.mark.installation
def test_the_job_of_the_example_is_built_and_nothing_is_written(jobs: Jobs) -> None:
    assert jobs.built["config"]["status"] == 0, jobs.built["config"]["err"]
    assert sorted(path.name for path in jobs.folder.iterdir()) == ["checkout", "coco.json", "images.zip"]


@pytest.mark.installation
def test_its_steps_are_those_of_a_build_in_their_order(jobs: Jobs) -> None:
    steps = jobs.built["config"]["job"]["steps"]
    ours = [
        "Read/ReadUnits",
        "Read/Index",
        "Read/ReadIndexed",
        "Read/FlattenFragments",
        "Write/GroupByBucket",
    ]
    ours += ["Write/AssembleAndWrite", "Write/CollectReceipts"]
    at = [next(place for place, step in enumerate(steps) if step.startswith(name)) for name in ours]
    assert at == sorted(at)


@pytest.mark.installation
def test_there_is_one_shuffle_of_records(jobs: Jobs) -> None:
    # Beam combines the findings by a grouping of its own, and spreads units by others where there are several.
    groupings = jobs.built["config"]["groupings"]
    ours = [name for name in groupings if "MergeFindings" not in name and "Reshuffle" not in name]
    assert ours == ["Write/GroupByBucket"]
    assert len([name for name in groupings if "MergeFindings" in name]) == 1


@pytest.mark.installation
def test_the_options_of_the_config_and_the_flags_arrive(jobs: Jobs) -> None:
    environment = jobs.built["config"]["environment"]
    (pool,) = environment["workerPools"]
    assert pool["machineType"] == "n2-standard-4"
    assert pool["numWorkers"] == 3
    assert pool["autoscalingSettings"]["maxNumWorkers"] == 8
    assert environment["serviceAccountEmail"] == "labelbeam@PROJECT.iam.gserviceaccount.com"
    assert environment["tempStoragePrefix"].startswith("storage.googleapis.com/bucket/temp/")
    assert environment["version"]["job_type"] == "FNAPI_BATCH"


@pytest.mark.installation
def test_workers_run_in_beams_image_of_the_same_version_unless_another_is_named(jobs: Jobs) -> None:
    (pool,) = jobs.built["config"]["environment"]["workerPools"]
    image = pool["sdkHarnessContainerImages"][0]["containerImage"]
    assert image == jobs.built["config"]["job"]["container_image"]
    assert image.partition("/beam_python")[2] == f"{sys.version_info[0]}.{sys.version_info[1]}_sdk:{beams_version()}"
    (pool,) = jobs.built["image"]["environment"]["workerPools"]
    assert [item["containerImage"] for item in pool["sdkHarnessContainerImages"]] == ["registry/labelbeam-worker:0.1.0"]


@pytest.mark.installation
def test_the_package_holds_every_module_and_nothing_of_the_tests(jobs: Jobs) -> None:
    package = set(jobs.built["config"]["package"])
    folders = ("labelbeam", *ROOMS)
    modules = {path.relative_to(ROOT).as_posix() for folder in folders for path in ROOT.glob(f"{folder}/**/*.py")}
    assert modules | {"labelbeam/py.typed", "setup.py", "pyproject.toml"} <= package
    assert not [name for name in package if name.startswith(("tests", "benchmarks", "built"))]


@pytest.mark.installation
def test_workers_get_the_package_the_requirements_and_no_main_module(jobs: Jobs) -> None:
    assert {"workflow.tar.gz", "requirements.txt"} <= set(jobs.built["config"]["job"]["staged"])
    for name in ("config", "image"):
        assert "pickled_main_session" not in jobs.built[name]["job"]["staged"]
    assert "workflow.tar.gz" not in jobs.built["image"]["job"]["staged"]


@pytest.mark.installation
def test_a_wheel_is_enough_to_submit_and_no_checkout_is_needed(jobs: Jobs) -> None:
    assert jobs.built["wheel"]["status"] == 0, jobs.built["wheel"]["err"]
    staged = jobs.built["wheel"]["job"]["staged"]
    assert [name for name in staged if name.startswith("labelbeam-") and name.endswith(".whl")]
    assert "workflow.tar.gz" not in staged and "pickled_main_session" not in staged
    assert jobs.built["wheel"]["job"]["steps"] == jobs.built["config"]["job"]["steps"]


@pytest.mark.installation
def test_no_credential_can_be_read_in_the_job_or_in_the_log(jobs: Jobs) -> None:
    assert jobs.built["config"]["secret"] == [0, 0, 0]


@pytest.mark.installation
def test_a_tree_of_many_files_does_not_burst_the_description_of_the_job(jobs: Jobs) -> None:
    # 40,000 names of 66 letters: 2.6 MB, and 26 times as much where a million are.
    job = jobs.built["many"]["job"]
    assert job["bytes"] < 100_000 < DATAFLOW_LIMIT


@pytest.mark.installation
def test_a_job_whose_workers_would_have_beam_alone_is_refused(jobs: Jobs) -> None:
    assert jobs.built["lacking"]["status"] == 2
    assert "nothing brings this project to the workers" in jobs.built["lacking"]["err"]


def test_the_image_of_a_worker_is_made_of_beams_for_the_pinned_version_and_of_files_that_exist() -> None:
    lines = ROOT.joinpath("configs/runners/worker.Dockerfile").read_text().splitlines()
    (base,) = [line.removeprefix("FROM ") for line in lines if line.startswith("FROM ")]
    constraints = ROOT.joinpath("requirements/constraints.txt").read_text()
    assert f"apache-beam=={beams_version()}\n" in constraints
    assert base == f"apache/beam_python3.11_sdk:{beams_version()}"
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    assert {"setup.py", "labelbeam", *ROOMS} <= set(copied)
    for name in copied:
        assert ROOT.joinpath(name).exists(), name


def test_the_keys_of_the_example_are_options_and_its_files_exist() -> None:
    values = yaml.safe_load(ROOT.joinpath("configs/runners/dataflow.yaml").read_text())
    assert set(values) <= {*ConvertConfig.__struct_fields__, *BEAM_OPTIONS}
    assert ROOT.joinpath(values["setup_file"]).exists() and ROOT.joinpath(values["requirements_file"]).exists()


def beams_version() -> str:
    pins = ROOT.joinpath("requirements/dataflow.txt").read_text().splitlines()
    return next(line.partition("==")[2] for line in pins if line.startswith("apache-beam=="))
