"""Turned boxes beside upright ones in objects of VOC files, where the upright one is read."""

from __future__ import annotations

import math

from lxml import etree

from labelbeam.transforms.formats.turned import may_turn, turns
from labelbeam.transforms.formats.voc.shapes import ANGLES, Box, boxes_of, fields_of, has_box, tag_of, text_of

_LEAST_OVERLAP = 0.3
"""An upright box and the one around its turned one that share less of what they cover together are not of one object."""


def is_turned_beside(element: etree._Element) -> bool:
    """Tell whether an `<object>` has a turned box by a name that is not read, an angle among its attributes, or a turned box
    that does not lie in its upright one.

    An angle right beside the box is not meant: its object is rejected.
    """
    upright: list[Box] = []
    turned: list[Box] = []
    for child in element:
        tag = tag_of(child)
        if tag == "attributes":
            if any(name != "rotation" and turns(name, value) for name, value in _attributes(child)):
                return True
        elif tag == "robndbox" or (has_box(child) and "angle" in fields_of(child)):
            turned += [box for box, _ in boxes_of(child) if box is not None]
        elif tag == "bndbox":
            upright += [box for box, _ in boxes_of(child) if box is not None]
        elif may_turn(tag) and tag not in ANGLES and (len(child) > 1 or turns(tag, text_of(child))):
            return True
    pairs = zip(upright, turned, strict=True) if len(upright) == len(turned) else ()
    return any(not _fits(one, other) for one, other in pairs)


def _attributes(element: etree._Element) -> list[tuple[str, str]]:
    """Names and values of attributes: in `<name>` and `<value>`, as CVAT writes them, or by their tags."""
    named = [(fields.get("name", ""), fields.get("value", "")) for fields in map(fields_of, element)]
    return [*((name, value) for name, value in named if name), *fields_of(element).items()]


def _fits(upright: Box, turned: Box) -> bool:
    """Tell whether a box may be the one around a turned one, or the one that was turned; what cannot be compared may be."""
    if upright.kind != "corners" or turned.kind != "centre_and_size" or abs(turned.angle) > 2 * math.pi:
        return True
    left, top, right, bottom = upright.numbers
    x, y, width, height = turned.numbers
    cosine, sine = abs(math.cos(turned.angle)), abs(math.sin(turned.angle))
    around = (width * cosine + height * sine, width * sine + height * cosine)
    return any(
        _overlap((left, top, right, bottom), (x - across / 2, y - down / 2, x + across / 2, y + down / 2))
        >= _LEAST_OVERLAP
        for across, down in (around, (width, height))
    )


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Intersection over union of two boxes."""
    shared = math.prod(max(0.0, min(one[at + 2], other[at + 2]) - max(one[at], other[at])) for at in (0, 1))
    sizes = [abs((box[2] - box[0]) * (box[3] - box[1])) for box in (one, other)]
    return shared / max(sum(sizes) - shared, 1e-12)
