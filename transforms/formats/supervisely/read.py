"""One file of Supervisely, read into the neutral form.

The rules are those of its SDK: `annotation/` and `geometry/` say what a file holds, `Rectangle._to_pixel_coordinate_system_json` that the
second corner of a rectangle is its last pixel, and `convert/image/coco/coco_helper.py` which objects are one, and that the corners of
polygons are written as they stand.
"""

from __future__ import annotations

import json
import math
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from labelbeam.schemas.neutral import Box, Ring, SourceImage, SourceObject
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
    corners_of,
    declare_size,
    decode_json,
    extent,
    label_of,
    number,
)
from labelbeam.transforms.formats.named_images import ImageFinder, image_named, reject_image, reject_object
from labelbeam.transforms.formats.paths import join
from labelbeam.transforms.formats.supervisely.bitmap import decode_bitmap
from labelbeam.transforms.formats.supervisely.format import SuperviselyOptions
from labelbeam.transforms.formats.supervisely.recognise import ANNOTATIONS, IMAGES
from labelbeam.transforms.geometry.rle import runs_of_mask
from labelbeam.transforms.geometry.trace import trace

WITHOUT_AREA = frozenset(
    {
        *("point", "line", "polyline", "graph", "cuboid", "cuboid_2d", "cuboid_3d", "point_3d", "point_cloud"),
        *("polyline_3d", "mask_3d", "mesh", "closed_surface_mesh", "multichannelBitmap"),
    }
)
_ANY_SHAPE = "any"
"""The shape of a class whose objects may have several."""

_MASKS = frozenset({"bitmap", "alpha_mask"})
_NO_IMAGE = ("framesCount", "frames", "figures")
"""What files of videos and point clouds have beside objects."""


class SuperviselyImage(NamedTuple):
    """An image that was read.

    `boxes` counts its objects without an outline, `united` those of several, `edged` its rectangles with corners that no pixel is,
    `valued` its tags with values that are no labels; `twofold` says that it has labels and objects. `ids` are pairs of a class's id, or of a
    tag's, and its name.
    """

    image: SourceImage
    boxes: int = 0
    united: int = 0
    edged: int = 0
    valued: int = 0
    twofold: bool = False
    ids: Sequence[tuple[Any, Any]] = ()


def read_supervisely(
    data: bytes,
    path: str,
    images: ImageFinder,
    *,
    options: SuperviselyOptions,
    task: str,
    source: str,
    shapes: Mapping[str, str] | None = None,
) -> SuperviselyImage | None:
    """Read the file at `path`; None where it is JSON of another kind, and no annotation file. `shapes` are those of classes, by title.

    Objects that cannot be read are rejections of kind "object", with their place in the list as locator.
    """
    try:
        content = decode_json(data)
    except JsonError as error:
        image = image_by_file(path, images, source)
        reject_image(image, Rejected.INVALID_RECORD, f"the file is not read: {error}")
        return SuperviselyImage(image)
    if isinstance(content, dict) and "objects" not in content:
        content = content.get("annotation")  # As the API answers.
    if not isinstance(content, dict) or "objects" not in content:
        return None
    image = image_by_file(path, images, source)
    objects = content["objects"]
    if other := [key for key in _NO_IMAGE if key in content]:
        reject_image(image, Rejected.INVALID_RECORD, f"{other[0]} says that it is of a video or a point cloud")
        return SuperviselyImage(image)
    if not isinstance(objects, list):
        reject_image(image, Rejected.INVALID_RECORD, f"objects is {objects!r:.60}, expected a list")
        return SuperviselyImage(image)
    size = content.get("size")
    if isinstance(size, dict):
        declare_size(image, size.get("width"), size.get("height"))
    if "classification" in task:
        return _classified(image, content.get("tags"), objects, options.supervisely_tag)
    parts, edged = _parts(image, objects, options, shapes or {})
    boxes, united = add_parts(image, parts)
    if isinstance(tags := content.get("tags"), list):
        image.flagged = takes_out("tags", tags)
        plain = (tag for tag in tags if not isinstance(tag, dict) or tag.get("value") is None)
        tell_labels(image, (tag.get("name") if isinstance(tag, dict) else tag for tag in plain))
    return SuperviselyImage(image, boxes, united, edged, ids=_ids(objects, "classId", "classTitle"))


def _ids(items: Iterable[Any], key: str, name: str) -> list[tuple[Any, Any]]:
    """Pairs of an id and a name."""
    return [(item.get(key), item.get(name)) for item in items if isinstance(item, dict)]


