"""Values of annotation files that tools write: sizes, labels, corners, outlines of round shapes, and objects of several shapes."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from labelbeam.schemas.label_map import LONGEST_LABEL
from labelbeam.schemas.neutral import Box, Ring, SourceImage, SourceObject
from labelbeam.schemas.reasons import Adjusted, Rejected, RejectedError
from labelbeam.transforms.formats.json_objects import check_json_room
from labelbeam.transforms.formats.labels import normalized
from labelbeam.transforms.formats.named_images import reject_image, reject_object
from labelbeam.transforms.geometry.raster import take_out
from labelbeam.transforms.geometry.rle import GeometryError
from labelbeam.transforms.messages.words import is_utf8

_LARGEST_SIDE = 2**31 - 1
_FEWEST_CORNERS, _MOST_CORNERS = 12, 360
LARGEST_RADIUS = 1e9
"""Pixels of a round shape's radius, beyond which it is none of an image."""


class Drawn(NamedTuple):
    """A shape: its box and outline, whether that is the box around a turned one, and whether a mask was traced.

    `holed` are its polygons, each an outer ring and the holes in it, where there are holes; `rings` are all of them.
    """

    box: Box
    rings: list[Ring]
    turned: bool = False
    traced: bool = False
    holed: Sequence[Sequence[Ring]] = ()


class DrawnError(RejectedError, ValueError):
    """A shape cannot be used."""


class Part(NamedTuple):
    """A shape of an object. Those of one `group` are one object, which is called and found like the first of them."""

    group: Hashable
    label: str
    locator: str
    drawn: Drawn
    crowd: bool = False


class JsonError(ValueError):
    """A file that is no JSON; the message says why."""


_LONGEST_HELD = 8 * LONGEST_LABEL
"""Characters of a label that are held: more than it may have, so that it is rejected, and said of it as if it were whole."""


def decode_json(data: bytes, what: str = "a JSON file") -> Any:
    """Decode a JSON document in UTF-8, with or without a byte order mark; NaN and Infinity are numbers, as Python writes them.

    Raises:
        JsonError: it is none, or is nested too deeply.
        ShortageError: there is not memory enough for what it holds.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    check_json_room(data, what)
    try:
        return msgspec.json.decode(data)
    except RecursionError:
        raise JsonError("it is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        try:
            found = json.loads(data.decode("utf-8"))
            msgspec.json.encode(found)  # A lone surrogate is no text that could be written.
            return found
        except RecursionError:
            raise JsonError("it is nested too deeply") from None
        except ValueError:
            raise JsonError(f"it is no JSON in UTF-8: {error}") from None


def number(value: Any) -> float | None:
    """A finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def declare_size(image: SourceImage, width: Any, height: Any) -> None:
    """Give an image its declared size; one that has none keeps none, and one that cannot be is rejected."""
    if width in (None, "", 0, -1) and height in (None, "", 0, -1):
        return
    sides = [number(side) for side in (width, height)]
    if any(side is None or side != int(side) or not 0 < side <= _LARGEST_SIDE for side in sides):
        message = f"width {width!r:.60} and height {height!r:.60}, expected two positive whole numbers"
        reject_image(image, Rejected.INVALID_SIZE, message)
        return
    image.width, image.height = (int(side) for side in sides if side is not None)


