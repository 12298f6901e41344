"""Fields beside an object or an image that say something else of it than is read."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.schemas.doubts import Doubted
from labelbeam.schemas.neutral import SourceImage
from labelbeam.transforms.formats.beside import doubts_beside, may_tell, scored, takes_out, tally_beside, tell_beside
from labelbeam.transforms.formats.frames import Evidence


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("difficult", True),
        ("Difficult", "1"),
        ("is_crowd", "yes"),
        ("deleted", 1),
        ("approved", False),
        ("status", "rejected"),
        ("flags", {"ignore": True}),
        ("attributes", {"difficult": "true", "colour": "red"}),
        ("tags", [{"name": "difficult", "value": None}]),
        ("tags", [{"name": "status", "value": "rejected"}]),
        ("tags", ["good light", "skip"]),
        ("quality", {"bad": True}),
    ],
)
def test_a_flag_that_takes_its_record_out_is_seen(key: str, value: Any) -> None:
    assert may_tell(key) and takes_out(key, value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("difficult", False),
        ("difficult", "0"),
        ("difficult", None),
        ("is_crowd", -1),
        ("approved", None),
        ("status", "done"),
        ("flags", {"ignore": False}),
        ("flags", None),
        ("tags", [{"name": "difficult", "value": "0"}, 7]),
        ("tags", ["approved", "night"]),
        ("quality", {"bad": False, "sharp": True}),
        ("occluded", True),
        ("truncated", 1),
    ],
)
def test_what_leaves_it_in_is_not(key: str, value: Any) -> None:
    assert not takes_out(key, value)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("score", 0.86, True),
        ("attributes", {"confidence": "0.5"}, True),
        ("tags", [{"name": "confidence", "value": 0.9}], True),
        ("score", None, False),
        ("score", 1, False),
        ("score", 97.0, False),
        ("score", True, False),
        ("score", "high", False),
        ("occlusion", 0.5, False),
    ],
)
def test_a_confidence_lies_between_0_and_1(key: str, value: Any, expected: bool) -> None:
    assert scored(key, value) == expected


def test_what_is_told_of_images_becomes_doubts_with_a_count_and_an_example() -> None:
    image, other = SourceImage("1.jpg", "s", "1.json"), SourceImage("2.jpg", "s", "2.json", flagged=True)
    tell_beside(image, {"difficult": True, "score": 0.5, "angle": 30}, upright=True)
    tell_beside(image, {"difficult": True, "angle": 30}, upright=False)
    tell_beside(image, {"is_crowd": True, "rotation": 30}, upright=True, read=frozenset({"is_crowd", "rotation"}))
    evidence = Evidence()
    tally_beside(evidence, [image, other])
    doubts = [(doubt.code, doubt.count, doubt.example) for doubt in doubts_beside("s", evidence)]
    assert doubts == [
        (Doubted.ROTATED_BOXES, 1, "1.json"),
        (Doubted.FLAGS_NOT_READ, 1, "2.json"),
        (Doubted.FLAGS_NOT_READ, 2, "1.json"),
        (Doubted.PREDICTED_LABELS, 1, "1.json"),
    ]
    assert doubts_beside("s", Evidence()) == []
