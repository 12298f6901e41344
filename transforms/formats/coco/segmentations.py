"""Values of `segmentation` as real files have them: polygons however they are nested, named or written, and masks."""

from __future__ import annotations

import json
import math
import re
from itertools import chain
from typing import Any

from labelbeam.schemas.reasons import Adjusted
from labelbeam.transforms.formats.coco.values import RecordError, Rle, is_pair, number_of

_DEEPEST_LIST = 6
"""Lists around a polygon's numbers, at most."""

_AXES = (("x", "y"), ("all_points_x", "all_points_y"))
"""Names of the two lists of an outline that holds all x and all y apart."""

_WITHIN = ("points", "polygon", "polygons", "vertices", "exterior")
"""Names under which an object holds the corners of an outline."""

_CORNERS_AS_TEXT = re.compile(r"[-+.\deE\s,;()\[\]]+")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def segmentation_of(value: Any, adjusted: set[Adjusted]) -> list[list[float]] | Rle | None:
    """The parts of a polygon as flat lists of x, y, or a mask; None where it is nothing of both."""
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return _of_text(value, adjusted)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) and "counts" in value[0]:
        value = value[0]
    if isinstance(value, dict):
        if not value or ("counts" not in value and is_pair(value)):
            return None
        if "counts" in value or "size" in value:
            return Rle(value.get("size"), value.get("counts"))  # type: ignore[arg-type]  # read_rle takes anything
        value = [value]
    if not isinstance(value, list):
        return None
    return [_part(part, adjusted) for part in parts_of(value)]


def _of_text(text: str, adjusted: set[Adjusted]) -> list[list[float]] | None:
    """The corners of one polygon that stand as text, such as `10,20 30,20 30,40`.

    Numbers with nothing but blanks between them may be run lengths as well, and are none.
    """
    if not _CORNERS_AS_TEXT.fullmatch(text) or not {",", ";"} & set(text):
        return None
    adjusted.add(Adjusted.NUMBER_FROM_TEXT)
    return [[float(number) for number in _NUMBER.findall(text)]]


def _named(value: dict[Any, Any]) -> Any:
    """The corners that an object holds by name; the object itself where it holds none."""
    for across, along in _AXES:
        xs, ys = value.get(across), value.get(along)
        if isinstance(xs, list) and isinstance(ys, list) and len(xs) == len(ys):
            return list(chain.from_iterable(zip(xs, ys, strict=True)))
    if value.get("type") == "Polygon" and isinstance(rings := value.get("coordinates"), list) and len(rings) == 1:
        return rings[0]  # Of several, all but the first are holes.
    return next((value[name] for name in _WITHIN if isinstance(value.get(name), list)), value)


def parts_of(value: list[Any]) -> list[Any]:
    """The parts of a polygon as flat lists, however they are nested.

    >>> parts_of([[1, 2], [3, 4], [5, 6]]), parts_of([1, 2, 3, 4, 5, 6])
    ([[1, 2, 3, 4, 5, 6]], [[1, 2, 3, 4, 5, 6]])
    """
    return _parts(value, _DEEPEST_LIST)


def _parts(value: list[Any], depth: int) -> list[Any]:
    """The parts of a polygon as flat lists, however they are nested: as corners, in further lists, by names, or without one."""
    if value and not any(isinstance(item, list | dict) for item in value):
        return [value]
    if len(value) >= 3 and all(map(is_pair, value)):
        return [[number for pair in value for number in (pair if isinstance(pair, list) else (pair["x"], pair["y"]))]]
    if not depth:
        return [[]]
    parts: list[Any] = []
    for item in value:
        inner = _named(item) if isinstance(item, dict) else item
        nested = isinstance(inner, list) and (inner is not item or any(isinstance(each, list | dict) for each in inner))
        parts += _parts(inner, depth - 1) if nested else [inner]
    return parts


def _part(part: Any, adjusted: set[Adjusted]) -> list[float]:
    """The numbers of one part of a polygon; none of them where one is not finite: it is dropped further down."""
    if not isinstance(part, list):
        return []
    try:
        numbers = [number_of(item, adjusted) for item in part]
    except RecordError:
        return []
    return numbers if all(map(math.isfinite, numbers)) else []
