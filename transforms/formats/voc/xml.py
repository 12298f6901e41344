"""One Pascal VOC annotation file: its elements read into what they say, nothing interpreted yet.

Tools put objects in many places. Tags are compared without namespace and letter case; objects may lie in elements around them,
and hold several boxes. What has the fields of a box and is none of this is counted as an object that is not understood.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec
from lxml import etree

from labelbeam.schemas.reasons import Adjusted
from labelbeam.transforms.formats.labels import normalized
from labelbeam.transforms.formats.verdicts import is_verdict, speaks_against
from labelbeam.transforms.formats.voc.charsets import invalid
from labelbeam.transforms.formats.voc.markup import parse
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
    plain_object,
    tag_of,
    text_of,
)
from labelbeam.transforms.formats.voc.turned import is_turned_beside

_Read = TypeVar("_Read")


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


class Annotation(msgspec.Struct, frozen=True):
    """An `<annotation>`: one image.

    `filename` is "" where it is missing or empty. `width` and `height` are None where they are missing or are no
    positive whole number, as in the files of tools that never opened the image and wrote 0. `strange` are the tags of elements
    with the fields of a box that belong to no object. `repeated` says what of the image stands several times and says
    different things, as where the annotations of several images are in one file. `flagged` says that a field which is not read speaks
    against the image. `turned_beside` counts objects with a turned box beside the one that is read.
    """

    filename: str
    width: int | None
    height: int | None
    objects: tuple[VocObject, ...]
    adjusted: tuple[Adjusted, ...] = ()
    strange: tuple[str, ...] = ()
    repeated: str = ""
    flagged: bool = False
    turned_beside: int = 0


def parse_annotation(data: bytes) -> Annotation:
    """Parse an annotation file in any common charset.

    Raises XmlError: UNSAFE_XML where `<!DOCTYPE` or `<!ENTITY` stands anywhere, before anything is expanded;
    INVALID_XML where the file is not well-formed, nested over 256 deep, larger than `LARGEST_XML`, not in the charset
    that it declares, or has another root than `<annotation>`.
    """
    root, repaired = parse(data)
    if tag_of(root) == "annotations" and len(root) == 1:
        root = root[0]
    if tag_of(root) != "annotation":
        raise invalid(f"the root element is <{reprlib.repr(root.tag)[1:-1]}>, expected <annotation>")

    filenames, widths, heights = [str(root.get("filename", ""))], list[str](), list[str]()
    said = [(str(name), str(text)) for name, text in root.items()]
    children = list(root)
    for child in children:
        tag = tag_of(child)
        if tag == "filename":
            filenames.append(text_of(child))
        elif tag in _SIZES:
            _add_sides(child, widths, heights)
        if is_verdict(tag) and not len(child):
            said.append((tag, text_of(child)))
    objects: list[VocObject] = []
    strange: list[str] = []
    turned_beside = 0
    for position, found in enumerate(_objects(children, strange, filenames), 1):
        if isinstance(found, PlainObject):
            objects.append(object_of(found, position))
        else:
            objects += _of_object(found, position)
            turned_beside += is_turned_beside(found)
    if not objects and not strange and any(_MARKUP.search(str(text)) for text in root.itertext()):
        strange.append("object")
    filename, other_names = _sole(filenames, lambda name: name or None)
    width, other_widths = _sole(widths, side_of)
    height, other_heights = _sole(heights, side_of)
    adjusted = (Adjusted.XML_REPAIRED,) if repaired else ()
    repeated = ""
    for field, one, others in (
        ("filename", filename, other_names),
        ("width", width, other_widths),
        ("height", height, other_heights),
    ):
        if others and not repeated:
            repeated = f"{field} is {reprlib.repr(one)} and {reprlib.repr(others[0])}"
    flagged = any(speaks_against(name, text) for name, text in said)
    return Annotation(
        filename or "", width, height, tuple(objects), adjusted, tuple(strange), repeated, flagged, turned_beside
    )


_SIZES = {"size": ("width", "height"), "imagesize": ("ncols", "nrows")}
"""Elements that hold the size of the image, with the names of its width and height; LabelMe's counts rows and columns."""

