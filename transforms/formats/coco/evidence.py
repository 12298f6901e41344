"""Evidence of the frame that a COCO file's coordinates are in: pixels, or fractions of the image."""

from __future__ import annotations

from typing import Any

import numpy as np

from labelbeam.transforms.columns.arrays import Floats
from labelbeam.transforms.formats.frames import Evidence

_OVERSHOOT = 1e-6


def add_boxes(evidence: Evidence, bbox: Floats) -> None:
    """Tally boxes [n, 4] as x, y, width, height; rows with NaN are no boxes."""
    _add(evidence, "boxes", bbox[~np.isnan(bbox).any(1)])


def add_corners(evidence: Evidence, corners: Floats) -> None:
    """Tally corners [n, 2] of outlines."""
    _add(evidence, "corners", corners)


def _add(evidence: Evidence, name: str, values: Any) -> None:
    with np.errstate(invalid="ignore"):
        inside = ((values >= -_OVERSHOOT) & (values <= 1 + _OVERSHOOT)).all(1)
        fraction = ((values > 0) & (values < 1)).any(1)
    evidence.add(name, len(values))
    evidence.add(f"{name}_beyond_1", int((~inside).sum()))
    evidence.add(f"{name}_with_fraction", int(fraction.sum()))


def is_relative(evidence: Evidence) -> bool:
    """Decide whether the file's coordinates are fractions of the image.

    Only where every box lies in [0, 1] and one has a fraction: a file of 1×1-pixel boxes in the corner is all ones
    and zeros, and in pixels. Without boxes the corners of outlines decide.
    """
    name = "boxes" if evidence.count("boxes") else "corners"
    return not evidence.count(f"{name}_beyond_1") and evidence.count(f"{name}_with_fraction") > 0
