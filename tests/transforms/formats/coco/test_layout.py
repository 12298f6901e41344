"""What four numbers of a box may mean beside x, y, width, height, and when that is told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.coco.evidence import Collector
from labelbeam.transforms.formats.coco.frames import frame_of
from labelbeam.transforms.formats.coco.layout import doubts_of_layout
from labelbeam.transforms.formats.frames import Evidence

Numbers = tuple[float, float, float, float]


def doubts(
    boxes: Sequence[Numbers],
    width: int = 640,
    height: int = 480,
    areas: Sequence[float] | None = None,
    asked: str = "detect",
) -> list[Doubt]:
    """The doubts of boxes that each have an image of their own, of one size."""
    evidence = Evidence()
    collector = Collector(evidence, lambda at: f"annotations id={at + 1}")
    count = len(boxes)
    collector.boxes(
        np.array(boxes, np.float64),
        np.tile(np.array([[width, height]], np.int32), (count, 1)),
        np.full(count, np.nan) if areas is None else np.array(areas, np.float64),
        np.arange(count),
    )
    return list(doubts_of_layout("d.json", evidence, frame_of("d.json", evidence, "detect", False), asked))


def codes(*args: object, **options: object) -> list[str]:
    return [doubt.code for doubt in doubts(*args, **options)]  # type: ignore[arg-type]


WITHIN: list[Numbers] = [(10, 20, 100, 80), (300, 40, 60, 90), (500, 300, 120, 150), (0, 0, 640, 480), (200, 5, 5, 5)]


def test_boxes_that_lie_in_their_images_leave_no_doubt() -> None:
    assert codes(WITHIN) == []
    assert codes([(0.1, 0.2, 0.3, 0.4), (0.5, 0.5, 0.5, 0.5), (0, 0, 1, 1)]) == []


def test_a_box_that_overshoots_by_a_little_leaves_no_doubt() -> None:
    assert codes([*WITHIN, (500, 300, 145, 182), (-3, -2, 50, 50)]) == []


@pytest.mark.parametrize(
    "boxes",
    [
        [(10, 20, 110, 100), (20, 30, 90, 80), (400, 300, 620, 470)],  # One of three leaves the image.
        [*[(10, 10, 60 + shift, 50) for shift in range(30)], (300, 250, 600, 400)],  # One of many.
        [(0.1, 0.1, 0.3, 0.2), (0.2, 0.2, 0.4, 0.5), (0.6, 0.5, 0.9, 0.8)],  # As fractions.
        [(0.5, 0.5, 0.9, 0.9), (0.6, 0.1, 0.8, 0.3)],
    ],
)
def test_corners_of_which_few_leave_the_image_are_told_with_the_option(boxes: list[Numbers]) -> None:
    (doubt,) = doubts(boxes)
    assert (doubt.code, doubt.option) == (Doubted.CORNERS_OR_SIZES, "--coco-corners")
    assert "two corners" in doubt.message
    assert doubt.example


def test_corners_are_no_reading_where_areas_are_those_of_sizes() -> None:
    boxes: list[Numbers] = [(10, 20, 110, 100), (20, 30, 90, 80), (400, 300, 620, 470)]
    (doubt,) = doubts(boxes, areas=[box[2] * box[3] for box in boxes])
    assert doubt.code == Doubted.BOXES_LEAVE_IMAGES


@pytest.mark.parametrize("corners", [2, 5, 20])
def test_areas_of_corners_among_those_of_sizes_are_told(corners: int) -> None:
    sizes: list[Numbers] = [(200, 100, 50, 40)] * 20
    mixed: list[Numbers] = [*sizes, *[(200.0, 100.0, 250.0, 140.0)] * corners]
    (doubt,) = doubts(mixed, areas=[2000] * len(mixed))
    assert (doubt.code, doubt.count) == (Doubted.CORNERS_OR_SIZES, corners)


@pytest.mark.parametrize(
    "boxes",
    [
        [(600, 440, 70, 70), (100, 100, 150, 90), (560, 60, 120, 100)],
        [(0.9, 0.9, 0.2, 0.2), (0.2, 0.3, 0.3, 0.4), (0.8, 0.5, 0.4, 0.2)],
        [(0.95, 0.5, 0.1, 0.6), (0.5, 0.95, 0.8, 0.1), (0.5, 0.5, 0.1, 0.1)],
    ],
)
def test_centres_are_told(boxes: list[Numbers]) -> None:
    (doubt,) = doubts(boxes)
    assert doubt.code == Doubted.CORNERS_OR_SIZES
    assert "a centre and a size" in doubt.message


@pytest.mark.parametrize(
    "strange",
    [
        [(600.0, 100.0, 300.0, 100.0), (5.0, 400.0, 50.0, 200.0)],  # Both leave it far.
        [(-200.0, 50.0, 100.0, 60.0), (5.0, 5.0, 700.0, 50.0)],  # One to the left.
        [(5.0, 5.0, 660.0, 50.0), (3.0, 400.0, 50.0, 100.0)],  # Both by a little, but they are one in four.
    ],
)
def test_boxes_that_leave_their_images_are_told_before_they_are_half_of_all(strange: list[Numbers]) -> None:
    (doubt,) = doubts([*WITHIN, (1, 2, 3, 4), *strange])
    assert (doubt.code, doubt.count) == (Doubted.BOXES_LEAVE_IMAGES, 2)


def test_one_box_in_a_hundred_that_leaves_its_image_far_is_told() -> None:
    boxes: list[Numbers] = [(300, 200, 50, 50)] * 99
    assert codes([*boxes, (400, 300, 900, 100)]) == [Doubted.BOXES_LEAVE_IMAGES]
    assert codes([*boxes, *boxes, (400, 300, 900, 100)]) == []


GRID: list[Numbers] = [(50, 60, 400, 300), (500, 200, 490, 790), (10, 10, 20, 20), (880, 900, 100, 80)]


@pytest.mark.parametrize(("width", "height"), [(640, 480), (4000, 3000), (1920, 1080), (500, 2000)])
def test_a_grid_of_1000_steps_is_told_whatever_the_size_of_images(width: int, height: int) -> None:
    (doubt,) = doubts(GRID, width, height)
    assert (doubt.code, doubt.option) == (Doubted.FIXED_GRID, "--coco-boxes pixels")
    assert codes(GRID, width, height, asked="pixels") != [Doubted.FIXED_GRID]


@pytest.mark.parametrize(
    "boxes",
    [
        [*GRID, (1500.0, 20.0, 50.0, 50.0)],  # One lies beyond it.
        [(50, 60, 400, 300), (500, 200, 100, 790), (10, 10, 20, 20)],  # None reaches its right side.
        GRID[:2],  # Too few to tell.
    ],
)
def test_boxes_that_happen_to_lie_in_the_first_1000_pixels_are_pixels(boxes: list[Numbers]) -> None:
    assert codes(boxes, 4000, 3000) == []


def test_images_of_about_1000_pixels_are_no_grid() -> None:
    assert codes(GRID, 1024, 1024) == []
    assert codes(GRID, 1200, 1100) == []


# Other orders of two corners, and areas that count both edges.

PAIRS: list[Numbers] = [(100, 150, 200, 260), (300, 360, 100, 140), (10, 50, 20, 60)]


def test_areas_of_x1_x2_y1_y2_are_told() -> None:
    (doubt,) = doubts(PAIRS, areas=[(b - a) * (d - c) for a, b, c, d in PAIRS])
    assert (doubt.code, doubt.count) == (Doubted.CORNERS_OR_SIZES, 3) and "x1, x2, y1, y2" in doubt.message


@pytest.mark.parametrize("areas", [[c * d for _, _, c, d in PAIRS], [1.0, 2.0, 3.0], [3000.0, 2.0, 2.0]])
def test_other_areas_say_nothing_of_such_an_order(areas: list[float]) -> None:
    assert not any("x1, x2" in doubt.message for doubt in doubts(PAIRS, areas=areas))


@pytest.mark.parametrize("boxes", [WITHIN, [(1, 2, 5, 5), (3, 4, 25, 9)], [(10, 10, 2, 2), (20, 20, 3, 3)]])
def test_areas_that_count_the_pixels_of_both_edges_leave_no_doubt(boxes: list[Numbers]) -> None:
    assert codes(boxes, areas=[(width + 1) * (height + 1) for _, _, width, height in boxes]) == []
