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
from labelbeam.transforms.formats.verdicts import is_verdict, speaks_against
from labelbeam.transforms.formats.voc.charsets import invalid
from labelbeam.transforms.formats.voc.markup import parse
from labelbeam.transforms.formats.voc.objects import OBJECTS, VocObject, is_nested, is_object, object_of, objects_in
from labelbeam.transforms.formats.voc.shapes import (
    OUTLINES,
    PlainObject,
    has_box,
    number,
    plain_object,
    tag_of,
    text_of,
)
from labelbeam.transforms.formats.voc.turned import is_turned_beside

_Read = TypeVar("_Read")


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
            objects += objects_in(found, position)
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

_NOT_OBJECTS = ("filename", "size", "imagesize", "folder", "path", "source", "segmented")
_LISTS = ("objects", "boxes", "bndboxes", "bboxes", "annotations", "labels", "regions", "shapes", "bndbox")
"""Elements that hold objects; text in them is in a form that is not read."""

_NEVER_EMPTY = frozenset({*_LISTS, *OUTLINES, "robndbox"})
"""Elements that say something where they hold no others."""


def _objects(
    elements: Iterable[etree._Element], strange: list[str], filenames: list[str]
) -> Iterator[etree._Element | PlainObject]:
    """The objects among elements, and in whatever elements they lie; what has a box and belongs to none is `strange`.

    `filenames` receives those that stand beside objects in an element around them: the file may hold several images.
    """
    for element in elements:
        tag = tag_of(element)
        if tag in OBJECTS:
            if (plain := plain_object(element)) is not None:
                yield plain
                continue
            nested = [child for child in element if is_nested(child)]
            if not nested or any(has_box(child) for child in element):
                yield element
            yield from _objects(nested, strange, filenames)
        elif tag not in _NEVER_EMPTY and not len(element) and not element.keys():
            continue
        elif tag in _NOT_OBJECTS:
            yield from _objects(element, strange, filenames)
        elif has_box(element) or (tag in OUTLINES and (len(element) or text_of(element))):
            strange.append(tag)
        elif is_object(element):
            yield element
        elif tag in _LISTS and not len(element) and text_of(element):
            strange.append(tag)
        elif len(element):
            before = len(filenames)
            inner = list(_objects(element, strange, filenames))
            if inner and len(filenames) == before:
                filenames += [text_of(child) for child in element if tag_of(child) == "filename"]
            yield from inner


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
