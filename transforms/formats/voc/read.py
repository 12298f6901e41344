"""One annotation file of Pascal VOC, with its mask, read into the neutral form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from labelbeam.schemas.neutral import RAW_LIMIT, Box, Rejection, Ring, SourceImage, SourceObject
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from labelbeam.transforms.formats.labels import says_there_is_none
from labelbeam.transforms.formats.paths import key_of
from labelbeam.transforms.formats.voc.charsets import XmlError
from labelbeam.transforms.formats.voc.folders import split_of_folder
from labelbeam.transforms.formats.voc.format import VocOptions
from labelbeam.transforms.formats.voc.image_index import ImageIndex, as_relative, split_suffix, stem_of_xml
from labelbeam.transforms.formats.voc.masks import MaskError, pair, read_mask
from labelbeam.transforms.formats.voc.objects import VocObject
from labelbeam.transforms.formats.voc.plain import read_annotation
from labelbeam.transforms.formats.voc.sets import Labels
from labelbeam.transforms.formats.voc.shapes import Box as Numbers
from labelbeam.transforms.formats.voc.tree import VocItem
from labelbeam.transforms.formats.voc.xml import Annotation
from labelbeam.transforms.images.names import image_path


class VocImage(NamedTuple):
    """An image that was read, and its numbers as evidence of what they mean.

    `boxes` are those of its objects as they are written, of whatever kind, or what outlines without a box extend over. `outlined` says for each object of segmentation whether
    it has an outline. `far_turned` counts rotations of more than a whole turn. `outlined` are the extents of each object's outline and
    of its box, as left, top, right, bottom. `named` is the image that `<filename>` names where the file is called like another one.
    `flagged` counts what fields that are not read speak against: the image, or objects; `scored` objects with a confidence,
    `turned_beside` objects with a turned box beside the one that is read.
    """

    image: SourceImage
    boxes: Sequence[Numbers] = ()
    corners: Sequence[Ring] = ()
    without_outline: int = 0
    far_turned: int = 0
    outlined: Sequence[tuple[Box, Box]] = ()
    named: str = ""
    flagged: int = 0
    scored: int = 0
    turned_beside: int = 0


def read_voc(
    item: VocItem,
    xml: bytes,
    mask: bytes | MaskError | None,
    options: VocOptions,
    *,
    task: str,
    source: str,
    images: ImageIndex | None,
    believed: bool = False,
) -> VocImage:
    """Read one annotation file, and its mask, into the neutral form.

    `mask` is the content of `item.mask`, the reason for which it could not be had, or None where there is none.
    `images` is the plan's. Boxes are continuous pixels as `options` say, neither clipped nor checked against the image; those that
    lie in the first pixel are left as they are, since they may be fractions of the image. Objects of classification tasks are
    labels, one a class. An image that is rejected (unreadable annotation file, no such image in the listing) has one rejection of
    kind "image"; the objects that could be read stand beside it. `believed` says that images need not be listed.
    """
    try:
        annotation = read_annotation(xml)
    except XmlError as error:
        raw = xml[: 2 * RAW_LIMIT].decode(errors="replace")[:RAW_LIMIT]
        return VocImage(rejected_voc(item, error.code, str(error), source=source, images=images, raw=raw))

    image = _image(item, annotation, source, images, believed)
    for number, tag in enumerate(annotation.strange, 1):
        message = f"<{tag}> holds a box, an outline, or objects as text, and lies in no <object>"
        locator = f"{item.xml} {tag}[{number}]"
        image.rejected.append(Rejection(source, locator, image.path, "object", Rejected.UNKNOWN_ELEMENT, message))
    if annotation.repeated:
        message = f"{annotation.repeated}; expected one, of one image"[:RAW_LIMIT]
        image.rejected.append(Rejection(source, item.xml, image.path, "image", Rejected.REPEATED_FIELD, message))
    image.adjusted += [Adjusted.LABEL_NORMALIZED] * sum(found.name_normalized for found in annotation.objects)
    found = [voc_object for voc_object in annotation.objects if not voc_object.deleted]
    named, scored = _named_otherwise(item, annotation), sum(voc_object.scored for voc_object in found)
    flagged = annotation.flagged + sum(voc_object.flagged for voc_object in found)
    if "classification" in task:
        _add_labels(image, annotation, item.labels)
        return VocImage(image, named=named, flagged=flagged, scored=scored)
    _add_objects(image, annotation, mask, options, "segmentation" in task)
    return VocImage(
        image,
        [
            box
            for voc_object in found
            if (box := voc_object.box or _extent_box(voc_object)) is not None and not _says_empty(voc_object)
        ],
        [np.array(ring) for voc_object in found for ring in voc_object.outline],
        sum(not voc_object.rings for voc_object in image.objects) if "segmentation" in task else 0,
        sum(voc_object.box is not None and abs(voc_object.box.angle) > WHOLE_TURN for voc_object in found),
        [_outlined(voc_object) for voc_object in found if voc_object.outline and voc_object.box is not None],
        named,
        flagged,
        scored,
        annotation.turned_beside,
    )


def _outlined(voc_object: VocObject) -> tuple[Box, Box]:
    """The extents of an object's outline and of its box, both as they are written."""
    box = _box(voc_object, VocOptions(voc_origin=0))
    assert box is not None
    return _extent(voc_object), box


