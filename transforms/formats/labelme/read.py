"""One file of LabelMe, read into the neutral form.

The rules are those of labelme's own `label_file.py` (what a file holds, and what stands for what is missing), `utils/shape.py` (what
a shape covers) and `labelme2coco.py` (which shapes are one object), and of X-AnyLabeling for what it adds to them.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from typing import Any, NamedTuple

import numpy as np

from labelbeam.schemas.neutral import Ring, SourceImage, SourceObject
from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.formats.beside import takes_out, tell_beside, tell_labels
from labelbeam.transforms.formats.drawn import (
    LARGEST_RADIUS,
    Drawn,
    DrawnError,
    JsonError,
    Part,
    add_label,
    add_parts,
    corners_of,
    declare_size,
    decode_json,
    ellipse,
    extent,
    label_of,
)
from labelbeam.transforms.formats.named_images import ImageFinder, image_named, reject_image, reject_object
from labelbeam.transforms.formats.voc.masks import MaskError, read_mask
from labelbeam.transforms.geometry.rle import runs_of_mask
from labelbeam.transforms.geometry.trace import trace
from labelbeam.transforms.messages.words import counted

WITHOUT_AREA = frozenset({"point", "points", "line", "linestrip"})
_BOXES = frozenset({"rectangle", "rotation"})


class LabelMeImage(NamedTuple):
    """An image that was read. `boxes` counts its objects without an outline, `twofold` says that it has flags and shapes."""

    image: SourceImage
    boxes: int = 0
    twofold: bool = False


def read_labelme(
    data: bytes, path: str, images: ImageFinder, *, labels: str, task: str, source: str
) -> LabelMeImage | None:
    """Read the file at `path`; None where it is JSON of another kind, and no annotation file.

    `labels` says what those of a classification are: `flags`, `shapes`, or `detect`. Shapes that cannot be read are rejections of
    kind "object", with their place in the list as locator.
    """
    try:
        content = decode_json(data)
    except JsonError as error:
        image = image_by_file(path, images, source)
        reject_image(image, Rejected.INVALID_RECORD, f"the file is not read: {error}")
        return LabelMeImage(image)
    if not isinstance(content, dict) or "shapes" not in content:
        return None
    image = _image_of(content, path, images, source)
    shapes = content["shapes"]
    if not isinstance(shapes, list):
        message = f"shapes is {shapes!r:.60}, expected a list"
        reject_image(image, Rejected.INVALID_RECORD, message)
        return LabelMeImage(image)
    declare_size(image, content.get("imageWidth"), content.get("imageHeight"))
    if "classification" in task:
        return _classified(image, content.get("flags"), shapes, labels)
    boxes = _add_objects(image, shapes)
    if isinstance(flags := content.get("flags"), dict):
        image.flagged = takes_out("flags", flags)
        tell_labels(image, (name for name, value in flags.items() if value is True))
    return LabelMeImage(image, boxes)


def image_by_file(path: str, images: ImageFinder, source: str) -> SourceImage:
    """The image that is called like the annotation file at `path`."""
    stem = path.rpartition("/")[2].removesuffix(".json")
    return image_named(stem, images, path, source, path)


def _image_of(content: dict[str, Any], path: str, images: ImageFinder, source: str) -> SourceImage:
    name = content.get("imagePath")
    by_file = image_by_file(path, images, source)
    if not isinstance(name, str) or not name.strip():
        if by_file.path not in images and not by_file.rejected:
            message = f"imagePath is {name!r:.60}, and no image is called like the file"
            reject_image(by_file, Rejected.INVALID_RECORD, message)
        return by_file
    image = image_named(name.strip(), images, path, source, path)
    ambiguous = any(rejection.code == Rejected.AMBIGUOUS_IMAGE for rejection in image.rejected)
    if image.path not in images and not ambiguous and by_file.path in images:
        # Image and annotation file were renamed together, which leaves imagePath behind.
        by_file.adjusted = [Adjusted.IMAGE_BY_OTHER_NAME]
        return by_file
    return image


def _classified(image: SourceImage, flags: Any, shapes: list[Any], labels: str) -> LabelMeImage:
    """Labels by flags that are set, or by shapes; each counts once."""
    flagged = isinstance(flags, dict) and bool(flags)
    found: dict[str, SourceObject] = {}
    if labels == "flags" or (labels == "detect" and flagged):
        for name, value in flags.items() if isinstance(flags, dict) else ():
            if not isinstance(value, bool):
                message = f"the flag {name!r:.60} is {value!r:.60}, expected true or false"
                reject_object(image, Rejected.INVALID_LABEL, message, "flags")
            elif value:
                add_label(image, name, "flags", found)
    else:
        for place, shape in enumerate(shapes):
            add_label(image, shape.get("label") if isinstance(shape, dict) else None, f"shapes[{place}]", found)
    image.objects = list(found.values())
    return LabelMeImage(image, twofold=labels == "detect" and flagged and bool(shapes))


def _add_objects(image: SourceImage, shapes: list[Any]) -> int:
    """Add the objects of a file; shapes of one label and group are one. Returns how many have no outline."""
    parts: list[Part] = []
    for place, shape in enumerate(shapes):
        locator = f"shapes[{place}]"
        try:
            if not isinstance(shape, dict):
                raise DrawnError(Rejected.INVALID_RECORD, f"the shape is {shape!r:.60}, expected an object")
            label = label_of(shape.get("label"), image)
            if label is None:
                raise DrawnError(Rejected.INVALID_LABEL, f"the label is {shape.get('label')!r:.60}, expected a text")
            drawn = _drawn(shape)
        except DrawnError as error:
            reject_object(image, error.code, error.message, locator, _raw(shape))
            continue
        tell_beside(image, shape, upright=not (drawn.rings or drawn.turned))
        group = shape.get("group_id")
        key = (label, group) if isinstance(group, int | str) and not isinstance(group, bool) else place
        parts.append(Part(key, label, locator, drawn))
    return add_parts(image, parts)[0]


def _drawn(shape: dict[str, Any]) -> Drawn:
    """The box and the outline of a shape; a polygon where nothing says what it is."""
    kind = shape.get("shape_type") or "polygon"
    if not isinstance(kind, str):
        raise DrawnError(Rejected.INVALID_RECORD, f"shape_type is {kind!r:.60}, which is not known")
    if kind in WITHOUT_AREA:
        raise DrawnError(Rejected.MISSING_BBOX, f"a {kind} has no area")
    corners = corners_of(shape.get("points"))
    if corners is None:
        code = Rejected.INVALID_BBOX if kind in _BOXES else Rejected.INVALID_POLYGON
        raise DrawnError(code, "points is no list of pairs of finite numbers")
    if kind == "rectangle" and len(corners) in (2, 4):
        return Drawn(extent([corners]), [], turned=len(corners) == 4 and not _is_upright(corners))
    if kind == "rotation" and len(corners) == 4:
        return Drawn(extent([corners]), [], turned=True)
    if kind == "circle" and len(corners) == 2:
        (x, y), rim = corners[0].tolist(), corners[1]
        radius = math.dist((x, y), rim.tolist())
        if not radius < LARGEST_RADIUS:
            raise DrawnError(Rejected.INVALID_POLYGON, f"the radius of the circle is {radius:g}")
        box, ring = ellipse((x, y), (radius, radius))
        return Drawn(box, [ring])
    if kind == "mask" and len(corners) == 2:
        return _of_mask(shape.get("mask"), corners)
    if kind == "polygon":
        if len(corners) < 3:
            raise DrawnError(Rejected.INVALID_POLYGON, f"{counted(len(corners), 'corner')}, expected at least three")
        return Drawn(extent([corners]), [corners])
    if kind in ("rectangle", "rotation", "circle", "mask"):
        code = Rejected.INVALID_BBOX if kind in _BOXES else Rejected.INVALID_POLYGON
        raise DrawnError(code, f"a {kind} of {len(corners)} points")
    raise DrawnError(Rejected.INVALID_RECORD, f"shape_type is {kind!r:.60}, which is not known")


def _is_upright(corners: Ring) -> bool:
    """Tell whether each of four corners is one of the box around them, to a hundredth of a pixel."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    return bool((np.minimum(np.abs(corners - low), np.abs(corners - high)) <= 0.01).all())


