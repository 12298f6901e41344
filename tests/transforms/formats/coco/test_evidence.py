"""Tallies of what the numbers of COCO may mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelbeam.transforms.formats.coco.evidence import Collector
from labelbeam.transforms.formats.frames import Evidence

Numbers = tuple[float, float, float, float]


def of(boxes: Sequence[Numbers], size: tuple[int, int] = (640, 480), areas: Sequence[float] | None = None) -> Evidence:
    evidence, count = Evidence(), len(boxes)
    Collector(evidence, str).boxes(
        np.array(boxes, np.float64).reshape(-1, 4),
        np.tile(np.array([size], np.int32), (count, 1)),
        np.full(count, np.nan) if areas is None else np.array(areas, np.float64),
        np.arange(count),
    )
    return evidence


def counts(evidence: Evidence, *names: str) -> list[int]:
    return [evidence.count(name) for name in names]


def test_a_tally_has_the_first_record_as_its_example() -> None:
    evidence = Evidence()
    collector = Collector(evidence, lambda at: f"id={at}")
    collector.add("a", np.array([False, True, True]))
    collector.add("b", np.array([False]))
    assert (evidence.count("a"), evidence.example("a"), evidence.count("b")) == (2, "id=1", 0)


@pytest.mark.parametrize("box", [(np.nan, 0, 1, 1), (0, 0, 0, 5), (0, 0, np.inf, 5)])
def test_what_is_no_box_tells_nothing(box: Numbers) -> None:
    assert of([box]) == Evidence()
    assert of([]) == Evidence()


def test_fractions_are_told_from_pixels() -> None:
    found = of([(0.1, 0.1, 0.5, 0.5), (0, 0, 1, 1), (0.8, 0.8, 0.3, 0.1), (10, 10, 50, 50), (1.5, 0, 1, 1)])
    names = ("boxes", "boxes_under_a_pixel", "boxes_past_the_edge", "boxes_beyond_1", "boxes_far_beyond_1")
    assert counts(found, *names) == [5, 2, 1, 2, 1]


def test_a_box_that_was_drawn_from_the_other_corner_tells_the_same() -> None:
    assert of([(50, 60, -40, -30)]) == of([(10, 30, 40, 30)])


@settings(max_examples=20)
@given(st.tuples(*[st.floats(-5, 700)] * 4), st.permutations(range(3)))
def test_the_order_of_records_changes_examples_only(box: Numbers, order: list[int]) -> None:
    boxes = [box, (1.0, 2.0, 30.0, 40.0), (0.1, 0.2, 0.3, 0.4)]
    found, other = of(boxes), of([boxes[at] for at in order])
    assert {name: tally.count for name, tally in found.tallies.items()} == {
        name: tally.count for name, tally in other.tallies.items()
    }


def test_boxes_that_leave_their_images_are_tallied_by_each_reading() -> None:
    found = of([(600, 400, 630, 470), (10, 10, 20, 20), (0, 0, 640, 480)])
    names = (
        "boxes_in_known_images",
        "boxes_leaving",
        "boxes_leaving_far",
        "boxes_leaving_as_corners",
        "boxes_leaving_as_centres",
    )
    assert counts(found, *names) == [3, 1, 1, 0, 2]
    assert counts(of([(600, 400, 630, 470)], size=(0, 0)), *names) == [0] * 5


def test_areas_tell_sizes_from_corners() -> None:
    found = of([(10, 10, 20, 30), (10, 10, 20, 30), (10, 10, 20, 30)], areas=[600, 200, np.nan])
    assert counts(found, "areas", "areas_of_sizes", "areas_of_corners") == [2, 1, 1]


@pytest.mark.parametrize(
    ("extent", "box", "elsewhere"),
    [
        ((10, 10, 50, 50), (10, 10, 50, 50), 0),
        ((10, 10, 50, 50), (200, 200, 250, 250), 1),
        ((0.1, 0.1, 0.5, 0.5), (10, 10, 50, 50), 0),
        ((np.nan,) * 4, (10, 10, 50, 50), 0),
    ],
)
def test_an_outline_away_from_its_box_is_tallied_unless_units_differ(
    extent: Numbers, box: Numbers, elsewhere: int
) -> None:
    evidence = Evidence()
    Collector(evidence, str).outlines_in_boxes(
        np.array([extent], float), np.array([box], float), np.zeros((1, 2), np.int32)
    )
    assert evidence.count("outlines_elsewhere") == elsewhere


def test_outlines_whose_axes_are_exchanged_are_told() -> None:
    evidence = Evidence()
    Collector(evidence, str).outlines_in_boxes(
        np.array([[10.0, 300, 50, 400]]), np.array([[300.0, 10, 400, 50]]), np.zeros((1, 2), np.int32)
    )
    assert counts(evidence, "outlines_elsewhere", "outlines_exchanged") == [1, 1]
