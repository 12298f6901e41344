"""Units of Datumaro: a file each; and what their evidence says."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.formats.datumaro.format import DatumaroOptions
from labelbeam.transforms.formats.datumaro.units import DatumaroUnit, doubts_of, plan_datumaro
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.named_images import IMAGES, ImageFinder
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from tests.transforms.unit_runs import fragments, options

INDEX = pickle.dumps(ImageFinder(["1.jpg"]))
BOX = {"type": "bbox", "label_id": 0, "group": 1, "bbox": [1, 2, 3, 4]}
ITEMS = [{"id": "1", "annotations": [BOX, BOX], "image": {"path": "1.jpg"}}]
TEXT = json.dumps({"categories": {"label": {"labels": [{"name": "cat"}]}}, "items": ITEMS})


def test_a_plan_is_a_unit_a_file_that_was_found(memory: str) -> None:
    root = locate(memory, {})
    for name in ("val.json", "train.json", "other.json", "1.jpg"):
        put(root.below(name), b"{}")
    config = ConvertConfig(task="image_object_detection", source=[memory], output="memory://nowhere")
    plan = plan_datumaro(Tree(config, {}, [root], []), (root, ["val.json", "train.json"]))
    assert plan.units == [DatumaroUnit(root.url, "train.json", 2, 0), DatumaroUnit(root.url, "val.json", 2, 1)]


@pytest.mark.parametrize(("groups", "objects", "united"), [("unite", 1, 1), ("apart", 2, 0)])
def test_a_file_is_read_by_its_options_under_keys_of_its_own(
    groups: Any, objects: int, united: int, tmp_path: Path
) -> None:
    (tmp_path / "val.json").write_text(TEXT)
    task: Any = "image_instance_segmentation"
    given = options(of_formats=(DatumaroOptions(datumaro_groups=groups),), task=task)
    result = read_unit(given, DatumaroUnit(str(tmp_path), "val.json", 0, 3), INDEX)
    (fragment,) = fragments(result)
    assert (fragment.images.paths, fragment.images.keys.tolist()) == (["1.jpg"], [3 << 32])
    assert (len(fragment.objects), fragment.images.splits) == (objects, ["validation"])
    evidence = result.findings.evidence[str(tmp_path)]
    counts = {name: evidence.count(name) for name in ("united", "images_named", "without_outline", "twofold")}
    assert counts == {"united": united, "images_named": 1, "without_outline": objects, "twofold": 0}
    assert DatumaroUnit.index == IMAGES


def test_a_file_that_is_none_of_datumaro_fails_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("7")
    with pytest.raises(LabelBeamError, match=r"a\.json: it holds no list of items; expected a subset as Datumaro"):
        read_unit(options(), DatumaroUnit(str(tmp_path), "a.json", 1, 0), INDEX)


@pytest.mark.parametrize(
    ("name", "code", "option"),
    [
        ("twofold", "labels_in_two_places", ""),
        ("united", "shapes_united", "--datumaro-groups apart"),
        ("without_outline", "without_outline", ""),
    ],
)
def test_what_was_counted_is_told_with_the_option_that_changes_it(name: str, code: str, option: str) -> None:
    evidence = Evidence()
    assert doubts_of({"memory://x": evidence}) == []
    evidence.add(name, 2, "a.json")
    (doubt,) = doubts_of({"memory://x": evidence})
    assert (doubt.code, doubt.count, doubt.example, doubt.option) == (code, 2, "a.json", option)
