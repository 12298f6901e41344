"""Images of a CVAT file, read into the neutral form.

The fields are those that CVAT's own writer (`dataset_manager/formats/cvat.py`) and its page "XML annotation format" give them: corners in
continuous pixels, rotations clockwise in degrees about the middle, ellipses by centre and radii, and masks as run lengths along the
rows of their own box, background first. Shapes of one group are one object, as where CVAT exports COCO.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from labelbeam.schemas.neutral import Box, Ring, SourceImage, SourceObject
from labelbeam.schemas.reasons import Rejected, Skipped
from labelbeam.transforms.formats.beside import tell_beside, tell_labels
from labelbeam.transforms.formats.cvat.format import CvatOptions
from labelbeam.transforms.formats.cvat.plain import WrittenImage, WrittenShape
from labelbeam.transforms.formats.drawn import (
    LARGEST_RADIUS,
    Drawn,
    DrawnError,
    Part,
    add_label,
    add_parts,
    box_around,
    declare_size,
    ellipse,
    extent,
    label_of,
)
from labelbeam.transforms.formats.named_images import ImageFinder, image_named, reject_image, reject_object
from labelbeam.transforms.formats.paths import join
from labelbeam.transforms.formats.split_names import plain_split
from labelbeam.transforms.formats.voc.shapes import number
from labelbeam.transforms.geometry.rle import GeometryError, read_rle
from labelbeam.transforms.geometry.trace import trace
from labelbeam.transforms.messages.words import counted

WITHOUT_AREA = frozenset({"polyline", "points", "cuboid", "skeleton"})
_SHAPES = frozenset({"box", "polygon", "ellipse", "mask", *WITHOUT_AREA})

FAR = 1e9
"""Pixels beyond which nothing is of an image."""


class CvatImage(NamedTuple):
    """An image that was read, and what it says of itself, counted.

    `boxes` are objects without an outline, `united` those of several shapes. `twofold` says that it has tags and shapes, `other_subset`
    that its subset is no split.
    """

    image: SourceImage
    boxes: int = 0
    united: int = 0
    twofold: bool = False
    other_subset: bool = False


def read_image(
    written: WrittenImage, images: ImageFinder, options: CvatOptions, *, path: str, source: str, task: str
) -> CvatImage:
    """Read an image as the file at `path` has it."""
    fields = written.fields
    subset, split, other = subset_of(fields.get("subset", ""))
    image = image_of(fields, subset, images, path, source)
    image.split = split or image.split
    declare_size(image, side_of(fields.get("width")), side_of(fields.get("height")))
    if written.boxes:
        image.objects = [
            SourceObject(label, f"box[{place}]", (float(left), float(top), float(right), float(bottom)))
            for place, (_, text, left, top, right, bottom) in enumerate(written.boxes)
            if (label := label_of(text, image)) is not None
        ]
        return CvatImage(image, len(image.objects), other_subset=other)
    shapes = [(f"{shape.tag:.40}[{place}]", shape) for place, shape in enumerate(written.shapes)]
    if "classification" in task:
        return CvatImage(image, twofold=_add_labels(image, shapes, options.cvat_labels), other_subset=other)
    parts = _parts(image, shapes, apart=options.cvat_groups == "apart")
    boxes, united = add_parts(image, parts)
    tell_labels(image, (shape.fields.get("label") for _, shape in shapes if shape.tag == "tag"))
    return CvatImage(image, boxes, united, other_subset=other)


def subset_of(text: str) -> tuple[str, str | None, bool]:
    """The subset that is a split, else "", with that split; and whether it is another one, which is not CVAT's own."""
    subset = text.strip()
    split = plain_split(subset) if subset else None
    return subset if split is not None else "", split, bool(subset) and split is None and subset.lower() != "default"


def image_of(fields: Mapping[str, str], subset: str, images: ImageFinder, path: str, source: str) -> SourceImage:
    """The image that a tag with these attributes names, among those of a project's `subset`, where that is a split."""
    name = fields.get("name", "").strip()
    locator = f"{path} image {fields.get('id', ''):.40}".rstrip()
    if not name:
        image = SourceImage(path, source, locator)
        reject_image(image, Rejected.INVALID_RECORD, "the image has no name")
        return image
    # CVAT puts images below `images`, those of a project's subsets into a folder each.
    return image_named(name, images, path, source, locator, join("images", subset))


def side_of(text: str | None) -> float | str | None:
    """The number that a width or height is, or what it is instead."""
    found = number(text) if text else None
    return text if found is None else found


def _add_labels(image: SourceImage, shapes: list[tuple[str, WrittenShape]], labels: str) -> bool:
    """Labels by tags, or by shapes; whether both are there and either could be meant."""
    tags = [(locator, shape) for locator, shape in shapes if shape.tag == "tag"]
    drawn = [(locator, shape) for locator, shape in shapes if shape.tag in _SHAPES]
    found: dict[str, SourceObject] = {}
    for locator, shape in tags if labels == "tags" or (labels == "detect" and tags) else drawn:
        add_label(image, shape.fields.get("label"), locator, found)
    image.objects = list(found.values())
    return labels == "detect" and bool(tags) and bool(drawn)


