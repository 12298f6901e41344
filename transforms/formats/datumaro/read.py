"""Items of Datumaro, read into the neutral form.

The fields are those that Datumaro's own writer (`plugins/data_formats/datumaro/exporter.py`) gives them: boxes are x, y, width and height in
pixels, outlines x and y in turns, masks run lengths of the whole image as in COCO, and a label is its place in the list of labels. An item
is called like its image, without the extension.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from labelbeam.schemas.neutral import SourceImage, SourceObject
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.beside import takes_out, tell_beside, tell_labels
from labelbeam.transforms.formats.drawn import (
    LARGEST_RADIUS,
    Drawn,
    DrawnError,
    JsonError,
    Part,
    add_label,
    add_parts,
    box_around,
    declare_size,
    decode_json,
    ellipse,
    extent,
    label_of,
    number,
)
from labelbeam.transforms.formats.named_images import ImageFinder, image_named, reject_image, reject_object
from labelbeam.transforms.formats.paths import join
from labelbeam.transforms.geometry.rle import GeometryError, read_rle
from labelbeam.transforms.geometry.trace import trace
from labelbeam.transforms.messages.words import counted

WITHOUT_AREA = frozenset({"points", "polyline", "cuboid_3d", "cuboid_2d", "skeleton"})
_NO_OBJECTS = frozenset({"label", "caption"})
_READ = frozenset({"rotation", "is_crowd"})
"""Attributes that are read: what Datumaro's own reader of COCO calls `iscrowd` is the latter."""


class DatumaroError(ValueError):
    """A file that cannot be read as a whole; the message says why."""


class DatumaroImages(NamedTuple):
    """Images that were read; objects without an outline, those of several annotations, and images with labels and objects; and the names
    of labels, each at its number.
    """

    images: list[SourceImage]
    boxes: int
    united: int
    twofold: int
    labels: list[Any]


def read_items(
    data: bytes, images: ImageFinder, *, path: str, source: str, task: str, split: str | None, apart: bool = False
) -> DatumaroImages:
    """Read the items of the file at `path`, which are of one `split`; `apart` keeps annotations of one group apart.

    Raises:
        DatumaroError: it holds no list of items.
    """
    try:
        content = decode_json(data)
    except JsonError as error:
        raise DatumaroError(str(error)) from None
    items = content.get("items") if isinstance(content, dict) else None
    if not isinstance(items, list):
        raise DatumaroError("it holds no list of items")
    labels = _labels_of(content)
    read: list[SourceImage] = []
    boxes = united = twofold = 0
    for place, item in enumerate(items):
        image = _image_of(item, images, path, source, f"{path} items[{place}]")
        image.split = split or image.split
        read.append(image)
        if not isinstance(item, dict):
            continue
        found = item.get("annotations") or []
        if not isinstance(found, list):
            reject_image(image, Rejected.INVALID_RECORD, f"annotations is {found!r:.60}, expected a list")
        elif "classification" in task:
            twofold += _add_labels(image, found, labels)
        else:
            without, several = add_parts(image, _parts(image, found, labels, apart))
            boxes, united = boxes + without, united + several
            image.flagged = takes_out("attributes", item.get("attr"))
            tell_labels(image, _labels_of_item(found, labels))
    return DatumaroImages(read, boxes, united, twofold, labels)


def _labels_of(content: dict[str, Any]) -> list[Any]:
    """Names of labels, each at its number."""
    found = content.get("categories")
    for key in ("label", "labels"):
        found = found.get(key) if isinstance(found, dict) else None
    return (
        [label.get("name") if isinstance(label, dict) else label for label in found] if isinstance(found, list) else []
    )


