"""What the numbers of all label files say together, and which doubts follow."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.frames import FRACTIONS, PIXELS, Evidence, Frame
from labelbeam.transforms.formats.yolo.description import Names
from labelbeam.transforms.formats.yolo.evidence import add_evidence, frames_of, remarks_on
from labelbeam.transforms.formats.yolo.format import YoloOptions
from labelbeam.transforms.formats.yolo.read import Labels, read_yolo
from labelbeam.transforms.formats.yolo.tree import YoloItem

GOOD = "0 0.5 0.5 0.2 0.2"
TURNED = "0 0.1 0.2 0.5 0.1 0.6 0.5 0.2 0.6"
UPRIGHT = "0 0.1 0.2 0.5 0.2 0.5 0.6 0.1 0.6"
TRIANGLE = "0 0.1 0.2 0.5 0.2 0.5 0.6"


def evidence(*texts: str, outlined: bool = False, **options: Any) -> Evidence:
    """That of label files, read one by one and merged in any order."""
    parts = []
    for number, text in enumerate(texts, 1):
        part = Evidence()
        item = YoloItem(f"{number}.jpg", f"{number}.txt")
        found = read_yolo(
            item, text.encode(), Labels(None), YoloOptions(**options), task="image_object_detection", source="s"
        )
        add_evidence(part, [found], outlined)
        parts.append(part)
    merged = Evidence()
    for part in reversed(parts):
        merged = merged.merge(part)
    return merged


def frame(*texts: str, **options: Any) -> Frame:
    return frames_of({"s": evidence(*texts, **options)}, YoloOptions(**options)).get("s", PIXELS)


def doubts(*texts: str, outlined: bool = False, **options: Any) -> list[tuple[str, int, str, str]]:
    found = remarks_on({"s": evidence(*texts, outlined=outlined, **options)}, YoloOptions(**options))
    return [(doubt.code, doubt.count, doubt.example, doubt.option) for doubt in found]


def test_numbers_are_fractions() -> None:
    assert frame(GOOD, TRIANGLE, "0 1.01 0.5 0.1 0.1") == FRACTIONS
    assert doubts(GOOD, TRIANGLE) == []


@pytest.mark.parametrize("text", ["0 320 240 50 50", "0 50 50 20 20", "0 12 13 40 50 60 70"])
def test_a_dataset_most_of_whose_numbers_are_no_fractions_is_refused_with_an_example_and_the_option(text: str) -> None:
    with pytest.raises(UsageError, match=r"s: 2 of 3 objects .* such as in 2\.txt.*--yolo-boxes pixels") as caught:
        frame(GOOD, text, text)
    assert "--yolo-boxes relative" in str(caught.value)
    assert frame(GOOD, text, text, yolo_boxes="relative") == FRACTIONS
    assert frame(GOOD, text, text, yolo_boxes="pixels") == PIXELS


def test_some_that_are_no_fractions_are_told() -> None:
    assert frame(GOOD, GOOD, "0 320 240 50 50") == FRACTIONS
    assert doubts(GOOD, GOOD, "0 320 240 50 50") == [("frames_disagree", 1, "3.txt", "--yolo-boxes relative")]


def test_four_corners_alone_are_oriented_boxes_where_they_are_turned() -> None:
    assert frame(GOOD, TURNED, UPRIGHT).oriented
    assert doubts(GOOD, TURNED, UPRIGHT) == [("rotated_boxes", 2, "2.txt", "--yolo-oriented box")]


@pytest.mark.parametrize(
    ("texts", "options"),
    [
        ([TURNED, TRIANGLE], {}),
        ([UPRIGHT, UPRIGHT], {}),
        ([UPRIGHT + " 0.1 0.2"], {}),
        ([TURNED], {"yolo_oriented": "polygon"}),
        ([TURNED], {"yolo_oriented": "box"}),
        ([TURNED], {"yolo_oriented": "reject"}),
    ],
)
def test_beside_other_outlines_upright_or_as_asked_for_they_are_none(texts: list[str], options: dict[str, str]) -> None:
    assert frame(*texts, **options) == FRACTIONS
    assert doubts(*texts, **options) == []


def test_confidences_are_told() -> None:
    assert doubts(GOOD, f"{GOOD} 0.9") == [("predicted_labels", 1, "2.txt", "")]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("0 0.1 0.1 0.9 0.9", "corners_or_sizes"),
        ("0 0.05 0.05 0.5 0.5", "corners_or_sizes"),
        ("0 0.95 0.95 0.5 0.5", "boxes_leave_images"),
    ],
)
def test_many_boxes_that_leave_their_images_are_told_with_what_would_fit(text: str, code: str) -> None:
    assert [doubt[:3] for doubt in doubts(text, text)] == [(code, 2, "1.txt")]
    assert doubts(text, *[GOOD] * 9) == []


def test_boxes_without_an_outline_are_told_for_segmentation() -> None:
    assert doubts(GOOD, TRIANGLE, outlined=True) == [("without_outline", 1, "1.txt", "")]


# A box and then an outline or keypoints, and classes that count from another number. ---------------------------------

AROUND = "0 0.5 0.5 0.2 0.2 0.4 0.4 0.6 0.4 0.6 0.6 0.4 0.6"
PEAK = "0 0.3 0.4 0.1 0.2 0.25 0.3 0.35 0.3 0.3 0.5"
POINTS = "0 0.5 0.5 0.4 0.4 0.45 0.45 0.55 0.55 0 0"
SEEN = "0 0.5 0.5 0.4 0.4 0.45 0.45 1 0.55 0.55 1 0 0 0 0.6 0.4 1"
ELSEWHERE = "0 0.1 0.1 0.6 0.1 0.6 0.6 0.4 0.7 0.1 0.6"


@pytest.mark.parametrize(
    "texts",
    [(AROUND,), (AROUND, PEAK), (AROUND, PEAK, ELSEWHERE), (POINTS, POINTS + "\n" + AROUND), (PEAK, GOOD), (SEEN,)],
)
def test_lines_that_begin_with_the_box_of_their_rest_are_told(texts: tuple[str, ...]) -> None:
    assert "box_before_outline" in [code for code, *_ in doubts(*texts)]


@pytest.mark.parametrize(
    "texts", [(ELSEWHERE,), (ELSEWHERE, ELSEWHERE, AROUND), (POINTS, POINTS), (TRIANGLE, TURNED), (GOOD,), (UPRIGHT,)]
)
def test_outlines_that_lie_elsewhere_or_are_few_leave_no_such_doubt(texts: tuple[str, ...]) -> None:
    assert "box_before_outline" not in [code for code, *_ in doubts(*texts)]


def shifted(first: int, *numbers: int, task: str = "image_object_detection") -> bool:
    """Whether a shift is told of lines of these classes, where three names count from `first`."""
    names = Names(dict(enumerate(("ant", "bee", "cow"), first)))
    text = "\n".join(f"{number} 0.5 0.5 0.2 0.{at + 1}" for at, number in enumerate(numbers))
    item = YoloItem("1.jpg", "1.txt")
    part = Evidence()
    add_evidence(part, [read_yolo(item, text.encode(), Labels(names), YoloOptions(), task=task, source="s")], False)
    return "categories_shifted" in [doubt.code for doubt in remarks_on({"s": part}, YoloOptions())]


@pytest.mark.parametrize("task", ["image_object_detection", "image_classification_multilabel"])
def test_classes_that_count_from_another_number_than_the_names_are_told(task: str) -> None:
    assert shifted(0, 1, 2, 3, task=task) and shifted(0, 3, task=task) and shifted(1, 0, 1, 2, task=task)


@pytest.mark.parametrize("numbers", [(0, 1, 2), (0, 1, 2, 3), (1, 2), (7, 1, 2), (-1, 0, 1), ()])
def test_classes_that_fit_their_names_leave_no_such_doubt(numbers: tuple[int, ...]) -> None:
    assert not shifted(0, *numbers)


def test_keypoints_with_their_visibility_are_told_where_they_are_no_fractions() -> None:
    with pytest.raises(UsageError, match="say kpt_shape"):
        frame(SEEN.replace(" 1", " 2"))
