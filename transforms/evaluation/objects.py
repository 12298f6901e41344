"""Objects of the truth and of predictions in pixels, as COCO's evaluation takes them: boxes, and masks for segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from pycocotools import mask as coco_mask

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.neutral import Ring
from labelbeam.schemas.predictions import ObjectsPrediction, PredictedObject, Sides
from labelbeam.schemas.reasons import Rejected
from labelbeam.schemas.records import Box, DetectionRecord, Mask, SegmentationRecord
from labelbeam.transforms.evaluation.pixels import length, to_pixels
from labelbeam.transforms.evaluation.predictions.checks import PredictionsError
from labelbeam.transforms.evaluation.predictions.coco import CocoObjects, Labelled
from labelbeam.transforms.geometry.raster import Rle, check_mask_size, encode, rasterise, unite
from labelbeam.transforms.geometry.rle import GeometryError, read_rle

PixelBox: TypeAlias = tuple[float, float, float, float]
"""Left, top, width and height in pixels, as COCO has it."""


class PixelObject(NamedTuple):
    """An object: its mask is None for detection, its score 1 in the truth, its crowd 0 in predictions.

    `area` is what the source of the truth says, in square pixels; None where that is not known.
    """

    label: str
    box: PixelBox
    mask: Rle | None = None
    score: float = 1.0
    crowd: int = 0
    area: float | None = None


def true_objects(
    record: DetectionRecord | SegmentationRecord, width: int, height: int, areas: Sequence[float | None] | None = None
) -> list[PixelObject]:
    """The objects of a record of an image of that size in pixels; the box of an outline is the one around its corners.

    Args:
        record: the record.
        width: of the image, in pixels.
        height: of the image, in pixels.
        areas: what the source says of each object, in square pixels; None where nothing is known.

    Raises:
        LabelBeamError: an outline is too large to rasterise.
    """
    if isinstance(record, DetectionRecord):
        boxes = _boxes(record.label, width, height)
        found = [
            PixelObject(item.label, box, crowd=item.isCrowd) for item, box in zip(record.label, boxes, strict=True)
        ]
    else:
        try:
            found = [_true_object(item, width, height) for item in record.label]
        except GeometryError as error:
            raise LabelBeamError(f"{record.image_url}: a mask of the truth cannot be compared: {error}") from None
    # Some tools write 0 for every area.
    return [item._replace(area=area or None) for item, area in zip(found, areas or [None] * len(found), strict=True)]


def _true_object(item: Mask, width: int, height: int) -> PixelObject:
    rings = _rings(item.polygon, width, height)
    corners = np.concatenate(rings)
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    box = (left, top, length(left, right), length(top, bottom))
    return PixelObject(item.label, box, rasterise(rings, width, height), crowd=item.isCrowd)


def predicted_objects(
    value: ObjectsPrediction | CocoObjects, place: str, width: int, height: int, with_masks: bool
) -> list[PixelObject]:
    """The objects that were predicted for an image of that size in pixels, in their order.

    Args:
        value: the prediction.
        place: where it stands, for messages.
        width: of the image, in pixels.
        height: of the image, in pixels.
        with_masks: whether each object must have a mask; otherwise masks are left out.

    Raises:
        PredictionsError: a mask is missing, or a box or mask cannot be used.
    """
    if isinstance(value, CocoObjects):
        return [_of_result(item, width, height, with_masks) for item in value.results]
    objects: list[PixelObject] = []
    boxes = _boxes([item.box for item in value.boxes], width, height)
    for number, item in enumerate(value.boxes):
        mask = None
        if with_masks:
            try:
                mask = _mask_of_polygon(item, width, height)
            except GeometryError as error:
                raise PredictionsError(f"{place}: boxes[{number}]: {error}") from None
        objects.append(PixelObject(item.label, boxes[number], mask, item.score))
    return objects


def _mask_of_polygon(item: PredictedObject, width: int, height: int) -> Rle:
    if item.polygon is None:
        raise GeometryError(Rejected.MISSING_SEGMENTATION, "it has no polygon, which image_instance_segmentation needs")
    return rasterise(_rings(item.polygon, width, height), width, height)


def _of_result(item: Labelled, width: int, height: int, with_masks: bool) -> PixelObject:
    result = item.result
    try:
        mask = None
        if result.segmentation is not None and (with_masks or result.bbox is None):
            mask = _mask_of_coco(result.segmentation, width, height)
        if with_masks and mask is None:
            raise GeometryError(Rejected.MISSING_SEGMENTATION, "it has no segmentation, which the build's task needs")
        if result.bbox is not None:
            left, top, across, down = result.bbox
            if across < 0 or down < 0:
                raise GeometryError(
                    Rejected.INVALID_BBOX, f"bbox is {result.bbox}, expected no negative width or height"
                )
            box = (left, top, across, down)
        elif mask is not None:
            box = tuple(coco_mask.toBbox(mask).tolist())
        else:
            raise GeometryError(Rejected.INVALID_BBOX, "it has neither bbox nor segmentation")
    except GeometryError as error:
        raise PredictionsError(f"{item.place}: {error}") from None
    return PixelObject(item.label, box, mask if with_masks else None, result.score)


def _mask_of_coco(segmentation: Any, width: int, height: int) -> Rle:
    """RLE, or polygons, whose parts are united in COCO; a mask without a pixel is one."""
    check_mask_size(width, height)
    if isinstance(segmentation, dict):
        try:
            runs = read_rle(segmentation.get("size"), segmentation.get("counts"), width, height)
        except GeometryError as error:
            if error.code is not Rejected.EMPTY_MASK:
                raise
            return rasterise([], width, height)
        return encode(runs, width, height)
    rings: list[Ring] = []
    for part in segmentation if isinstance(segmentation, list) else [segmentation]:
        if not (isinstance(part, list) and all(type(number) in (int, float) for number in part)) or len(part) % 2:
            raise GeometryError(
                Rejected.INVALID_POLYGON,
                f"segmentation is {segmentation!r:.80}, expected RLE or lists of x and y in pairs",
            )
        try:
            rings.append(np.array(part, np.float64).reshape(-1, 2))
        except OverflowError:
            raise GeometryError(
                Rejected.INVALID_POLYGON, "segmentation holds a number of over 308 digits, which is of no image"
            ) from None
    return unite(rings, width, height)


def _boxes(items: Sequence[Box | Sides], width: int, height: int) -> list[PixelBox]:
    fractions = np.array([(item.topX, item.topY, item.bottomX, item.bottomY) for item in items], np.float64)
    edges = to_pixels(fractions.reshape(-1, 4), np.array([width, height, width, height], np.float64))
    return [(left, top, length(left, right), length(top, bottom)) for left, top, right, bottom in edges.tolist()]


def _rings(polygon: list[list[float]], width: int, height: int) -> list[Ring]:
    sides = np.array([width, height], np.float64)
    return [to_pixels(np.array(part, np.float64).reshape(-1, 2), sides) for part in polygon]
