"""Commands that follow a build: what they register and train on, and where."""

from __future__ import annotations

import shlex

import pytest

from labelbeam.schemas.manifest import SplitCounts
from labelbeam.transforms.builds.next_steps import next_steps
from tests.manifests import BUILD, manifest

WORKSPACE = "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/"


def commands(output: str = "built", **roots: int) -> list[list[str]]:
    splits = {split: SplitCounts(5, 5) for split in ("train", "validation")}
    made = manifest(splits=splits, image_roots=roots)
    return next_steps(made, output, f"{output}/builds/{BUILD}")


def test_each_split_is_registered_and_then_trained_on() -> None:
    lines = ["labelbeam verify built"]
    for split in ("train", "validation"):
        named = f"--name built-{split} --version {BUILD.partition('-')[0]} --type mltable"
        lines.append(f"az ml data create {named} --path built/builds/{BUILD}/{split}")
    lines += ["labelbeam job built", "az ml job create --file azureml/job.yaml"]
    assert commands() == [shlex.split(line) for line in lines]


@pytest.mark.parametrize(
    ("output", "name"),
    [("s3://bucket/My data_1/", "My-data-1"), ("My data_1", "My-data-1"), ("s3://\u00fc/", "dataset")],
)
def test_assets_are_called_after_the_output_in_letters_that_azure_takes(output: str, name: str) -> None:
    assert commands(output)[1][5] == f"{name}-train"


@pytest.mark.parametrize(
    "root", ["file://", "AmlDatastore://data/", "s3://", "gs://", "azureml://datastores/d/paths/", "zip://"]
)
def test_a_build_that_no_job_can_read_is_registered_nowhere(root: str) -> None:
    assert commands(**{"https://": 1_000, root: 200}) == [["labelbeam", "verify", "built"]]


def test_a_build_whose_images_lie_in_a_workspace_is_registered_there() -> None:
    roots = {f"{WORKSPACE}one/paths/": 5, f"{WORKSPACE}two/paths/": 5, "https://": 1}
    verify, *data, job, train = commands(**roots)
    for command in (*data, train):
        assert command[-6:] == ["--subscription", "s", "-g", "g", "-w", "w"]
    assert verify[:2] + job[:2] == ["labelbeam", "verify", "labelbeam", "job"]
    others = roots | {WORKSPACE.replace("/w/", "/x/") + "three/paths/": 1}
    assert not any("--subscription" in command for command in commands(**others))
