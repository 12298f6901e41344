"""Files of predictions, and what comes of reading them."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from labelbeam.transforms.evaluation.predictions.checks import PredictionsError
from labelbeam.transforms.evaluation.predictions.coco import CocoNames, own_names
from labelbeam.transforms.evaluation.predictions.read import Predictions, read_predictions

SINGLE = "image_classification"
MULTILABEL = "image_classification_multilabel"
DETECTION = "image_object_detection"
SEGMENTATION = "image_instance_segmentation"

SIDES = {"topX": 0.1, "topY": 0.2, "bottomX": 0.5, "bottomY": 0.6}
RING = [0.1, 0.2, 0.5, 0.2, 0.5, 0.6]
BOX = {"box": SIDES, "label": "cat", "score": 0.75}
OBJECTS = {"image_url": "a.jpg", "boxes": [BOX]}
LABELS = {"image_url": "a.jpg", "probs": [0.75, 0.25], "labels": ["cat", "dog"]}
RESULT = {"image_id": 1, "category_id": 1, "bbox": [10, 20, 40, 40], "score": 0.75}

NAMES = own_names(["a.jpg", "b.jpg"], ["cat", "dog"])


def write(path: Path, *lines: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


AZURE_HEAD = ("image_url", "label_confidence", "label")


def write_csv(path: Path, *rows: list[Any], head: Sequence[str] | None = AZURE_HEAD, delimiter: str = ",") -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows if head is None else [head, *rows])
    return path


def read(path: Path | str, task: str, names: CocoNames = NAMES) -> Predictions:
    return read_predictions(str(path), {}, task, names)


def refused(path: Path, task: str, *words: str) -> None:
    with pytest.raises(PredictionsError) as caught:
        read(path, task)
    for word in words:
        assert word in str(caught.value), str(caught.value)