def _parts(image: SourceImage, shapes: list[tuple[str, WrittenShape]], apart: bool) -> list[Part]:
    """The shapes that can be used; the others are rejected or skipped. Each is a group by itself where they stay `apart`."""
    parts: list[Part] = []
    for locator, shape in shapes:
        if shape.tag == "tag":
            continue
        fields = shape.fields
        if fields.get("outside", "0") in ("1", "true", "True"):
            image.skipped.append(Skipped.OUTSIDE)
            continue
        try:
            if shape.tag not in _SHAPES:
                raise DrawnError(Rejected.UNKNOWN_ELEMENT, f"<{shape.tag:.40}> is no shape of CVAT that is known")
            label = label_of(fields.get("label"), image)
            if label is None:
                raise DrawnError(Rejected.INVALID_LABEL, f"the label is {fields.get('label')!r:.60}, expected a text")
            drawn = _drawn(shape)
        except DrawnError as error:
            reject_object(image, error.code, error.message, locator, _raw(shape))
            continue
        tell_beside(image, shape.beside, upright=not (drawn.rings or drawn.turned))
        group = fields.get("group_id", "").strip()
        key = locator if apart or group in ("", "0") else (label, group)
        parts.append(Part(key, label, locator, drawn))
    return parts


def _drawn(shape: WrittenShape) -> Drawn:
    """The box and the outline of a shape."""
    tag, fields = shape.tag, shape.fields
    if tag in WITHOUT_AREA:
        raise DrawnError(Rejected.MISSING_BBOX, f"a {tag} has no box and no area")
    if tag == "mask":
        return _of_mask(fields)
    if tag == "polygon":
        corners = _corners(fields.get("points", ""))
        return Drawn(extent([corners]), [corners])
    turn = number(fields.get("rotation", "0"))
    if tag == "box":
        box = _four(fields, ("xtl", "ytl", "xbr", "ybr"))
        if box is None or turn is None:
            raise DrawnError(
                Rejected.INVALID_BBOX, "xtl, ytl, xbr and ybr are no four finite numbers, or rotation is none"
            )
        if turn % 360 == 0:
            return Drawn(box, [])
        return Drawn(box_around(box, turn, ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)), [], turned=True)
    sides = _four(fields, ("cx", "cy", "rx", "ry"))
    if sides is None or turn is None or max(map(abs, sides[2:])) >= LARGEST_RADIUS:
        message = "cx, cy, rx and ry are no four finite numbers of an image, or rotation is none"
        raise DrawnError(Rejected.INVALID_POLYGON, message)
    box, ring = ellipse(sides[:2], sides[2:], math.radians(turn))
    return Drawn(box, [ring])


def _four(fields: dict[str, str], names: tuple[str, str, str, str]) -> Box | None:
    """Four numbers of a shape; None where one is missing, or none of an image."""
    try:
        texts = [fields[name] for name in names]
        first, second, third, fourth = map(float, texts)
    except (KeyError, ValueError):
        return None
    # What is no number is nowhere.
    near = -FAR <= first <= FAR and -FAR <= second <= FAR and -FAR <= third <= FAR and -FAR <= fourth <= FAR
    return (first, second, third, fourth) if near and "_" not in "".join(texts) else None


def _corners(text: str) -> Ring:
    """Corners from `x,y;x,y`."""
    pairs = [pair.split(",") for pair in text.split(";") if pair.strip()]
    sides = [number(side) for pair in pairs for side in pair]
    if any(len(pair) != 2 for pair in pairs) or any(side is None or abs(side) > FAR for side in sides):
        raise DrawnError(Rejected.INVALID_POLYGON, "points are no pairs of finite numbers, as in `1.5,2;3,4`")
    if len(pairs) < 3:
        raise DrawnError(Rejected.INVALID_POLYGON, f"{counted(len(pairs), 'corner')}, expected at least three")
    return np.array(sides, np.float64).reshape(-1, 2)


def _of_mask(fields: dict[str, str]) -> Drawn:
    """Trace a mask, whose runs go along the rows of its box."""
    sides = _four(fields, ("left", "top", "width", "height"))
    if sides is None or any(side != int(side) for side in sides):
        raise DrawnError(Rejected.INVALID_BBOX, "left, top, width and height are no four whole numbers")
    left, top, width, height = map(int, sides)
    if min(width, height) < 1:
        raise DrawnError(Rejected.EMPTY_MASK, f"the mask is {width}×{height}")
    text = fields.get("rle", "")
    try:
        counts = [int(count) for count in text.split(",")] if text.isascii() and "_" not in text else []
    except ValueError:
        raise DrawnError(Rejected.INVALID_RLE, "rle is no list of whole numbers") from None
    try:
        # Runs along the rows are those down the columns of the mask that is mirrored at its diagonal.
        runs = read_rle([width, height], counts, height, width)
    except GeometryError as error:
        raise DrawnError(error.code, str(error)) from None
    rings = [ring[::-1, ::-1] + (left, top) for ring in trace(runs, width, height)]
    return Drawn(extent(rings), rings, traced=True)


def _raw(shape: WrittenShape) -> str:
    """An excerpt of a shape."""
    fields = " ".join(f'{name}="{value:.200}"' for name, value in shape.fields.items())
    return f"<{shape.tag:.40} {fields}>"[:500]
