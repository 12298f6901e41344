"""Statistics of a build's images and objects: histograms of a fixed size, one set a split.

Bins stand between edges: n edges make n + 1 bins, the first below the first edge, the last from the last edge on. An object on an
edge counts above it.
"""

from __future__ import annotations

import msgspec

OBJECT_EDGES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 30, 50, 100)
"""Objects an image; the first bin holds the images without any."""

SIDE_EDGES = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
"""The square root of a box's area, in pixels. 32 and 96 are where COCO's metrics part small, medium and large."""

IMAGE_EDGES = (128, 256, 384, 512, 640, 768, 1024, 1280, 1536, 2048, 3072, 4096, 6144, 8192)
"""The longer side of an image, in pixels."""

RATIO_EDGES = (1 / 8, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 4 / 5, 5 / 4, 3 / 2, 2, 3, 4, 6, 8)
"""Width of a box by its height, both in pixels."""

GRID = 12
"""Cells a side of the map of where boxes have their centres, over the image's width and height."""


class SplitStatistics(msgspec.Struct):
    """The histograms of one split; those of boxes are empty for the two classification tasks.

    A box is the object's own, or for segmentation what its outline extends over. `positions` holds `GRID` rows of `GRID` cells, from
    the top-left corner, one row after the other.
    """

    objects_an_image: list[int] = []
    image_sides: list[int] = []
    images_by_label: dict[str, int] = {}
    """Images that show the label at least once."""
    box_sides: list[int] = []
    box_ratios: list[int] = []
    positions: list[int] = []
