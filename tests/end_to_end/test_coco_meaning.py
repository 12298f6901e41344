"""COCO files whose numbers, names or structure mean something else than usual: decided by evidence, or told, or refused."""

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
    Answer,
    Build,
    attempt,
    convert,
    failed,
    near,
)
from tests.end_to_end.datasets import SQUARE, coco, coco_box, coco_image, touch, write_coco, write_image, write_json

CAT = ("cat", 0.1, 0.25, 0.3, 0.5, 0)
"""The box of `coco_box`, [10, 20, 20, 20] in an image of 100×80."""

LARGE = {"width": 640, "height": 480}


def build_of(folder: Path, objects: list[dict[str, Any]], *options: str, task: str = DETECTION, **image: Any) -> Build:
    """A build of objects that each have an image of their own, `1.jpg` and so on."""
    images = [coco_image(number, f"{number}.jpg", **image) for number in range(1, len(objects) + 1)]
    found = [coco_box(number, number, **fields) for number, fields in enumerate(objects, 1)]
    source = write_coco(folder / "d.json", images, found)
    return convert("--source", source, "--image-url", PREFIX, *options, task=task, output=folder / "out")


def refusal_of(
    folder: Path, objects: list[dict[str, Any]], *options: str, task: str = DETECTION, **image: Any
) -> Answer:
    images = [coco_image(number, f"{number}.jpg", **image) for number in range(1, len(objects) + 1)]
    found = [coco_box(number, number, **fields) for number, fields in enumerate(objects, 1)]
    answer = attempt(write_coco(folder / "d.json", images, found), folder / "out", *options, task=task)
    assert not (folder / "out" / "latest.json").exists()
    return answer


def doubts(build: Build) -> dict[str, dict[str, Any]]:
    return {doubt["code"]: doubt for doubt in build.manifest["doubts"]}


# Frames. ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bbox", "expected"),
    [
        ([-0.004, 0.3, 0.25, 0.25], ("cat", 0, 0.3, 0.246, 0.55, 0)),
        ([0.8, 0.9, 0.25, 0.13], ("cat", 0.8, 0.9, 1, 1, 0)),
        ([0, -0.03, 1.04, 0.5], ("cat", 0, 0, 1, 0.47, 0)),
    ],
)
def test_fractions_that_overshoot_are_fractions(bbox: list[float], expected: Any, tmp_path: Path) -> None:
    build = build_of(tmp_path, [{"bbox": [0.25, 0.25, 0.5, 0.5]}, {"bbox": bbox}])
    assert near(build.boxes("1.jpg")[0], ("cat", 0.25, 0.25, 0.75, 0.75, 0))
    assert near(build.boxes("2.jpg")[0], expected)
    assert "relative" in doubts(build)["relative_coordinates"]["message"]


def test_fractions_without_declared_sizes_are_fractions(tmp_path: Path) -> None:
    write_image(tmp_path / "1.jpg", (50, 40))
    build = build_of(tmp_path, [{"bbox": [0.25, 0.25, 0.5, 0.5]}], width=None, height=None)
    assert near(build.boxes("1.jpg")[0], ("cat", 0.25, 0.25, 0.75, 0.75, 0))


@pytest.mark.parametrize(
    "boxes",
    [
        [[0.25, 0.25, 0.5, 0.5], [0.1, 0.2, 0.3, 0.4], [50, 20, 20, 20]],
        [[50, 20, 20, 20], [40, 10, 20, 20], [0.1, 0.2, 0.3, 0.4]],
        [[0.5, 0.5, 0.5, 0.5], [3, 4, 20, 20.5]],
    ],
)
def test_two_frames_in_one_file_are_refused_until_one_is_named(boxes: list[list[float]], tmp_path: Path) -> None:
    objects = [{"bbox": bbox} for bbox in boxes]
    failed(refusal_of(tmp_path, objects), 2, "--coco-boxes", "annotations id=")
    build = build_of(tmp_path, objects, "--coco-boxes", "pixels")
    assert sum(map(len, build.records.values())) > 0


