"""Many images of a CVAT file that have boxes alone, read into columns: the same as `read.py` makes of each, without an object for each box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from labelbeam.schemas.neutral import SourceImage
from labelbeam.transforms.columns.arrays import Floats
from labelbeam.transforms.columns.fragments import BoxColumns
from labelbeam.transforms.formats.cvat.boxes import WrittenBoxes
from labelbeam.transforms.formats.cvat.read import FAR, image_of, side_of, subset_of
from labelbeam.transforms.formats.drawn import declare_size, label_of
from labelbeam.transforms.formats.named_images import ImageFinder

_CORNERS = ("xtl", "ytl", "xbr", "ybr")


class CvatBoxes(NamedTuple):
    """Images without objects, these in columns, and the locators of images whose subset is no split."""

    images: list[SourceImage]
    boxes: BoxColumns
    other_subset: list[str]


def read_boxes(written: WrittenBoxes, images: ImageFinder, *, path: str, source: str) -> CvatBoxes | None:
    """Read images as the file at `path` has them; None where anything of them is to be rejected or adjusted, which each tells by itself."""
    labels, bbox = written.boxes["label"], _corners(written.boxes)
    if bbox is None or not all(map(_is_label, set(labels))):
        return None
    read: list[SourceImage] = []
    other_subset: list[str] = []
    for values in zip(*written.images.values(), strict=True):
        fields = dict(zip(written.images, values, strict=True))
        subset, split, other = _subset_of(fields.get("subset", ""))
        image = image_of(fields, subset, images, path, source)
        size = _size_of(fields.get("width"), fields.get("height"))
        if image.rejected or image.adjusted or size is None:
            return None
        image.split = split or image.split
        image.width, image.height = size
        read.append(image)
        if other:
            other_subset.append(image.locator)
    places = [f" box[{place}]" for place in range(max(written.counts))]
    locators = [
        image.locator + place for image, count in zip(read, written.counts, strict=True) for place in places[:count]
    ]
    return CvatBoxes(read, BoxColumns(written.counts, labels, bbox, locators), other_subset)


_subset_of = lru_cache(1024)(subset_of)


def _corners(boxes: Mapping[str, Sequence[str]]) -> Floats | None:
    """Left, top, right and bottom of each box, (n, 4); None where not all are numbers of an image."""
    try:
        # What Arrow takes for a number, Python takes for the same; the other way round not all.
        columns = [pa.array(boxes[name], pa.string()).cast(pa.float64()).to_numpy() for name in _CORNERS]
    except pa.ArrowInvalid:
        return None
    corners = np.stack(columns, axis=1)
    return corners if (np.abs(corners) <= FAR).all() else None  # What is no number is nowhere.


@lru_cache(1024)
def _is_label(text: str) -> bool:
    """Tell whether a label is written as it is."""
    image = SourceImage("", "", "")
    return label_of(text, image) == text and not image.adjusted


@lru_cache(1024)
def _size_of(width: str | None, height: str | None) -> tuple[int | None, int | None] | None:
    """The size that an image declares, if any; None where it can be none."""
    image = SourceImage("", "", "")
    declare_size(image, side_of(width), side_of(height))
    return None if image.rejected else (image.width, image.height)
