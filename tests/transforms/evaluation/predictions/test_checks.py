"""What a prediction must hold beyond its types."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from labelbeam.schemas.predictions import LabelsPrediction, ObjectsPrediction
from labelbeam.transforms.evaluation.predictions.checks import check_prediction
from tests.transforms.evaluation.files import BOX, LABELS, OBJECTS, RING, SIDES


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"probs": [1.0]}, "found 1 probs and 2 labels"),
        ({"labels": ["cat", "cat"]}, "the label 'cat' twice"),
        ({"probs": [], "labels": []}, ""),
    ],
)
def test_labels_have_a_probability_each_and_stand_once(changes: dict[str, Any], words: str) -> None:
    prediction = msgspec.convert(LABELS | changes, LabelsPrediction)
    if not words:
        check_prediction(prediction)
        return
    with pytest.raises(ValueError, match=words):
        check_prediction(prediction)


@pytest.mark.parametrize(
    ("box", "words"),
    [
        (BOX, ""),
        (BOX | {"box": SIDES | {"bottomX": SIDES["topX"]}}, ""),
        (BOX | {"box": SIDES | {"bottomX": 0.05}}, r"boxes\[1\] goes from"),
        (BOX | {"box": SIDES | {"bottomY": 0.1}}, r"boxes\[1\] goes from"),
        (BOX | {"polygon": [RING]}, ""),
        (BOX | {"polygon": [RING, [*RING, 0.5]]}, r"boxes\[1\].polygon\[1\] has 7 numbers, expected pairs"),
    ],
)
def test_a_box_has_its_corners_in_order_and_an_outline_whole_points(box: dict[str, Any], words: str) -> None:
    prediction = msgspec.convert(OBJECTS | {"boxes": [BOX, box]}, ObjectsPrediction)
    if not words:
        check_prediction(prediction)
        return
    with pytest.raises(ValueError, match=words):
        check_prediction(prediction)
