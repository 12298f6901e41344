"""Annotation files as VOC and most tools write them, taken from their text: a head that says what the image is called and how large it is,
and objects with a name and a box, nothing with attributes, no text that stands for something else.

What is written in any other way is the parser's. So there is one grammar here, stricter than XML's: whatever it takes, the parser
reads the same from it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from labelbeam.transforms.formats.voc.objects import VocObject, object_of
from labelbeam.transforms.formats.voc.shapes import CORNERS, PLAIN, Box, PlainObject
from labelbeam.transforms.formats.voc.xml import Annotation, parse_annotation, side_of


def read_annotation(data: bytes) -> Annotation:
    """Read an annotation file: as plain text where it is, else as `parse_annotation` does, with its errors."""
    return plain_annotation(data) or parse_annotation(data)


_LARGEST = 2**20
"""Bytes of a plain file; in longer ones the parser may meet limits of its own."""

# Only single characters are repeated without going back (`*+`): Python before 3.11.5 takes groups that are repeated so for what they are not
# (github.com/python/cpython/issues/106052). Groups need it no more, since no two ways of reading begin alike.
#
# Neither references nor what a parser would change or refuse: line breaks, control characters, what is no character.
_TEXT = r"[^<&\]\x00-\x1f\ufffe\uffff]*+"
_NUMBER = r"-?[0-9]{1,9}+(?:\.[0-9]{1,20}+)?"
_BLANK = r"[ \t\r\n]*+"


def _leaf(tag: str, text: str = _TEXT) -> str:
    return rf"<{tag}>{text}</{tag}>{_BLANK}"


_NAMES = "|".join(map(_leaf, ("folder", "filename", "path", "segmented")))
_SIDES = "|".join(map(_leaf, ("width", "height", "depth")))
_ABOUT = "|".join(map(_leaf, ("database", "annotation", "image", "flickrid", "name")))
_HEAD = re.compile(
    rf'(?:<\?xml version="1\.0"(?: encoding="(?:utf|UTF)-8")?\?>)?{_BLANK}<annotation>{_BLANK}'
    rf"(?:{_NAMES}|<size>{_BLANK}(?:{_SIDES})*</size>{_BLANK}"
    rf"|<(source|owner)>{_BLANK}(?:{_ABOUT})*</\1>{_BLANK})*"
)
_OF_IMAGE = re.compile(r"<(filename|width|height)>([^<]*)<")
_END = re.compile(rf"</annotation>{_BLANK}\Z")
_TAG = re.compile(r"<([a-z]++)>")


def plain_annotation(data: bytes) -> Annotation | None:
    """The annotation of a plain file; None for any other.

    >>> plain_annotation(b"<annotation><filename>1.jpg</filename></annotation>")
    Annotation(filename='1.jpg', width=None, height=None, objects=(), adjusted=(), strange=(), repeated='', flagged=False, turned_beside=0)
    """
    if len(data) > _LARGEST:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    head = _HEAD.match(text)
    if head is None:
        return None
    said = _OF_IMAGE.findall(head[0])
    of_image = dict(said)
    if len(of_image) < len(said):
        return None
    objects: list[VocObject] = []
    at, form = head.end(), None
    while text.startswith("<object>", at):
        found = form.pattern.match(text, at) if form is not None else None
        if found is None:  # Nearly always all objects of a file have the same fields in the same order.
            form = _form_at(text, at)
            found = form.pattern.match(text, at) if form is not None else None
        if form is None or found is None:
            return None
        texts = dict(zip(form.fields, found.groups(), strict=True))
        name, corners = texts.pop("name"), [texts.pop(corner) for corner in CORNERS]
        if not name.strip():
            return None
        left, top, right, bottom = map(float, corners)
        box = Box((left, top, right, bottom), decimal="." in "".join(corners))
        flags = {tag: written.strip() for tag, written in texts.items()}
        objects.append(object_of(PlainObject(name, box, flags), len(objects) + 1))
        at = found.end()
    if _END.match(text, at) is None:
        return None
    width, height = (side_of(of_image.get(side, "").strip()) for side in ("width", "height"))
    return Annotation(of_image.get("filename", "").strip(), width, height, tuple(objects))


class _Form(NamedTuple):
    """The text of objects that have the same fields in the same order: `pattern` has a group for each of `fields`."""

    fields: tuple[str, ...]
    pattern: re.Pattern[str]


def _form_at(text: str, at: int) -> _Form | None:
    """The form of the object that begins there; None where it is not plain."""
    tags = tuple(_TAG.findall(text, at + len("<object>"), text.find("</object>", at)))
    return _form(tags) if len(tags) <= _MOST else None


_MOST = 1 + len(PLAIN) + len(CORNERS)
"""Elements in a plain object."""


@lru_cache(64)
def _form(tags: tuple[str, ...]) -> _Form | None:
    if len(set(tags)) < len(tags) or not {"name", "bndbox"}.issubset(tags):
        return None
    box = tags.index("bndbox")
    before, corners, behind = tags[:box], tags[box + 1 : box + 5], tags[box + 5 :]
    if set(corners) != set(CORNERS) or not PLAIN.issuperset((*before, *behind)):
        return None
    first, sides, last = (
        "".join(_leaf(tag, f"({text})") for tag in some)
        for some, text in ((before, _TEXT), (corners, _NUMBER), (behind, _TEXT))
    )
    inner = rf"{first}<bndbox>{_BLANK}{sides}</bndbox>{_BLANK}{last}"
    return _Form((*before, *corners, *behind), re.compile(rf"<object>{_BLANK}{inner}</object>{_BLANK}"))
