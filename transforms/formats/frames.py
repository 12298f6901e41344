"""Evidence of the frame that coordinates are in: pixels, or fractions of the image."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the coordinates of one range say about their frame; `merge` with the others of the file decides.

    `boxes` and `corners` count coordinates seen; `*_unit` says that all of them lie in [0, 1]; `*_fraction` that one of
    them lies strictly between 0 and 1.
    """

    boxes: int = 0
    box_unit: bool = True
    box_fraction: bool = False
    corners: int = 0
    corner_unit: bool = True
    corner_fraction: bool = False

    def merge(self, other: Evidence) -> Evidence:
        """The evidence of both."""
        return Evidence(
            self.boxes + other.boxes,
            self.box_unit and other.box_unit,
            self.box_fraction or other.box_fraction,
            self.corners + other.corners,
            self.corner_unit and other.corner_unit,
            self.corner_fraction or other.corner_fraction,
        )

    @property
    def relative(self) -> bool:
        """Whether the file's coordinates are fractions of the image.

        Only where every box lies in [0, 1] and one has a fraction: a file of 1×1-pixel boxes in the corner is all ones
        and zeros, and in pixels. Without boxes the polygons decide.
        """
        if self.boxes:
            return self.box_unit and self.box_fraction
        return self.corners > 0 and self.corner_unit and self.corner_fraction