def image_by_file(path: str, images: ImageFinder, source: str) -> SourceImage:
    """The image of the annotation file at `path`: called like it, in the folder `img` of the same dataset; never one of another dataset."""
    folder, _, last = path.rpartition("/")
    stem = last[: -len(".json")] if last.lower().endswith(".json") else last
    dataset, name = posixpath.split(folder)
    if name != ANNOTATIONS:
        return image_named(stem, images, path, source, path)
    place = join(dataset, IMAGES, stem)
    image = image_named(stem, images, place, source, path)
    other, name = posixpath.split(posixpath.dirname(image.path))
    if image.path != place and not image.rejected and name == IMAGES and not _may_be(dataset, other):
        # Datasets of one project often have images of the same names.
        image.path, image.adjusted = place, []
    return image


def _may_be(dataset: str, other: str) -> bool:
    """Tell whether two paths may be of one dataset, below roots that differ."""
    one, two = sorted((f"/{dataset}".rstrip("/"), f"/{other}".rstrip("/")), key=len)
    return two.endswith(one)


def _classified(image: SourceImage, tags: Any, objects: list[Any], tag: str | None) -> SuperviselyImage:
    """Labels by tags, or by the objects' classes; each counts once. The values of one `tag` where it is named, else tags that have none."""
    found: dict[str, SourceObject] = {}
    if tags is not None and not isinstance(tags, list):
        reject_object(image, Rejected.INVALID_LABEL, f"tags is {tags!r:.60}, expected a list", "tags")
        tags = None
    known = [(place, each if isinstance(each, dict) else {"name": each}) for place, each in enumerate(tags or [])]
    plain = [(place, each.get("name")) for place, each in known if each.get("value") is None]
    if tag is not None:
        labels = [(place, each.get("value", tag)) for place, each in known if each.get("name") == tag]
        labels = [(place, tag if value is None else value) for place, value in labels]
        valued = 0
    else:
        labels, valued = plain, len(known) - len(plain)
    ids = _ids((tags[place] for place, _ in plain), "tagId", "name") if tag is None else []
    for place, label in labels:
        add_label(image, label, f"tags[{place}]", found)
    if not labels and tag is None:
        ids = _ids(objects, "classId", "classTitle")
        for place, each in enumerate(objects):
            add_label(image, each.get("classTitle") if isinstance(each, dict) else None, f"objects[{place}]", found)
    image.objects = list(found.values())
    twofold = tag is None and bool(labels) and bool(objects)
    return SuperviselyImage(image, valued=valued, twofold=twofold, ids=ids)


def _parts(
    image: SourceImage, objects: list[Any], options: SuperviselyOptions, shapes: Mapping[str, str]
) -> tuple[list[Part], int]:
    """Shapes of the objects, and how many rectangles have corners that no pixel is."""
    parts: list[Part] = []
    edged = 0
    for place, item in enumerate(objects):
        locator = f"objects[{place}]"
        try:
            if not isinstance(item, dict):
                raise DrawnError(Rejected.INVALID_RECORD, f"the object is {item!r:.60}, expected a JSON object")
            label = label_of(item.get("classTitle"), image)
            if label is None:
                raise DrawnError(
                    Rejected.INVALID_LABEL, f"classTitle is {item.get('classTitle')!r:.60}, expected a text"
                )
            kind = item.get("geometryType") or _kind_by_class(item, shapes)
            drawn, outside = _drawn(item, kind, image, options.supervisely_corners == "pixels")
        except DrawnError as error:
            reject_object(image, error.code, error.message, locator, _raw(item))
            continue
        edged += outside
        tell_beside(image, item, upright=not (drawn.rings or drawn.turned))
        group = item.get("instance")
        alone = options.supervisely_groups == "apart" or kind in _MASKS
        keyed = isinstance(group, str | int) and not isinstance(group, bool) and not alone
        parts.append(Part((label, group) if keyed else locator, label, locator, drawn))
    return parts, edged


def _kind_by_class(item: dict[str, Any], shapes: Mapping[str, str]) -> Any:
    """The shape of an object that does not say it, as in projects of 2018: its class does, whose objects had one shape each; else its `type`."""
    shape = shapes.get(str(item.get("classTitle")))
    return shape if shape is not None and shape != _ANY_SHAPE else item.get("type")


