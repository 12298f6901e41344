"""Inputs that are as they were are known by a look at each, and whatever cannot be known so counts as changed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.manifest import Source
from labelbeam.transforms.builds.manifest import _source
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.plan.unchanged import check_unmodified, same_inputs
from tests.transforms.formats.coco.planned import coco

CLASSES = {"cat/1.jpg": "x", "dog/2.jpg": "y"}


def config(source: Path | str, **options: Any) -> ConvertConfig:
    return ConvertConfig(task="image_classification", source=[str(source)], output="memory://nowhere", **options)


def fill(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def planned(source: Path, **options: Any) -> tuple[ConvertConfig, Plan, Source]:
    given = config(source, **options)
    plan = make_plan(given, {})
    return given, plan, _source(plan)


@pytest.mark.parametrize("name", ["tree", "x.json"])
def test_inputs_are_the_same_until_one_of_them_changes(name: str, tmp_path: Path) -> None:
    fill(tmp_path, {"x.json": coco(), "1.jpg": ""})
    fill(tmp_path / "tree", CLASSES)
    given, _, source = planned(tmp_path / name)
    assert same_inputs(source, given, {})
    changed = tmp_path / ("tree/cat/1.jpg" if name == "tree" else name)
    os.utime(changed, ns=(1, 1))
    assert not same_inputs(source, given, {})


def test_a_file_more_or_less_is_a_change(tmp_path: Path) -> None:
    given, _, source = planned(fill(tmp_path, CLASSES))
    fill(tmp_path, {"cat/3.jpg": "z"})
    assert not same_inputs(source, given, {})
    (tmp_path / "cat/3.jpg").unlink()
    assert same_inputs(source, given, {})
    (tmp_path / "cat/1.jpg").unlink()
    assert not same_inputs(source, given, {})


def test_another_source_or_one_that_is_gone_is_a_change_and_no_error(tmp_path: Path) -> None:
    fill(tmp_path / "a", CLASSES)
    _, _, source = planned(tmp_path / "a")
    assert not same_inputs(source, config(fill(tmp_path / "b", CLASSES)), {})
    assert not same_inputs(source, config(tmp_path / "gone"), {})
    assert not same_inputs(source, config("nonsense://x"), {})


def test_a_file_that_was_read_in_parts_may_not_have_changed_meanwhile(tmp_path: Path) -> None:
    fill(tmp_path, {"x.json": coco(), "1.jpg": ""})
    _, plan, _ = planned(tmp_path / "x.json")
    check_unmodified(plan, {})
    os.utime(tmp_path / "x.json", ns=(1, 1))
    with pytest.raises(LabelBeamError, match=r"x\.json: the file changed while it was read"):
        check_unmodified(plan, {})
