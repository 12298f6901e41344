"""Boxes and outlines of an annotation file, in the many ways in which tools write them."""

from __future__ import annotations

import math
import re
import reprlib
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import Literal, NamedTuple, TypeAlias

import msgspec
from lxml import etree

from labelbeam.transforms.messages.words import counted

Outline: TypeAlias = tuple[tuple[tuple[float, float], ...], ...]
"""Rings of (x, y)."""

OUTLINES = frozenset({"polygon", "polygons", "segm", "segmentation", "points", "outline", "contour"})
"""Tags of elements that hold an outline."""


class Box(msgspec.Struct, frozen=True):
    """Four numbers as they are written.

    `kind` is what they are: xmin, ymin, xmax, ymax in whatever order of the corners; the first corner, width and height; or the
    centre, width and height, and then `angle` is the rotation in radians. `decimal` says that one of them has a decimal point.
    """

    numbers: tuple[float, float, float, float]
    kind: Literal["corners", "corner_and_size", "centre_and_size"] = "corners"
    angle: float = 0.0
    decimal: bool = False


def tag_of(element: etree._Element) -> str:
    """The tag in lower case, without its namespace."""
    return _local(element.tag)


@lru_cache(4096)
def _local(tag: str) -> str:
    return tag[tag.rfind("}") + 1 :].lower()


def text_of(element: etree._Element) -> str:
    """The text without white space around it."""
    return (element.text or "").strip()


def fields_of(element: etree._Element) -> dict[str, str]:
    """The texts of children and the attributes by tag; the first of each wins."""
    fields: dict[str, str] = {}
    for child in element:
        fields.setdefault(tag_of(child), text_of(child))
    for name, value in element.items():
        fields.setdefault(str(name).lower(), str(value).strip())
    return fields


