"""Predictions of a model: one line of JSONL an image, as `labelbeam score` writes and `labelbeam evaluate` reads them.

A prediction is the entry of an endpoint's response with `image_url`, the name of the image in the published build, in place of
`filename`, a temporary name of the server's. Coordinates are fractions of the image in [0, 1] from its top-left corner.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta

from labelbeam.schemas.records import Fraction, Name, Part

Score: TypeAlias = Annotated[float, Meta(ge=0, le=1)]


class Sides(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A box by its left, top, right and bottom edges; topX <= bottomX and topY <= bottomY."""

    topX: Fraction  # noqa: N815  # the endpoint's name
    topY: Fraction  # noqa: N815
    bottomX: Fraction  # noqa: N815
    bottomY: Fraction  # noqa: N815


class PredictedObject(msgspec.Struct, omit_defaults=True, gc=False):
    """A box with its label and score, and for segmentation an outline; its parts combine by XOR, as those of records do."""

    box: Sides
    label: Name
    score: Score
    polygon: list[Part] | None = None


class ObjectsPrediction(msgspec.Struct, gc=False):
    """Prediction for an image of detection and segmentation; without boxes, nothing was found in it."""

    image_url: Name
    boxes: list[PredictedObject]


class LabelsPrediction(msgspec.Struct, omit_defaults=True, gc=False):
    """Prediction for an image of the two classification tasks: all labels of the model with their probabilities, as many of
    each.

    When a model explained itself: `visualizations` holds an image in base64, or for multi-label one for each label over the
    threshold; `attributions` an array of shape (3, height, width), or a list of them.
    """

    image_url: Name
    probs: list[Score]
    labels: list[Name]
    visualizations: str | list[str] | None = None
    attributions: list[Any] | None = None


Prediction: TypeAlias = LabelsPrediction | ObjectsPrediction

PREDICTIONS: dict[str, type[Prediction]] = {
    "image_classification": LabelsPrediction,
    "image_classification_multilabel": LabelsPrediction,
    "image_object_detection": ObjectsPrediction,
    "image_instance_segmentation": ObjectsPrediction,
}
