"""Result of `labelbeam evaluate`: predictions against the published truth."""

from __future__ import annotations

from typing import Any

import msgspec

EVALUATION_VERSION = 1


class Confusion(msgspec.Struct):
    """Counts of images by the label of the truth (rows) and the predicted label (columns).

    An image without a prediction stands in no column: a row may add up to less than its label has images.
    """

    labels: list[str]
    matrix: list[list[int]]


class WorstImage(msgspec.Struct):
    """An image that was predicted badly: how well in [0, 1], what is wrong in words, and both sides of it.

    `truth` is the `label` of its record, `predicted` the `boxes` of its prediction, or its labels with their probabilities.
    `width` and `height` are those of its record in pixels: the frame that coordinates are fractions of.
    """

    image_url: str
    score: float
    why: str
    truth: Any
    predicted: Any
    width: int = 0
    height: int = 0


class Evaluation(msgspec.Struct):
    """`evaluation.json`: figures are None where there is nothing to compute them from."""

    format_version: int
    task: str
    build: str
    split: str | None
    """The split that was compared, or None for all of them."""
    images: int
    """Images of the truth, each of which counts: one without a prediction as one in which nothing was found."""
    unpredicted: int
    """Images of the truth without a prediction."""
    unknown: int
    """Predictions of images that the truth does not hold; they are left out."""
    metrics: dict[str, float | None]
    by_class: dict[str, dict[str, float | int | None]]
    confusion: Confusion | None = None
    worst: list[WorstImage] = []
    warnings: list[str] = []
    predictions: str = ""
    """In which form the predictions came and how they were matched, in words."""
    threshold: float | None = None
    """From which probability on a label counts as predicted, for multi-label; None for the other tasks."""
