"""The published schemas: valid themselves, true of what a build writes, and false of what the trainer would drop."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from labelbeam.pipelines.cli import main
from labelbeam.pipelines.commands.schema import NAMES, schema, schema_text
from labelbeam.schemas.tasks import TASKS

if TYPE_CHECKING:
    from tests.one_process import Runs

pytestmark = pytest.mark.xdist_group("runs")

CONFIGS = Path(__file__).parents[3] / "configs"

IMAGE = {"image_url": "a.jpg", "image_details": {"format": "jpg", "width": 4, "height": 3}}
BOX = {"label": "cat", "topX": 0.1, "topY": 0.1, "bottomX": 0.9, "bottomY": 0.9, "isCrowd": 0}


def errors(name: str, value: Any) -> list[str]:
    return [error.message for error in jsonschema.Draft202012Validator(schema(name)).iter_errors(value)]


def build_of(runs: Runs, output: str) -> Path:
    latest = json.loads((runs.folder / output / "latest.json").read_bytes())
    return runs.folder / output / "builds" / str(latest["build"])


def lines(files: Iterator[Path]) -> list[Any]:
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_each_schema_is_one(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", name]) == 0
    printed = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(printed)
    assert printed == schema(name) == json.loads(schema_text(name))


@pytest.mark.parametrize("task", TASKS)
def test_every_line_of_a_build_is_as_the_schema_of_its_task_says(runs: Runs, task: str) -> None:
    output = "plain" if task == "image_object_detection" else task
    assert runs.ended[output].status == 0
    records = lines(build_of(runs, output).glob("train/*.jsonl"))
    assert len(records) > 1
    for record in records:
        assert errors(task, record) == []
    for other in TASKS:
        if other != task:
            assert any(errors(other, record) for record in records)


def test_the_other_documents_of_a_build_are_as_their_schemas_say(runs: Runs) -> None:
    build = build_of(runs, "plain")
    assert errors("manifest", json.loads(build.joinpath("manifest.json").read_bytes())) == []
    assert errors("latest", json.loads((runs.folder / "plain" / "latest.json").read_bytes())) == []
    rejected = lines(build.glob("rejected/*.jsonl"))
    assert len(rejected) == 1
    assert errors("rejected", rejected[0]) == []
    assert errors("rejected", rejected[0] | {"code": "unheard_of"})


@pytest.mark.parametrize(
    ("task", "label"),
    [
        ("image_classification", ""),
        ("image_classification", ["cat"]),
        ("image_classification_multilabel", "cat"),
        ("image_classification_multilabel", [""]),
        ("image_object_detection", [BOX | {"topX": 1.5}]),
        ("image_object_detection", [BOX | {"topX": -1e-9}]),
        ("image_object_detection", [BOX | {"isCrowd": 2}]),
        ("image_object_detection", [BOX | {"label": None}]),
        ("image_object_detection", [{name: BOX[name] for name in BOX if name != "bottomX"}]),
        ("image_instance_segmentation", [BOX]),
        ("image_instance_segmentation", [{"label": "cat", "isCrowd": 0, "polygon": []}]),
        ("image_instance_segmentation", [{"label": "cat", "isCrowd": 0, "polygon": [[0, 0, 1, 1]]}]),
    ],
)
def test_what_the_trainer_would_drop_is_not_as_the_schema_says(task: str, label: Any) -> None:
    assert errors(task, {**IMAGE, "label": label})


def test_a_record_has_nothing_beside_what_the_schema_names() -> None:
    assert errors("image_classification", {**IMAGE, "label": "cat"}) == []
    assert errors("image_classification", {**IMAGE, "label": "cat", "image_height": 3})
    assert errors("image_classification", {"image_url": "a.jpg"})


def test_what_the_documents_call_optional_may_be_absent() -> None:
    box = {name: BOX[name] for name in BOX if name != "isCrowd"}
    polygon = {"label": "can", "polygon": [[0.577, 0.689, 0.562, 0.681, 0.559, 0.686]]}
    for task, label in (
        ("image_classification", "can"),
        ("image_classification_multilabel", ["can", "carton"]),
        ("image_object_detection", [box, BOX | {"isCrowd": True}]),
        ("image_instance_segmentation", [polygon]),
    ):
        assert errors(task, {"image_url": "AmlDatastore://image_data/Image_01.jpg", "label": label}) == []
        details = {"format": "jpg", "width": "499px"}
        assert errors(task, {"image_url": "a", "image_details": details, "label": label}) == []


def test_sizes_may_be_numbers_or_pixels_as_text() -> None:
    details = {"format": "jpg", "width": "640px", "height": "480px"}
    assert errors("image_classification", {"image_url": "a", "image_details": details, "label": "cat"}) == []
    assert errors(
        "image_classification", {"image_url": "a", "image_details": {**details, "width": "640"}, "label": "b"}
    )


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.name)
def test_the_example_configs_are_as_the_schema_says(path: Path) -> None:
    assert errors("config", yaml.safe_load(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("values", "valid"),
    [
        ({"source": "a.json"}, True),
        ({"source": ["a.json", "b.json"], "split": {"train": 1}}, True),
        ({"runner": "FlinkRunner", "flink_version": 1.20, "experiments": ["a", "b"], "streaming": True}, True),
        ({"tsak": "image_classification"}, False),
        ({"task": "classification"}, False),
        ({"source": []}, False),
        ({"shards": 0}, False),
        ({"max_rejected": 5}, False),
        ({"streaming": "yes"}, False),
        ({"num_workers": [1, 2]}, False),
    ],
)
def test_an_editor_can_check_a_config_that_is_still_incomplete(values: dict[str, Any], valid: bool) -> None:
    assert (errors("config", values) == []) == valid


def test_descriptions_are_not_indented_as_in_the_source() -> None:
    assert "\n    " not in schema("rejected")["$defs"]["Rejection"]["description"]