@pytest.mark.parametrize("areas", [True, False])
def test_percent_is_proven_by_areas_and_else_asked_for(areas: bool, tmp_path: Path) -> None:
    boxes = [[25.5, 25, 50, 50], [10, 20, 30, 40], [60, 10, 20, 80], [70, 50, 30, 50]]
    objects = [{"bbox": bbox} | ({"area": bbox[2] * bbox[3] * 64 * 48 / 100 * 1.0} if areas else {}) for bbox in boxes]
    if not areas:
        failed(refusal_of(tmp_path, objects, **LARGE), 2, "--coco-boxes percent")
        assert len(build_of(tmp_path, objects, "--coco-boxes", "pixels", **LARGE).records) == 4
    options = () if areas else ("--coco-boxes", "percent")
    build = build_of(tmp_path, objects, *options, **LARGE)
    assert near(build.boxes("1.jpg")[0], ("cat", 0.255, 0.25, 0.755, 0.75, 0))
    assert near(build.boxes("4.jpg")[0], ("cat", 0.7, 0.5, 1, 1, 0))
    assert "percent" in doubts(build)["relative_coordinates"]["message"]


def test_a_few_boxes_in_the_first_hundred_pixels_are_pixels(tmp_path: Path) -> None:
    build = build_of(
        tmp_path, [{"bbox": [1, 1, 50.5, 50]}, {"bbox": [20, 10, 70, 40]}, {"bbox": [0, 0, 30, 30]}], **LARGE
    )
    assert near(build.boxes("1.jpg")[0], ("cat", 1 / 640, 1 / 480, 51.5 / 640, 51 / 480, 0))
    assert not doubts(build)


RELATIVE_SQUARE = [0.1, 0.25, 0.3, 0.25, 0.3, 0.5, 0.1, 0.5]


@pytest.mark.parametrize(
    ("bbox", "outline"),
    [
        ([10, 20, 20, 20], RELATIVE_SQUARE),
        ([0.1, 0.25, 0.2, 0.25], SQUARE),
        (None, RELATIVE_SQUARE),
        ([0.1, 0.25, 0.2, 0.25], RELATIVE_SQUARE),
    ],
)
def test_boxes_and_outlines_have_frames_of_their_own(bbox: Any, outline: list[float], tmp_path: Path) -> None:
    objects = [{"bbox": bbox, "segmentation": [outline]}] * 2
    build = build_of(tmp_path / "outlines", objects, task=SEGMENTATION)
    (found,) = build.records["1.jpg"]["label"]
    assert near(found["polygon"][0], RELATIVE_SQUARE)
    assert "relative_coordinates" in doubts(build)
    assert near(build_of(tmp_path / "boxes", objects).boxes("1.jpg")[0], CAT)


# Box, area and outline. ---------------------------------------------------------------------------------------------


def test_corners_that_areas_prove_are_told_and_read_when_asked_for(tmp_path: Path) -> None:
    boxes = [[10, 20, 30, 40], [50, 10, 90, 70], [5, 5, 45, 75]]
    objects = [{"bbox": box, "area": (box[2] - box[0]) * (box[3] - box[1])} for box in boxes]
    build = build_of(tmp_path / "sizes", objects)
    doubt = doubts(build)["corners_or_sizes"]
    assert (doubt["count"], doubt["example"], doubt["option"]) == (3, "annotations id=1", "--coco-corners")
    assert near(build.boxes("1.jpg")[0], ("cat", 0.1, 0.25, 0.4, 0.75, 0))
    build = build_of(tmp_path / "corners", objects, "--coco-corners")
    assert near(build.boxes("1.jpg")[0], CAT)
    assert not doubts(build)


def test_corners_in_fractions_are_scaled_too(tmp_path: Path) -> None:
    build = build_of(tmp_path, [{"bbox": [0.1, 0.25, 0.3, 0.5]}, {"bbox": [0.7, 0.5, 1, 0.75]}], "--coco-corners")
    assert near(build.boxes("1.jpg")[0], CAT)


