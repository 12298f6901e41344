"""Samples: the labels of an image as one JSON object, in pixels."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from labelbeam.schemas.records import RECORDS
from labelbeam.transforms.builds.image_places import ImagePlace
from labelbeam.transforms.export.batch import Batch, image_of
from labelbeam.transforms.export.samples import samples
from tests.transforms.export.published import (
    CLASSIFICATION,
    DETECTION,
    MULTILABEL,
    PREFIX,
    SEGMENTATION,
    box,
    mask,
    record,
)

RING, HOLE = [0.1, 0.1, 0.5, 0.1, 0.5, 0.9, 0.1, 0.9], [0.2, 0.2, 0.3, 0.2, 0.3, 0.5]


@pytest.mark.parametrize(
    ("task", "label", "expected"),
    [
        (CLASSIFICATION, "a b", {"label": "a b"}),
        (MULTILABEL, [], {"labels": []}),
        (MULTILABEL, ["b", "a"], {"labels": ["b", "a"]}),
        (DETECTION, [], {"objects": {"bbox": [], "category": [], "iscrowd": []}}),
        (
            DETECTION,
            [box("a", 0.1, 0.2, 0.3, 0.7), box("b", 0.0, 0.0, 1.0, 1.0, 1)],
            {"objects": {"bbox": [[20, 20, 40, 50], [0, 0, 200, 100]], "category": ["a", "b"], "iscrowd": [0, 1]}},
        ),
        (
            SEGMENTATION,
            [mask("a", RING, HOLE)],
            {
                "objects": {
                    "bbox": [[20, 10, 80, 80]],
                    "category": ["a"],
                    "iscrowd": [0],
                    "segmentation": [[[20, 10, 100, 10, 100, 90, 20, 90], [40, 20, 60, 20, 60, 50]]],
                }
            },
        ),
    ],
)
def test_a_sample_holds_labels_side_by_side_and_pixels(task: str, label: Any, expected: dict[str, Any]) -> None:
    place = ImagePlace(None, PREFIX)
    image = image_of(msgspec.convert(record("1.png", label), RECORDS[task]), place)
    ((found, sample),) = samples(Batch("train", [image], place), task)
    assert found is image
    assert sample == {"width": 200, "height": 100} | expected
