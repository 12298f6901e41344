"""Images of a CVAT file as CVAT writes them, taken from the text: a tag of one line for each image and shape, nothing in quotes that stands
for something else, and no text but that of `<attribute>`.

What is written in any other way is no plain image, and the parser's. So there is one grammar here, stricter than XML's: whatever it takes, an
XML parser reads the same from it. Where all shapes of an image are boxes that are neither turned nor grouped, they are taken together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from labelbeam.transforms.formats.labels import normalized

START = b"<image "
"""The beginning of an image that may be plain."""

_MOST = 64
"""Attributes of a plain element."""


class WrittenShape(NamedTuple):
    """A shape or tag of an image: the name of its element, its attributes, and the texts of its `<attribute>` elements by name."""

    tag: str
    fields: dict[str, str]
    beside: dict[str, str]


class WrittenImage(NamedTuple):
    """An image: its attributes, and what is in it, in order.

    Where that is boxes alone that are neither turned nor grouped, `boxes` may hold them in place of `shapes`: their whole text with the
    blanks behind it, their label, which is not blank, and left, top, right and bottom, which are numbers of an image.
    """

    fields: dict[str, str]
    shapes: list[WrittenShape]
    boxes: Sequence[tuple[str, str, str, str, str, str]] = ()

    def one_by_one(self) -> Iterator[WrittenImage]:
        """Itself; what holds many images gives each of them."""
        yield self


# Neither references nor what a parser would change or refuse: line breaks in values, control characters, what is no character.
VALUE = r'[^"<&\x00-\x1f\ufffe\uffff]*+'
_TEXT = r"[^<&\]\x00-\x09\x0b-\x1f\ufffe\uffff]*+"
_FIELDS = rf'((?: [a-z_]++="{VALUE}")*) ?'
BLANK = r"[ \t\r\n]*+"

OPEN = re.compile(rf"<image{_FIELDS}(/?)>")
_CLOSE = re.compile(rf"{BLANK}</image>")
_SHAPE = re.compile(
    rf"{BLANK}<([a-z]++){_FIELDS}(?:/>|>((?:{BLANK}<attribute(?: name=\"{VALUE}\")?>{_TEXT}</attribute>)*){BLANK}</\1>)"
)
_ATTRIBUTE = re.compile(r'<attribute(?: name="([^"]*)")?>([^<]*)<')

_BLANKS = re.compile(BLANK)
BOX = re.compile(rf"<box{_FIELDS}/?>")
_NUMBER = r"(-?[0-9]{1,8}+(?:\.[0-9]{1,20}+)?)"
_READ = {"label": f"({VALUE})", "xtl": _NUMBER, "ytl": _NUMBER, "xbr": _NUMBER, "ybr": _NUMBER}
UPRIGHT = {"rotation": r"0(?:\.0{1,9}+)?", "outside": "0", "group_id": "0?+"}
"""What attributes of a box that is neither turned nor grouped hold, where it has them."""
_OF_BOX = {**_READ, **UPRIGHT}


def plain_image(text: str, at: int, boxes: bool = False) -> tuple[WrittenImage, int] | None:
    """The image whose tag begins at a place of a text, and where it ends; None where it is not plain.

    `boxes` says that boxes may be taken together.

    >>> plain_image('<image id="7"><box label="a"/></image>', 0)
    (WrittenImage(fields={'id': '7'}, shapes=[WrittenShape(tag='box', fields={'label': 'a'}, beside={})], boxes=()), 38)
    """
    opened = OPEN.match(text, at)
    if opened is None or (fields := _fields(opened[1])) is None:
        return None
    end = opened.end()
    if opened[2]:
        return WrittenImage(fields, []), end
    if boxes and (together := _boxes(text, end)) is not None:
        rows, end = together
        return WrittenImage(fields, [], rows), end
    shapes: list[WrittenShape] = []
    while (found := _SHAPE.match(text, end)) is not None:
        tag, written, within = found.groups()
        # An image in an image is read by itself, and what is in a track is a track's.
        if tag in ("image", "track", "annotations") or (of_shape := _fields(written)) is None:
            return None
        shapes.append(WrittenShape(tag, of_shape, dict(_ATTRIBUTE.findall(within)) if within else {}))
        end = found.end()
    closed = _CLOSE.match(text, end)
    return None if closed is None else (WrittenImage(fields, shapes), closed.end())


def _boxes(text: str, start: int) -> tuple[list[tuple[str, str, str, str, str, str]], int] | None:
    """The boxes of an image that has nothing else, and where it ends; None where it has."""
    at = _BLANKS.match(text, start).end()  # type: ignore[union-attr]  # It matches anywhere.
    first = BOX.match(text, at)
    pattern = _pattern(tuple(first[1].split('"')[:-1:2])) if first is not None else None
    end = text.find("</image>", start)
    if pattern is None or end < 0:
        return None
    rows = pattern.findall(text, at, end)
    if sum([len(row[0]) for row in rows]) != end - at:
        return None
    return (rows, end + len("</image>")) if all(map(_is_label, {row[1] for row in rows})) else None


@lru_cache(64)
def _pattern(written: tuple[str, ...]) -> re.Pattern[str] | None:
    """The text of a box with these attributes, in this order; None where it has not those that are read."""
    names = names_of(written)
    if names is None or [name for name in names if name in _READ] != list(_READ):
        return None
    fields = "".join(f' {name}="{_OF_BOX.get(name, VALUE)}"' for name in names)
    # Blanks are behind a box: before it, a search would begin at each of them, and look through all that follow.
    return re.compile(rf"(<box{fields} ?(?:/>|>{BLANK}</box>){BLANK})")


@lru_cache(1024)
def _is_label(text: str) -> bool:
    return bool(normalized(text))


def _fields(written: str) -> dict[str, str] | None:
    """Attributes by name; None where they are not plain."""
    parts = written.split('"')
    names = names_of(tuple(parts[:-1:2]))
    return None if names is None else dict(zip(names, parts[1::2], strict=True))


@lru_cache(1024)
def names_of(written: tuple[str, ...]) -> tuple[str, ...] | None:
    """Names of attributes from ` name=`; None where one occurs twice, or declares a namespace."""
    names = tuple(name[1:-1] for name in written)
    return None if len(set(names)) < len(names) or len(names) > _MOST or "xmlns" in names else names
