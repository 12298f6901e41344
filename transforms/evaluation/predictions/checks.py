"""Checks of predictions beyond their types."""

from __future__ import annotations

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.predictions import LabelsPrediction, Prediction
from labelbeam.transforms.messages.words import counted


class PredictionsError(LabelBeamError):
    """Predictions cannot be read: the message names the file and the line or element."""


def check_prediction(prediction: Prediction) -> None:
    """Check what a decoded prediction must hold beyond its types.

    Raises:
        ValueError: probabilities and labels that differ in number, a label twice, a box whose sides are swapped, or a part of
            a polygon with half a point.
    """
    if isinstance(prediction, LabelsPrediction):
        if len(prediction.probs) != len(prediction.labels):
            raise ValueError(
                f"found {len(prediction.probs)} probs and {counted(len(prediction.labels), 'label')}, expected as many of each"
            )
        if len(set(prediction.labels)) < len(prediction.labels):
            twice = next(label for label in prediction.labels if prediction.labels.count(label) > 1)
            raise ValueError(f"found the label {twice!r} twice, expected each once")
        return
    for number, item in enumerate(prediction.boxes):
        box = item.box
        if box.topX > box.bottomX or box.topY > box.bottomY:
            raise ValueError(
                f"boxes[{number}] goes from ({box.topX}, {box.topY}) to ({box.bottomX}, {box.bottomY}); expected topX <= "
                "bottomX and topY <= bottomY"
            )
        for part, ring in enumerate(item.polygon or ()):
            if len(ring) % 2:
                raise ValueError(f"boxes[{number}].polygon[{part}] has {counted(len(ring), 'number')}, expected pairs")
