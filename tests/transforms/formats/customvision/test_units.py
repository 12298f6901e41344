"""Units of Custom Vision: a file each, with the tags of the lists beside it; and the frame of all their regions."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.formats.customvision.units import CustomVisionUnit, doubts_of, frames_of, plan_customvision
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import FRACTIONS, Evidence
from labelbeam.transforms.formats.named_images import IMAGES, ImageFinder
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from tests.transforms.unit_runs import fragments, options

INDEX = pickle.dumps(ImageFinder(["images/0a.jpg", "images/0b.jpg"]))
PLACE = {"left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}
EXPORT = json.dumps([{"id": "0a", "regions": [{"tagId": "t1", **PLACE}, {"tagId": "t1", **PLACE, "left": 40}]}])


def test_a_plan_is_a_unit_a_file_with_the_tags_of_all_lists(memory: str) -> None:
    root = locate(memory, {})
    texts = {"b.json": EXPORT, "a.json": EXPORT, "c.json": "[]", "images/0a.jpg": ""}
    lists = {f"{number}.json": json.dumps([{"id": f"t{number}", "name": f"tag {number}"}]) for number in (1, 2)}
    for name, text in (texts | lists).items():
        put(root.below(name), text.encode())
    config = ConvertConfig(task="image_object_detection", source=[memory], output="memory://nowhere")
    plan = plan_customvision(Tree(config, {}, [root], []), root, ["b.json", "a.json"], list(lists))
    tags = {"t1": "tag 1", "t2": "tag 2"}
    assert plan.units == [
        CustomVisionUnit(root.url, name, len(EXPORT), number, tags) for number, name in enumerate(("a.json", "b.json"))
    ]


def test_a_file_is_read_under_keys_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "e.json").write_text(EXPORT)
    unit = CustomVisionUnit(str(tmp_path), "e.json", len(EXPORT), 3, {"t1": "cat"})
    result = read_unit(options(), unit, INDEX)
    (fragment,) = fragments(result)
    assert (fragment.images.paths, fragment.images.keys.tolist()) == (["images/0a.jpg"], [3 << 32])
    assert fragment.labels == ["cat"]
    evidence = result.findings.evidence[str(tmp_path)]
    counts = {name: evidence.count(name) for name in ("boxes", "far", "images_named")}
    assert counts == {"boxes": 2, "far": 1, "images_named": 1}
    assert unit.index == IMAGES


def test_a_file_that_holds_no_images_fails_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "e.json").write_text("{}")
    with pytest.raises(LabelBeamError, match=r"e\.json: .*; expected images as Custom Vision's API gives them"):
        read_unit(options(), CustomVisionUnit(str(tmp_path), "e.json", 2, 0, {}), INDEX)


def test_numbers_that_are_no_fractions_are_refused_where_they_are_most() -> None:
    far = Evidence()
    far.add("boxes", 3)
    far.add("far", 2, "e.json")
    with pytest.raises(UsageError, match=r"2 of 3 regions, such as in e[.]json, are no fractions"):
        frames_of({"memory://x": far})
    assert frames_of({"memory://x": Evidence()}) == {"memory://x": FRACTIONS}


def test_images_that_nobody_has_tagged_are_told() -> None:
    evidence = Evidence()
    evidence.add("untagged", 2, "e.json")
    assert [(str(doubt.code), doubt.count) for doubt in doubts_of({"s": evidence})] == [("images_not_annotated", 2)]
