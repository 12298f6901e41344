"""Predictions are read strictly where figures depend on them, and as they come elsewhere."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from labelbeam.schemas.predictions import PREDICTIONS, LabelsPrediction, ObjectsPrediction
from labelbeam.schemas.tasks import TASKS

SIDES = {"topX": 0.1, "topY": 0.1, "bottomX": 0.1, "bottomY": 0.5}


def test_each_task_has_its_form() -> None:
    assert list(PREDICTIONS) == list(TASKS)


def test_an_object_without_an_outline_is_written_without_one() -> None:
    line = {"image_url": "u", "boxes": [{"box": SIDES, "label": "cat", "score": 0.5}]}
    found = msgspec.convert(line, ObjectsPrediction)
    assert msgspec.to_builtins(found) == line
    assert found.boxes[0].polygon is None


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (ObjectsPrediction, {"boxes": [{"box": SIDES, "label": "cat", "score": 1.5}]}),
        (ObjectsPrediction, {"boxes": [{"box": SIDES | {"topX": 2}, "label": "cat", "score": 1}]}),
        (ObjectsPrediction, {"boxes": [{"box": SIDES, "label": "", "score": 1}]}),
        (ObjectsPrediction, {"boxes": [{"box": SIDES, "label": "cat", "score": 1, "polygon": [[0.1]]}]}),
        (LabelsPrediction, {"probs": [1.1], "labels": ["cat"]}),
        (LabelsPrediction, {"probs": [1.0], "labels": [""]}),
        (LabelsPrediction, {"labels": ["cat"]}),
    ],
)
def test_what_is_none_is_refused(kind: type[Any], line: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"image_url": "u"} | line, kind)