def _of_mask(encoded: Any, corners: Ring) -> Drawn:
    """Trace a mask: a PNG in base64, whose first and last pixels lie at the two points."""
    if not isinstance(encoded, str):
        raise DrawnError(Rejected.UNREADABLE_MASK, f"the mask is {encoded!r:.60}, expected a PNG in base64")
    try:
        png = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DrawnError(Rejected.UNREADABLE_MASK, f"the mask is no base64: {error}") from None
    try:
        pixels = read_mask(png, None).indices != 0
    except MaskError as error:
        raise DrawnError(error.code, error.message) from None
    if not pixels.any():
        raise DrawnError(Rejected.EMPTY_MASK, "the mask has no pixel")
    height, width = pixels.shape
    first, last = corners.min(axis=0), corners.max(axis=0)
    spans = last - first + 1
    if abs(spans[0] - width) > 1.5 or abs(spans[1] - height) > 1.5:
        message = f"the mask is {width}×{height}, and its points are {spans[0]:g}×{spans[1]:g} pixels apart"
        raise DrawnError(Rejected.MASK_SIZE_MISMATCH, message)
    rings = [ring + np.round(first) for ring in trace(runs_of_mask(pixels), height, width)]
    return Drawn(extent(rings), rings, traced=True)


def _raw(shape: Any) -> str:
    """An excerpt of a shape, without its mask."""
    shown = {key: value for key, value in shape.items() if key != "mask"} if isinstance(shape, dict) else shape
    return json.dumps(shown, ensure_ascii=True, default=str)[:500]