def _extent(voc_object: VocObject) -> Box:
    xs, ys = zip(*(corner for ring in voc_object.outline for corner in ring), strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _extent_box(voc_object: VocObject) -> Numbers | None:
    """The extent of an outline without a box, which tells as much of the frame."""
    if not voc_object.outline or voc_object.box_error:
        return None
    extent = _extent(voc_object)
    return Numbers(extent, decimal=any(number % 1 for number in extent))


def _named_otherwise(item: VocItem, annotation: Annotation) -> str:
    """The image that `<filename>` names, where the file's own name has led to one that is called otherwise; else ""."""
    if item.image is None or not annotation.filename or item.image.endswith(annotation.filename):
        return ""
    named = as_relative(annotation.filename).rpartition("/")[2]
    stem = split_suffix(named)[0]
    return "" if stem == stem_of_xml(item.xml) or key_of(stem) == key_of(stem_of_xml(item.xml)) else named


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


def _image(
    item: VocItem, annotation: Annotation, source: str, images: ImageIndex | None, believed: bool
) -> SourceImage:
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
        image.path = found.path or index.convention(item.xml, annotation.filename)
        image.split = item.split or split_of_folder(found.path or "")
        if found.by_other_name:
            image.adjusted.append(Adjusted.IMAGE_BY_OTHER_NAME)
        if found.candidates:
            message = f"{len(found.candidates)} images are called so and nothing decides between them: "
            message += ", ".join(found.candidates)[: RAW_LIMIT // 2]
            image.rejected.append(Rejection(source, item.xml, image.path, "image", Rejected.MISSING_IMAGE, message))
        elif not found.path and len(index) and not believed:
            message = f"none of the {len(index):,} images is called like the annotation file"
            message += f" or {annotation.filename!r}"[: RAW_LIMIT // 2] if annotation.filename else ""
            image.rejected.append(Rejection(source, item.xml, image.path, "image", Rejected.MISSING_IMAGE, message))
    _, code, _ = image_path(image.path, "")
    if code is not None and not image.rejected:
        message = f"{code.doc}: {image.path!r}"[:RAW_LIMIT]
        image.rejected.append(Rejection(source, item.xml, image.path, "image", code, message))
    return image


def _add_labels(image: SourceImage, annotation: Annotation, labels: Labels | None) -> None:
    """Add one object a class that the per-class lists, or without them the objects, show."""
    if labels is not None:
        image.objects = [SourceObject(label, f"ImageSets[{label}]") for label in labels.present]
        image.skipped = [Skipped.DIFFICULT_ONLY] * len(labels.difficult)
        return
    first: dict[str, SourceObject] = {}
    seen = set()
    deleted = {voc_object.name for voc_object in annotation.objects if voc_object.deleted}
    for voc_object in annotation.objects:
        if voc_object.deleted:
            continue
        if not voc_object.name:
            image.rejected.append(_without_label(image, voc_object))
            continue
        if voc_object.repeated:
            image.rejected.append(_reject(image, voc_object, Rejected.REPEATED_FIELD, voc_object.repeated))
            continue
        seen.add(voc_object.name)
        if not voc_object.difficult:
            first.setdefault(voc_object.name, SourceObject(voc_object.name, voc_object.locator))
    image.objects = list(first.values())
    image.skipped = [Skipped.DIFFICULT_ONLY] * (len(seen) - len(first)) + [Skipped.DELETED] * len(deleted - seen)


def _add_objects(
    image: SourceImage, annotation: Annotation, mask: bytes | MaskError | None, options: VocOptions, outlined: bool
) -> None:
    boxes = [_box(voc_object, options) for voc_object in annotation.objects]
    outlines: dict[int, list[Ring]] = {}
    error: MaskError | None = None
    if mask is not None:
        try:
            outlines = _outlines(image, mask, boxes)
        except MaskError as mask_error:
            error = mask_error
    for at, (voc_object, box) in enumerate(zip(annotation.objects, boxes, strict=True)):
        if voc_object.deleted:
            image.skipped.append(Skipped.DELETED)
            continue
        if _says_empty(voc_object) and at not in outlines:
            image.skipped.append(Skipped.EMPTY_LABEL)
            continue
        problem = _problem(voc_object, box, error, outlined and at not in outlines)
        if problem is not None:
            image.rejected.append(_reject(image, voc_object, *problem))
            continue
        if voc_object.box is not None and _is_swapped(voc_object.box):
            image.adjusted.append(Adjusted.BBOX_CORNERS_SWAPPED)
        if _is_turned(voc_object):
            image.adjusted.append(Adjusted.BBOX_TURNED)
        rings = outlines.get(at)
        from_mask = rings is not None
        if rings is None and voc_object.outline and (outlined or box is None):
            rings = [_ring(ring, options) for ring in voc_object.outline]
        crowd = voc_object.crowd or voc_object.ignored or (options.difficult_as_crowd and voc_object.difficult)
        if voc_object.ignored:
            image.adjusted.append(Adjusted.IGNORED_AS_CROWD)
        image.objects.append(SourceObject(voc_object.name, voc_object.locator, box, rings, crowd, from_mask=from_mask))


def _says_empty(voc_object: VocObject) -> bool:
    """Tell whether an object has no extent, and a name that says that there is none."""
    if voc_object.outline or voc_object.box_error or not says_there_is_none(voc_object.name):
        return False
    return voc_object.box is None or not any(voc_object.box.numbers)


def _problem(
    voc_object: VocObject, box: Box | None, mask_error: MaskError | None, outlined: bool
) -> tuple[Rejected, str] | None:
    """Reason why an object is not read."""
    if voc_object.repeated:
        return Rejected.REPEATED_FIELD, voc_object.repeated
    if not voc_object.name:
        return Rejected.INVALID_LABEL, voc_object.name_error or _NO_NAME
    if voc_object.box_error:
        return Rejected.INVALID_BBOX, voc_object.box_error
    if voc_object.box is not None and abs(voc_object.box.angle) > WHOLE_TURN:
        return (
            Rejected.INVALID_BBOX,
            f"the angle of <robndbox> is {voc_object.box.angle:g}, expected radians, at most 2π",
        )
    if _is_turned(voc_object) and box is not None and in_first_pixel(box):
        return Rejected.INVALID_BBOX, "a rotated box in fractions of the image is not read, expected pixels"
    if mask_error is not None:
        return mask_error.code, str(mask_error)
    if voc_object.outline_error and (box is None or outlined):
        return Rejected.INVALID_POLYGON, voc_object.outline_error
    return None


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


def in_first_pixel(numbers: Sequence[float]) -> bool:
    """Tell whether a box, as edges or as indices, lies about in the first pixel, as those in fractions of the image do."""
    if min(numbers) < -OVERSHOOT or max(numbers) > 1 + OVERSHOOT:
        return False
    return tuple(numbers) == (0, 0, 1, 1) or any(number % 1 for number in numbers)


OVERSHOOT = 0.5
"""How far fractions may lie outside of the image. No pixel box is smaller, and boxes of pixels that are ruin by themselves."""

WHOLE_TURN = 2 * math.pi + 1e-6


def _origin(numbers: Sequence[float], options: VocOptions) -> int:
    """The index of the first pixel; fractions of the image have none."""
    if options.voc_boxes == "relative" or (options.voc_boxes == "detect" and in_first_pixel(numbers)):
        return 0
    return options.voc_origin


def _box(voc_object: VocObject, options: VocOptions) -> Box | None:
    """Turn pixel indices into edges: those of the first pixel are its index less the origin, whatever the order of corners.

    A centre that counts from 1 is that of a pixel: half a pixel before its index. A box that is rotated becomes the one around it.
    """
    found = voc_object.box
    if found is None:
        return None
    origin = _origin(found.numbers, options)
    first, second, third, fourth = found.numbers
    if found.kind == "corners":
        box = min(first, third) - origin, min(second, fourth) - origin, max(first, third), max(second, fourth)
    elif found.kind == "corner_and_size":
        box = first - origin, second - origin, first - origin + third, second - origin + fourth
    else:
        x, y = first - origin / 2, second - origin / 2
        box = x - third / 2, y - fourth / 2, x + third / 2, y + fourth / 2
    angle = found.angle or math.radians(voc_object.turned)
    return _around(box, angle) if angle else box


def _around(box: Box, angle: float) -> Box:
    """The box around one that is rotated about its centre, by radians."""
    left, top, right, bottom = box
    cosine, sine = abs(math.cos(angle)), abs(math.sin(angle))
    half_width = ((right - left) * cosine + (bottom - top) * sine) / 2
    half_height = ((right - left) * sine + (bottom - top) * cosine) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    return x - half_width, y - half_height, x + half_width, y + half_height


def _ring(corners: Sequence[tuple[float, float]], options: VocOptions) -> Ring:
    """A ring of an outline. Corners that count from 1 are the centres of pixels."""
    ring = np.array(corners, np.float64)
    return ring - _origin((*ring.min(axis=0).tolist(), *ring.max(axis=0).tolist()), options) / 2


def _is_swapped(box: Numbers) -> bool:
    first, second, third, fourth = box.numbers
    return box.kind == "corners" and (third < first or fourth < second)


def _is_turned(voc_object: VocObject) -> bool:
    return bool(voc_object.box and (voc_object.box.angle or voc_object.turned))


_NO_NAME = "name is missing or empty, expected the object's class"


def _without_label(image: SourceImage, voc_object: VocObject) -> Rejection:
    return _reject(image, voc_object, Rejected.INVALID_LABEL, voc_object.name_error or _NO_NAME)


def _reject(image: SourceImage, voc_object: VocObject, code: Rejected, message: str) -> Rejection:
    locator = f"{image.locator} {voc_object.locator}"
    raw = msgspec.json.encode(voc_object).decode()[:RAW_LIMIT]
    return Rejection(image.source, locator, image.path, "object", code, message, raw)