@pytest.mark.parametrize(
    ("boxes", "code", "words"),
    [
        ([[50, 10, 90, 70], [60, 40, 95, 75], [5, 5, 9, 9]], "corners_or_sizes", "two corners"),
        ([[10, 70, 20, 30], [20, 60, 10, 35], [1, 2, 9, 9]], "boxes_leave_images", "exchanged"),
        ([[90, 70, 20, 30], [80, 60, 100, 35], [150, 2, 9, 9]], "boxes_leave_images", "leave an image"),
    ],
)
def test_boxes_that_leave_their_images_are_told_with_the_reading_that_fits(
    boxes: list[list[float]], code: str, words: str, tmp_path: Path
) -> None:
    build = build_of(tmp_path, [{"bbox": box} for box in boxes])
    assert words in doubts(build)[code]["message"]
    assert doubts(build)[code]["count"] >= 2


def test_areas_beyond_their_boxes_are_told(tmp_path: Path) -> None:
    build = build_of(tmp_path, [{"area": 4e6}, {"area": 400}])
    assert doubts(build)["area_contradicts_box"]["count"] == 1
    for harmless in (0, 0.0, None, "n/a", 13, 400, "400", True, [4]):
        assert not doubts(build_of(tmp_path / repr(harmless), [{"area": harmless}]))


@pytest.mark.parametrize(
    ("outline", "words"),
    [
        ([20, 70, 40, 70, 40, 90, 20, 90], "1 of them would lie there if x and y were exchanged"),
        ([1, 1, 5, 1, 5, 5], "outside of their own box"),
    ],
)
def test_outlines_outside_of_their_boxes_are_told(outline: list[float], words: str, tmp_path: Path) -> None:
    objects = [{"bbox": [70, 20, 20, 20], "segmentation": [outline]}]
    for task in (SEGMENTATION, DETECTION):
        doubt = doubts(build_of(tmp_path / task, objects, task=task, width=100, height=100))["outlines_off_boxes"]
        assert words in doubt["message"]
        assert doubt["example"] == "annotations id=1"


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


# Which picture. -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("video_id", 1, 2),
        ("frame_id", 66, 466),
        ("date_captured", "2020-01-01 10:00", "2021-02-03 11:00"),
        ("path", "/home/ann/1.jpg", "/home/bob/1.jpg"),
        ("coco_url", "http://host/a/1.jpg", "http://host/b/1.jpg"),
    ],
)
def test_records_of_one_name_that_say_different_things_are_two_pictures(
    field: str, one: Any, other: Any, tmp_path: Path
) -> None:
    images = [
        coco_image(1, "f.jpg", **{field: one}),
        coco_image(2, "g.jpg", **{field: one}),
        coco_image(51, "f.jpg", **{field: other}),
    ]
    source = write_coco(tmp_path / "d.json", images, [coco_box(1, 1), coco_box(2, 2), coco_box(3, 51)])
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert list(build.records) == ["g.jpg"]
    assert build.codes("f.jpg", "image") == ["ambiguous_image"] * 2
    assert build.counts["objects"] == (3, 1, 2, 0)


@pytest.mark.parametrize("more", [{}, {"license": 2}, {"date_captured": None}, {"flickr_url": "http://x/"}])
def test_records_of_one_name_that_do_not_contradict_are_one_picture(more: dict[str, Any], tmp_path: Path) -> None:
    images = [coco_image(1, "f.jpg", license=1, date_captured="2020"), coco_image(51, "f.jpg", **more)]
    source = write_coco(tmp_path / "d.json", images, [coco_box(1, 1), coco_box(3, 51)])
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert len(build.boxes("f.jpg")) == 2


def test_one_name_in_two_files_whose_images_nobody_saw_is_ambiguous(tmp_path: Path) -> None:
    for day in ("day1", "day2"):
        write_coco(tmp_path / f"{day}.json", [coco_image(1, "0001.jpg"), coco_image(2, f"{day}.jpg")], [coco_box(1, 1)])
    sources = ("--source", tmp_path / "day1.json", "--source", tmp_path / "day2.json")
    build = convert(*sources, "--image-url", PREFIX, output=tmp_path / "out")
    assert sorted(build.records) == ["day1.jpg", "day2.jpg"]
    assert build.manifest["rejected_by_reason"] == {"ambiguous_image": 2, "image_rejected": 2}
    touch(tmp_path / "0001.jpg")
    build = convert(*sources, "--image-url", PREFIX, output=tmp_path / "seen")
    assert len(build.boxes("0001.jpg")) == 2