def _drawn(item: dict[str, Any], kind: Any, image: SourceImage, pixels: bool) -> tuple[Drawn, bool]:
    """The box and the outline of an object; and whether it is a rectangle that has a corner which no pixel is."""
    if not isinstance(kind, str):
        raise DrawnError(Rejected.INVALID_RECORD, f"geometryType is {kind!r:.60}, which is not known")
    if kind in WITHOUT_AREA:
        raise DrawnError(Rejected.MISSING_BBOX, f"a {kind} has no area")
    if kind in _MASKS:
        return _of_bitmap(item.get(kind) or item.get("bitmap")), False
    points = item.get("points")
    if kind == "rectangle":
        return _rectangle(points, image, pixels)
    if kind == "oriented_bbox":
        return _oriented(points, item.get("angle"), image, pixels)
    if kind == "polygon":
        return _polygons([points]), False
    if kind == "multipolygon":
        shapes = item.get("parts")
        if not isinstance(shapes, list) or not shapes:
            raise DrawnError(Rejected.INVALID_POLYGON, f"parts is {shapes!r:.60}, expected a list of polygons")
        return _polygons(shapes), False
    raise DrawnError(Rejected.INVALID_RECORD, f"geometryType is {kind!r:.60}, which is not known")


def _rectangle(points: Any, image: SourceImage, pixels: bool) -> tuple[Drawn, bool]:
    corners = corners_of(points.get("exterior") if isinstance(points, dict) else points)
    wrong = DrawnError(
        Rejected.INVALID_BBOX,
        f"points is {points!r:.60}, expected an exterior of two corners, or of the four of an upright box",
    )
    if corners is None or len(corners) not in (2, 4):
        raise wrong
    left, top, right, bottom = box = extent([corners])
    upright = {(left, top), (right, top), (right, bottom), (left, bottom)}
    if len(corners) == 4 and {(x, y) for x, y in corners.tolist()} != upright:
        raise wrong
    if not pixels:
        return Drawn(box, []), False
    beyond = image.width is not None and image.height is not None and (right == image.width or bottom == image.height)
    return Drawn((left, top, right + 1, bottom + 1), []), beyond or not all(side.is_integer() for side in box)


def _oriented(points: Any, angle: Any, image: SourceImage, pixels: bool) -> tuple[Drawn, bool]:
    """The box around a rectangle that is turned about its middle, by an angle in radians."""
    upright, edged = _rectangle(points, image, pixels)
    turn = number(angle)
    if turn is None or abs(turn) >= LARGEST_RADIUS:
        raise DrawnError(Rejected.INVALID_BBOX, f"angle is {angle!r:.60}, expected radians")
    if turn == 0:
        return upright, edged
    left, top, right, bottom = upright.box
    box: Box = box_around(upright.box, math.degrees(turn), ((left + right) / 2, (top + bottom) / 2))
    return Drawn(box, [], turned=True), edged


def _polygons(shapes: list[Any]) -> Drawn:
    """The outline of polygons, of which each hole is a ring of its own."""
    polygons: list[list[Ring]] = []
    for shape in shapes:
        fields = shape if isinstance(shape, dict) else {}
        interior = fields.get("interior") or []
        if not isinstance(interior, list):
            raise DrawnError(Rejected.INVALID_POLYGON, f"interior is {interior!r:.60}, expected a list of holes")
        outer = _ring(fields.get("exterior"), "exterior")
        polygons.append([outer, *(_ring(hole, "a hole of interior") for hole in interior)])
    rings = [ring for polygon in polygons for ring in polygon]
    holed = polygons if len(rings) > len(polygons) else []
    return Drawn(extent([outer for outer, *_ in polygons]), rings, holed=holed)


def _ring(points: Any, what: str) -> Ring:
    corners = corners_of(points)
    if corners is None or len(corners) < 3:
        raise DrawnError(Rejected.INVALID_POLYGON, f"{what} is {points!r:.60}, expected at least three corners")
    return corners


def _of_bitmap(bitmap: Any) -> Drawn:
    fields = bitmap if isinstance(bitmap, dict) else {}
    origin = corners_of([fields.get("origin")])
    if origin is None or not (np.abs(origin) < LARGEST_RADIUS).all():
        message = f"the bitmap's origin is {fields.get('origin')!r:.60}, expected x and y of its first pixel"
        raise DrawnError(Rejected.UNREADABLE_MASK, message)
    mask = decode_bitmap(fields.get("data"))
    rings = [ring + np.round(origin[0]) for ring in trace(runs_of_mask(mask), *mask.shape)]
    return Drawn(extent(rings), rings, traced=True)


def _raw(item: Any) -> str:
    """An excerpt of an object, without its bitmap."""
    shown = {key: value for key, value in item.items() if key not in _MASKS} if isinstance(item, dict) else item
    return json.dumps(shown, ensure_ascii=True, default=str)[:500]