def _image_of(item: Any, images: ImageFinder, path: str, source: str, locator: str) -> SourceImage:
    fields = item if isinstance(item, dict) else {}
    media: dict[str, Any] = next((fields[key] for key in ("image", "media") if isinstance(fields.get(key), dict)), {})
    name = next(
        (each.strip() for each in (media.get("path"), fields.get("id")) if isinstance(each, str) and each.strip()), None
    )
    if name is None:
        image = SourceImage(path, source, locator)
        reject_image(image, Rejected.INVALID_RECORD, "the item has neither an image with a path nor an id")
        return image
    # Images lie in `images` beside `annotations`, those of a subset in a folder that is called like its file.
    folder, _, last = path.rpartition("/")
    above = folder.rpartition("/")[0] if folder.rpartition("/")[2] == "annotations" else folder
    near = join("images", last.removesuffix(".json"))
    image = image_named(name, images, join(above, last), source, locator, near)
    size = media.get("size")
    if isinstance(size, list) and len(size) == 2:
        declare_size(image, size[1], size[0])
    return image


def _named(annotation: Any, labels: list[Any]) -> Any:
    """The name of an annotation's label; None where it has none.

    Raises:
        DrawnError: the file lists no such label.
    """
    known = annotation.get("label_id") if isinstance(annotation, dict) else None
    if not isinstance(known, int) or isinstance(known, bool):
        return None
    if not 0 <= known < len(labels):
        raise DrawnError(
            Rejected.UNKNOWN_CATEGORY, f"label_id is {known:,}, and the file lists {counted(len(labels), 'label')}"
        )
    return labels[known]


def _add_labels(image: SourceImage, annotations: list[Any], labels: list[Any]) -> bool:
    """Labels of an item, else those of its objects; whether it has both."""
    kinds = [str(annotation.get("type")) if isinstance(annotation, dict) else "" for annotation in annotations]
    of_item = [place for place, kind in enumerate(kinds) if kind == "label"]
    of_objects = [place for place, kind in enumerate(kinds) if kind not in _NO_OBJECTS]
    found: dict[str, SourceObject] = {}
    for place in of_item or of_objects:
        locator = f"annotations[{place}]"
        try:
            add_label(image, _named(annotations[place], labels), locator, found)
        except DrawnError as error:
            reject_object(image, error.code, error.message, locator, _raw(annotations[place]))
    image.objects = list(found.values())
    return bool(of_item) and bool(of_objects)


def _labels_of_item(annotations: list[Any], labels: list[Any]) -> Iterator[Any]:
    """The names of an item's labels, of those that the file lists."""
    for annotation in annotations:
        if isinstance(annotation, dict) and annotation.get("type") == "label":
            with suppress(DrawnError):
                yield _named(annotation, labels)


def _parts(image: SourceImage, annotations: list[Any], labels: list[Any], apart: bool) -> list[Part]:
    parts: list[Part] = []
    for place, annotation in enumerate(annotations):
        locator = f"annotations[{place}]"
        try:
            if not isinstance(annotation, dict):
                raise DrawnError(Rejected.INVALID_RECORD, f"the annotation is {annotation!r:.60}, expected an object")
            if str(annotation.get("type")) in _NO_OBJECTS:
                continue
            label = label_of(_named(annotation, labels), image)
            if label is None:
                raise DrawnError(
                    Rejected.INVALID_LABEL, f"label_id is {annotation.get('label_id')!r:.60}, which gives no name"
                )
            drawn = _drawn(annotation, image)
        except DrawnError as error:
            reject_object(image, error.code, error.message, locator, _raw(annotation))
            continue
        crowd = False
        if isinstance(attributes := annotation.get("attributes"), dict):
            crowd = attributes.get("is_crowd") in (True, 1, "True", "true", "1")
            tell_beside(image, attributes, upright=not (drawn.rings or drawn.turned), read=_READ)
        group = annotation.get("group")
        alone = apart or not isinstance(group, int) or group == 0
        parts.append(Part(locator if alone else (label, group), label, locator, drawn, crowd))
    return parts