# Where images are, and what they are called. ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("json_at", "image_at"),
    [
        ("annotations/instances_default.json", "images/default/1.jpg"),
        ("annotations/instances_Train.json", "images/Train/1.jpg"),
        ("annotations/instances_Day 2.json", "images/Day 2/1.jpg"),
        ("annotations/train.json", "images/Train/1.jpg"),
        ("annotations/instances_train.json", "train/images/1.jpg"),
        ("train/labels.json", "train/data/1.jpg"),
        ("labels/instances_val2017.json", "val2017/1.jpg"),
        ("result.json", "1.jpg"),
    ],
)
def test_images_are_found_where_tools_put_them(json_at: str, image_at: str, tmp_path: Path) -> None:
    source = write_coco(tmp_path / json_at, [coco_image(1)], [coco_box(1, 1)])
    write_image(tmp_path / image_at)
    build = convert("--source", source, "--check-images", "header", output=tmp_path / "out")
    assert len(build.records) == 1
    assert build.manifest["source"]["images"].endswith(str((tmp_path / image_at).parent))


def test_images_of_one_name_in_two_usual_places_are_told(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "d.json", [coco_image(1)], [coco_box(1, 1)])
    write_image(tmp_path / "images/1.jpg")
    write_image(tmp_path / "data/1.jpg")
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert "--images" in doubts(build)["images_in_several_places"]["option"]


