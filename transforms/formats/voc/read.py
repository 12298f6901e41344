"""One annotation file of Pascal VOC, with its mask, read into the neutral form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from labelbeam.schemas.neutral import RAW_LIMIT, Box, Rejection, Ring, SourceImage, SourceObject
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from labelbeam.transforms.formats.voc.format import VocOptions
from labelbeam.transforms.formats.voc.image_index import ImageIndex
from labelbeam.transforms.formats.voc.masks import MaskError, pair, read_mask
from labelbeam.transforms.formats.voc.sets import Labels
from labelbeam.transforms.formats.voc.tree import VocItem
from labelbeam.transforms.formats.voc.xml import Annotation, Corners, VocObject, XmlError, parse_annotation


class VocImage(NamedTuple):
    """An image that was read, and how many of its objects have a coordinate of 0: evidence of origin 0."""

    image: SourceImage
    zero_based: int


def read_voc(
    item: VocItem,
    xml: bytes,
    mask: bytes | MaskError | None,
    options: VocOptions,
    *,
    task: str,
    source: str,
    images: ImageIndex | None,
) -> VocImage:
    """Read one annotation file, and its mask, into the neutral form.

    `mask` is the content of `item.mask`, the reason for which it could not be had, or None where there is none.
    `images` is the plan's. Boxes are continuous pixels as `options` say, neither clipped nor checked against the image.
    Objects of classification tasks are labels, one a class. An image that is rejected (unreadable annotation file, no
    such image in the listing) has one rejection of kind "image"; the objects that could be read stand beside it.
    """
    try:
        annotation = parse_annotation(xml)
    except XmlError as error:
        raw = xml[: 2 * RAW_LIMIT].decode(errors="replace")[:RAW_LIMIT]
        return VocImage(rejected_voc(item, error.code, str(error), source=source, images=images, raw=raw), 0)

    image = _image(item, annotation, source, images)
    if "classification" in task:
        _add_labels(image, annotation, item.labels)
        return VocImage(image, 0)
    _add_objects(image, annotation, mask, options)
    corners = [voc_object.corners for voc_object in annotation.objects if voc_object.corners]
    return VocImage(image, sum(0 in (min(left, right), min(top, bottom)) for left, top, right, bottom in corners))


def rejected_voc(
    item: VocItem, code: Rejected, message: str, *, source: str, images: ImageIndex | None, raw: str = ""
) -> SourceImage:
    """The image of an annotation file of which nothing can be read."""
    path = item.image or _index(images).convention(item.xml, "")
    rejection = Rejection(source, item.xml, path, "image", code, message, raw)
    return SourceImage(path, source, item.xml, split=item.split, rejected=[rejection])


def _index(images: ImageIndex | None) -> ImageIndex:
    if images is None:
        raise ValueError("the item's image is not known; pass the plan's images")
    return images


def _image(item: VocItem, annotation: Annotation, source: str, images: ImageIndex | None) -> SourceImage:
    image = SourceImage(
        item.image or "",
        source,
        item.xml,
        width=annotation.width,
        height=annotation.height,
        split=item.split,
        adjusted=list(annotation.adjusted),
    )
    if item.image is None:
        index = _index(images)
        found = index.find(item.xml, annotation.filename)
        image.path = found[0] if found else index.convention(item.xml, annotation.filename)
        if found and found[1]:
            image.adjusted.append(Adjusted.IMAGE_BY_OTHER_NAME)
        if not found and len(index):
            message = f"none, or no single one, of the {len(index):,} images is called like the annotation file"
            message += f" or {annotation.filename!r}"[: RAW_LIMIT // 2]
            image.rejected.append(Rejection(source, item.xml, image.path, "image", Rejected.MISSING_IMAGE, message))
    return image


def _add_labels(image: SourceImage, annotation: Annotation, labels: Labels | None) -> None:
    """Add one object a class that the per-class lists, or without them the objects, show."""
    if labels is not None:
        image.objects = [SourceObject(label, f"ImageSets[{label}]") for label in labels.present]
        image.skipped = [Skipped.DIFFICULT_ONLY] * len(labels.difficult)
        return
    first: dict[str, SourceObject] = {}
    seen = set()
    for voc_object in annotation.objects:
        if not voc_object.name:
            image.rejected.append(_without_label(image, voc_object))
            continue
        seen.add(voc_object.name)
        if not voc_object.difficult:
            first.setdefault(voc_object.name, SourceObject(voc_object.name, _locator(voc_object)))
    image.objects = list(first.values())
    image.skipped = [Skipped.DIFFICULT_ONLY] * (len(seen) - len(first))


def _add_objects(
    image: SourceImage, annotation: Annotation, mask: bytes | MaskError | None, options: VocOptions
) -> None:
    boxes = [_box(voc_object.corners, options.voc_origin) for voc_object in annotation.objects]
    outlines: dict[int, list[Ring]] = {}
    error: MaskError | None = None
    if mask is not None:
        try:
            outlines = _outlines(image, mask, boxes)
        except MaskError as mask_error:
            error = mask_error
    for at, (voc_object, box) in enumerate(zip(annotation.objects, boxes, strict=True)):
        if not voc_object.name:
            image.rejected.append(_without_label(image, voc_object))
        elif voc_object.bbox_error:
            image.rejected.append(_reject(image, voc_object, Rejected.INVALID_BBOX, voc_object.bbox_error))
        elif error is not None:
            image.rejected.append(_reject(image, voc_object, error.code, str(error)))
        else:
            if voc_object.corners and _is_swapped(voc_object.corners):
                image.adjusted.append(Adjusted.BBOX_CORNERS_SWAPPED)
            crowd = options.difficult_as_crowd and voc_object.difficult
            rings = outlines.get(at)
            image.objects.append(
                SourceObject(voc_object.name, _locator(voc_object), box, rings, crowd, from_mask=rings is not None)
            )


def _outlines(image: SourceImage, mask: bytes | MaskError, boxes: Sequence[Box | None]) -> dict[int, list[Ring]]:
    """Trace the mask's instances: rings by position in `boxes`. An instance that fits none of them is rejected.

    Sets the image's size to the mask's where the annotation file gives none: the two are the same by definition.
    """
    if isinstance(mask, MaskError):
        raise mask
    decoded = read_mask(mask, (image.width, image.height) if image.width and image.height else None)
    image.height, image.width = decoded.indices.shape
    pairs = pair(decoded.boxes, boxes)
    for index, box in decoded.boxes.items():
        if index not in pairs:
            message = f"the box of no object fits the instance, which lies at {', '.join(f'{side:g}' for side in box)}"
            locator = f"{image.locator} instance[{index}]"
            image.rejected.append(
                Rejection(image.source, locator, image.path, "object", Rejected.UNKNOWN_CATEGORY, message)
            )
    return {at: decoded.rings(index) for index, at in pairs.items()}


def _box(corners: Corners | None, origin: int) -> Box | None:
    """Turn pixel indices into edges: those of the first pixel are its index less the origin, whatever the order."""
    if corners is None:
        return None
    xmin, ymin, xmax, ymax = corners
    return min(xmin, xmax) - origin, min(ymin, ymax) - origin, max(xmin, xmax), max(ymin, ymax)


def _is_swapped(corners: Corners) -> bool:
    xmin, ymin, xmax, ymax = corners
    return xmax < xmin or ymax < ymin


def _locator(voc_object: VocObject) -> str:
    return f"object[{voc_object.position}]"


def _without_label(image: SourceImage, voc_object: VocObject) -> Rejection:
    return _reject(image, voc_object, Rejected.INVALID_LABEL, "name is missing or empty, expected the object's class")


def _reject(image: SourceImage, voc_object: VocObject, code: Rejected, message: str) -> Rejection:
    locator = f"{image.locator} {_locator(voc_object)}"
    raw = msgspec.json.encode(voc_object).decode()[:RAW_LIMIT]
    return Rejection(image.source, locator, image.path, "object", code, message, raw)