def _drawn(annotation: dict[str, Any], image: SourceImage) -> Drawn:
    """The box and the outline of an annotation."""
    kind = str(annotation.get("type"))
    if kind in WITHOUT_AREA:
        raise DrawnError(Rejected.MISSING_BBOX, f"a {kind} has no box and no area")
    if kind == "mask":
        return _of_mask(annotation.get("rle"), image)
    if kind == "rotated_bbox":
        return _rotated(annotation)
    if kind not in ("bbox", "polygon", "ellipse"):
        raise DrawnError(Rejected.INVALID_RECORD, f"the type is {kind!r:.60}, which is not known")
    key = "bbox" if kind == "bbox" else "points"
    code = Rejected.INVALID_BBOX if kind == "bbox" else Rejected.INVALID_POLYGON
    values = annotation.get(key)
    sides = [number(side) for side in values] if isinstance(values, list) else []
    known = [side for side in sides if side is not None and abs(side) < LARGEST_RADIUS]
    if len(known) < len(sides) or (len(sides) != 4 if kind != "polygon" else len(sides) < 6 or len(sides) % 2):
        expected = "three corners or more" if kind == "polygon" else "four numbers"
        raise DrawnError(code, f"{key} is {values!r:.60}, expected {expected}, finite and of an image")
    if kind == "polygon":
        ring = np.array(known, np.float64).reshape(-1, 2)
        return Drawn(extent([ring]), [ring])
    left, top, third, fourth = known
    if kind == "ellipse":
        middle = ((left + third) / 2, (top + fourth) / 2)
        box, ring = ellipse(middle, ((third - left) / 2, (fourth - top) / 2))
        return Drawn(box, [ring])
    box = (left, top, left + third, top + fourth)
    attributes = annotation.get("attributes")
    turn = number(attributes.get("rotation")) if isinstance(attributes, dict) else None
    if turn is None or turn % 360 == 0:
        return Drawn(box, [])
    return Drawn(box_around(box, turn, (left + third / 2, top + fourth / 2)), [], turned=True)


def _rotated(annotation: dict[str, Any]) -> Drawn:
    """The box around a `RotatedBbox`, whose points are its centre, width, height and an angle in degrees clockwise.

    No version of Datumaro writes one into its own JSON; scripts that do name its points otherwise as well.
    """
    values = next((annotation[key] for key in ("points", "rotated_bbox", "bbox") if annotation.get(key)), None)
    sides = [number(side) for side in values] if isinstance(values, list) else []
    known = [side for side in sides if side is not None and abs(side) < LARGEST_RADIUS]
    if len(sides) != 5 or len(known) != 5:
        message = f"points are {values!r:.60}, expected a centre, width, height and angle, finite and of an image"
        raise DrawnError(Rejected.INVALID_BBOX, message)
    x, y, width, height, angle = known
    box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    return Drawn(box_around(box, angle, (x, y)), [], turned=angle % 360 != 0)


def _of_mask(rle: Any, image: SourceImage) -> Drawn:
    size, counts = (rle.get("size"), rle.get("counts")) if isinstance(rle, dict) else (None, None)
    sides = [number(side) for side in size] if isinstance(size, list) and len(size) == 2 else []
    if len(sides) != 2 or any(side is None or side != int(side) or not 0 < side < 2**31 for side in sides):
        raise DrawnError(Rejected.INVALID_RLE, f"the mask's size is {size!r:.60}, expected height and width")
    height, width = (int(side) for side in sides if side is not None)
    if image.width is not None and image.height is not None:
        height, width = image.height, image.width
    try:
        runs = read_rle(size, counts, width, height)
    except GeometryError as error:
        raise DrawnError(error.code, str(error)) from None
    rings = trace(runs, height, width)
    return Drawn(extent(rings), rings, traced=True)


def _raw(annotation: Any) -> str:
    """An excerpt of an annotation, without its mask."""
    shown = (
        {key: value for key, value in annotation.items() if key != "rle"}
        if isinstance(annotation, dict)
        else annotation
    )
    return json.dumps(shown, ensure_ascii=True, default=str)[:500]
