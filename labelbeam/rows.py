"""Rows: records and rejections as named tuples of plain values, which Beam, pandas and Arrow read without help.

Names and units are those of the JSON Lines: coordinates are fractions of the image, from its top-left corner. Sizes are in pixels.
"""

# Annotations are evaluated here: Beam makes schemas of them, and reads neither text nor `X | None`.

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Optional, TypeAlias

from labelbeam.schemas.neutral import Rejection
from labelbeam.schemas.records import ClassificationRecord, DetectionRecord, MultilabelRecord, Record


class BoxRow(NamedTuple):
    """A labelled box; topX < bottomX and topY < bottomY."""

    label: str
    topX: float  # noqa: N815  # the trainer's names
    topY: float  # noqa: N815
    bottomX: float  # noqa: N815
    bottomY: float  # noqa: N815
    isCrowd: int  # noqa: N815


class MaskRow(NamedTuple):
    """A labelled outline: rings of x1, y1, x2, y2, …, which combine by XOR."""

    label: str
    isCrowd: int  # noqa: N815
    polygon: Sequence[Sequence[float]]


class ClassificationRow(NamedTuple):
    """An image of `image_classification`."""

    image_url: str
    split: str
    format: str
    width: int
    height: int
    label: str


class MultilabelRow(NamedTuple):
    """An image of `image_classification_multilabel`."""

    image_url: str
    split: str
    format: str
    width: int
    height: int
    label: Sequence[str]


class DetectionRow(NamedTuple):
    """An image of `image_object_detection`."""

    image_url: str
    split: str
    format: str
    width: int
    height: int
    label: Sequence[BoxRow]


class SegmentationRow(NamedTuple):
    """An image of `image_instance_segmentation`."""

    image_url: str
    split: str
    format: str
    width: int
    height: int
    label: Sequence[MaskRow]


class RejectionRow(NamedTuple):
    """An image or object that was found and is not among the records; docs/reasons.md says what the codes mean."""

    source: str
    locator: str
    image: Optional[str]  # noqa: UP045
    kind: str
    code: str
    message: str
    raw: str


Row: TypeAlias = ClassificationRow | MultilabelRow | DetectionRow | SegmentationRow

ROWS: dict[str, type[Row]] = {
    "image_classification": ClassificationRow,
    "image_classification_multilabel": MultilabelRow,
    "image_object_detection": DetectionRow,
    "image_instance_segmentation": SegmentationRow,
}
"""The row of each task."""


def rows_of(records: Sequence[Record], split: str) -> Iterator[Row]:
    """Records of one split as rows."""
    for record in records:
        details = record.image_details
        image = (record.image_url, split, details.format, _pixels(details.width), _pixels(details.height))
        if isinstance(record, ClassificationRecord):
            yield ClassificationRow(*image, record.label)
        elif isinstance(record, MultilabelRecord):
            yield MultilabelRow(*image, record.label)
        elif isinstance(record, DetectionRecord):
            boxes = [
                BoxRow(box.label, box.topX, box.topY, box.bottomX, box.bottomY, box.isCrowd) for box in record.label
            ]
            yield DetectionRow(*image, boxes)
        else:
            masks = [MaskRow(mask.label, mask.isCrowd, mask.polygon) for mask in record.label]
            yield SegmentationRow(*image, masks)


def rejection_row(rejection: Rejection) -> RejectionRow:
    """A rejection as a row."""
    return RejectionRow(
        rejection.source,
        rejection.locator,
        rejection.image,
        rejection.kind,
        str(rejection.code),
        rejection.message,
        rejection.raw,
    )


def _pixels(side: int | str) -> int:
    return side if isinstance(side, int) else int(side.removesuffix("px"))
