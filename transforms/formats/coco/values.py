"""Values of a COCO record as real files have them, made into what a field wants where the meaning is plain.

Each function takes a value of decoded JSON and the set of what is counted as adjusted, and raises `RecordError` where the value
cannot be what the field holds.
"""

from __future__ import annotations

import json
import math
import re
import reprlib
from typing import Any

import msgspec

from labelbeam.schemas.reasons import Adjusted, Rejected

Id = int | str
Quad = tuple[float, float, float, float]

EXACT = 2.0**53
"""From here on floats skip whole numbers (IEEE 754)."""


class Rle(msgspec.Struct, gc=False):
    """A mask as run lengths: `size` is [height, width]; `counts` is a list, or text where compressed."""

    size: list[int]
    counts: list[int] | str


class RecordError(ValueError):
    """One element cannot be read as what it should be."""

    def __init__(self, code: Rejected, message: str) -> None:
        super().__init__(message)
        self.code = code


def unexpected(value: Any, expected: str, code: Rejected = Rejected.INVALID_RECORD) -> RecordError:
    """Error for a value that is something else than expected."""
    return RecordError(code, f"found {reprlib.repr(value)}, expected {expected}")


def id_of(value: Any, _: set[Adjusted]) -> Id:
    """A number or text; whole floats below 2^53 are the whole number."""
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        return int(value)
    if isinstance(value, int | str) and not isinstance(value, bool):
        return value
    raise unexpected(value, "a whole number or text")


def optional_id(value: Any) -> Id | None:
    """An id that serves people only: where it is none, the record is as good without it."""
    try:
        return id_of(value, set())
    except RecordError:
        return None


def _number(value: Any, adjusted: set[Adjusted]) -> float:
    """A number, which may be NaN or infinite."""
    if isinstance(value, float):
        return value
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if isinstance(value, str) and "_" not in value:
            number = float(value)
            adjusted.add(Adjusted.NUMBER_FROM_TEXT)
            return number
    except OverflowError:
        return math.inf
    except ValueError:
        pass
    raise unexpected(value, "a number")


def side_of(value: Any, adjusted: set[Adjusted]) -> int | None:
    """Pixels of a side of an image; None where nothing stands."""
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        number = _number(value, adjusted)
    except RecordError:
        number = math.nan
    if not number.is_integer():
        raise unexpected(value, "a whole number of pixels", Rejected.INVALID_SIZE)
    return int(number)


def text_of(value: Any, _: set[Adjusted]) -> str:
    """Text as it stands."""
    if not isinstance(value, str):
        raise unexpected(value, "text")
    return value


def label_of(value: Any, adjusted: set[Adjusted]) -> str:
    """Text, or a number as text, which is counted."""
    is_number = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    if is_number and not isinstance(value, bool):
        adjusted.add(Adjusted.LABEL_FROM_NUMBER)
        return str(value)
    return text_of(value, adjusted)


_SIDES = (
    (("x", "y", "width", "height"), False),
    (("x", "y", "w", "h"), False),
    (("left", "top", "width", "height"), False),
    (("xmin", "ymin", "width", "height"), False),
    (("xmin", "ymin", "xmax", "ymax"), True),
    (("x1", "y1", "x2", "y2"), True),
    (("x0", "y0", "x1", "y1"), True),
    (("left", "top", "right", "bottom"), True),
)
"""The names of a box's four numbers, and whether they are two corners."""


def _four(value: Any) -> Any:
    """The list of a box that stands as text, by names, or in another list; else the value itself."""
    if isinstance(value, str) and len(value) < _LONGEST_BOX:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = re.split(r"[\s,;]+", value.strip().strip("()[]").strip())
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list | dict):
        value = value[0]
    if isinstance(value, dict):
        named = {str(key).lower().replace("_", ""): number for key, number in value.items()}
        for sides, corners in _SIDES:
            if named.keys() >= set(sides):
                numbers = [_number(named[side], set()) for side in sides]
                if corners:
                    numbers[2:] = numbers[2] - numbers[0], numbers[3] - numbers[1]
                return numbers
    return value


_LONGEST_BOX = 1000
"""Characters of a box as text."""


def bbox_of(value: Any, adjusted: set[Adjusted]) -> Quad | None:
    """[x, y, width, height] in pixels or whatever the file is in; None where nothing stands."""
    if value in (None, "", [], {}):
        return None
    numbers: list[float] = []
    given = value
    try:
        value = _four(value)
    except RecordError:
        value = None
    if isinstance(given, str) and isinstance(value, list):
        adjusted.add(Adjusted.NUMBER_FROM_TEXT)
    if isinstance(value, list) and len(value) == 4:
        try:
            numbers = [_number(item, adjusted) for item in value]
        except RecordError:
            numbers = []
    if not numbers or not all(map(math.isfinite, numbers)):
        raise unexpected(given, "[x, y, width, height] as finite numbers", Rejected.INVALID_BBOX)
    return (numbers[0], numbers[1], numbers[2], numbers[3])


def crowd_of(value: Any, adjusted: set[Adjusted]) -> int | None:
    """Tell whether it is a crowd; what says nothing, such as pandas' NaN for a missing flag, says no."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return int(value.strip().lower() == "true")
    try:
        number = float(value) if isinstance(value, bool) else _number(value, adjusted)
    except RecordError:
        return 0
    return int(number != 0 and not math.isnan(number))


def segmentation_of(value: Any, adjusted: set[Adjusted]) -> list[list[float]] | Rle | None:
    """The parts of a polygon as flat lists of x, y, or a mask; None where it is nothing of both."""
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) and "counts" in value[0]:
        value = value[0]
    if isinstance(value, dict) and "counts" not in value and _is_pair(value):
        return None
    if isinstance(value, dict):
        return Rle(value.get("size"), value.get("counts"))  # type: ignore[arg-type]  # read_rle takes anything
    if not isinstance(value, list):
        return None
    return [_part(part, adjusted) for part in _parts(value, _DEEPEST_LIST)]


_DEEPEST_LIST = 6
"""Lists around a polygon's numbers, at most."""


def _is_pair(value: Any) -> bool:
    """Tell whether it is one corner, [x, y] or {"x": x, "y": y}."""
    if isinstance(value, dict):
        return {"x", "y"} <= value.keys()
    return isinstance(value, list) and len(value) == 2 and not any(isinstance(item, list | dict) for item in value)


def _parts(value: list[Any], depth: int) -> list[Any]:
    """The parts of a polygon as flat lists, however they are nested: as corners, in further lists, or without one."""
    if value and not any(isinstance(item, list | dict) for item in value):
        return [value]
    if len(value) >= 3 and all(map(_is_pair, value)):
        return [[number for pair in value for number in (pair if isinstance(pair, list) else (pair["x"], pair["y"]))]]
    if not depth:
        return [[]]
    parts: list[Any] = []
    for item in value:
        nested = isinstance(item, list) and any(isinstance(inner, list | dict) for inner in item)
        parts += _parts(item, depth - 1) if nested else [item]
    return parts


def _part(part: Any, adjusted: set[Adjusted]) -> list[float]:
    """The numbers of one part of a polygon; none of them where one is not finite: it is dropped further down."""
    if not isinstance(part, list):
        return []
    try:
        numbers = [_number(item, adjusted) for item in part]
    except RecordError:
        return []
    return numbers if all(map(math.isfinite, numbers)) else []