def number(text: str) -> float | None:
    """A finite number; None for any other text."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) and "_" not in text else None


ANGLES = ("angle", "rotation", "theta", "rot", "ang")
"""Tags of an angle. That of roLabelImg, `angle` in a robndbox, is in radians; of others no unit is known."""

CORNERS = ("xmin", "ymin", "xmax", "ymax")
"""Tags of a box's two corners in VOC itself."""
_OTHER_CORNERS = (
    ("x1", "y1", "x2", "y2"),
    ("left", "top", "right", "bottom"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("minx", "miny", "maxx", "maxy"),
    ("xtl", "ytl", "xbr", "ybr"),
)
_SIZES = (("w", "h"), ("width", "height"))
_CENTRES = (("cx", "cy"), ("x_center", "y_center"), ("xcenter", "ycenter"))
_STARTS = frozenset({"xmin", "cx", "x_center", "xcenter"})
_BOX_FIELDS = frozenset({*CORNERS, "x", "y", "angle"}.union(*_SIZES, *_CENTRES, *_OTHER_CORNERS))


def has_box(element: etree._Element) -> bool:
    """Tell whether an element has the fields of a box, or is called so."""
    if tag_of(element) in ("bndbox", "robndbox"):
        return True
    if not len(element) and not element.keys():
        return False
    fields = fields_of(element)
    return not _STARTS.isdisjoint(fields) or {"x", "y", "w", "h"} <= fields.keys() or _corners_in(fields) is not None


def _corners_in(fields: dict[str, str]) -> tuple[str, ...] | None:
    """The names of two corners by another name than VOC's; None where none are there, or further ones, as of an outline."""
    if "x3" in fields or "xmin" in fields:
        return None
    return next((names for names in _OTHER_CORNERS if all(name in fields for name in names)), None)


Shape: TypeAlias = tuple[Box | None, str]
"""A box, or why it is none."""


def boxes_of(element: etree._Element) -> list[Shape]:
    """The box of an element; or several, where all of its fields stand so often, one box after the other."""
    fields = fields_of(element)
    tag = tag_of(element)
    if len(fields) == len(element) + len(element.keys()):
        return [_box_of(tag, fields)]
    found = [(tag_of(child), text_of(child)) for child in element]
    found += [(str(name).lower(), str(value).strip()) for name, value in element.items()]
    found = [(name, text) for name, text in found if name in _BOX_FIELDS]
    if len(set(found)) == len({name for name, _ in found}):
        return [_box_of(tag, fields)]
    times = Counter(name for name, _ in found)
    groups = [dict(found[start : start + len(times)]) for start in range(0, len(found), len(times))]
    if all(group.keys() == times.keys() for group in groups):
        return [_box_of(tag, group) for group in groups]
    name = next(name for name, count in times.items() if count > 1)
    texts = ", ".join(reprlib.repr(text) for other, text in found[:100] if other == name)
    error = f"{name} occurs {times[name]} times in <{tag}> ({texts}), expected once, or all fields of one box after the other"
    return [(None, error)] * (times[name] if len(set(times.values())) == 1 else 1)


def _box_of(tag: str, fields: dict[str, str]) -> Shape:
    for size in _SIZES:
        for centre in _CENTRES:
            if centre[0] in fields and size[0] in fields and "xmin" not in fields:
                return _centred(tag, fields, (*centre, *size))
        if "xmin" in fields and "xmax" not in fields and size[0] in fields:
            return _box(fields, ("xmin", "ymin", *size), "corner_and_size")
    if (corners := _corners_in(fields)) is not None:
        return _box(fields, corners, "corners")
    if fields and "xmin" not in fields and "xmax" not in fields and "x" in fields:
        names = ", ".join(sorted(fields))
        return None, f"<{tag}> has {reprlib.repr(names)}, expected xmin, ymin, xmax and ymax"
    return _box(fields, CORNERS, "corners")


def _box(
    fields: dict[str, str], names: Sequence[str], kind: Literal["corners", "corner_and_size", "centre_and_size"]
) -> Shape:
    texts = [fields.get(name, "") for name in names]
    numbers = [number(text) for text in texts]
    if None in numbers:
        at = numbers.index(None)
        return None, f"{names[at]} is {reprlib.repr(texts[at])}, expected a finite number"
    for name in ANGLES if kind != "centre_and_size" else ANGLES[1:]:
        if name in fields and number(fields[name]) != 0:
            return None, f"{name} is {reprlib.repr(fields[name])} beside the box: no unit is known of it"
    first, second, third, fourth = (found for found in numbers if found is not None)
    if kind != "corners" and (third < 0 or fourth < 0):
        return None, f"{names[2]} and {names[3]} are {third:g} and {fourth:g}, expected no negative size"
    return Box((first, second, third, fourth), kind, decimal=any("." in text for text in texts)), ""


class PlainObject(NamedTuple):
    """An `<object>` that holds a name, a box by its corners, and else no more than what VOC itself has; `texts` by tag."""

    name: str
    box: Box
    texts: dict[str, str]


PLAIN = frozenset({"name", "pose", "truncated", "difficult", "occluded"})
"""Fields that a plain object may have beside its box."""


def plain_object(element: etree._Element) -> PlainObject | None:
    """The fields that nearly all objects hold; None for others, which may hold anything. Each field stands once, and nothing has attributes."""
    if element.keys():
        return None
    texts: dict[str, str] = {}
    box: Box | None = None
    for child in element:
        tag = child.tag
        if child.keys() or tag in texts:
            return None
        if tag == "bndbox" and box is None:
            if (box := _plain_box(child)) is None:
                return None
        elif tag in PLAIN and not len(child):
            texts[tag] = child.text or ""
        else:
            return None
    name = texts.pop("name", "")
    if box is None or not name.strip():
        return None
    return PlainObject(name, box, {tag: text.strip() for tag, text in texts.items()})


def _plain_box(element: etree._Element) -> Box | None:
    fields: dict[str, str] = {}
    for child in element:
        if len(child) or child.keys():
            return None
        fields[child.tag] = (child.text or "").strip()
    if len(element) != len(CORNERS) or fields.keys() != _CORNER_SET:
        return None
    left, top, right, bottom = texts = [fields[name] for name in CORNERS]
    if all(map(str.isdecimal, texts)) and max(map(len, texts)) < _MOST_DIGITS:
        return Box((float(left), float(top), float(right), float(bottom)))
    return _box(fields, CORNERS, "corners")[0]


_CORNER_SET = frozenset(CORNERS)
_MOST_DIGITS = 300
"""So many are surely finite."""


def _centred(tag: str, fields: dict[str, str], names: Sequence[str]) -> Shape:
    box, error = _box(fields, names, "centre_and_size")
    if box is None:
        return None, f"<{tag}>: {error}"
    angle = number(fields.get("angle", "0"))
    if angle is None:
        return None, f"<{tag}>: angle is {reprlib.repr(fields['angle'])}, expected a finite number"
    return msgspec.structs.replace(box, angle=angle), ""


# Outlines. ----------------------------------------------------------------------------------------------------------

_NUMBERED = re.compile(r"([xy])_?([0-9]{1,6})")


def outline_of(elements: Sequence[etree._Element]) -> tuple[Outline, str]:
    """The rings of an object's outlines, or what is wrong with one; none where they are empty, as some tools write them."""
    rings: list[tuple[tuple[float, float], ...]] = []
    for element in elements:
        inner, error = outline_of([child for child in element if tag_of(child) in OUTLINES])
        if not error:
            ring, error = _ring(element)
            rings += [*inner, ring] if ring else inner
        if error:
            return (), error
    return tuple(rings), ""


def _ring(element: etree._Element) -> tuple[tuple[tuple[float, float], ...], str]:
    texts = _texts(element)
    numbers = [number(text) for text in texts]
    tag = tag_of(element)
    if None in numbers:
        return (), f"<{tag}>: {reprlib.repr(texts[numbers.index(None)])} is no coordinate, expected a finite number"
    if len(numbers) % 2:
        return (), f"<{tag}> has {counted(len(numbers), 'number')}, expected an x and a y for each corner"
    values = [found for found in numbers if found is not None]
    return tuple(zip(values[::2], values[1::2], strict=True)), ""


def _texts(element: etree._Element) -> list[str]:
    """The coordinates of a ring as they are written, x before y; where one occurs twice, both as one text, which is no number."""
    points = [child for child in element if tag_of(child) not in OUTLINES]
    named = [(tag_of(child), text_of(child)) for child in points]
    named += [(str(name).lower(), str(value)) for name, value in element.items()]
    numbered: dict[int, dict[str, str]] = {}
    for name, text in named:
        if match := _NUMBERED.fullmatch(name):
            of = numbered.setdefault(int(match[2]), {})
            of[match[1]] = text if of.get(match[1], text) == text else f"{name} is {of[match[1]]} and {text}"
    if numbered:
        return [of.get(axis, "") for _, of in sorted(numbered.items()) for axis in ("x", "y")]
    xs, ys = ([text for name, text in named if name == axis] for axis in ("x", "y"))
    if xs or ys:
        return [text for pair in zip_longest(xs, ys, fillvalue="") for text in pair]
    texts: list[str] = []
    for child in points:
        fields = fields_of(child)
        if "x" in fields or "y" in fields:
            texts += [fields.get("x", ""), fields.get("y", "")]
            if len(child) > len(fields):
                texts += [text_of(each) for each in child if tag_of(each) in ("x", "y")][2:]
        elif tag_of(child) in ("pt", "point", "vertex"):
            texts += _numbers_in(text_of(child))
    return texts or _numbers_in(text_of(element))


def _numbers_in(text: str) -> list[str]:
    return re.split(r"[\s,;]+", text.strip("[](){} \t\r\n,;")) if text.strip("[](){} \t\r\n,;") else []
