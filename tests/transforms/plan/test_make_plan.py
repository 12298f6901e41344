"""A source is planned by the format that it is of, or refused in the words that help most."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.plan.make_plan import make_plan

CAPTIONS = json.dumps(
    {"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": [{"id": 1, "image_id": 1, "caption": "a cat"}]}
)


def plan(source: Path, task: Any = "image_classification", **options: Any) -> Plan:
    return make_plan(ConvertConfig(task=task, source=[str(source)], output="memory://nowhere", **options), {})


def test_a_plan_says_how_its_format_was_recognised_or_that_it_was_said(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.jpg").touch()
    assert plan(tmp_path).recognised == "found 1 image and neither COCO nor VOC annotations"
    assert (plan(tmp_path, format="folder").format, plan(tmp_path, format="folder").recognised) == (
        "folder",
        "--format folder",
    )


def test_a_task_that_a_format_does_not_serve_is_refused_with_those_that_it_does(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.jpg").touch()
    with pytest.raises(UsageError, match="image_object_detection"):
        plan(tmp_path, "image_object_detection")


def test_what_is_of_a_format_that_nobody_reads_is_told_before_what_another_misses(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").touch()
    (tmp_path / "1.json").write_text(json.dumps({"objects": [{"box2d": {}}]}))
    with pytest.raises(UsageError, match="BDD100K"):
        plan(tmp_path)
    with pytest.raises(LabelBeamError) as caught:
        plan(tmp_path, format="coco")
    assert "BDD100K" not in str(caught.value), "a person said what it is"
