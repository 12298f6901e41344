"""COCO files whose objects and categories are written otherwise than usual: flags, angles, outlines, labels, and ids that lead nowhere."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.builds import (
    CLASSIFICATION,
    DETECTION,
    MULTILABEL,
    PREFIX,
    SEGMENTATION,
    attempt,
    convert,
    failed,
    near,
)
from tests.end_to_end.coco_builds import CAT, build_of, doubts
from tests.end_to_end.datasets import SQUARE, coco_box, coco_image, write_coco

# Flags, angles and outlines. ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", [1, True, "1", "true", 1.0])
def test_an_ignored_object_is_a_crowd(flag: Any, tmp_path: Path) -> None:
    build = build_of(tmp_path, [{"ignore": flag, "iscrowd": 0}, {"ignore": 0}, {"ignore": None}, {"iscrowd": "1"}])
    assert [build.boxes(f"{number}.jpg")[0][5] for number in range(1, 5)] == [1, 0, 0, 1]
    assert build.adjusted["ignored_as_crowd"] == 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"attributes": {"rotation": 90.0}}, (20, 25, 40, 55)),
        ({"attributes": {"rotation": 180}}, (15, 30, 45, 50)),
        ({"attributes": {"rotation": 270}}, (20, 25, 40, 55)),
        ({"attributes": {"rotation": 0.0, "occluded": False}}, (15, 30, 45, 50)),
        ({"attributes": ["rotation"]}, (15, 30, 45, 50)),
        ({"attributes": {"rotation": "1e999"}, "rotation": True}, (15, 30, 45, 50)),
        ({"rotation": "nan"}, (15, 30, 45, 50)),
        ({"rotation": "90"}, (20, 25, 40, 55)),
        ({"attributes": {"rotation": 45}}, (30 - 25 / math.sqrt(2), 40 - 25 / math.sqrt(2), 30 + 25 / math.sqrt(2), 40 + 25 / math.sqrt(2))),
        ({"attributes": {"rotation": 30}, "segmentation": [SQUARE]}, (10, 20, 30, 40)),
    ],
)  # fmt: skip
def test_a_turned_box_is_the_box_around_it(fields: dict[str, Any], expected: Any, tmp_path: Path) -> None:
    build = build_of(tmp_path, [{"bbox": [15, 30, 30, 20]} | fields])
    left, top, right, bottom = expected
    assert near(build.boxes("1.jpg")[0], ("cat", left / 100, top / 80, right / 100, bottom / 80, 0))


def test_a_turned_box_in_fractions_turns_as_pixels_do(tmp_path: Path) -> None:
    build = build_of(tmp_path, [{"bbox": [0.15, 0.375, 0.3, 0.25], "attributes": {"rotation": 90}}])
    assert near(build.boxes("1.jpg")[0], ("cat", 0.2, 25 / 80, 0.4, 55 / 80, 0))


PAIRS = [[10, 20], [30, 20], [30, 40], [10, 40]]


@pytest.mark.parametrize(
    "segmentation",
    [
        PAIRS,
        [PAIRS],
        [[PAIRS]],
        [{"x": x, "y": y} for x, y in PAIRS],
        [[{"x": x, "y": y} for x, y in PAIRS]],
        SQUARE,
        [[SQUARE]],
        json.dumps([SQUARE]),
        [{"size": [80, 100], "counts": [820, *[20, 60] * 19, 20, 8000 - 820 - 20 * 20 - 60 * 19]}],
    ],
)
def test_an_outline_is_the_same_however_it_is_nested(segmentation: Any, tmp_path: Path) -> None:
    build = build_of(tmp_path, [{"segmentation": segmentation}, {"segmentation": [SQUARE]}], task=SEGMENTATION)
    first, second = (build.records[name]["label"][0]["polygon"] for name in ("1.jpg", "2.jpg"))
    assert sorted(zip(first[0][::2], first[0][1::2], strict=True)) == sorted(
        zip(second[0][::2], second[0][1::2], strict=True)
    )


# Categories. --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["empty", "Background", "none", " nothing ", "__background__"])
def test_an_annotation_without_a_box_that_says_empty_makes_background(name: str, tmp_path: Path) -> None:
    images = [coco_image(1), coco_image(2), coco_image(3)]
    found = [
        {"id": "u1", "image_id": 1, "category_id": 7},
        coco_box(2, 2, category=1),
        coco_box(3, 3, category=7, bbox=[0, 0, 0, 0]),
    ]
    categories = [{"id": 1, "name": "cat"}, {"id": 7, "name": name}]
    source = write_coco(tmp_path / "camera.json", images, found, categories)
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert build.boxes("1.jpg") == build.boxes("3.jpg") == []
    assert build.manifest["skipped_by_reason"] == {"empty_label": 2}
    assert build.counts["objects"] == (3, 1, 0, 2)
    labels = convert("--source", source, "--image-url", PREFIX, task=CLASSIFICATION, output=tmp_path / "labels")
    assert labels.records["1.jpg"]["label"] == name.strip()


def test_a_box_of_a_category_called_empty_is_an_object(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "d.json", [coco_image(1)], [coco_box(1, 1)], [{"id": 1, "name": "empty"}])
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert build.boxes("1.jpg")[0][0] == "empty"


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["person", "person ", "\tperson"], ["person"]),
        (["caf\u00e9", "cafe\u0301"], ["caf\u00e9"]),
        (["Person", "person"], ["Person", "person"]),
    ],
)
def test_labels_that_are_nearly_the_same_are_one_or_are_told(
    names: list[str], labels: list[str], tmp_path: Path
) -> None:
    categories = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
    found = [coco_box(number, 1, category=number) for number in range(1, len(names) + 1)]
    build = convert(
        "--source", write_coco(tmp_path / "d.json", [coco_image(1)], found, categories), "--image-url", PREFIX,
        output=tmp_path / "out",
    )  # fmt: skip
    assert build.manifest["labels"] == labels
    assert ("labels_alike" in doubts(build)) is (len(labels) > 1)
    assert ("label_normalized" in build.adjusted) is (len(labels) == 1)


def test_one_name_of_two_supercategories_is_told(tmp_path: Path) -> None:
    categories = [{"id": n, "name": "mouse", "supercategory": above} for n, above in enumerate(["animal", "device"], 1)]
    source = write_coco(tmp_path / "d.json", [coco_image(1)], [coco_box(1, 1), coco_box(2, 1, category=2)], categories)
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert doubts(build)["several_supercategories"]["example"] == "mouse"
    assert build.manifest["labels"] == ["mouse"]


# Ids that lead nowhere, or to a neighbour. --------------------------------------------------------------------------

THREE = [{"id": number, "name": name} for number, name in enumerate(("ant", "bee", "cow"), 1)]


def of_categories(folder: Path, ids: list[Any], categories: list[dict[str, Any]], task: str = DETECTION) -> set[str]:
    images = [coco_image(number) for number in range(1, 4)]
    found = [coco_box(at, at % 3 + 1, category=identity) for at, identity in enumerate(ids)]
    source = write_coco(folder / "d.json", images, found, categories)
    options = ["--image-url", PREFIX, "--max-rejected", "1"]
    return set(doubts(convert("--source", source, *options, task=task, output=folder / "out")))


@pytest.mark.parametrize("task", [DETECTION, MULTILABEL])
@pytest.mark.parametrize(
    ("ids", "shift"),
    [
        *(([0, 1, 2, 1], 0), (["0", "1", "2", "2"], 0), ([0, 0, 0, 1, 1, 1], 0), ([9, 10, 11], 9)),
        *(([2, 3, 4], 0), ([1, 2, 3], -1), (["1", "2", "3", "1"], -1)),
    ],
)
def test_categories_that_count_from_another_number_are_doubted(
    ids: list[Any], shift: int, task: str, tmp_path: Path
) -> None:
    categories = [each | {"id": each["id"] + shift} for each in THREE]
    assert "categories_shifted" in of_categories(tmp_path, ids, categories, task)


@pytest.mark.parametrize("ids", [[1, 2, 3], [0, 1, 2, 3], [1, 2], [7, 1, 2]])
def test_an_unknown_category_beside_all_known_ones_is_no_shift(ids: list[int], tmp_path: Path) -> None:
    assert "categories_shifted" not in of_categories(tmp_path, ids, THREE)


@pytest.mark.parametrize("ids", [["4.jpg", "5.jpg"], [101, 102], [1, 2, 3, 104]])
def test_annotations_of_no_image_are_counted(ids: list[Any], tmp_path: Path) -> None:
    found = [coco_box(number, identity) for number, identity in enumerate(ids, 1)]
    source = write_coco(tmp_path / "d.json", [coco_image(number) for number in range(1, 4)], found)
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    unknown = sum(identity not in (1, 2, 3) for identity in ids)
    doubt = doubts(build)["annotations_of_no_image"]
    assert doubt["count"] == build.manifest["rejected_by_reason"]["unknown_image"] == unknown


@pytest.mark.parametrize("field", ["annotations", "objects", "labels"])
def test_objects_inside_of_images_are_refused(field: str, tmp_path: Path) -> None:
    inside = {field: [{"bbox": [1, 2, 3, 4], "category_id": 1}]}
    answer = attempt(write_coco(tmp_path / "d.json", [coco_image(1, **inside)]), tmp_path / "out")
    failed(answer, 2, f"the objects of an image stand inside it, in '{field}'", "move them there")


@pytest.mark.parametrize("mark", ["\u200b", "\ufeff", "\u00ad"])
def test_labels_that_differ_in_marks_without_a_width_are_alike(mark: str, tmp_path: Path) -> None:
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": f"ca{mark}t"}]
    source = write_coco(tmp_path / "d.json", [coco_image(1)], [coco_box(1, 1), coco_box(2, 1, category=2)], categories)
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert "labels_alike" in doubts(build)


def test_a_file_whose_fields_have_other_names_is_read_and_told(tmp_path: Path) -> None:
    images = [{"image_id": 1, "fileName": "1.jpg", "width": 100, "height": 80}]
    found = [{"id": 1, "imageId": "1.jpg", "category": "cat", "boundingBox": {"cx": 20, "cy": 30, "w": 20, "h": 20}}]
    source = write_coco(tmp_path / "d.json", images, found, [{"id": 7, "title": "cat"}])
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert near(build.boxes("1.jpg")[0], CAT)
    assert set(doubts(build)) == {"fields_renamed", "names_for_ids"}
