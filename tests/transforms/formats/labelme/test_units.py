"""Units of LabelMe: batches of files, of which each costs its own image alone; and what their evidence says."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.formats import file_batches
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.labelme.format import LabelMeOptions
from labelbeam.transforms.formats.labelme.units import LabelMeUnit, doubts_of, plan_labelme
from labelbeam.transforms.formats.named_images import IMAGES, ImageFinder
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from tests.end_to_end.datasets import write_image
from tests.transforms.unit_runs import fragments, options

INDEX = pickle.dumps(ImageFinder(["0.jpg", "1.jpg", "2.jpg", "3.jpg"]))
CONFIG = ConvertConfig(task="image_object_detection", source=["s"], output="memory://nowhere")


def content(number: int, **more: Any) -> str:
    shape = {"label": "cat", "points": [[1, 2], [3, 4]], "shape_type": "rectangle"}
    return json.dumps({"shapes": [shape], "imagePath": f"{number}.jpg"} | more)


def test_json_files_are_planned_in_batches_with_keys_of_their_own(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_batches, "BATCH", 2)
    root = locate(memory, {})
    for name in ("1.json", "a/2.JSON", "3.json", ".hidden/4.json", "5.txt", "1.jpg"):
        put(root.below(name), b"{}")
    plan = plan_labelme(Tree(CONFIG, {}, [root], []), None)
    assert plan.units == [
        LabelMeUnit(root.url, (("1.json", 2), ("3.json", 2)), 0),
        LabelMeUnit(root.url, (("a/2.JSON", 2),), 2),
    ]
    file = root.below("3.json")
    (only,) = plan_labelme(Tree(CONFIG, {}, [file], [file]), "3.json").units
    assert only == LabelMeUnit(root.url, (("3.json", 2),), 0)
    with pytest.raises(LabelBeamError, match="no annotation file of labelme among"):
        plan_labelme(Tree(CONFIG, {}, [file], [file]), "6.json")


def test_a_file_that_cannot_be_read_costs_its_image_and_one_of_another_kind_nothing(tmp_path: Path) -> None:
    for number, text in ((1, content(1)), (2, "{}"), (3, content(3))):
        (tmp_path / f"{number}.json").write_text(text)
    unit = LabelMeUnit(str(tmp_path), tuple((f"{number}.json", 0) for number in range(4)), 100)
    result = read_unit(options(), unit, INDEX)
    (fragment,) = fragments(result)
    assert (fragment.images.paths, fragment.images.keys.tolist()) == (["1.jpg", "3.jpg"], [101, 102])
    assert [(str(item.code), item.image) for item in fragment.rejections] == [("unreadable_file", "0.jpg")]
    evidence = result.findings.evidence[str(tmp_path)]
    assert (evidence.count("left_alone"), evidence.example("left_alone")) == (1, "2.json")
    assert evidence.count("images_named") == 3
    assert (unit.size, unit.index) == (4, IMAGES)


@pytest.mark.parametrize(
    ("task", "labels", "found", "count"),
    [
        ("image_classification_multilabel", "detect", ["wet"], {"twofold": 1, "without_outline": 0}),
        ("image_classification_multilabel", "shapes", ["cat"], {"twofold": 0, "without_outline": 0}),
        ("image_object_detection", "detect", ["cat"], {"twofold": 0, "without_outline": 0}),
        ("image_instance_segmentation", "detect", ["cat"], {"twofold": 0, "without_outline": 1}),
    ],
)
def test_what_the_task_and_the_option_leave_out_is_counted(
    task: Any, labels: Any, found: list[str], count: dict[str, int], tmp_path: Path
) -> None:
    (tmp_path / "1.json").write_text(content(1, flags={"wet": True}))
    given = options(task=task, of_formats=(LabelMeOptions(labelme_labels=labels),))
    result = read_unit(given, LabelMeUnit(str(tmp_path), (("1.json", 0),), 0), INDEX)
    assert [label for fragment in fragments(result) for label in fragment.labels] == found
    evidence = result.findings.evidence[str(tmp_path)]
    assert {name: evidence.count(name) for name in count} == count


@pytest.mark.parametrize(
    ("name", "code", "option"),
    [
        ("left_alone", "files_left_alone", ""),
        ("twofold", "labels_in_two_places", "--labelme-labels shapes"),
        ("without_outline", "without_outline", ""),
    ],
)
def test_what_was_counted_is_told_with_the_option_that_changes_it(name: str, code: str, option: str) -> None:
    evidence = Evidence()
    assert doubts_of({"memory://x": evidence}) == []
    evidence.add(name, 2, "a.json")
    (doubt,) = doubts_of({"memory://x": evidence})
    assert (doubt.code, doubt.count, doubt.example, doubt.option) == (code, 2, "a.json", option)


@pytest.mark.parametrize(("sides", "differ"), [((100, 80), 0), ((80, 100), 1), ((None, None), 0)])
def test_a_declared_size_that_is_not_the_images_is_told(
    sides: tuple[int | None, int | None], differ: int, tmp_path: Path
) -> None:
    write_image(tmp_path / "1.jpg", (100, 80))
    (tmp_path / "1.json").write_text(content(1, imageWidth=sides[0], imageHeight=sides[1]))
    index = pickle.dumps(ImageFinder(["1.jpg"], str(tmp_path)))
    result = read_unit(options(), LabelMeUnit(str(tmp_path), (("1.json", 0),), 0), index)
    told = [doubt for doubt in doubts_of(result.findings.evidence) if doubt.code == "declared_size_differs"]
    assert [(doubt.count, "declared as 80x100, stored as 100x80" in doubt.message) for doubt in told] == [
        (1, True)
    ] * differ
