"""Training records as the trainer's documents allow them, which `labelbeam schema TASK` prints.

Records of a build (`schemas.records`) are narrower: they always hold `image_details`, and `isCrowd` as 0 or 1.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from labelbeam.schemas.records import Fraction, ImageFormat, Name, Part, Side

Crowd: TypeAlias = bool | Literal[0, 1]


class ImageDetails(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Format and size of the image; the trainer never reads them."""

    format: ImageFormat | msgspec.UnsetType = msgspec.UNSET
    width: Side | msgspec.UnsetType = msgspec.UNSET
    height: Side | msgspec.UnsetType = msgspec.UNSET


class Box(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A labelled box; topX < bottomX and topY < bottomY."""

    label: Name
    topX: Fraction  # noqa: N815  # the trainer's name
    topY: Fraction  # noqa: N815
    bottomX: Fraction  # noqa: N815
    bottomY: Fraction  # noqa: N815
    isCrowd: Crowd | msgspec.UnsetType = msgspec.UNSET  # noqa: N815


class Mask(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A labelled outline; its parts combine by XOR, so a hole is a further ring."""

    label: Name
    isCrowd: Crowd | msgspec.UnsetType = msgspec.UNSET  # noqa: N815
    polygon: Annotated[list[Part], Meta(min_length=1)]


class ClassificationDocument(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One image of `image_classification`."""

    image_url: Name
    image_details: ImageDetails | msgspec.UnsetType = msgspec.UNSET
    label: Name


class MultilabelDocument(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One image of `image_classification_multilabel`; without labels it shows none of the classes."""

    image_url: Name
    image_details: ImageDetails | msgspec.UnsetType = msgspec.UNSET
    label: list[Name]


class DetectionDocument(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One image of `image_object_detection`; without objects it is background."""

    image_url: Name
    image_details: ImageDetails | msgspec.UnsetType = msgspec.UNSET
    label: list[Box]


class SegmentationDocument(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One image of `image_instance_segmentation`; without objects it is background."""

    image_url: Name
    image_details: ImageDetails | msgspec.UnsetType = msgspec.UNSET
    label: list[Mask]
