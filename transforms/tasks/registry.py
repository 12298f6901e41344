"""The tasks by name."""

from __future__ import annotations

from labelbeam.transforms.tasks.boxes import Detection
from labelbeam.transforms.tasks.labels import Classification, Multilabel
from labelbeam.transforms.tasks.outlines import Segmentation
from labelbeam.transforms.tasks.task import Task

TASKS: dict[str, Task] = {
    "image_classification": Classification(),
    "image_classification_multilabel": Multilabel(),
    "image_object_detection": Detection(),
    "image_instance_segmentation": Segmentation(),
}
