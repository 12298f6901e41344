"""`labelbeam job`: what Azure ML is to be given, and what a build is refused for."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from labelbeam.pipelines.commands.job import _asset_path
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.tasks import TASKS
from tests.end_to_end.builds import (
    CLASSIFICATION,
    DETECTION,
    MULTILABEL,
    SEGMENTATION,
    Build,
    convert,
    failed,
    labelbeam,
)
from tests.manifests import manifest
from tests.schedules.environment import tools_python

WORKSPACE = "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/"
BOX = {"topX": 0.1, "topY": 0.1, "bottomX": 0.9, "bottomY": 0.9}
LABELS: dict[str, Any] = {
    CLASSIFICATION: lambda label: label,
    MULTILABEL: lambda label: [label],
    DETECTION: lambda label: [BOX | {"label": label}],
    SEGMENTATION: lambda label: [{"label": label, "polygon": [[0.1, 0.1, 0.9, 0.1, 0.9, 0.9]]}],
}


def sources(
    folder: Path, task: str = DETECTION, train: int = 20, validation: int = 4, prefix: str = WORKSPACE
) -> list[str | Path]:
    """Options that name sources whose labels are half can, half carton."""
    sources: list[Path | str] = []
    for split, count in (("train", train), ("validation", validation)):
        details = {"format": "jpg", "width": 4, "height": 3}
        records = [
            {
                "image_url": f"{prefix}{split}/{n}.jpg",
                "image_details": details,
                "label": LABELS[task](("can", "carton")[n % 2]),
            }
            for n in range(count)
        ]
        if records:
            file = folder / f"{split}.jsonl"
            file.write_text("".join(f"{json.dumps(record)}\n" for record in records))
            sources += ["--source", file]
    return sources


def build(folder: Path, task: str = DETECTION, train: int = 20, validation: int = 4, prefix: str = WORKSPACE) -> Build:
    """A build of them."""
    return convert(*sources(folder, task, train, validation, prefix), task=task, output=folder / "My parts")


@pytest.mark.parametrize("task", TASKS)
def test_the_assets_of_both_splits_and_the_job_that_trains_on_them_are_written(tmp_path: Path, task: str) -> None:
    made = build(tmp_path, task)
    answer = labelbeam("job", made.output, "--to", tmp_path / "azure ml", "--compute", "gpu", "--model", "m1")
    assert answer.status == 0, answer.err
    files = {path.name: yaml.safe_load(path.read_text()) for path in (tmp_path / "azure ml").iterdir()}
    assert sorted(files) == ["job.yaml", "train.data.yaml", "validation.data.yaml"]
    version = made.manifest["build"].partition("-")[0]
    for split in ("train", "validation"):
        asset = files[f"{split}.data.yaml"]
        assert (asset["name"], asset["version"], asset["type"]) == (f"My-parts-{split}", version, "mltable")
        assert Path(asset["path"]) == made.root / split
    job = files["job.yaml"]
    metrics = {CLASSIFICATION: "accuracy", MULTILABEL: "iou"}
    assert (job["task"], job["target_column_name"], job["compute"]) == (task, "label", "azureml:gpu")
    assert job["primary_metric"] == metrics.get(task, "mean_average_precision")
    assert job["training_data"] == {"path": f"azureml:My-parts-train:{version}", "type": "mltable"}
    assert job["validation_data"] == {"path": f"azureml:My-parts-validation:{version}", "type": "mltable"}
    assert job["training_parameters"] == {"model_name": "m1"}
    commands = [shlex.split(line) for line in answer.err.partition("next:\n")[2].splitlines()]
    assert [command[:4] for command in commands] == [["az", "ml", kind, "create"] for kind in ("data", "data", "job")]
    for command in commands:
        assert Path(command[5]).is_file()
        assert command[6:] == ["--subscription", "s", "-g", "g", "-w", "w"]


@pytest.mark.parametrize("prefix", ["file:///data/", "AmlDatastore://d/"])
def test_a_build_that_no_job_can_read_is_refused_whatever_is_accepted(tmp_path: Path, prefix: str) -> None:
    made = build(tmp_path, prefix=prefix)
    answer = labelbeam("job", made.output, "--to", tmp_path / "to", "--accept", "image_url_not_read")
    failed(answer, 1, "24 of 24 image URLs", "--image-url")
    assert not (tmp_path / "to").exists()
    assert "az ml" not in made.said


@pytest.mark.parametrize(
    ("task", "train", "validation", "codes"),
    [
        (DETECTION, 20, 4, []),
        (DETECTION, 9, 4, ["few_images", "rare_labels"]),
        (DETECTION, 20, 0, ["no_validation_split"]),
        (CLASSIFICATION, 1, 1, ["few_images", "few_labels", "rare_labels"]),
    ],
)
def test_what_a_job_learns_little_from_is_told_by_convert_and_refused_by_job_until_it_is_accepted(
    tmp_path: Path, task: str, train: int, validation: int, codes: list[str]
) -> None:
    made = build(tmp_path, task, train, validation)
    assert ("before training:" in made.said) == bool(codes)
    to = ("--to", tmp_path / "to")
    if codes:
        answer = labelbeam("job", made.output, *to)
        failed_with_lines = [
            line.strip().partition(":")[0] for line in answer.err.splitlines() if line.startswith("  ")
        ]
        assert (answer.status, failed_with_lines) == (3, codes)
        assert not (tmp_path / "to").exists()
    accepted = [word for code in codes for word in ("--accept", code)]
    assert labelbeam("job", made.output, *to, *accepted).status == 0
    job = yaml.safe_load((tmp_path / "to/job.yaml").read_text())
    assert ("validation_data" in job) == (validation > 0)


def test_labels_of_other_splits_that_are_never_trained_are_told(tmp_path: Path) -> None:
    made = build(tmp_path, CLASSIFICATION, 20, 4)
    manifest = made.manifest
    manifest["label_counts"]["train"].pop("carton")
    (made.root / "manifest.json").write_text(json.dumps(manifest))
    answer = labelbeam("job", made.output, "--to", tmp_path / "to")
    assert answer.status == 3
    assert "labels_not_trained" in answer.err and "few_labels" in answer.err


def test_strict_publishes_what_only_a_job_would_mind(tmp_path: Path) -> None:
    record = {"image_url": f"{WORKSPACE}1.jpg", "image_width": 4, "image_height": 3, "label": "can"}
    (tmp_path / "x.jsonl").write_text(json.dumps(record))
    convert("--source", tmp_path / "x.jsonl", "--strict", task=CLASSIFICATION, output=tmp_path / "out")


def test_a_datastore_may_be_named_by_its_name_or_in_full() -> None:
    place, full = "az://box/a b", WORKSPACE.removesuffix("/paths/")
    assert _asset_path(manifest(), place, "d1") == "azureml://datastores/d1/paths/a b"
    assert _asset_path(manifest(), place, full) == f"{full}/paths/a b"
    for datastore in (None, "two words", "azureml://datastores/d", "d/paths"):
        with pytest.raises(UsageError, match="--datastore"):
            _asset_path(manifest(), place, datastore)


def test_a_code_that_there_is_not_cannot_be_accepted(tmp_path: Path) -> None:
    made = build(tmp_path)
    failed(labelbeam("job", made.output, "--accept", "few_image"), 2, "few_images")


def test_an_output_without_a_build_is_refused(tmp_path: Path) -> None:
    failed(labelbeam("job", tmp_path), 1, "latest.json")


LOAD = """
import sys
from azure.ai.ml import load_data, load_job
for path in sys.argv[1:]:
    found = load_job(path) if path.endswith("job.yaml") else load_data(path)
    print(type(found).__name__, getattr(found, "primary_metric", ""), found.name or "")
