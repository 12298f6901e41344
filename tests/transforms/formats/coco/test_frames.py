"""The frame of a COCO file, decided from tallies; what contradicts itself is refused, or told."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.schemas.doubts import Doubted
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.coco.frames import doubts_of, frame_of
from labelbeam.transforms.formats.frames import FRACTIONS, PIXELS, Evidence, Frame


def tallied(**counts: int) -> Evidence:
    evidence = Evidence()
    for name, count in counts.items():
        evidence.add(name, count, f"the first of {name}")
    return evidence


FRACTIONAL = {"boxes": 100, "boxes_under_a_pixel": 100}
PERCENT = {
    "boxes": 9,
    "boxes_beyond_1": 9,
    "boxes_in_large_images": 9,
    "boxes_reaching_right": 1,
    "boxes_reaching_down": 1,
    "boxes_with_decimals": 1,
}


@pytest.mark.parametrize(
    ("counts", "frame"),
    [
        ({}, PIXELS),
        ({"boxes": 5, "boxes_beyond_1": 5}, PIXELS),
        (FRACTIONAL, FRACTIONS),
        ({"outlines": 5, "outlines_under_a_pixel": 5}, FRACTIONS),
        (FRACTIONAL | {"outlines": 5, "outlines_beyond_1": 5}, Frame("fractions", "pixels")),
        (FRACTIONAL | {"boxes": 110, "boxes_beyond_1": 10}, FRACTIONS),
        ({"boxes": 1000, "boxes_under_a_pixel": 1, "boxes_beyond_1": 999, "boxes_far_beyond_1": 999}, PIXELS),
        (PERCENT | {"areas_of_percent": 9}, Frame("percent", "percent")),
        ({name: min(count, 2) for name, count in PERCENT.items()}, PIXELS),
        (PERCENT | {"boxes_beyond_100": 1}, PIXELS),
        (PERCENT | {"boxes_reaching_down": 0}, PIXELS),
    ],
)
def test_evidence_decides(counts: dict[str, int], frame: Frame) -> None:
    assert frame_of("d.json", tallied(**counts), "detect", False) == frame


@pytest.mark.parametrize(
    ("asked", "frame"), [("pixels", PIXELS), ("relative", FRACTIONS), ("percent", Frame("percent", "percent"))]
)
def test_what_was_asked_for_goes_before_evidence(asked: Any, frame: Frame) -> None:
    for counts in (
        FRACTIONAL,
        PERCENT,
        {"boxes": 9, "boxes_under_a_pixel": 5, "boxes_beyond_1": 4, "boxes_far_beyond_1": 4},
    ):
        assert frame_of("d.json", tallied(**counts), asked, False) == frame
    assert frame_of("d.json", tallied(), asked, True).corners


@pytest.mark.parametrize("name", ["boxes", "outlines"])
def test_two_units_in_one_file_are_refused_with_an_example_of_each(name: str) -> None:
    counts = {name: 9, f"{name}_under_a_pixel": 5, f"{name}_beyond_1": 4, f"{name}_far_beyond_1": 4}
    with pytest.raises(UsageError) as caught:
        frame_of("https://h/d.json?sig=hunter2secret", tallied(**counts), "detect", False)
    text = str(caught.value)
    assert f"5 of 9 {name} are fractions" in text and f"the first of {name}_beyond_1" in text
    assert "--coco-boxes pixels or --coco-boxes relative" in text and "hunter2" not in text


def test_percent_that_no_area_confirms_is_asked_about() -> None:
    with pytest.raises(UsageError, match="--coco-boxes percent or --coco-boxes pixels"):
        frame_of("d.json", tallied(**PERCENT), "detect", False)


def codes(counts: dict[str, int], frame: Frame = PIXELS, asked: Any = "detect", corners: bool = False) -> list[str]:
    return [doubt.code for doubt in doubts_of("d.json", tallied(**counts), frame, asked, corners)]


@pytest.mark.parametrize(
    ("counts", "frame", "found"),
    [
        ({"boxes": 5}, PIXELS, []),
        (FRACTIONAL, FRACTIONS, [Doubted.RELATIVE_COORDINATES]),
        (FRACTIONAL | {"boxes_beyond_1": 1}, FRACTIONS, [Doubted.RELATIVE_COORDINATES, Doubted.FRAMES_DISAGREE]),
        ({"boxes": 500, "boxes_under_a_pixel": 1}, PIXELS, [Doubted.FRAMES_DISAGREE]),
        ({"images_of_percent": 3, "large_images": 60}, PIXELS, [Doubted.FRAMES_DISAGREE]),
        ({"images_of_percent": 3, "large_images": 61}, PIXELS, []),
        ({"of_category_before_first": 4}, PIXELS, [Doubted.CATEGORIES_SHIFTED]),
        ({"of_category_before_first": 4, "of_last_category": 1}, PIXELS, []),
        ({"of_unknown_image": 1, "annotations": 10}, PIXELS, [Doubted.ANNOTATIONS_OF_NO_IMAGE]),
        ({"of_unknown_image": 1, "annotations": 11}, PIXELS, []),
        ({"outlines_elsewhere": 1, "outlined_boxes": 100}, PIXELS, [Doubted.OUTLINES_OFF_BOXES]),
        ({"outlines_elsewhere": 1, "outlined_boxes": 101}, PIXELS, []),
        ({"turned_boxes": 1}, PIXELS, [Doubted.ROTATED_BOXES]),
    ],
)
def test_what_is_left_of_a_doubt_is_told(counts: dict[str, int], frame: Frame, found: list[str]) -> None:
    assert codes(counts, frame) == found


def test_boxes_that_are_said_to_be_pixels_are_no_doubt_for_being_small() -> None:
    assert codes({"boxes": 500, "boxes_under_a_pixel": 1}, asked="pixels") == []


def test_every_doubt_has_the_count_and_the_example_of_its_records() -> None:
    (doubt,) = doubts_of("d.json", tallied(turned_boxes=3), PIXELS, "detect", False)
    assert (doubt.count, doubt.example) == (3, "the first of turned_boxes")


def told(**counts: int) -> dict[str, str]:
    return {
        doubt.code: doubt.message for doubt in doubts_of("d.json", tallied(**counts), PIXELS, "detect", corners=False)
    }


@pytest.mark.parametrize(
    ("counts", "code", "words"),
    [
        ({"outlines_corners": 3}, Doubted.CORNERS_OR_SIZES, "3 of them would lie there if the boxes were two corners"),
        (
            {"outlines_flipped": 2, "outlines_elsewhere": 3},
            Doubted.OUTLINES_OFF_BOXES,
            "if y of the boxes counted from below",
        ),
        ({"outlines_centred": 2}, Doubted.OUTLINES_OFF_BOXES, "2 of 3 outlines are not those of their own box"),
        ({"outlines_elsewhere": 1}, Doubted.OUTLINES_OFF_BOXES, "1 of 3 outlines lie outside"),
    ],
)
def test_outlines_off_their_boxes_are_told_with_the_reading_that_fits(
    counts: dict[str, int], code: str, words: str
) -> None:
    found = told(outlined_boxes=3, **counts)
    assert list(found) == [code]
    assert words in found[code]


@pytest.mark.parametrize("counts", [{"outlines_corners": 1}, {"outlines_exchanged": 2, "outlined_boxes": 2}, {}])
def test_a_few_outlines_that_would_fit_otherwise_are_chance(counts: dict[str, int]) -> None:
    assert told(**({"outlined_boxes": 3} | counts | {"outlined_boxes": 9})) == {}


def test_two_boxes_that_may_be_percent_are_told_and_three_are_asked_for() -> None:
    two = {name: min(count, 2) for name, count in PERCENT.items()}
    assert frame_of("d.json", tallied(**two), "detect", corners=False) == PIXELS
    assert "--coco-boxes percent reads percent" in told(**two)[Doubted.FRAMES_DISAGREE]
    assert told(**(two | {"boxes_beyond_100": 1})) == {}


@pytest.mark.parametrize(
    ("counts", "code", "words"),
    [
        ({"masks": 4, "masks_by_rows": 2}, Doubted.MASKS_BY_ROWS, "2 of 4 masks"),
        ({"outlines_by_axis": 2}, Doubted.OUTLINES_BY_AXIS, "2 outlines hold all x"),
        ({"objects_without_box": 2}, Doubted.OBJECTS_WITHOUT_BOX, "category 'the first of objects_without_box'"),
        ({"images_by_name": 2}, Doubted.NAMES_FOR_IDS, "the name of an image as image_id"),
        ({"turned_boxes": 2, "turned_below_a_turn": 2}, Doubted.ROTATED_BOXES, "may be radians"),
    ],
)
def test_what_was_read_in_one_of_two_ways_is_told(counts: dict[str, int], code: str, words: str) -> None:
    assert words in told(**counts)[code]
    assert "radians" not in told(turned_boxes=2, turned_below_a_turn=1)[Doubted.ROTATED_BOXES]


def test_a_few_masks_that_seem_to_go_along_rows_are_chance() -> None:
    assert told(masks=5, masks_by_rows=2) == {}
