"""Fields that say that a box is turned, where its format has none: an angle beside it, or a turned box beside the upright one."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.messages.words import agreeing, counted

FURTHER = frozenset({"attributes", "attribute", "extra", "flags", "properties", "metadata", "tags"})
"""Fields that hold further ones."""

_ANGLE = re.compile(
    r"(?:bbox|box|obb|rbox|object|obj|mbox|image|img)?(?:rotation|rotate|rot|angle|ang|theta|tilt|inclination)"
    r"(?:angle|deg|degrees?|rad|radians?)?"
)
_BOX = re.compile(
    r"(?:rotated|rotate|rotating|oriented|rot|r|o|mina?rea)(?:bbox|bb|bndbox|box|rect|rectangle|boundingbox)s?|"
    r"(?:bbox|box|bb)(?:rotated|oriented|rot|obb)|obb(?:ox)?s?|minarearect"
)
_NAMES, _VALUES = ("name", "key", "label", "title"), ("value", "values")


@lru_cache(4096)
def folded(key: str) -> str:
    """The name of a field without joining marks and letter case."""
    return re.sub(r"[\W_]+", "", key).lower()


@lru_cache(4096)
def may_turn(key: str) -> bool:
    """Tell whether a field is called like one of an angle, or of a turned box.

    >>> may_turn("bbox_angle"), may_turn("rotated_bbox"), may_turn("OBB"), may_turn("triangle"), may_turn("bbox")
    (True, True, True, False, False)
    """
    name = folded(key)
    return _ANGLE.fullmatch(name) is not None or _BOX.fullmatch(name) is not None


def turns(key: str, value: Any) -> bool:
    """Tell whether a field says that its object is turned.

    >>> turns("angle", 30), turns("rotation", "45.5"), turns("angle", 0), turns("obb", [1, 2, 3, 4, 0.5]), turns("attributes", {"theta": 1})
    (True, True, False, True, True)
    """
    if isinstance(value, dict) and folded(key) in FURTHER:
        return any(turns(str(inner), item) for inner, item in value.items())
    if isinstance(value, list) and folded(key) in FURTHER:
        return any(turns(*pair) for item in value if (pair := pair_of(item)) is not None)
    name = folded(key)
    if _ANGLE.fullmatch(name) is not None:
        return _is_angle(value)
    return _BOX.fullmatch(name) is not None and _is_turned(value)


def turned_beside(fields: Mapping[str, Any], read: frozenset[str] = frozenset()) -> bool:
    """Tell whether fields of an object say that it is turned, without those that are `read`."""
    return any(turns(str(key), value) for key, value in fields.items() if key not in read)


def pair_of(item: Any) -> tuple[str, Any] | None:
    """An attribute as a list holds it, `{"name": "rotation", "value": 30}`: its name and value."""
    if not isinstance(item, dict):
        return None
    name = next((item[key] for key in _NAMES if isinstance(item.get(key), str)), None)
    value = next((item[key] for key in _VALUES if key in item), None)
    return None if name is None else (name, value)


def _is_angle(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        angle = float(value)
    except (ValueError, OverflowError):
        return False
    return math.isfinite(angle) and angle % 360 != 0


def _is_turned(value: Any) -> bool:
    """Tell whether a turned box is one: five numbers the last of which is an angle, corners, or anything that is not empty."""
    if isinstance(value, list | tuple) and len(value) == 5:
        return _is_angle(value[4])
    return isinstance(value, list | tuple | dict | str) and len(value) > 0


TURNED_BESIDE = "turned_beside"
"""The tally of objects with such fields."""


def doubts_of_turned(shown: str, evidence: Evidence) -> list[Doubt]:
    """The doubt that follows from fields of the source that is `shown` that say that boxes are turned, and are not read."""
    if not (count := evidence.count(TURNED_BESIDE)):
        return []
    example = evidence.example(TURNED_BESIDE)
    message = (
        f"{shown}: {counted(count, 'object')}, such as {example}, {agreeing(count, 'has', 'have')} an angle or a turned box in a field that is not read, as nobody knows its "
        "unit and what it turns; they are written as they stand, upright"
    )
    return [Doubt(Doubted.ROTATED_BOXES, message, count, example)]
