"""Units of VIA: a file each, read by the attribute and the label that were given; and what their evidence says."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.named_images import IMAGES, ImageFinder
from labelbeam.transforms.formats.via.format import ViaOptions
from labelbeam.transforms.formats.via.units import ViaUnit, doubts_of, plan_via
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from tests.transforms.unit_runs import fragments, options

INDEX = pickle.dumps(ImageFinder(["1.jpg", "2.jpg"]))
RECT = {"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4}


def content(*attributes: dict[str, str]) -> str:
    regions = [{"shape_attributes": RECT, "region_attributes": item} for item in attributes]
    return json.dumps({"1.jpg7": {"filename": "1.jpg", "regions": regions}})


def test_a_plan_is_a_unit_a_file_that_was_found(memory: str) -> None:
    root = locate(memory, {})
    for name in ("val/v.json", "train/v.json", "other.json", "train/1.jpg"):
        put(root.below(name), b"{}")
    config = ConvertConfig(task="image_object_detection", source=[memory], output="memory://nowhere")
    plan = plan_via(Tree(config, {}, [root], []), (root, ["val/v.json", "train/v.json"]))
    assert plan.units == [ViaUnit(root.url, "train/v.json", 2, 0), ViaUnit(root.url, "val/v.json", 2, 1)]


@pytest.mark.parametrize(
    ("given", "labels", "chosen", "unlabelled"),
    [
        (ViaOptions(), ["cat"], 1, 1),
        (ViaOptions(via_attribute="note"), ["big"], 0, 1),
        (ViaOptions(via_label="thing"), ["cat", "thing"], 1, 0),
    ],
)
def test_a_file_is_read_by_its_options_under_keys_of_its_own(
    given: ViaOptions, labels: list[str], chosen: int, unlabelled: int, tmp_path: Path
) -> None:
    (tmp_path / "val.json").write_text(content({"class": "cat", "note": "big"}, {}))
    unit = ViaUnit(str(tmp_path), "val.json", 0, 3)
    result = read_unit(options(of_formats=(given,)), unit, INDEX)
    (fragment,) = fragments(result)
    assert (fragment.images.paths, fragment.images.keys.tolist()) == (["1.jpg"], [3 << 32])
    assert sorted(fragment.labels) == labels
    evidence = result.findings.evidence[str(tmp_path)]
    counts = {name: evidence.count(name) for name in ("chosen", "unlabelled", "images_named", "without_outline")}
    assert counts == {"chosen": chosen, "unlabelled": unlabelled, "images_named": 1, "without_outline": 0}
    assert unit.index == IMAGES


def test_boxes_are_counted_as_without_outline_for_segmentation_alone(tmp_path: Path) -> None:
    (tmp_path / "v.json").write_text(content({"class": "cat"}))
    task: Any = "image_instance_segmentation"
    result = read_unit(options(task=task), ViaUnit(str(tmp_path), "v.json", 0, 0), INDEX)
    assert result.findings.evidence[str(tmp_path)].count("without_outline") == 1


def test_a_file_that_is_none_of_via_fails_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "v.json").write_text("[]")
    with pytest.raises(LabelBeamError, match=r"v\.json: it holds no JSON object; expected a project or exported"):
        read_unit(options(), ViaUnit(str(tmp_path), "v.json", 2, 0), INDEX)


@pytest.mark.parametrize(
    ("name", "code", "option"),
    [
        ("chosen", "label_column", "--via-attribute"),
        ("unlabelled", "regions_without_label", "--via-label"),
        ("without_outline", "without_outline", ""),
    ],
)
def test_what_was_counted_is_told_with_the_option_that_changes_it(name: str, code: str, option: str) -> None:
    evidence = Evidence()
    assert doubts_of({"memory://x": evidence}) == []
    evidence.add(name, 2, "v.json")
    (doubt,) = doubts_of({"memory://x": evidence})
    assert (doubt.code, doubt.count, doubt.example, doubt.option) == (code, 2, "v.json", option)
