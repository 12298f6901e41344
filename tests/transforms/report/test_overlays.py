"""What is drawn over an image lies where its record says."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.report.overlays import LONGEST_TAG, MOST_POINTS, MOST_SHAPES, MOST_TAGS, draw

fractions = st.integers(0, 1_000_000).map(lambda number: number / 1_000_000)


def box(left: float, top: float, right: float, bottom: float, **more: Any) -> dict[str, Any]:
    return {"label": "cat", "topX": left, "topY": top, "bottomX": right, "bottomY": bottom, "isCrowd": 0, **more}


def rings(path: str) -> list[list[tuple[float, float]]]:
    return [
        [(float(x), float(y)) for x, y in (corner.split() for corner in ring.split("L"))]
        for ring in re.findall(r"M([^MZ]+)Z", path)
    ]


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.tuples(fractions, fractions, fractions, fractions))
def test_a_box_is_drawn_in_pixels_of_its_image(width: int, height: int, sides: tuple[float, ...]) -> None:
    left, top, right, bottom = sides
    (shape,) = draw(width, height, [box(left, top, right, bottom)], {"cat": 3}).shapes
    expected = [(left, top), (right, top), (right, bottom), (left, bottom)]
    (ring,) = rings(shape.path)
    for corner, (x, y) in zip(ring, expected, strict=True):
        assert corner == pytest.approx((x * width, y * height), abs=0.06)
    assert shape.colour == 3 and not shape.outline and not shape.predicted


def test_the_rings_of_an_outline_are_one_path_so_that_one_in_another_is_a_hole() -> None:
    outer, hole = [0, 0, 1, 0, 1, 1, 0, 1], [0.25, 0.25, 0.75, 0.25, 0.5, 0.75]
    (shape,) = draw(200, 100, [{"label": "cat", "isCrowd": 1, "polygon": [outer, hole]}], {}).shapes
    assert rings(shape.path) == [[(0, 0), (200, 0), (200, 100), (0, 100)], [(50, 25), (150, 25), (100, 75)]]
    assert shape.outline and shape.crowd


def test_a_prediction_is_drawn_by_its_outline_or_else_its_box_with_its_score() -> None:
    sides = {"topX": 0.1, "topY": 0.1, "bottomX": 0.5, "bottomY": 0.5}
    plain = {"label": "cat", "box": sides, "score": 0.876}
    outlined = plain | {"polygon": [[0.1, 0.1, 0.5, 0.1, 0.5, 0.5]]}
    first, second = draw(100, 100, [plain, outlined], {}).shapes
    assert rings(first.path) == [[(10, 10), (50, 10), (50, 50), (10, 50)]]
    assert rings(second.path) == [[(10, 10), (50, 10), (50, 50)]]
    assert first.predicted and first.tag == "cat 0.88"


def test_a_label_stays_on_the_image_and_is_cut_where_it_is_long() -> None:
    label = "long " * 20
    drawing = draw(640, 480, [box(0.99, 0, 1, 0.01, label=label), box(0, 0, 1, 1)], {})
    for shape in drawing.shapes:
        assert 0 <= float(shape.x) <= 640 - 0.5 * float(drawing.letters) * len(shape.tag)
        assert float(drawing.letters) * 0.9 <= float(shape.y) <= 480
    assert drawing.shapes[0].label == label and len(drawing.shapes[0].tag) == LONGEST_TAG


def test_labels_are_hidden_where_they_would_cover_the_image() -> None:
    assert not draw(100, 100, [box(0, 0, 1, 1)] * MOST_TAGS, {}).busy
    assert draw(100, 100, [box(0, 0, 1, 1)] * (MOST_TAGS + 1), {}).busy


def test_what_would_make_the_page_too_large_is_left_out_and_counted() -> None:
    drawing = draw(100, 100, [box(0, 0, 1, 1)] * (MOST_SHAPES + 7), {})
    assert (len(drawing.shapes), drawing.left_out) == (MOST_SHAPES, 7)
    large = {"label": "cat", "isCrowd": 0, "polygon": [[0.5] * 2 * (MOST_POINTS + 1)]}
    assert draw(100, 100, [large], {}).left_out == 1
