"""Training records are strict, and what the types cannot hold is found by `check_record`; every record is a document too."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from labelbeam.schemas.documents import (
    ClassificationDocument,
    DetectionDocument,
    MultilabelDocument,
    SegmentationDocument,
)
from labelbeam.schemas.records import RECORDS, check_record
from labelbeam.schemas.tasks import TASKS

BOX = {"label": "cat", "topX": 0.0, "topY": 0.25, "bottomX": 0.5, "bottomY": 1.0, "isCrowd": 0}
MASK = {"label": "cat", "isCrowd": 1, "polygon": [[0.0, 0.0, 0.5, 0.0, 0.5, 0.5]]}
LABELS: dict[str, Any] = {
    "image_classification": "cat",
    "image_classification_multilabel": ["cat", "dog"],
    "image_object_detection": [BOX],
    "image_instance_segmentation": [MASK],
}
DOCUMENTS = dict(
    zip(TASKS, (ClassificationDocument, MultilabelDocument, DetectionDocument, SegmentationDocument), strict=True)
)


def record(task: str, label: Any = None, **changes: Any) -> dict[str, Any]:
    details = {"format": "jpg", "width": 640, "height": "480px"}
    return {
        "image_url": "https://h/1.jpg",
        "image_details": details,
        "label": LABELS[task] if label is None else label,
    } | changes


@pytest.mark.parametrize("task", TASKS)
def test_a_record_is_one_of_its_task_and_a_document_as_the_trainer_s_pages_have_it(task: str) -> None:
    found = msgspec.convert(record(task), RECORDS[task])
    assert list(check_record(found)) == []
    msgspec.convert(record(task), DOCUMENTS[task])


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    "changes",
    [
        {"image_url": ""},
        {"extra": 1},
        {"label": None},
        {"image_details": {"format": "gif", "width": 1, "height": 1}},
        {"image_details": {"format": "jpg", "width": 0, "height": 1}},
        {"image_details": {"format": "jpg", "width": "0px", "height": 1}},
        {"image_details": {"format": "jpg", "width": 1.5, "height": 1}},
    ],
)
def test_what_is_no_record_is_refused_for_each_task(task: str, changes: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(record(task) | changes, RECORDS[task])


@pytest.mark.parametrize(
    ("task", "change"),
    [
        ("image_object_detection", {"topX": -0.1}),
        ("image_object_detection", {"bottomX": 1.0000000001}),
        ("image_object_detection", {"isCrowd": 2}),
        ("image_object_detection", {"label": ""}),
        ("image_instance_segmentation", {"polygon": []}),
        ("image_instance_segmentation", {"polygon": [[0.0] * 4]}),
        ("image_instance_segmentation", {"polygon": [[0.0] * 5 + [1.5]]}),
    ],
)
def test_a_value_that_the_trainer_would_drop_is_refused(task: str, change: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(record(task, [LABELS[task][0] | change]), RECORDS[task])


@pytest.mark.parametrize(
    ("task", "change", "words"),
    [
        ("image_object_detection", {"bottomX": 0.0}, "label[1] has no area: (0.0, 0.25) to (0.0, 1.0)"),
        ("image_object_detection", {"bottomY": 0.1}, "label[1] has no area"),
        (
            "image_instance_segmentation",
            {"polygon": [MASK["polygon"][0], [0.1] * 7]},
            "label[1].polygon[1] has 7 numbers, expected pairs",
        ),  # type: ignore[index]
    ],
)
def test_what_the_types_cannot_hold_is_found_with_its_place(task: str, change: dict[str, Any], words: str) -> None:
    found = msgspec.convert(record(task, [LABELS[task][0], LABELS[task][0] | change]), RECORDS[task])
    (fault,) = check_record(found)
    assert fault.startswith(words)