_MARKUP = re.compile(r"<(?:object|bndbox)\b", re.IGNORECASE)
"""Objects as text: in CDATA, or escaped."""

_OBJECTS = ("object", "obj")
_NOT_OBJECTS = ("filename", "size", "imagesize", "folder", "path", "source", "segmented")
_LISTS = ("objects", "boxes", "bndboxes", "bboxes", "annotations", "labels", "regions", "shapes", "bndbox")
"""Elements that hold objects; text in them is in a form that is not read."""

_NEVER_EMPTY = frozenset({*_LISTS, *OUTLINES, "robndbox"})
"""Elements that say something where they hold no others."""

_HOLES = frozenset({"hole", "holes", "interior", "inner"})
_NOT_OF_OBJECT = ("part", "attributes")
_NEVER_NESTED = frozenset({*_NOT_OF_OBJECT, "bndbox", "robndbox"})
"""What an object may hold that has names, boxes and numbers of its own."""


def _objects(
    elements: Iterable[etree._Element], strange: list[str], filenames: list[str]
) -> Iterator[etree._Element | PlainObject]:
    """The objects among elements, and in whatever elements they lie; what has a box and belongs to none is `strange`.

    `filenames` receives those that stand beside objects in an element around them: the file may hold several images.
    """
    for element in elements:
        tag = tag_of(element)
        if tag in _OBJECTS:
            if (plain := plain_object(element)) is not None:
                yield plain
                continue
            nested = [child for child in element if _is_nested(child)]
            if not nested or any(has_box(child) for child in element):
                yield element
            yield from _objects(nested, strange, filenames)
        elif tag not in _NEVER_EMPTY and not len(element) and not element.keys():
            continue
        elif tag in _NOT_OBJECTS:
            yield from _objects(element, strange, filenames)
        elif has_box(element) or (tag in OUTLINES and (len(element) or text_of(element))):
            strange.append(tag)
        elif _is_object(element):
            yield element
        elif tag in _LISTS and not len(element) and text_of(element):
            strange.append(tag)
        elif len(element):
            before = len(filenames)
            inner = list(_objects(element, strange, filenames))
            if inner and len(filenames) == before:
                filenames += [text_of(child) for child in element if tag_of(child) == "filename"]
            yield from inner


def _is_object(element: etree._Element) -> bool:
    """Tell whether an element by another tag is an object: it holds a name and something that has a box."""
    return any(tag_of(child) == "name" for child in element) and any(has_box(child) for child in element)


def _is_nested(child: etree._Element) -> bool:
    """Tell whether an element in an object is an object of its own."""
    tag = tag_of(child)
    return tag in _OBJECTS or (len(child) > 1 and tag not in _NEVER_NESTED and _is_object(child))


def object_of(found: PlainObject, position: int) -> VocObject:
    """What `_of_object` makes of such an object, which stands there in its file."""
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