def label_of(value: Any, image: SourceImage) -> str | None:
    """The label that a value is, with what had to be adjusted; None where it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        image.adjusted.append(Adjusted.LABEL_FROM_NUMBER)
        value = str(value)
    if not isinstance(value, str) or not (label := normalized(value)) or not is_utf8(label):
        return None
    if label != value:
        image.adjusted.append(Adjusted.LABEL_NORMALIZED)
    return label[:_LONGEST_HELD]


def corners_of(points: Any) -> Ring | None:
    """Corners, (n, 2), from a list of pairs of finite numbers, or of objects with x and y; None where it is none."""
    if not isinstance(points, list):
        return None
    sides: list[tuple[float, float]] = []
    for point in points:
        if isinstance(point, dict):
            point = [point.get("x"), point.get("y")]
        if not isinstance(point, list) or len(point) != 2:
            return None
        x, y = number(point[0]), number(point[1])
        if x is None or y is None:
            return None
        sides.append((x, y))
    return np.array(sides, np.float64).reshape(-1, 2)


def extent(corners: Sequence[Ring]) -> Box:
    """The box around all corners."""
    every = np.concatenate(corners)
    return (*every.min(axis=0).tolist(), *every.max(axis=0).tolist())


def ellipse(centre: tuple[float, float], radii: tuple[float, float], angle: float = 0.0) -> tuple[Box, Ring]:
    """The box and the outline of an ellipse that is turned by `angle`, in radians.

    The outline has as many corners as keep it within half a pixel of the curve, at least 12 and at most 360; LabelMe's own
    conversion to COCO allows a whole one.
    """
    radius = max(abs(radii[0]), abs(radii[1]))
    count = math.ceil(math.pi / math.acos(1 - 0.5 / radius)) if radius > 1 else _FEWEST_CORNERS
    count = min(_MOST_CORNERS, max(_FEWEST_CORNERS, count))
    turns = 2 * np.pi * np.arange(count) / count
    x, y = radii[0] * np.cos(turns), radii[1] * np.sin(turns)
    cosine, sine = math.cos(angle), math.sin(angle)
    ring = np.stack((centre[0] + x * cosine - y * sine, centre[1] + x * sine + y * cosine), axis=1)
    half_width = math.hypot(radii[0] * cosine, radii[1] * sine)
    half_height = math.hypot(radii[0] * sine, radii[1] * cosine)
    box = (centre[0] - half_width, centre[1] - half_height, centre[0] + half_width, centre[1] + half_height)
    return box, ring


def box_around(box: Box, degrees: float, pivot: tuple[float, float]) -> Box:
    """The box around one that is turned clockwise about a point."""
    left, top, right, bottom = box
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)]) - pivot
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return extent([corners @ np.array([[cosine, sine], [-sine, cosine]]) + pivot])


def add_parts(image: SourceImage, parts: Iterable[Part]) -> tuple[int, int]:
    """Add the objects that shapes make; returns how many have no outline, and how many are of several shapes."""
    groups: dict[Hashable, list[Part]] = {}
    for part in parts:
        groups.setdefault(part.group, []).append(part)
    without = united = 0
    for members in groups.values():
        (_, label, locator, drawn, _), *others = members
        box, rings = drawn.box, drawn.rings
        if others:
            united += 1
            box = extent([np.array(part.drawn.box).reshape(2, 2) for part in members])
            rings = [ring for part in members for ring in part.drawn.rings]
        for part in members:
            if part.drawn.turned:
                image.adjusted.append(Adjusted.BBOX_TURNED)
            if part.drawn.traced:
                image.adjusted.append(Adjusted.MASK_TO_POLYGON)
        without += not rings
        # A mask alone is disjoint by construction; beside other parts it is united with them.
        from_mask = drawn.traced and not others
        by_xor = any(part.drawn.holed for part in members)
        if by_xor:
            rings, by_xor = _with_holes(image, members, rings)
        crowd = any(part.crowd for part in members)
        image.objects.append(
            SourceObject(label, locator, box, rings or None, crowd, from_mask=from_mask, by_xor=by_xor)
        )
    return without, united


def _with_holes(image: SourceImage, members: Sequence[Part], rings: list[Ring]) -> tuple[list[Ring], bool]:
    """Rings of polygons with holes that XOR combines to what they mean, and whether it may; not where they are too large to compare."""
    polygons = [polygon for part in members for polygon in part.drawn.holed or [[ring] for ring in part.drawn.rings]]
    try:
        outline = take_out(polygons)
    except GeometryError:
        return rings, False  # They are united later, and rejected there where outlines are needed.
    if outline is None:
        return rings, True
    image.adjusted.append(Adjusted.POLYGON_PARTS_UNITED)
    return outline, True


def add_label(image: SourceImage, value: Any, locator: str, found: dict[str, SourceObject]) -> None:
    """Add a label of a classification to those that were found, or reject it; each counts once."""
    label = label_of(value, image)
    if label is None:
        reject_object(image, Rejected.INVALID_LABEL, f"the label is {value!r:.60}, expected a text", locator)
    else:
        found.setdefault(label, SourceObject(label, locator))
