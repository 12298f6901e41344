"""Documents for Azure ML: names that Azure takes, and a job that trains on what there is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.manifest import SplitCounts
from labelbeam.schemas.tasks import TASKS
from labelbeam.transforms.builds.azure import METRICS, JobOptions, asset_stem, asset_version, data_asset, training_job
from tests.manifests import BUILD, manifest

SPLITS = {"train": SplitCounts(20, 30), "validation": SplitCounts(5, 6)}


@given(st.text())
def test_whatever_an_output_is_called_its_assets_have_a_name_of_letters_that_azure_takes(output: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*", asset_stem(output))


@pytest.mark.parametrize(
    ("output", "stem"),
    [
        *(("s3://bucket/My data_1/", "My-data-1"), ("built", "built"), ("/", "dataset"), ("a/--x--", "x")),
        *(("az://c/\u00fc", "dataset"), ("a\u00e9b", "a-b")),
    ],
)
def test_an_asset_is_called_after_the_directory(output: str, stem: str) -> None:
    assert asset_stem(output) == stem


def test_versions_sort_as_builds_do() -> None:
    assert asset_version(BUILD) == "20261121T203833477542Z"


def test_an_asset_is_the_mltable_of_one_split() -> None:
    asset = data_asset(manifest(splits=SPLITS), "parts", "validation", "azureml://datastores/d/paths/x")
    assert (asset["name"], asset["version"], asset["type"]) == ("parts-validation", asset_version(BUILD), "mltable")
    assert asset["path"] == "azureml://datastores/d/paths/x"
    assert asset["description"] == "image_object_detection, split validation: 5 images, 6 objects"


@pytest.mark.parametrize("task", TASKS)
def test_a_job_trains_on_the_assets_of_its_build_by_the_usual_metric(task: str) -> None:
    job = training_job(manifest(task=task, splits=SPLITS), "parts", JobOptions(compute="gpu"))
    version = asset_version(BUILD)
    assert (job["task"], job["primary_metric"], job["compute"]) == (task, METRICS[task], "azureml:gpu")
    assert job["training_data"]["path"] == f"azureml:parts-train:{version}"
    assert job["validation_data"]["path"] == f"azureml:parts-validation:{version}"
    assert job["experiment_name"] == "parts"
    assert "training_parameters" not in job


def test_options_of_a_job_outweigh_what_is_usual() -> None:
    options = JobOptions(
        compute="c",
        experiment="e",
        model="yolov5",
        metric="m",
        timeout_minutes=1,
        max_trials=2,
        max_concurrent_trials=3,
    )
    job = training_job(manifest(splits=SPLITS), "parts", options)
    assert (job["experiment_name"], job["primary_metric"]) == ("e", "m")
    assert job["training_parameters"] == {"model_name": "yolov5"}
    assert job["limits"] == {"timeout_minutes": 1, "max_trials": 2, "max_concurrent_trials": 3}


@pytest.mark.parametrize("splits", [{}, {"validation": SplitCounts()}])
def test_without_images_to_validate_on_the_service_draws_them(splits: dict[str, SplitCounts]) -> None:
    job = training_job(manifest(splits={"train": SplitCounts(20, 30), **splits}), "parts", JobOptions(compute="c"))
    assert "validation_data" not in job
