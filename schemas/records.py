"""The training records: one line of JSONL for each of the four tasks, as the trainer's documents name the fields.

Coordinates are fractions of the image in [0, 1], x of the width and y of the height, from the top-left corner. What the
trainer's own reader accepts is narrower than what its documents say; `check_record` holds the rules that decide.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

Fraction: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
Name: TypeAlias = Annotated[str, Meta(min_length=1)]
Side: TypeAlias = Annotated[int, Meta(gt=0)] | Annotated[str, Meta(pattern=r"^[1-9][0-9]*px$")]
ImageFormat: TypeAlias = Literal["jpg", "jpeg", "png", "jpe", "jfif", "bmp", "tif", "tiff"]
Crowd: TypeAlias = Literal[0, 1]
Part: TypeAlias = Annotated[
    list[Fraction], Meta(min_length=6, description="x1, y1, x2, y2, … of one ring; rings combine by XOR")
]


class ImageDetails(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Format and size of the image; sizes are all integers, or all text such as "640px", in one dataset."""

    format: ImageFormat
    width: Side
    height: Side


class Box(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A labelled box; topX < bottomX and topY < bottomY."""

    label: Name
    topX: Fraction  # noqa: N815  # the trainer's name
    topY: Fraction  # noqa: N815
    bottomX: Fraction  # noqa: N815
    bottomY: Fraction  # noqa: N815
    isCrowd: Crowd  # noqa: N815


class Mask(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A labelled outline; its parts combine by XOR, so a hole is a further ring."""

    label: Name
    isCrowd: Crowd  # noqa: N815
    polygon: Annotated[list[Part], Meta(min_length=1)]


class ClassificationRecord(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One image of `image_classification`."""

    image_url: Name
    image_details: ImageDetails
    label: Name


class MultilabelRecord(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One image of `image_classification_multilabel`; without labels it shows none of the classes."""

    image_url: Name
    image_details: ImageDetails
    label: list[Name]


class DetectionRecord(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One image of `image_object_detection`; without objects it is background."""

    image_url: Name
    image_details: ImageDetails
    label: list[Box]


class SegmentationRecord(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One image of `image_instance_segmentation`; without objects it is background."""

    image_url: Name
    image_details: ImageDetails
    label: list[Mask]


Record: TypeAlias = ClassificationRecord | MultilabelRecord | DetectionRecord | SegmentationRecord

RECORDS: dict[str, type[Record]] = {
    "image_classification": ClassificationRecord,
    "image_classification_multilabel": MultilabelRecord,
    "image_object_detection": DetectionRecord,
    "image_instance_segmentation": SegmentationRecord,
}


_PX = re.compile(r"([1-9][0-9]{0,9})px")

LARGEST_SIDE = 2**31 - 1
"""Pixels, as the Parquet files hold them."""


def pixels(side: int | str) -> int:
    """The side of an image in pixels.

    Raises:
        ValueError: it is none, or longer than any image's.
    """
    match = _PX.fullmatch(side) if isinstance(side, str) else None
    found = side if isinstance(side, int) else int(match[1]) if match else 0
    if not 0 < found <= LARGEST_SIDE:
        raise ValueError(f"found a side of {str(side)[:80]!r}, expected up to {LARGEST_SIDE} pixels")
    return found


def check_record(record: Record) -> Iterator[str]:
    """Faults of a decoded record that the trainer would drop or stumble over, beyond what the types already hold."""
    if not isinstance(record.label, list):
        return
    for number, item in enumerate(record.label):
        if isinstance(item, Box) and not (item.topX < item.bottomX and item.topY < item.bottomY):
            yield f"label[{number}] has no area: ({item.topX}, {item.topY}) to ({item.bottomX}, {item.bottomY})"
        if isinstance(item, Mask):
            for part, ring in enumerate(item.polygon):
                if len(ring) % 2:
                    yield f"label[{number}].polygon[{part}] has {len(ring)} numbers, expected pairs"
                if not all(map(math.isfinite, ring)):
                    yield f"label[{number}].polygon[{part}] holds a number that is not finite"
