"""Units of Supervisely: batches of files, of which each costs its own image alone; and what their evidence says."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from labelbeam.transforms.formats import file_batches
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.named_images import IMAGES, ImageFinder
from labelbeam.transforms.formats.supervisely.units import SuperviselyUnit, doubts_of
from labelbeam.transforms.read.work import read_unit
from tests.transforms.formats.planned import plan
from tests.transforms.unit_runs import fragments, options

INDEX = pickle.dumps(ImageFinder([f"ds/img/{number}.jpg" for number in range(4)]))


def content(**more: Any) -> str:
    found = {"classTitle": "cat", "geometryType": "rectangle", "points": {"exterior": [[1.5, 2], [3, 4]]}}
    return json.dumps({"tags": [{"name": "wet"}, {"name": "a", "value": 1}], "objects": [found], **more})


def test_files_are_planned_in_batches_with_keys_of_their_own(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_batches, "BATCH", 2)
    text = content(size={})
    files = dict.fromkeys(("a/ann/1.json", "a/ann/2.JSON", "b/ann/1.json", ".x/ann/1.json"), text)
    size = len(text)
    assert plan(memory, files, format="supervisely").units == [
        SuperviselyUnit(memory, (("a/ann/1.json", size), ("a/ann/2.JSON", size)), 0, {}),
        SuperviselyUnit(memory, (("b/ann/1.json", size),), 2, {}),
    ]


def test_a_file_that_cannot_be_read_costs_its_image_and_one_of_another_kind_nothing(tmp_path: Path) -> None:
    (tmp_path / "ds/ann").mkdir(parents=True)
    for number, text in ((1, content()), (2, "{}"), (3, content())):
        (tmp_path / f"ds/ann/{number}.jpg.json").write_text(text)
    unit = SuperviselyUnit(str(tmp_path), tuple((f"ds/ann/{number}.jpg.json", 0) for number in range(4)), 100, {})
    result = read_unit(options(), unit, INDEX)
    (fragment,) = fragments(result)
    paths = ["ds/img/1.jpg", "ds/img/3.jpg"]
    assert (fragment.images.paths, fragment.images.keys.tolist()) == (paths, [101, 102])
    assert [(str(item.code), item.image) for item in fragment.rejections] == [("unreadable_file", "ds/img/0.jpg")]
    evidence = result.findings.evidence[str(tmp_path)]
    counts = {name: evidence.count(name) for name in ("left_alone", "images_named", "edged", "without_outline")}
    assert counts == {"left_alone": 1, "images_named": 3, "edged": 2, "without_outline": 0}
    assert (unit.size, unit.index) == (4, IMAGES)
    result = read_unit(options(task="image_classification_multilabel"), unit, INDEX)
    assert [label for found in fragments(result) for label in found.labels] == ["wet"]
    evidence = result.findings.evidence[str(tmp_path)]
    assert (evidence.count("valued"), evidence.count("twofold")) == (2, 2)


@pytest.mark.parametrize(
    ("name", "code", "option"),
    [
        ("left_alone", "files_left_alone", ""),
        ("edged", "corners_no_pixels", "--supervisely-corners edges"),
        ("united", "shapes_united", "--supervisely-groups apart"),
        ("valued", "tags_with_values", "--supervisely-tag"),
        ("twofold", "labels_in_two_places", ""),
        ("size_differs", "declared_size_differs", "--check-images header"),
    ],
)
def test_what_was_counted_is_told_with_the_option_that_changes_it(name: str, code: str, option: str) -> None:
    evidence = Evidence()
    assert doubts_of({"memory://x": evidence}) == []
    evidence.add(name, 2, "a.json")
    (doubt,) = doubts_of({"memory://x": evidence})
    assert (doubt.code, doubt.count, doubt.example, doubt.option) == (code, 2, "a.json", option)
