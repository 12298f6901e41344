"""COCO files whose numbers mean something else than usual: in which unit they are, and what boxes, areas and outlines say of each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.builds import DETECTION, SEGMENTATION, attempt, failed, near
from tests.end_to_end.coco_builds import CAT, LARGE, build_of, doubts, refusal_of
from tests.end_to_end.datasets import SQUARE, coco_box, coco_image, write_coco, write_image

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


def test_a_few_boxes_in_the_first_hundred_pixels_are_pixels_with_a_word(tmp_path: Path) -> None:
    build = build_of(
        tmp_path, [{"bbox": [1, 1, 50.5, 50]}, {"bbox": [20, 10, 70, 40]}, {"bbox": [0, 0, 30, 30]}], **LARGE
    )
    assert near(build.boxes("1.jpg")[0], ("cat", 1 / 640, 1 / 480, 51.5 / 640, 51 / 480, 0))
    assert list(doubts(build)) == ["all_in_a_corner"]


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
    ("pixels", "others", "boxes"), [(6, 4, [[3, 4, 30, 20]]), (70, 3, [[3, 4, 30, 90]]), (6, 2, IN_PERCENT), (6, 0, [])]
)
def test_small_boxes_and_a_few_images_are_no_sign_of_percent(
    pixels: int, others: int, boxes: list[list[float]], tmp_path: Path
) -> None:
    answer = of_two_frames(tmp_path, pixels, others, boxes)
    assert (answer.status, "warning" in answer.err) == (0, False)


def test_a_few_boxes_with_decimals_that_may_be_percent_are_told_beside_whole_pixels(tmp_path: Path) -> None:
    answer = of_two_frames(tmp_path, 70, 3, IN_PERCENT)
    assert answer.status == 0 and "boxes have decimals" in " ".join(answer.err.split())


@pytest.mark.parametrize("boxes", [[[0.1, 0.2, 0.3, 0.4]], [[0.5, 0.5, 0.5, 0.5], [0, 0, 1, 0.25]]])
def test_images_in_fractions_beside_others_are_refused_with_counts_an_example_and_options(
    boxes: list[list[float]], tmp_path: Path
) -> None:
    answer = of_two_frames(tmp_path, 6, 4, boxes)
    failed(answer, 2, f"{4 * len(boxes)} of", "annotations id=", "--coco-boxes pixels or --coco-boxes relative")