"""

CLASSES = {
    CLASSIFICATION: "ImageClassificationJob",
    MULTILABEL: "ImageClassificationMultilabelJob",
    DETECTION: "ImageObjectDetectionJob",
    SEGMENTATION: "ImageInstanceSegmentationJob",
}


@pytest.mark.installation
@pytest.mark.parametrize("task", TASKS)
def test_azures_own_loaders_take_every_file(tmp_path: Path, task: str) -> None:
    made = build(tmp_path, task)
    assert labelbeam("job", made.output, "--to", tmp_path / "to").status == 0
    files = [tmp_path / "to" / name for name in ("train.data.yaml", "validation.data.yaml", "job.yaml")]
    command = [str(tools_python("azureml")), "-W", "ignore", "-c", LOAD, *map(str, files)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    loaded = [line.split()[0] for line in ran.stdout.splitlines()]
    assert loaded == ["Data", "Data", CLASSES[task]]


def test_nothing_is_written_elsewhere_by_a_split_a_link_or_into_a_build(tmp_path: Path) -> None:
    made = build(tmp_path)
    answer = labelbeam("job", made.output, "--to", made.root / "train")
    assert (answer.status, "which never change" in answer.err) == (2, True)
    file = made.root / "manifest.json"
    before = file.read_text()
    document = json.loads(before)
    document["splits"]["../../escaped"] = document["splits"].pop("train")
    file.write_text(json.dumps(document))
    answer = labelbeam("job", made.output, "--to", tmp_path / "a/b/c")
    assert (answer.status, "as a split or file" in answer.err) == (1, True)
    assert not [*tmp_path.rglob("*.yaml")]
    file.write_text(before)
    (tmp_path / "to").mkdir()
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "to/job.yaml").symlink_to(tmp_path / "mine")
    assert labelbeam("job", made.output, "--to", tmp_path / "to").status == 0
    assert (tmp_path / "mine").read_text() == "mine"
    assert "training_data" in (tmp_path / "to/job.yaml").read_text()


@pytest.mark.parametrize(
    "text", ["1e3", "0o7", "12e03", "a\x85b", "no", "a: b # c", "!!python/name:os.system", "- x\u202e"]
)
def test_what_is_given_is_written_as_what_it_is(text: str, tmp_path: Path) -> None:
    built = build(tmp_path)
    options = {"compute": text, "experiment": text, "model": text, "metric": text, "job-name": text}
    given = [f"--{name}={value}" for name, value in options.items()]
    assert labelbeam("job", built.output, "--to", tmp_path / "to", *given).status == 0
    written = (tmp_path / "to/job.yaml").read_text(encoding="utf-8")
    job = yaml.safe_load(written)
    found = [job["name"], job["experiment_name"], job["primary_metric"], job["training_parameters"]["model_name"]]
    assert found == [text] * 4 and job["compute"] == f"azureml:{text}"
    if text[0].isdigit():
        assert f'experiment_name: "{text}"\n' in written  # A number, for a reader of YAML 1.2 alone.


@pytest.mark.parametrize("name", ["compute", "experiment", "model", "metric", "job-name", "datastore", "workspace"])
def test_what_is_no_text_cannot_be_written(name: str, tmp_path: Path) -> None:
    built = build(tmp_path)
    answer = labelbeam("job", built.output, "--to", tmp_path / "to", f"--{name}=a\udcff")
    failed(answer, 2, f"--{name}: found a\\udcff, expected text in UTF-8")
    assert not (tmp_path / "to").exists()