def _of_object(element: etree._Element, position: int) -> Iterator[VocObject]:
    """Objects of one `<object>`: one object a box; without any box, one all the same."""
    texts = {str(name).lower(): str(value) for name, value in element.items()}
    names = [texts["name"]] if "name" in texts else []
    boxes: list[etree._Element] = []
    rotated: list[etree._Element] = []
    outlines: list[etree._Element] = []
    turned, outline_hole = 0.0, False
    beside: list[tuple[str, str]] = []
    several: dict[str, list[str]] = {}
    for child in element:
        tag = tag_of(child)
        if tag == "name":
            names.append(child.text or "")
        elif tag in OUTLINES:
            outlines.append(child)
        elif tag == "attributes":
            attributes = _attributes(child)
            turned, beside = turned or _rotation(attributes), [*beside, *attributes]
        elif tag in _HOLES:
            outline_hole = True
        elif tag in _NOT_OF_OBJECT or tag in _OBJECTS or (len(child) > 1 and _is_nested(child)):
            continue
        elif tag in ("bndbox", "robndbox") or len(child) or child.keys():
            _boxes(child, boxes, rotated)
        elif tag in texts:
            several.setdefault(tag, [texts[tag]]).append(text_of(child))
        else:
            texts[tag] = text_of(child)
    as_written = [name for name in names if name.strip()] or [texts[tag] for tag in _NAMES if texts.get(tag)][:1]
    names = [normalized(name) for name in as_written]
    if not boxes and not rotated and has_box(element):
        boxes.append(element)
    # Where both stand, the box is the one that was drawn around the rotated one.
    shapes = [shape for found in boxes or rotated for shape in boxes_of(found)] or [(None, "")]
    if boxes and rotated and len(rotated) != len(boxes):
        error = f"<bndbox> and <robndbox> stand {len(boxes)} and {len(rotated)} times in the object, expected as many of both"
        shapes = [(None, error)] * max(len(boxes), len(rotated))
    angles = [text for name in ANGLES if name in texts for text in several.get(name, [texts[name]])]
    angle = next((text for text in angles if number(text) != 0), None)
    if angle is not None:
        shapes = [(None, f"angle is {angle!r} beside the box: no unit is known of it")] * len(shapes)
    one_each = len(shapes) > 1 and len(outlines) == len(shapes)
    outline, outline_error = outline_of(outlines)
    if outline_hole:
        outline, outline_error = (), "the outline has a hole in an element of its own, which is not read"
    beside += [
        (name, text) for name, text in texts.items() if name in _SCORES or (is_verdict(name) and name not in _FLAGS)
    ]
    repeated, flagged = "", any(speaks_against(name, text) for name, text in beside)
    scored = any(name in _SCORES and 0 < (number(text) or 0) < 1 for name, text in beside)
    for number_of_shape, (box, error) in enumerate(shapes):
        name, name_error = _name(names, number_of_shape, len(shapes))
        if several:
            texts, repeated = _of_box(texts, several, number_of_shape, len(shapes))
        if one_each and not outline_hole:
            outline, outline_error = outline_of(outlines[number_of_shape : number_of_shape + 1])
        yield VocObject(
            position,
            name,
            box,
            error,
            _flag(texts.get("difficult", "")),
            _flag(texts.get("truncated", "")),
            _flag(texts.get("occluded", "")),
            texts.get("pose", ""),
            number_of_shape + 1 if len(shapes) > 1 else 0,
            turned,
            outline if one_each or len(shapes) == 1 else (),
            outline_error,
            name_error,
            names != as_written,
            "deleted" in texts and _flag(texts["deleted"]),
            "ignore" in texts and _flag(texts["ignore"]),
            "iscrowd" in texts and _flag(texts["iscrowd"]),
            repeated,
            flagged,
            scored,
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
            repeated = f"{name} stands {len(found)} times in the object ({reprlib.repr(', '.join(found))})"
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


def _sole(texts: Sequence[str], read: Callable[[str], _Read | None]) -> tuple[_Read | None, list[_Read]]:
    """The first of texts that says something, and what else others say."""
    said = [found for text in texts if (found := read(text)) is not None]
    return (said[0] if said else None), [found for found in said[1:] if found != said[0]]


def _add_sides(element: etree._Element, widths: list[str], heights: list[str]) -> None:
    """Add each width and height that an element holds, in its children or attributes."""
    wide, high = _SIZES[tag_of(element)]
    sides = {wide: widths, high: heights}
    for child in element:
        if (texts := sides.get(tag_of(child))) is not None:
            texts.append(text_of(child))
    for name, text in element.items():
        if (texts := sides.get(str(name).lower())) is not None:
            texts.append(str(text))


def side_of(text: str) -> int | None:
    """A width or height; None where the text is no positive whole number."""
    side = number(text)
    return int(side) if side is not None and side.is_integer() and 0 < side < 2**31 else None


def _flag(text: str) -> bool:
    return text not in ("", "0") and (text.lower() in ("1", "true", "yes") or number(text) == 1)
