"""Label files in the neutral form: boxes, outlines, labels, and what is rejected with its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from labelbeam.schemas.neutral import RAW_LIMIT
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from labelbeam.transforms.formats.yolo.description import Names
from labelbeam.transforms.formats.yolo.format import YoloOptions
from labelbeam.transforms.formats.yolo.read import Labels, YoloImage, read_yolo
from labelbeam.transforms.formats.yolo.tree import YoloItem

DETECTION = "image_object_detection"
SEGMENTATION = "image_instance_segmentation"
MULTILABEL = "image_classification_multilabel"
ITEM = YoloItem("images/1.jpg", "labels/1.txt", "train")
NAMES = Names({0: "cat", 1: "dog", 2: "", 3: " cow ", 4: "cat"}, frozenset({5}))
QUAD = "0 0.1 0.2 0.5 0.1 0.6 0.5 0.2 0.6"


def read(
    text: str, names: Names | None = NAMES, task: str = DETECTION, item: YoloItem = ITEM, **options: Any
) -> YoloImage:
    return read_yolo(item, text.encode(), Labels(names), YoloOptions(**options), task=task, source="file:///d")


def rejected(found: YoloImage) -> list[tuple[str, str]]:
    return [(item.locator, str(item.code)) for item in found.image.rejected]


def test_a_centre_and_a_size_become_edges_in_fractions() -> None:
    image = read("0 0.5 0.5 0.25 0.5\n\n1 0 0 1 1").image
    assert [(item.label, item.locator, item.bbox) for item in image.objects] == [
        ("cat", "line 1", (0.375, 0.25, 0.625, 0.75)),
        ("dog", "line 3", (-0.5, -0.5, 0.5, 0.5)),
    ]
    assert (image.path, image.locator, image.split, image.width) == ("images/1.jpg", "labels/1.txt", "train", None)


def test_corners_become_a_ring_without_the_last_one_where_it_is_the_first() -> None:
    for text in ("0 0.1 0.1 0.5 0.1 0.5 0.5", "0 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.1"):
        (item,) = read(text, task=SEGMENTATION).image.objects
        assert item.bbox is None
        assert item.rings is not None
        assert np.array_equal(item.rings[0], [(0.1, 0.1), (0.5, 0.1), (0.5, 0.5)])


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("9 0.5 0.5 0.1 0.1", "unknown_category"),
        ("-1 0.5 0.5 0.1 0.1", "unknown_category"),
        ("5 0.5 0.5 0.1 0.1", "ambiguous_category_id"),
        ("2 0.5 0.5 0.1 0.1", "invalid_label"),
        ("0 320 240 50 50", "invalid_bbox"),
        ("0 0.5 0.5 -3 0.1", "invalid_bbox"),
        ("0 1 2 30 4 50 60", "invalid_polygon"),
        ("cat 0.5 0.5 0.1 0.1", "invalid_label"),
    ],
)
@pytest.mark.parametrize("task", [DETECTION, SEGMENTATION])
def test_a_line_is_rejected_with_file_and_line(line: str, code: str, task: str) -> None:
    found = read(f"1 0.5 0.5 0.1 0.1\n{line}\n", task=task)
    assert rejected(found) == [("labels/1.txt line 2", code)]
    assert found.image.rejected[0].raw == line
    assert [item.label for item in found.image.objects] == ["dog"]


def test_without_names_numbers_are_labels() -> None:
    found = read("0 0.5 0.5 0.1 0.1\n17 0.5 0.5 0.1 0.1\n-2 0.5 0.5 0.1 0.1", None)
    assert [item.label for item in found.image.objects] == ["0", "17"]
    assert rejected(found) == [("labels/1.txt line 3", "unknown_category")]


def test_a_name_loses_its_blanks_and_two_numbers_of_one_name_are_one_label() -> None:
    found = read("3 0.5 0.5 0.1 0.1\n0 0.5 0.5 0.1 0.1\n4 0.5 0.5 0.1 0.1\n")
    assert [item.label for item in found.image.objects] == ["cow", "cat", "cat"]
    assert found.image.adjusted == [Adjusted.LABEL_NORMALIZED]


def test_a_repeated_line_is_skipped_and_a_comma_is_noted() -> None:
    found = read("0 0,5 0,5 0,1 0,1\n0 0.5 0.5 0.1 0.1\n")
    assert found.image.skipped == [Skipped.REPEATED_LINE]
    assert found.image.adjusted == [Adjusted.COMMAS_IN_NUMBERS]
    assert len(found.image.objects) == 1


def test_for_classification_each_label_counts_once() -> None:
    found = read(f"1 0.5 0.5 0.1 0.1\n0 0.5 0.5 0.1 0.1\n1 0.5 0.5 0.1 0.1\n{QUAD}\n9 0 0 1 1", task=MULTILABEL)
    assert found.image.skipped == []
    assert [(item.label, item.bbox, item.rings) for item in found.image.objects] == [
        ("dog", None, None),
        ("cat", None, None),
    ]
    assert rejected(found) == [("labels/1.txt line 5", "unknown_category")]
    assert not found.boxes


@pytest.mark.parametrize(
    ("choice", "objects", "codes"),
    [
        ("detect", [(None, 4)], []),
        ("polygon", [(None, 4)], []),
        ("box", [((0.1, 0.1, 0.6, 0.6), 0)], []),
        ("reject", [], ["oriented_box"]),
    ],
)
def test_four_corners_are_read_as_asked_for(choice: str, objects: list[Any], codes: list[str]) -> None:
    image = read(QUAD, yolo_oriented=choice).image
    assert [(item.bbox, len(item.rings[0]) if item.rings else 0) for item in image.objects] == objects
    assert [str(item.code) for item in image.rejected] == codes
    assert image.adjusted == ([Adjusted.BBOX_TURNED] if choice == "box" else [])


def test_pixels_are_read_where_they_are_asked_for() -> None:
    (item,) = read("0 320 240 50 20", yolo_boxes="pixels").image.objects
    assert item.bbox == (295, 230, 345, 250)


def test_an_image_without_a_file_or_with_an_empty_one_is_background() -> None:
    for data in (None, b"", b"\n\n"):
        image = read_yolo(ITEM, data, Labels(NAMES), YoloOptions(), task=DETECTION, source="s").image
        assert (image.objects, image.rejected, image.left_out) == ([], [], None)


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (YoloItem("../x.jpg"), Rejected.UNSAFE_PATH),
        (YoloItem("a\x01.jpg"), Rejected.UNSAFE_PATH),
        (YoloItem("https://h/../x.jpg\x00"), Rejected.UNSUPPORTED_URL),
        (YoloItem("1.jpg", candidates=("a/1.txt", "b/1.txt")), Rejected.AMBIGUOUS_LABELS),
    ],
)
def test_an_image_that_nobody_may_follow_or_tell_is_rejected(item: YoloItem, code: Rejected) -> None:
    (found,) = read_yolo(item, None, Labels(NAMES), YoloOptions(), task=DETECTION, source="s").image.rejected
    assert (found.kind, found.code) == ("image", code)


def test_a_long_line_is_cut_in_the_rejection() -> None:
    (found,) = read("0 " + "7 " * 5000 + "x").image.rejected
    assert len(found.raw) == RAW_LIMIT
