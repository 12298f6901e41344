"""Values of a COCO record as real files have them, made into what a field wants where the meaning is plain.

Each function takes a value of decoded JSON and the set of what is counted as adjusted, and raises `RecordError` where the value
cannot be what the field holds.
"""

from __future__ import annotations

import json
import math
import re
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

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


_SPARSEST = 8
"""Places of a table for each number in it, at most."""


def table_of(rows: Mapping[Id, int]) -> npt.NDArray[np.int32]:
    """Rows by their ids, -1 where there is none; empty where ids are text, negative, or few among the numbers up to the largest.

    What a dict holds lies all over the memory, a table lies in one place.
    """
    if set(map(type, rows)) != {int} or min(rows) < 0 or max(rows) >= _SPARSEST * len(rows):  # type: ignore[operator]
        return np.empty(0, np.int32)
    ids = np.fromiter(rows, np.int64, len(rows))
    table = np.full(int(ids.max()) + 1, -1, np.int32)
    table[ids] = np.fromiter(rows.values(), np.int32, len(rows))
    return table


def rows_of(ids: Sequence[Id], table: npt.NDArray[np.int32], rows: Mapping[Id, int]) -> npt.NDArray[np.int64]:
    """The rows of ids by a table where there is one, else by a dict; -1 where there is none."""
    if len(table) and set(map(type, ids)) == {int}:
        numbers = np.array(ids)
        if numbers.dtype == np.int64:  # Larger ones are of another kind.
            known = (numbers >= 0) & (numbers < len(table))
            return np.where(known, table[np.where(known, numbers, 0)], -1).astype(np.int64)
    return np.fromiter((rows.get(identity, -1) for identity in ids), np.int64, len(ids))


def optional_id(value: Any) -> Id | None:
    """An id that serves people only: where it is none, the record is as good without it."""
    try:
        return id_of(value, set())
    except RecordError:
        return None


def number_of(value: Any, adjusted: set[Adjusted]) -> float:
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
        number = number_of(value, adjusted)
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
        return str(int(value) if isinstance(value, float) and value.is_integer() and abs(value) < EXACT else value)
    return text_of(value, adjusted)


_SIZE, _CORNERS, _CENTRE = "size", "corners", "centre"

_SIDES = (
    (("x", "y", "width", "height"), _SIZE),
    (("x", "y", "w", "h"), _SIZE),
    (("left", "top", "width", "height"), _SIZE),
    (("left", "top", "w", "h"), _SIZE),
    (("xmin", "ymin", "width", "height"), _SIZE),
    (("xmin", "ymin", "xmax", "ymax"), _CORNERS),
    (("minx", "miny", "maxx", "maxy"), _CORNERS),
    (("x1", "y1", "x2", "y2"), _CORNERS),
    (("x0", "y0", "x1", "y1"), _CORNERS),
    (("xtl", "ytl", "xbr", "ybr"), _CORNERS),
    (("topx", "topy", "bottomx", "bottomy"), _CORNERS),
    (("left", "top", "right", "bottom"), _CORNERS),
    (("cx", "cy", "w", "h"), _CENTRE),
    (("cx", "cy", "width", "height"), _CENTRE),
    (("xc", "yc", "w", "h"), _CENTRE),
    (("xcenter", "ycenter", "width", "height"), _CENTRE),
    (("centerx", "centery", "width", "height"), _CENTRE),
)
"""The names of a box's four numbers, and what they are: a corner and a size, two corners, or a centre and a size."""


def _four(value: Any) -> Any:
    """The list of a box that stands as text, by names, or in another list; else the value itself."""
    if isinstance(value, str) and len(value) < _LONGEST_BOX:
        value = _box_in(value.strip())
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list | dict):
        value = value[0]
    if isinstance(value, list) and len(value) == 2 and all(isinstance(item, dict) and is_pair(item) for item in value):
        value = {f"{axis}{number}": item[axis] for number, item in enumerate(value, 1) for axis in ("x", "y")}
    if isinstance(value, dict):
        named = {str(key).lower().replace("_", ""): number for key, number in value.items()}
        for sides, meaning in _SIDES:
            if named.keys() >= set(sides):
                numbers = [number_of(named[side], set()) for side in sides]
                if meaning == _CORNERS:
                    numbers[2:] = numbers[2] - numbers[0], numbers[3] - numbers[1]
                elif meaning == _CENTRE:
                    numbers[:2] = numbers[0] - numbers[2] / 2, numbers[1] - numbers[3] / 2
                return numbers
    return value


def _box_in(text: str) -> Any:
    """What a text holds: JSON, a mapping as Python writes it, or numbers in brackets or without, also in `array(…)`."""
    for written in (text, text.replace("'", '"')):
        try:
            return json.loads(written)
        except (ValueError, RecursionError):
            continue
    called = _CALLED.fullmatch(text)
    return re.split(r"[\s,;]+", (called[1] if called else text).strip("()[] "))


_CALLED = re.compile(r"(?:np\.|numpy\.|torch\.)?(?:array|tensor)\((\[[^\[\]]*\])[^\[\]]*\)")
"""A list as numpy and PyTorch write it."""


_FOUR = "[x, y, width, height] as finite numbers"
_EXPECTED_BOX = {
    5: f"{_FOUR}; a fifth may be an angle by which the box is turned, or a score",
    8: f"{_FOUR}; eight may be the corners of a box that is turned",
}

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
            numbers = [number_of(item, adjusted) for item in value]
        except RecordError:
            numbers = []
    if not numbers or not all(map(math.isfinite, numbers)):
        raise unexpected(
            given, _EXPECTED_BOX.get(len(value) if isinstance(value, list) else 0, _FOUR), Rejected.INVALID_BBOX
        )
    return (numbers[0], numbers[1], numbers[2], numbers[3])


def crowd_of(value: Any, adjusted: set[Adjusted]) -> int | None:
    """Tell whether it is a crowd; what says nothing, such as pandas' NaN for a missing flag, says no."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return int(value.strip().lower() == "true")
    try:
        number = float(value) if isinstance(value, bool) else number_of(value, adjusted)
    except RecordError:
        return 0
    return int(number != 0 and not math.isnan(number))


def is_pair(value: Any) -> bool:
    """Tell whether it is one corner, [x, y] or {"x": x, "y": y}."""
    if isinstance(value, dict):
        return {"x", "y"} <= value.keys() and not isinstance(value["x"], list | dict)
    return isinstance(value, list) and len(value) == 2 and not any(isinstance(item, list | dict) for item in value)
