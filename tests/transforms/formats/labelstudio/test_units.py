"""Units of Label Studio: a file each, read by the options that were given; and what their evidence says."""

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
from labelbeam.transforms.formats.labelstudio.format import LabelStudioOptions
from labelbeam.transforms.formats.labelstudio.units import LabelStudioUnit, doubts_of, plan_labelstudio
from labelbeam.transforms.formats.named_images import IMAGES, ImageFinder
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from tests.transforms.unit_runs import fragments, options

INDEX = pickle.dumps(ImageFinder(["1.jpg"]))
VALUE = {"x": 1, "y": 2, "width": 3, "height": 4, "rectanglelabels": ["cat"]}
ANNOTATIONS = [{"completed_by": person, "result": [{"value": VALUE}] * person} for person in (1, 2)]
EXPORT = json.dumps([{"id": 5, "data": {"image": "1.jpg"}, "annotations": ANNOTATIONS}])


def test_a_plan_is_a_unit_a_file_that_was_found(memory: str) -> None:
    root = locate(memory, {})
    for name in ("val/p.json", "train/p.json", "other.json", "train/1.jpg"):
        put(root.below(name), b"{}")
    config = ConvertConfig(task="image_object_detection", source=[memory], output="memory://nowhere")
    plan = plan_labelstudio(Tree(config, {}, [root], []), (root, ["val/p.json", "train/p.json"]))
    paths = ["train/p.json", "val/p.json"]
    assert plan.units == [LabelStudioUnit(root.url, path, 2, number) for number, path in enumerate(paths)]


@pytest.mark.parametrize(
    ("given", "objects", "several"),
    [
        (LabelStudioOptions(), 2, 1),
        (LabelStudioOptions(labelstudio_annotator="1"), 1, 0),
        (LabelStudioOptions(labelstudio_annotations="all"), 3, 0),
    ],
)
def test_a_file_is_read_by_its_options_under_keys_of_its_own(
    given: LabelStudioOptions, objects: int, several: int, tmp_path: Path
) -> None:
    (tmp_path / "val.json").write_text(EXPORT)
    task: Any = "image_instance_segmentation"
    result = read_unit(options(of_formats=(given,), task=task), LabelStudioUnit(str(tmp_path), "val.json", 0, 3), INDEX)
    (fragment,) = fragments(result)
    assert (fragment.images.paths, fragment.images.keys.tolist()) == (["1.jpg"], [3 << 32])
    assert (len(fragment.objects), fragment.images.splits) == (objects, ["validation"])
    evidence = result.findings.evidence[str(tmp_path)]
    counts = {name: evidence.count(name) for name in ("several", "images_named", "without_outline", "boxes")}
    assert counts == {"several": several, "images_named": 1, "without_outline": objects, "boxes": objects}
    assert LabelStudioUnit.index == IMAGES


def test_controls_between_which_one_was_chosen_are_told(tmp_path: Path) -> None:
    chosen = [{"from_name": name, "value": {"choices": ["x"]}} for name in ("mood", "class")]
    (tmp_path / "p.json").write_text(json.dumps([{"data": {"image": "1.jpg"}, "annotations": [{"result": chosen}]}]))
    task: Any = "image_classification"
    result = read_unit(options(task=task), LabelStudioUnit(str(tmp_path), "p.json", 0, 0), INDEX)
    (doubt,) = doubts_of(result.findings.evidence)
    assert (doubt.code, doubt.example, doubt.option) == (
        "label_column",
        "'class' before 'mood'",
        "--labelstudio-control",
    )


def test_a_file_that_is_none_of_label_studio_fails_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text("7")
    with pytest.raises(LabelBeamError, match=r"p\.json: it holds no list of tasks; expected an export of Label Studio"):
        read_unit(options(), LabelStudioUnit(str(tmp_path), "p.json", 1, 0), INDEX)


@pytest.mark.parametrize(
    ("name", "code", "option"),
    [
        ("several", "several_annotations", "--labelstudio-annotations latest"),
        ("unannotated", "images_not_annotated", ""),
        ("predicted", "predicted_labels", "--labelstudio-annotations predictions"),
        ("models", "predicted_labels", ""),
        ("unlabelled", "regions_without_label", ""),
        ("twofold", "labels_in_two_places", "--labelstudio-control"),
        ("without_outline", "without_outline", ""),
    ],
)
def test_what_was_counted_is_told_with_the_option_that_changes_it(name: str, code: str, option: str) -> None:
    evidence = Evidence()
    assert doubts_of({"memory://x": evidence}) == []
    evidence.add(name, 2, "p.json")
    (doubt,) = doubts_of({"memory://x": evidence})
    assert (doubt.code, doubt.count, doubt.example, doubt.option) == (code, 2, "p.json", option)
