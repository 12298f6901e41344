"""An evaluation as a page shows it: tables in their order, shades of confusion, and both sides of what was predicted worst."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.schemas.evaluation import Confusion, Evaluation, WorstImage
from labelbeam.transforms.report.evaluations import MOST_CONFUSED, MOST_GUESSES, SHADES, evaluation_figures
from labelbeam.transforms.report.figures import MOST_LABELS
from labelbeam.transforms.report.pictures import Picture

SIDES = {"topX": 0.0, "topY": 0.0, "bottomX": 0.5, "bottomY": 0.5}


def evaluation(**changes: Any) -> Evaluation:
    fields: dict[str, Any] = {"metrics": {}, "by_class": {}}
    return Evaluation(1, "image_object_detection", "b", None, 1, 0, 0, **fields | changes)


def worst(truth: Any, predicted: Any) -> Evaluation:
    return evaluation(worst=[WorstImage("https://h/1.jpg", 0.5, "why", truth, predicted)])


def test_figures_of_classes_have_a_column_for_each_that_some_class_has() -> None:
    found, _ = evaluation_figures(evaluation(by_class={"cat": {"AP": 0.5}, "dog": {"truth": 2}}), [], {})
    assert (found.head, found.rows) == (["AP", "truth"], [("cat", [0.5, None]), ("dog", [None, 2])])
    many = {f"{n:04}": {"AP": 1.0} for n in range(MOST_LABELS + 5)}
    assert len(evaluation_figures(evaluation(by_class=many), [], {})[0].rows) == MOST_LABELS


def test_a_cell_is_shaded_by_its_share_of_its_row() -> None:
    found, _ = evaluation_figures(evaluation(confusion=Confusion(["cat", "dog"], [[3, 1], [0, 0]])), [], {})
    assert found.confusion == [
        ("cat", [(3, round(SHADES * 0.75)), (1, round(SHADES * 0.25))]),
        ("dog", [(0, 0), (0, 0)]),
    ]
    assert found.left_out == 0


def test_of_very_many_labels_those_with_the_most_images_are_shown_in_their_order() -> None:
    count = MOST_CONFUSED + 2
    matrix = [[row if row == column else 0 for column in range(count)] for row in range(count)]
    found, _ = evaluation_figures(evaluation(confusion=Confusion([str(n) for n in range(count)], matrix)), [], {})
    assert found.labels == [str(n) for n in range(2, count)] and found.left_out == 2


def test_objects_are_drawn_in_the_frame_of_their_picture_or_in_any() -> None:
    truth, predicted = [SIDES | {"label": "cat", "isCrowd": 0}], [{"box": SIDES, "label": "dog", "score": 0.5}]
    for picture, size in ((Picture(width=64, height=48), (64, 48)), (Picture(), (400, 300))):
        _, (item,) = evaluation_figures(worst(truth, predicted), [picture], {"cat": 1})
        assert (item.truth.width, item.truth.height) == size
        assert [shape.label for shape in item.truth.shapes] == ["cat"]
        assert [shape.tag for shape in item.predicted.shapes] == ["dog 0.50"]
        assert (item.truth_text, item.predicted_text) == ("", "")


@pytest.mark.parametrize(
    ("side", "text"),
    [
        ("cat", "cat"),
        (["cat", "dog"], "cat, dog"),
        ({"labels": ["cat", "dog"], "probs": [0.25, 0.75]}, "dog 0.75, cat 0.25"),
        ({"cat": 0.25, "dog": 0.75}, "dog 0.75, cat 0.25"),
        ([["cat", 0.25]], "cat 0.25"),
        ({str(n): n / 10 for n in range(9)}, ", ".join(f"{n} {n / 10:.2f}" for n in range(8, 8 - MOST_GUESSES, -1))),
        (None, ""),
    ],
)
def test_labels_are_told_in_words_the_most_probable_first(side: Any, text: str) -> None:
    _, (item,) = evaluation_figures(worst(side, side), [Picture()], {})
    assert (item.truth_text, item.predicted_text) == (text, text)
    assert item.truth.shapes == []
