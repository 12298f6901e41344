"""Objects of a VOC annotation file: one for each box of an `<object>`, or one without a box."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Sequence

import msgspec
from lxml import etree

from labelbeam.transforms.formats.labels import normalized
from labelbeam.transforms.formats.verdicts import is_verdict, speaks_against
from labelbeam.transforms.formats.voc.shapes import (
    ANGLES,
    OUTLINES,
    Box,
    Outline,
    PlainObject,
    boxes_of,
    fields_of,
    has_box,
    number,
    outline_of,
    tag_of,
    text_of,
)

OBJECTS = ("object", "obj")
"""Tags of an object."""

_HOLES = frozenset({"hole", "holes", "interior", "inner"})
_NOT_OF_OBJECT = ("part", "attributes")
_NEVER_NESTED = frozenset({*_NOT_OF_OBJECT, "bndbox", "robndbox"})
"""What an object may hold that has names, boxes and numbers of its own."""


class VocObject(msgspec.Struct, frozen=True):
    """A box or outline with a name: an `<object>`, or one of its boxes where it has several.

    `position` counts `<object>` from 1, `part` its boxes, 0 where it has one. `name` is "" where it is missing or empty.
    `box` is None where there is none, and then `box_error` says what stands there instead, or is "" where nothing does.
    `name_error` says why the name is not told, `turned` is a rotation beside the box in degrees. `deleted`, `ignored` and `crowd`
    are flags of tools. `repeated` says which field stands several times and says different things. `flagged` says that a field which
    is not read speaks against the object, such as a status, and `scored` that it has a confidence, as a model gives it.
    """

    position: int
    name: str
    box: Box | None
    box_error: str = ""
    difficult: bool = False
    truncated: bool = False
    occluded: bool = False
    pose: str = ""
    part: int = 0
    turned: float = 0.0
    outline: Outline = ()
    outline_error: str = ""
    name_error: str = ""
    name_normalized: bool = False
    deleted: bool = False
    ignored: bool = False
    crowd: bool = False
    repeated: str = ""
    flagged: bool = False
    scored: bool = False

    @property
    def locator(self) -> str:
        """Locator in its file."""
        return f"object[{self.position}]" + (f" box[{self.part}]" if self.part else "")


def is_object(element: etree._Element) -> bool:
    """Tell whether an element by another tag is an object: it holds a name and something that has a box."""
    return any(tag_of(child) == "name" for child in element) and any(has_box(child) for child in element)


def is_nested(child: etree._Element) -> bool:
    """Tell whether an element in an object is an object of its own."""
    tag = tag_of(child)
    return tag in OBJECTS or (len(child) > 1 and tag not in _NEVER_NESTED and is_object(child))


def object_of(found: PlainObject, position: int) -> VocObject:
    """The object that `objects_in` makes of a plain one, which stands at `position` in its file."""
    name, texts = normalized(found.name), found.texts
    return VocObject(
        position,
        name,
        found.box,
        difficult=_flag(texts.get("difficult", "")),
        truncated=_flag(texts.get("truncated", "")),
        occluded=_flag(texts.get("occluded", "")),
        pose=texts.get("pose", ""),
        name_normalized=name != found.name,
    )


class _Fields:
    """The elements of one `<object>`, sorted by what they say.

    texts: text by tag or attribute. several: all texts of a tag that stands more than once. beside: fields that are not read, with
    their texts. turned: a rotation beside the box in degrees. has_hole: a hole of the outline stands in an element of its own.
    """

    __slots__ = ("beside", "boxes", "has_hole", "names", "outlines", "rotated", "several", "texts", "turned")

    def __init__(self, element: etree._Element) -> None:
        self.texts = {str(name).lower(): str(value) for name, value in element.items()}
        self.names = [self.texts["name"]] if "name" in self.texts else []
        self.boxes: list[etree._Element] = []
        self.rotated: list[etree._Element] = []
        self.outlines: list[etree._Element] = []
        self.turned, self.has_hole = 0.0, False
        self.beside: list[tuple[str, str]] = []
        self.several: dict[str, list[str]] = {}
        for child in element:
            self._add(child, tag_of(child))
        if not self.boxes and not self.rotated and has_box(element):
            self.boxes.append(element)

    def _add(self, child: etree._Element, tag: str) -> None:
        if tag == "name":
            self.names.append(child.text or "")
        elif tag in OUTLINES:
            self.outlines.append(child)
        elif tag == "attributes":
            attributes = _attributes(child)
            self.turned = self.turned or _rotation(attributes)
            self.beside += attributes
        elif tag in _HOLES:
            self.has_hole = True
        elif tag in _NOT_OF_OBJECT or tag in OBJECTS or (len(child) > 1 and is_nested(child)):
            return
        elif tag in ("bndbox", "robndbox") or len(child) or child.keys():
            _boxes(child, self.boxes, self.rotated)
        elif tag in self.texts:
            self.several.setdefault(tag, [self.texts[tag]]).append(text_of(child))
        else:
            self.texts[tag] = text_of(child)

    def shapes(self) -> list[tuple[Box | None, str]]:
        """The boxes, each with what is wrong with it; one without a box and a fault where there is none."""
        boxes, rotated = self.boxes, self.rotated
        # Where both stand, the box is the one that was drawn around the rotated one.
        shapes = [shape for found in boxes or rotated for shape in boxes_of(found)] or [(None, "")]
        if boxes and rotated and len(rotated) != len(boxes):
            error = f"<bndbox> and <robndbox> stand {len(boxes)} and {len(rotated)} times in the object, expected as many of both"
            shapes = [(None, error)] * max(len(boxes), len(rotated))
        angles = [text for name in ANGLES if name in self.texts for text in self.several.get(name, [self.texts[name]])]
        angle = next((text for text in angles if number(text) != 0), None)
        if angle is not None:
            shapes = [(None, f"angle is {angle!r} beside the box: no unit is known of it")] * len(shapes)
        return shapes


def objects_in(element: etree._Element, position: int) -> Iterator[VocObject]:
    """The objects of one `<object>`: one a box; without any box, one all the same."""
    fields = _Fields(element)
    texts, shapes = fields.texts, fields.shapes()
    as_written = [name for name in fields.names if name.strip()] or [texts[tag] for tag in _NAMES if texts.get(tag)][:1]
    names = [normalized(name) for name in as_written]
    one_each = len(shapes) > 1 and len(fields.outlines) == len(shapes)
    outline, outline_error = outline_of(fields.outlines)
    if fields.has_hole:
        outline, outline_error = (), "the outline has a hole in an element of its own, which is not read"
    beside = fields.beside + [
        (name, text) for name, text in texts.items() if name in _SCORES or (is_verdict(name) and name not in _FLAGS)
    ]
    repeated, flagged = "", any(speaks_against(name, text) for name, text in beside)
    scored = any(name in _SCORES and 0 < (number(text) or 0) < 1 for name, text in beside)
    for at, (box, error) in enumerate(shapes):
        name, name_error = _name(names, at, len(shapes))
        if fields.several:
            texts, repeated = _of_box(texts, fields.several, at, len(shapes))
        if one_each and not fields.has_hole:
            outline, outline_error = outline_of(fields.outlines[at : at + 1])
        yield VocObject(
            position,
            name,
            box,
            error,
            difficult=_flag(texts.get("difficult", "")),
            truncated=_flag(texts.get("truncated", "")),
            occluded=_flag(texts.get("occluded", "")),
            pose=texts.get("pose", ""),
            part=at + 1 if len(shapes) > 1 else 0,
            turned=fields.turned,
            outline=outline if one_each or len(shapes) == 1 else (),
            outline_error=outline_error,
            name_error=name_error,
            name_normalized=names != as_written,
            deleted=_flag(texts.get("deleted", "")),
            ignored=_flag(texts.get("ignore", "")),
            crowd=_flag(texts.get("iscrowd", "")),
            repeated=repeated,
            flagged=flagged,
            scored=scored,
        )


_NAMES = ("class", "label", "category", "classname", "class_name")
"""Tags of a name where none is called `name`."""

_FLAGS = ("difficult", "deleted", "ignore", "iscrowd")
"""Flags that decide what becomes of an object."""

_SCORES = frozenset({"score", "scores", "confidence", "confidences", "conf", "probability", "prob"})


def _of_box(texts: dict[str, str], several: dict[str, list[str]], at: int, count: int) -> tuple[dict[str, str], str]:
    """The texts of one box of an object, and which flag stands several times, but neither says the same nor is one a box."""
    repeated = ""
    texts = dict(texts)
    for name in _FLAGS:
        found = several.get(name, [])
        if len(set(found)) > 1 and len(found) == count:
            texts[name] = found[at]
        elif len(set(found)) > 1:
            repeated = f"{name} occurs {len(found)} times in the object ({reprlib.repr(', '.join(found))})"
    return texts, repeated


def _boxes(element: etree._Element, boxes: list[etree._Element], rotated: list[etree._Element]) -> None:
    """Sort an element of an object, or the elements in it, into boxes and rotated boxes."""
    tag = tag_of(element)
    if tag == "robndbox":
        rotated.append(element)
    elif tag == "bndbox" and not any(tag_of(child) == "bndbox" for child in element):
        boxes.append(element)
    elif has_box(element):
        (rotated if "angle" in fields_of(element) else boxes).append(element)
    elif tag not in _NOT_OF_OBJECT:
        for child in element:
            if len(child) or child.keys():
                _boxes(child, boxes, rotated)


def _name(names: list[str], at: int, count: int) -> tuple[str, str]:
    """The name of a box, and why there is none: an object's one name, or the one of as many as there are boxes."""
    if len(set(names)) < 2:
        return (names[0], "") if names else ("", "")
    if len(names) == count:
        return names[at], ""
    return "", f"the object has {len(names)} names for {count} boxes, expected one name, or one a box"


def _attributes(element: etree._Element) -> list[tuple[str, str]]:
    """Names and values that CVAT writes among an object's attributes; others write the name as the tag."""
    found = [(fields.get("name", "").lower(), fields.get("value", "")) for fields in map(fields_of, element)]
    return [*((name, value) for name, value in found if name), *fields_of(element).items()]


def _rotation(attributes: Sequence[tuple[str, str]]) -> float:
    """The rotation in degrees among an object's attributes, 0 where there is none."""
    return next((number(value) or 0.0 for name, value in attributes if name == "rotation"), 0.0)


def _flag(text: str) -> bool:
    return text not in ("", "0") and (text.lower() in ("1", "true", "yes") or number(text) == 1)
