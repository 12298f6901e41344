"""Fields of annotations and images that are not read, and say that what is read means something else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labelbeam.transforms.formats.coco.beside import add_fields_beside, add_names_beside, doubts_beside, flagged_images
from labelbeam.transforms.formats.frames import Evidence

PLAIN = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [100, 100, 150, 150], "iscrowd": 0}


def block(*records: dict[str, Any]) -> bytes:
    return ",\n".join(map(json.dumps, records)).encode()


def evidence(*records: dict[str, Any], boxed: bool = True) -> Evidence:
    found = Evidence()
    found.add("annotations", len(records))
    add_fields_beside(block(*records), found, boxed)
    return found


def doubts(*records: dict[str, Any], boxed: bool = True, corners: bool = False) -> list[tuple[str, int, str]]:
    found = doubts_beside("d.json", evidence(*records, boxed=boxed), corners)
    return [(doubt.code, doubt.count, doubt.example) for doubt in found]


FLAGS = [
    {"isCrowd": 1},
    {"is_crowd": True},
    {"IsGroupOf": "1"},
    {"deleted": True},
    {"isIgnored": "true"},
    {"attributes": {"is_crowd": True}},
    {"attributes": {"ignore": 1, "occluded": False}},
    {"extra": {"ignore": 1}},
    {"attributes": {"ignore": "yes"}},
    {"difficult": 1},
    {"to_delete": "true"},
    {"excluded": True},
]


@pytest.mark.parametrize("flag", FLAGS)
def test_a_flag_by_another_name_or_in_another_field_is_told_and_not_read(flag: dict[str, Any]) -> None:
    other = dict.fromkeys(flag, 0)
    assert doubts(PLAIN | other, PLAIN | {"id": 2} | flag) == [("flags_not_read", 1, "annotations id=2")]
    assert doubts(PLAIN | other, PLAIN | {"id": 2} | flag, boxed=False) == [("flags_not_read", 1, "annotations id=2")]


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("read", [{"iscrowd": 1}, {"ignore": 1}])
def test_an_annotation_that_a_flag_that_is_read_leaves_out_as_well_is_not_told(
    flag: dict[str, Any], read: dict[str, Any]
) -> None:
    assert doubts(PLAIN | flag | read) == []


@pytest.mark.parametrize(
    "mode",
    [
        {"bbox_mode": 0},
        {"bbox_mode": 2},
        {"bbox_mode": "BoxMode.XYXY_ABS"},
        {"bbox_format": "xyxy"},
        {"boxType": "pascal_voc"},
    ],
)
def test_a_box_that_says_of_itself_that_it_is_two_corners_is_told(mode: dict[str, Any]) -> None:
    assert doubts(PLAIN | mode, PLAIN | mode) == [("corners_or_sizes", 2, "annotations id=1")]
    assert doubts(PLAIN | mode, corners=True) == []
    assert doubts(PLAIN | mode, boxed=False) == []


@pytest.mark.parametrize("score", [{"score": 0.31}, {"confidence": 0.05}, {"Probability": 0.999}])
def test_a_score_below_one_is_told_as_a_prediction(score: dict[str, Any]) -> None:
    (key,) = score
    assert doubts(PLAIN | {key: 1.0}, PLAIN | {"id": 7} | score) == [("predicted_labels", 1, "annotations id=7")]


@pytest.mark.parametrize(
    "field",
    [
        *({"isCrowd": 0}, {"deleted": False}, {"attributes": {"is_crowd": False}}, {"attributes": {"occluded": True}}),
        *({"ignore": 1}, {"iscrowd": 1}, {"bbox_mode": 1}, {"bbox_mode": 3}, {"bbox_format": "xywh"}, {"score": 1.0}),
        *(
            {"score": 0},
            {"score": 87},
            {"score": "high"},
            {"extra": {"boxid": 1}},
            {"deleted": "false"},
            {"deleted": None},
        ),
        *({"attributes": [1]}, {"bbox_mode": True}, {"score": True}, {"scores": [0.1, 0.9]}, {"area": 0.5}),
    ],
)
def test_fields_that_change_nothing_leave_no_doubt(field: dict[str, Any]) -> None:
    assert doubts(PLAIN | field, PLAIN | field) == []


def test_a_range_that_a_strict_decoder_refuses_is_looked_at_all_the_same() -> None:
    found = Evidence()
    add_fields_beside(b'{"id": 1, "deleted": true, "x": NaN}, {"id": 2, "deleted": false}, 7', found, True)
    assert found.count("flagged_beside") == 1 and found.example("flagged_beside") == "annotations id=1"


def test_the_first_records_tell_which_fields_of_a_long_range_are_looked_at() -> None:
    long = [PLAIN | {"id": number, "deleted": number == 3999} for number in range(4000)]
    assert len(block(*long)) > 2 * 64 * 2**10
    assert evidence(*long).count("flagged_beside") == 1
    assert evidence(*(PLAIN for _ in range(4000))).count("flagged_beside") == 0


@pytest.mark.parametrize("flag", [{"deleted": True}, {"isDeleted": 1}, {"ignore": "true"}, {"discarded": 1}])
def test_images_that_a_flag_takes_out_are_named(flag: dict[str, Any]) -> None:
    image = {"id": 1, "file_name": "a.jpg", "width": 6, "height": 4}
    off = dict.fromkeys(flag, False)
    assert flagged_images(block(image | off, image | {"id": 2} | flag, image | {"id": 3})) == ["images id=2"]
    assert flagged_images(block(image, image | {"file_name": 'deleted".jpg'})) == []


@pytest.mark.parametrize(
    "flag",
    [
        {"is_valid": False},
        {"valid": 0},
        {"usable": "false"},
        {"attributes": {"approved": False}},
        {"tags": ["ignore"]},
        {"status": "rejected"},
        {"attributes": {"review_state": "Deleted"}},
    ],
)
def test_a_flag_that_says_that_a_record_is_of_no_use_is_told(flag: dict[str, Any]) -> None:
    assert doubts(PLAIN | flag) == [("flags_not_read", 1, "annotations id=1")]


@pytest.mark.parametrize(
    "flag",
    [{"is_valid": True}, {"valid": 1}, {"usable": None}, {"attributes": {"approved": "true"}}, {"tags": ["cat"]}],
)
def test_a_flag_that_says_that_a_record_is_of_use_is_not_told(flag: dict[str, Any]) -> None:
    assert doubts(PLAIN | flag) == []


@pytest.mark.parametrize(
    "angle",
    [{"angle": 30}, {"theta": 0.5}, {"rotation_deg": 90}, {"attributes": {"angle": 30}}, {"extra": {"rotation": 5}}],
)
def test_an_angle_in_a_field_that_is_not_read_is_told_where_boxes_are(angle: dict[str, Any]) -> None:
    assert doubts(PLAIN | angle) == [("rotated_boxes", 1, "annotations id=1")]
    assert doubts(PLAIN | angle, boxed=False) == []


@pytest.mark.parametrize(
    "other",
    [
        {"angle": 0},
        {"angle": None},
        {"rotation": 30},
        {"attributes": {"rotation": 30}},
        {"angle": True},
        {"triangle": 3},
    ],
)
def test_what_is_no_angle_or_is_read_is_not_told(other: dict[str, Any]) -> None:
    assert doubts(PLAIN | other) == []


@pytest.mark.parametrize(
    ("name", "told"), [("dog", 1), (" DOG ", 1), ("cat", 0), ("Cat", 0), ("kitten", 0), (None, 0), (["dog"], 0)]
)
@pytest.mark.parametrize("key", ["category_name", "className"])
def test_a_category_by_another_name_than_its_id_says_is_told(key: str, name: Any, told: int) -> None:
    found = Evidence()
    found.add("annotations", 1)
    add_names_beside(block(PLAIN | {key: name}), found, ["cat", "dog"], {1: 0, 2: 1})
    doubts = [doubt for doubt in doubts_beside("d.json", found, False) if doubt.code == "class_names_differ"]
    assert [doubt.count for doubt in doubts] == [1] * told


def test_names_beside_ids_that_lead_nowhere_are_left_to_those() -> None:
    found = Evidence()
    add_names_beside(
        block(PLAIN | {"category_name": "dog", "category_id": 7}, PLAIN), found, ["cat", "dog"], {1: 0, 2: 1}
    )
    assert found.count("named_otherwise") == 0
