"""A small dataset that grows and shrinks."""

from __future__ import annotations

import json

LABELS = ("bolt", "nut")


def coco(images: int) -> bytes:
    """A COCO file of so many images, with one object each; labels take turns."""
    return json.dumps(
        {
            "images": [
                {"id": number, "file_name": f"{number}.jpg", "width": 100, "height": 50} for number in range(images)
            ],
            "categories": [{"id": number, "name": label} for number, label in enumerate(LABELS)],
            "annotations": [
                {"id": number, "image_id": number, "category_id": number % len(LABELS), "bbox": [10, 10, 20, 20]}
                for number in range(images)
            ],
        }
    ).encode()
