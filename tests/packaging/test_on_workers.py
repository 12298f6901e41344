"""Workers that somebody else has started, on a portable runner: they have the package, and modules called as its rooms are."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.packaging.made import write_dataset, write_own_names
from tests.runners.driving import PATIENCE, Installed, job_service, worker_pool

pytestmark = [pytest.mark.installation, pytest.mark.cluster]


@pytest.fixture(scope="module")
def beside_own_names(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """An environment in whose directories and path a user's own modules come first."""
    own = write_own_names(tmp_path_factory.mktemp("workers") / "own")
    return replace(installed, folder=own)


@pytest.fixture(scope="module")
def path(beside_own_names: Installed) -> str:
    return os.pathsep.join([str(beside_own_names.folder), str(beside_own_names.packages)])


@pytest.fixture(scope="module")
def runner(beside_own_names: Installed, path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The options of a job service with a pool of external workers."""
    folder = tmp_path_factory.mktemp("service")
    with (
        worker_pool(beside_own_names, folder / "pool.log", PYTHONPATH=path) as pool,
        job_service(beside_own_names, folder / "service.log", folder / "staging") as service,
    ):
        yield [
            "--runner=PortableRunner",
            f"--job_endpoint={service}",
            "--environment_type=EXTERNAL",
            f"--environment_config={pool}",
        ]


def test_a_build_on_external_workers_has_the_bytes_of_one_here(
    beside_own_names: Installed, path: str, runner: list[str], tmp_path: Path
) -> None:
    arguments = write_dataset(tmp_path)
    hashes = []
    for name, options in (("here", []), ("there", [*runner, "--shared-paths"])):
        ran = beside_own_names.labelbeam(
            "convert", *arguments, "--output", str(tmp_path / name), *options, PYTHONPATH=path
        )
        assert ran.status == 0, ran.err
        (manifest,) = tmp_path.glob(f"{name}/builds/*/manifest.json")
        hashes.append([file["sha256"] for file in json.loads(manifest.read_bytes())["splits"]["train"]["files"]])
    assert hashes[0] == hashes[1] and len(hashes[0]) == 3


OWN_PIPELINE = """
import json, sys
import apache_beam as beam
import labelbeam
from apache_beam.options.pipeline_options import PipelineOptions
from labelbeam.beam import ReadBuild, ReadDataset

source, folder, flags = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
options = dict(task="image_object_detection", source=source, image_url="https://images.example.org/c/", shards=3)
labelbeam.convert(**options, output=f"{folder}/built")


def text(row):
    return json.dumps([row.image_url, row.split, len(row.label), row.label[0].topX])


for name, read in (("dataset", ReadDataset(**options)), ("build", ReadBuild(f"{folder}/built"))):
    with beam.Pipeline(options=PipelineOptions(flags)) as pipeline:
        rows = pipeline | read
        rows = rows.records if name == "dataset" else rows
        rows | beam.Map(text) | beam.io.WriteToText(f"{folder}/{name}")
"""


def test_a_pipeline_of_ones_own_reads_datasets_and_builds_on_external_workers(
    beside_own_names: Installed, path: str, runner: list[str], tmp_path: Path
) -> None:
    source = write_dataset(tmp_path)[3]
    script = tmp_path / "own_pipeline.py"
    script.write_text(OWN_PIPELINE)
    flags = json.dumps([*runner, "--save_main_session"])
    ran = subprocess.run(
        beside_own_names.command(
            str(beside_own_names.python), str(script), source, str(tmp_path), flags, PYTHONPATH=path
        ),
        cwd=beside_own_names.folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    lines = {
        name: sorted(line for file in tmp_path.glob(f"{name}-*") for line in file.read_text().splitlines())
        for name in ("dataset", "build")
    }
    assert lines["dataset"] == lines["build"] and len(lines["build"]) == 20
