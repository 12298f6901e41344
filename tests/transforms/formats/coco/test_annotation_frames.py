"""In which unit the boxes and outlines of COCO annotations are, as their evidence tells it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.coco.frames import frame_of
from labelbeam.transforms.formats.frames import Evidence
from tests.transforms.formats.coco.annotations_read import DETECTION, SEGMENTATION, Read, annotation


def evidence(*boxes: Any, outlines: Sequence[Any] = (), task: str = DETECTION) -> Evidence:
    records = [annotation(bbox=box) for box in boxes] + [
        annotation(bbox=None, segmentation=[part]) for part in outlines
    ]
    return Read(records, task).evidence


def units(found: Evidence) -> tuple[str, str]:
    """The units of boxes and outlines; "refused" where they cannot be told."""
    try:
        frame = frame_of("file:///d.json", found, "detect", corners=False)
    except UsageError as error:
        assert "--coco-boxes" in str(error)
        return "refused", "refused"
    return frame.boxes, frame.outlines


@pytest.mark.parametrize(
    ("boxes", "unit"),
    [
        ([[0.1, 0.2, 0.5, 0.25]], "fractions"),
        ([[0, 0, 1, 1], [0.5, 0.5, 0.5, 0.5]], "fractions"),
        ([[0, 0, 1, 1]], "pixels"),
        ([[0, 0, 1, 1], [1, 1, 1, 1], [0, 1, 1, 0]], "pixels"),
        ([[10.5, 20.5, 0.5, 0.5]], "pixels"),
        ([[-5, 0.5, 0.5, 0.5]], "pixels"),
        ([[0.5, 0.5, 0.5000001, 1.0000005]], "fractions"),
        ([[0.25, 0.25, 0.5, 0.5], [-0.004, 0.3, 0.25, 0.25]], "fractions"),
        ([[0.25, 0.25, 0.5, 0.5], [0.9, 0.3, 0.13, 0.25]], "fractions"),
        ([[0.25, 0.25, 1.02, 0.5]], "fractions"),
        ([[0.1, 0.1, 0.5, 0.5]] * 10 + [[0.2, 0.2, 1.3, 0.5]], "fractions"),
        ([[0.1, 0.1, 0.5, 0.5]] * 100 + [[300, 0.2, 20, 0.5]], "fractions"),
        ([[3, 1, 2, 2]] * 101 + [[0.5, 0.5, 0.5, 0.5]], "pixels"),
        ([[0.1, 0.2, 0.5, 0.25], [0, 0, 2, 1]], "refused"),
        ([[0.1, 0.2, 0.5, 0.25], [300.5, 0, 2, 1]], "refused"),
        ([[0.1, 0.2, 0.5, 0.25]] * 5 + [[1, 1, 2, 2]], "refused"),
        ([[1, 1, 2, 2]] * 9 + [[0.1, 0.2, 0.5, 0.25]], "refused"),
        ([[0.6, 0.6, -0.5, -0.25]], "fractions"),
        ([], "pixels"),
    ],
)
def test_boxes_below_a_pixel_are_fractions_and_two_frames_in_one_file_are_refused(boxes: Any, unit: str) -> None:
    assert units(evidence(*boxes))[0] == unit


def test_one_pixel_boxes_in_the_corner_are_pixels() -> None:
    assert units(evidence([0, 0, 1, 1], [1, 0, 1, 1], [0, 1, 1, 1])) == ("pixels", "pixels")


def test_outlines_have_a_frame_of_their_own_and_give_it_to_a_file_without_boxes() -> None:
    inside, outside = [0.1, 0.1, 0.9, 0.1, 0.9, 0.9], [1, 1, 5, 1, 5, 5]
    for task in (DETECTION, SEGMENTATION):
        assert units(evidence(outlines=[inside], task=task)) == ("fractions", "fractions")
        assert units(evidence(outlines=[inside, outside], task=task)) == ("refused", "refused")
        assert units(evidence([1, 1, 2, 2], outlines=[inside], task=task)) == ("pixels", "fractions")
        assert units(evidence([0.1, 0.1, 0.2, 0.2], outlines=[outside], task=task)) == ("fractions", "pixels")
    assert units(evidence([0.1, 0.1, 0.2, 0.2])) == ("fractions", "fractions")
    assert units(evidence(outlines=[[0, 0, 1, 0, 1, 1]])) == ("pixels", "pixels")


def test_a_part_that_is_no_ring_says_nothing_of_the_frame() -> None:
    assert units(evidence(outlines=[[0.1, 0.1, 0.9, 0.1, 0.9, 0.9], [300, 300]])) == ("fractions", "fractions")


def test_an_annotation_that_is_rejected_says_nothing_of_the_frame() -> None:
    good = annotation(bbox=[0.1, 0.1, 0.2, 0.2])
    assert units(Read([good, annotation(bbox=[100, 100, 5, 5], image_id=2)]).evidence)[0] == "fractions"


box = st.lists(st.sampled_from([0, 1, 0.5, 2.5, 7]), min_size=4, max_size=4)
part = st.lists(st.sampled_from([0, 1, 0.25, 3]), min_size=6, max_size=6)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.none() | box, st.none() | part), max_size=6),
    st.integers(0, 6),
    st.sampled_from([DETECTION, SEGMENTATION]),
)
def test_the_frame_does_not_depend_on_where_the_file_is_cut(rows: list[Any], cut: int, task: str) -> None:
    records = [annotation(bbox=bbox, segmentation=None if ring is None else [ring]) for bbox, ring in rows]
    whole = Read(records, task).evidence
    pieces = [Read(piece, task).evidence for piece in (records[:cut], records[cut:])]
    assert units(pieces[0].merge(pieces[1])) == units(whole)
    assert units(pieces[1].merge(pieces[0])) == units(whole)
