"""Ranges of annotations, read against the index of a few images, and what a person would name of what was read."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from labelbeam.schemas.neutral import Rejection
from labelbeam.transforms.columns.fragments import Fragment, decode
from labelbeam.transforms.formats.coco.annotations import read_annotations
from labelbeam.transforms.formats.coco.index import IndexBuilder

DETECTION = "image_object_detection"
SEGMENTATION = "image_instance_segmentation"
CLASSIFICATION = "image_classification"

IMAGES = [
    {"id": 1, "file_name": "a.jpg", "width": 6, "height": 4},
    {"id": 5, "file_name": "b.jpg"},
    {"id": "7", "file_name": "c.jpg", "width": 6, "height": 4},
    {"id": 9, "file_name": "../d.jpg"},
    {"id": 11, "file_name": "e.jpg"},
    {"id": 11, "file_name": "f.jpg"},
]
CATEGORIES = [
    {"id": 0, "name": "zero"},
    {"id": 3, "name": "three"},
    {"id": "x", "name": "text"},
    {"id": 8, "name": ""},
    {"id": 9, "name": "dog"},
    {"id": 9, "name": "cat"},
]
FIRST = 1000
"""Where the range lies in its file."""


class Read:
    """What one reading of a range gave, as lists of what a person would name."""

    def __init__(self, records: Sequence[Any], task: str = DETECTION, buckets: int = 1) -> None:
        builder = IndexBuilder("file:///d.json", 2, "", None, buckets)
        builder.add_images(json.dumps(IMAGES)[1:-1].encode())
        builder.categories.add(json.dumps(CATEGORIES)[1:-1].encode())
        self.images = list(builder.finish())
        self.index = builder.index
        self.block = ",\n".join(item if isinstance(item, str) else json.dumps(item) for item in records).encode()
        fragments, self.evidence, found = read_annotations(self.block, FIRST, self.index, task, buckets)
        assert found == len(records) == sum(fragment.records for fragment in fragments.values())
        self.fragments: dict[int, Fragment] = {
            bucket: decode(fragment.encode()) for bucket, fragment in sorted(fragments.items())
        }

    def each(self, what: Callable[[Fragment, int], Any]) -> list[Any]:
        return [what(fragment, row) for fragment in self.fragments.values() for row in range(len(fragment.objects))]

    @property
    def names(self) -> list[tuple[str, str]]:
        """The image and label of each object."""

        def name(fragment: Fragment, row: int) -> tuple[str, str]:
            image = int(fragment.objects.image[row]) - self.index.first_key
            return self.index.paths[image], fragment.labels[fragment.objects.label[row]]

        return self.each(name)

    @property
    def boxes(self) -> list[list[float]]:
        return self.each(lambda fragment, row: fragment.objects.bbox[row].tolist())

    @property
    def rings(self) -> list[list[Any]]:
        return self.each(lambda fragment, row: [ring.tolist() for ring in fragment.objects.rings_of(row)])

    @property
    def rejected(self) -> list[Rejection]:
        return [rejection for fragment in self.fragments.values() for rejection in fragment.rejections]

    @property
    def codes(self) -> list[str]:
        return [str(rejection.code) for rejection in self.rejected]


def annotation(**fields: Any) -> dict[str, Any]:
    return {"id": 70, "image_id": 1, "category_id": 3, "bbox": [1, 1, 2, 2]} | fields


SQUARE = [1.0, 1.0, 3.0, 1.0, 3.0, 3.0]
