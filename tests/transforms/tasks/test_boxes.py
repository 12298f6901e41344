"""Boxes of detection: cut at the border, and written within a millionth of what they were."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelbeam.schemas.neutral import SourceImage, SourceObject
from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.columns.fragments import fragments_of
from labelbeam.transforms.geometry.boxes import OK, code_of
from labelbeam.transforms.tasks.registry import TASKS
from tests.transforms.tasks.drawn import image, json_lines, records_of


@settings(deadline=None, max_examples=60)
@given(st.lists(image, min_size=1, max_size=3))
def test_boxes_are_written_within_a_millionth_of_the_exact_ones(images: list[SourceImage]) -> None:
    records = records_of(images, "image_object_detection")
    if records is None:
        return
    rows, offsets = records.labels.rows, records.labels.offsets
    lines = json_lines(records, "image_object_detection")
    for line, (start, end), (width, height) in zip(lines, pairwise(offsets), records.sizes.tolist(), strict=True):
        for written, row in zip(line["label"], rows[start:end].tolist(), strict=True):
            pixels = records.labels.objects.bbox[row].tolist()
            if any(map(math.isnan, pixels)):
                continue  # Derived from the outline.
            (left, right), (top, bottom) = sorted(pixels[::2]), sorted(pixels[1::2])  # Any two opposite corners.
            for name, value, size in zip(
                ("topX", "topY", "bottomX", "bottomY"), (left, top, right, bottom), (width, height) * 2, strict=True
            ):
                exact = min(max(Fraction(value), Fraction(0)), Fraction(size)) / size
                assert abs(Fraction(repr(written[name])) - exact) <= Fraction(1, 10**6)


TRIANGLE = np.array([(2, 2), (6, 2), (6, 8.0)])
FLAT = np.array([(0, 0), (9, 9.0)])


def judged(bbox: Any, rings: Any = None, clip: bool = True) -> tuple[Any, list[str], Any]:
    """What becomes of one object of an image of 10 by 10: its code, what was adjusted, and its sides in millionths."""
    item = SourceObject("cat", "1", bbox=bbox, rings=rings)
    ((_, fragment),) = fragments_of([SourceImage("a.jpg", "s", "1", 10, 10, objects=[item])], 1, 0)
    found = TASKS["image_object_detection"].judge(fragment.objects, np.array([[10.0, 10.0]]), clip, None)
    adjusted = [str(name) for name, rows in found.adjusted.items() if rows[0]]
    return found.codes[0], adjusted, found.geometry[0].tolist()


@pytest.mark.parametrize(
    ("bbox", "rings", "sides", "adjusted"),
    [
        ((1, 2, 3, 4), None, [0.1, 0.2, 0.3, 0.4], []),
        ((3, 4, 1, 2), None, [0.1, 0.2, 0.3, 0.4], [Adjusted.BBOX_CORNERS_SWAPPED]),
        ((3, 2, 1, 4), None, [0.1, 0.2, 0.3, 0.4], [Adjusted.BBOX_CORNERS_SWAPPED]),
        ((-5, 2, 30, 4), None, [0, 0.2, 1, 0.4], [Adjusted.BBOX_CLIPPED]),
        (None, [TRIANGLE], [0.2, 0.2, 0.6, 0.8], [Adjusted.BBOX_FROM_SEGMENTATION]),
        (None, [FLAT, TRIANGLE], [0.2, 0.2, 0.6, 0.8], [Adjusted.BBOX_FROM_SEGMENTATION]),
        ((1, 2, 3, 4), [TRIANGLE], [0.1, 0.2, 0.3, 0.4], []),
    ],
)
def test_a_box_is_that_of_the_source_or_else_of_the_outline(
    bbox: Any, rings: Any, sides: list[float], adjusted: list[Adjusted]
) -> None:
    code, told, millionths = judged(bbox, rings)
    assert code == OK
    assert told == [str(each) for each in adjusted]
    assert millionths == [round(side * 1e6) for side in sides]


def test_without_clipping_what_leaves_its_image_is_rejected_and_nothing_counts_as_adjusted() -> None:
    code, told, _ = judged((-5, 2, 30, 4), clip=False)
    assert code != OK and told == []
    code, told, _ = judged(None, [FLAT])
    assert code == code_of(Rejected.MISSING_BBOX) and told == []