@pytest.mark.parametrize(
    ("named", "stored"),
    [
        ("IMG_1.JPG", "IMG_1.jpg"),
        ("Capture_d%C3%A9cran%201.png", "Capture_d\u00e9cran 1.png"),
        ("caf\u00e9.jpg", "cafe\u0301.jpg"),
        ("cafe\u0301.jpg", "caf\u00e9.jpg"),
        ("photo.jpeg", "photo.jpg"),
        ("Sub\\\\A.jpg".replace("\\\\", "\\"), "sub/a.jpg"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--check-images", "header")])
def test_the_store_decides_what_an_image_is_called(
    named: str, stored: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    source = write_coco(tmp_path / "d.json", [coco_image(1, named), coco_image(2)], [coco_box(1, 1), coco_box(2, 2)])
    for name in (stored, "2.jpg"):
        write_image(tmp_path / name, format_name="PNG" if name.endswith("png") else "JPEG")
    build = convert("--source", source, "--image-url", PREFIX, *options, output=tmp_path / "out")
    assert sorted(build.records) == sorted([stored, "2.jpg"])
    assert build.adjusted["image_by_other_name"] == 1


def test_a_name_that_may_mean_two_files_is_ambiguous(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "d.json", [coco_image(1, "A.jpg"), coco_image(2)], [coco_box(1, 1), coco_box(2, 2)])
    for name in ("a.jpg", "a.JPG", "2.jpg"):
        write_image(tmp_path / name)
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert list(build.records) == ["2.jpg"]
    assert build.codes("A.jpg", "image") == ["ambiguous_image"]


def test_images_that_are_not_where_the_others_are_are_told(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "d.json", [coco_image(1), coco_image(2)], [coco_box(1, 1), coco_box(2, 2)])
    write_image(tmp_path / "2.jpg")
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert len(build.records) == 2
    doubt = doubts(build)["images_not_found"]
    assert (doubt["count"], doubt["example"], doubt["option"]) == (1, "1.jpg", "--check-images exists")


@pytest.mark.parametrize("declared", [(80, 100), (200, 160), (101, 80)])
def test_a_declared_size_that_is_not_the_images_is_told(declared: tuple[int, int], tmp_path: Path) -> None:
    image = coco_image(1, width=declared[0], height=declared[1])
    source = write_coco(tmp_path / "d.json", [image, coco_image(2)], [coco_box(1, 1), coco_box(2, 2)])
    write_image(tmp_path / "1.jpg")
    write_image(tmp_path / "2.jpg")
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert doubts(build)["declared_size_differs"]["option"] == "--check-images header"
    assert not doubts(
        convert("--source", source, "--image-url", PREFIX, "--check-images", "none", output=tmp_path / "no")
    )


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://images.cocodataset.org/val2017/000000397133.jpg", "val2017/000000397133.jpg"),
        ("http://images.cocodataset.org/train2017/1.jpg", "train2017/1.jpg"),
        ("https://host/1.jpg?signature=x/y", "1.jpg"),
    ],
)
def test_images_of_lvis_are_named_by_their_url(url: str, path: str, tmp_path: Path) -> None:
    image = coco_image(1, coco_url=url, neg_category_ids=[1], not_exhaustive_category_ids=[])
    del image["file_name"]
    document = coco([image, coco_image(2)], [coco_box(1, 1)])
    write_image(tmp_path / path)
    build = convert("--source", write_json(tmp_path / "lvis_v1_val.json", document), output=tmp_path / "out")
    assert build.splits.popitem()[1] == "validation"
    assert any(record.endswith(path) for record in build.records)


@pytest.mark.parametrize(
    ("urls", "expected"),
    [
        ({"coco_url": "http://images.cocodataset.org/val2017/1.jpg"}, "http://images.cocodataset.org/val2017/1.jpg"),
        (
            {"coco_url": "AmlDatastore://d/a/1.jpg", "absolute_url": "https://a.blob.core.windows.net/c/a/1.jpg"},
            "https://a.blob.core.windows.net/c/a/1.jpg",
        ),
        ({"coco_url": "AmlDatastore://d/a/1.jpg"}, "AmlDatastore://d/a/1.jpg"),
        ({"absolute_url": "https://a.blob.core.windows.net/c/1.jpg?sig=x"}, None),
        ({"coco_url": "s3://bucket/1.jpg"}, None),
        ({}, None),
    ],
)
def test_images_that_are_not_found_are_named_by_the_url_of_their_record(
    urls: dict[str, str], expected: str | None, tmp_path: Path
) -> None:
    document = coco([coco_image(1, "a/1.jpg", **urls)], [coco_box(1, 1)])
    source = write_json(tmp_path / "annotations/export.json", document)
    build = convert("--source", source, output=tmp_path / "out")
    (line,) = build.lines["train"]
    assert line["image_url"] == (expected or f"file://{tmp_path}/annotations/a/1.jpg")
    assert ("named_by_url" in doubts(build)) == (expected is not None)
    assert ("image_url_not_read" in doubts(build)) == (expected is not None and expected.startswith("AmlDatastore"))
    named = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "named")
    assert [line["image_url"] for line in named.lines["train"]] == [f"{PREFIX}a/1.jpg"]
    write_image(tmp_path / "annotations/a/1.jpg")
    found = convert("--source", source, output=tmp_path / "found")
    assert found.lines["train"][0]["image_url"] == f"file://{tmp_path}/annotations/a/1.jpg"


@pytest.mark.parametrize(
    ("name", "split", "told"),
    [
        ("crash-test-dummies", "test", True),
        ("stress_test", "test", True),
        ("latest", "train", False),
        ("contest", "train", False),
        ("training_data_v2", "train", False),
        ("testset", "test", False),
        ("instances_val2017", "validation", False),
    ],
)
def test_a_split_from_a_word_of_the_subject_is_told(name: str, split: str, told: bool, tmp_path: Path) -> None:
    source = write_coco(tmp_path / f"{name}.json", [coco_image(1)], [coco_box(1, 1)])
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    assert build.splits == {"1.jpg": split}
    assert ("no_train_split" in doubts(build)) is told


# A file whose images are not all in one frame. ----------------------------------------------------------------------

IN_PIXELS = [[200, 150, 40, 30], [3, 4, 30, 20], [500, 20, 100, 90]]
IN_PERCENT = [[10.5, 20.5, 80, 70], [3, 4, 30, 20]]


def of_two_frames(
    folder: Path, pixels: int, others: int, boxes: list[list[float]], *options: str, **fields: Any
) -> Any:
    """Images of 640×480 whose boxes are pixels, and others of which `boxes` are all."""
    images = [coco_image(number, **LARGE) for number in range(1, pixels + others + 1)]
    found = [
        coco_box(100 * number + at, number, bbox, **(fields if number > pixels else {}))
        for number in range(1, pixels + others + 1)
        for at, bbox in enumerate(IN_PIXELS if number <= pixels else boxes)
    ]
    return attempt(write_coco(folder / "d.json", images, found), folder / "out", *options)


@pytest.mark.parametrize(
    ("pixels", "others", "boxes", "fields"),
    [
        (6, 4, IN_PERCENT, {}),
        (50, 3, [[1, 60, 30, 35]], {}),
        (6, 4, [[10, 10, 20, 30]], {"area": 0.2 * 0.3 * 640 * 480}),
        (4, 6, [[0, 0, 100, 100]], {}),
    ],
)
def test_images_whose_boxes_seem_to_be_percent_beside_others_are_counted(
    pixels: int, others: int, boxes: list[list[float]], fields: dict[str, Any], tmp_path: Path
) -> None:
    answer = of_two_frames(tmp_path, pixels, others, boxes, **fields)
    assert answer.status == 0
    assert f"in {others} of {pixels + others} images no box leaves the first 100" in " ".join(answer.err.split())
    assert f"annotations id={100 * (pixels + 1)}" in answer.err
    assert "settled by --coco-boxes pixels" in answer.err
    answer = of_two_frames(tmp_path, pixels, others, boxes, "--coco-boxes", "pixels", "--strict")
    assert "frames_disagree" not in answer.err


@pytest.mark.parametrize(
    ("pixels", "others", "boxes"), [(6, 4, [[3, 4, 30, 20]]), (70, 3, IN_PERCENT), (6, 2, IN_PERCENT), (6, 0, [])]
)
def test_small_boxes_and_a_few_images_are_no_sign_of_percent(
    pixels: int, others: int, boxes: list[list[float]], tmp_path: Path
) -> None:
    answer = of_two_frames(tmp_path, pixels, others, boxes)
    assert (answer.status, "warning" in answer.err) == (0, False)


@pytest.mark.parametrize("boxes", [[[0.1, 0.2, 0.3, 0.4]], [[0.5, 0.5, 0.5, 0.5], [0, 0, 1, 0.25]]])
def test_images_in_fractions_beside_others_are_refused_with_counts_an_example_and_options(
    boxes: list[list[float]], tmp_path: Path
) -> None:
    answer = of_two_frames(tmp_path, 6, 4, boxes)
    failed(answer, 2, f"{4 * len(boxes)} of", "annotations id=", "--coco-boxes pixels or --coco-boxes relative")


# Images that are named by a URL, and lie flat. ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "options", "paths"),
    [
        ("images/{name}", [], ["1.jpg", "2.jpg", "3.jpg"]),
        ("all/pictures/{name}", ["--images", "all/pictures"], ["1.jpg", "2.jpg", "3.jpg"]),
        ("pictures/{name}", ["--images", "pictures", "--check-images", "exists"], ["1.jpg", "2.jpg", "3.jpg"]),
        ("{subset}/{name}", [], ["train2017/1.jpg", "train2017/2.jpg", "val2017/3.jpg"]),
        ("images/{subset}/{name}", [], ["train2017/1.jpg", "train2017/2.jpg", "val2017/3.jpg"]),
        ("images/{subset}/{name}", ["--images", "images"], ["train2017/1.jpg", "train2017/2.jpg", "val2017/3.jpg"]),
    ],
)
def test_images_that_a_url_names_are_found_in_folders_of_subsets_and_without(
    place: str, options: list[str], paths: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    images = []
    for number, subset in enumerate(["train2017", "train2017", "val2017"], 1):
        images.append(coco_image(number, coco_url=f"http://images.cocodataset.org/{subset}/{number}.jpg"))
        del images[-1]["file_name"]
        write_image(tmp_path / place.format(subset=subset, name=f"{number}.jpg"), (100, 80))
    source = write_coco(tmp_path / "annotations/lvis_v1_train.json", images, [coco_box(1, 1), coco_box(2, 3)])
    build = convert("--source", source, "--image-url", PREFIX, *options, output=tmp_path / "out")
    assert sorted(build.records) == paths
    assert build.manifest["doubts"] == []


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


@pytest.mark.parametrize("ids", [["1.jpg", "2.jpg"], [101, 102], [1, 2, 3, 104]])
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
