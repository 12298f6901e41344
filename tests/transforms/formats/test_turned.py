"""Fields that say that a box is turned."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.turned import TURNED_BESIDE, doubts_of_turned, may_turn, turned_beside, turns


@pytest.mark.parametrize(
    "fields",
    [
        {"angle": 30},
        {"bbox_rotation": "12.5"},
        {"theta_rad": -0.4},
        {"rbbox": [160, 120, 300, 200, 30.0]},
        {"obb": [10, 10, 200, 60, 180, 120, 5, 70]},
        {"rotated_bbox": {"cx": 1, "cy": 2, "w": 3, "h": 4, "angle": 5}},
        {"attributes": {"Rotation": 30}},
        {"attributes": [{"name": "rotation", "value": 30}]},
        {"tags": [{"name": "angle", "value": "45"}]},
        {"extra": {"properties": {"angle": 1}}},
    ],
)
def test_an_angle_or_a_turned_box_is_seen(fields: dict[str, Any]) -> None:
    assert turned_beside({"label": "cat", **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"angle": 0},
        {"angle": 360.0},
        {"angle": None},
        {"angle": "front"},
        {"angle": True},
        {"angle": float("nan")},
        {"rectangle": [1, 2, 3, 4]},
        {"triangle": 3},
        {"annotation": 7},
        {"rotated": 1},
        {"rbbox": []},
        {"rbbox": [160, 120, 300, 200, 0]},
        {"attributes": {"occluded": True, "rotation": 0.0}},
        {"attributes": [{"name": "colour", "value": 30}, "rotation"]},
    ],
)
def test_what_turns_nothing_is_not(fields: dict[str, Any]) -> None:
    assert not turned_beside({"label": "cat", **fields})


def test_fields_that_are_read_are_left_out() -> None:
    assert not turned_beside({"rotation": 30}, frozenset({"rotation"}))
    assert turns("rotation", 30) and may_turn("rotation") and not may_turn("operation")


def test_the_doubt_says_how_many_and_shows_one() -> None:
    evidence = Evidence()
    assert doubts_of_turned("d", evidence) == []
    evidence.add(TURNED_BESIDE, 2, "a.json")
    (doubt,) = doubts_of_turned("d", evidence)
    assert (doubt.code, doubt.count, doubt.example) == ("rotated_boxes", 2, "a.json")
