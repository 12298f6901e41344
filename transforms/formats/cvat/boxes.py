"""Images of a CVAT file that have upright boxes and nothing else, as most do in which objects are to be found: many at once, in columns.

The grammar is that of `plain.py`, for a stretch of text in which the attributes of all images are the same, and those of all boxes, in the
same order. Whatever is written in any other way makes it no such stretch, and its images are taken one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from labelbeam.transforms.formats.cvat.plain import (
    BLANK,
    BOX,
    OPEN,
    UPRIGHT,
    VALUE,
    WrittenImage,
    names_of,
    plain_image,
)

_IMAGE, _BOX, _END_OF_BOX, _END = "<image ", "<box ", "</box>", "</image>"
READ = ("label", "xtl", "ytl", "xbr", "ybr")
"""What is read of a box."""
_OF_BOX = {**UPRIGHT, **dict.fromkeys(READ, f"({VALUE})")}


class WrittenBoxes(NamedTuple):
    """Images that have boxes alone: their attributes by name, how many boxes each has, and what is read of these by name, all in their order.

    `text` is what they were taken from.
    """

    text: str
    images: dict[str, tuple[str, ...]]
    counts: list[int]
    boxes: dict[str, tuple[str, ...]]

    def one_by_one(self) -> Iterator[WrittenImage]:
        """The same images, each by itself."""
        at = 0
        while at >= 0 and (found := plain_image(self.text, at, boxes=True)) is not None:
            yield found[0]
            at = self.text.find(_IMAGE, found[1])


def written_boxes(text: str, start: int) -> tuple[WrittenBoxes, int] | None:
    """The images from the tag at a place of a text to the last that ends in it, and where that is; None where they are not so.

    >>> found, end = written_boxes('<image id="7"><box label="a" xtl="1" ytl="2" xbr="3" ybr="4"/></image> <', 0)
    >>> found.images, found.counts, found.boxes["label"], end
    ({'id': ('7',)}, [1], ('a',), 70)
    """
    end = text.rfind(_END, start) + len(_END)
    first_image, first_box = OPEN.match(text, start), BOX.search(text, start, end)
    if end < start or first_image is None or first_box is None:
        return None
    closed = text[first_box.end() - 2] == "/"
    names, of_box = names_of(_written(first_image)), _box_pattern(_written(first_box), closed)
    if not names or of_box is None:
        return None
    stretch = text[start:end]
    images, boxes = stretch.count(_END), stretch.count(_BOX)
    ends = 0 if closed else boxes
    # Each `<` begins one of these tags, and is where the one before it was found to end: so what finds all of them passes over nothing.
    if stretch.count("<") != 2 * images + boxes + ends or stretch.count(_END_OF_BOX) != ends:
        return None
    found = [_image_pattern(names).findall(_END + stretch), of_box.findall(stretch)]
    if [len(rows) for rows in found] != [images, boxes]:
        return None
    of_images, of_boxes = (
        dict(zip(each, zip(*rows, strict=True), strict=False)) for each, rows in zip((names, READ), found, strict=True)
    )
    counts = [part.count(_BOX) for part in stretch.split(_END)[:-1]]
    return WrittenBoxes(stretch, of_images, counts, of_boxes), end


@lru_cache(64)
def _image_pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """The end of an image, and the tag of the next one, which has these attributes."""
    fields = "".join(f' {name}="({VALUE})"' for name in names)
    # With one group alone, rows would be no tuples.
    return re.compile(rf"</image>{BLANK}<image{fields}() ?>{BLANK}(?=<)")


@lru_cache(64)
def _box_pattern(written: tuple[str, ...], closed: bool) -> re.Pattern[str] | None:
    """A box with these attributes, which ends in its tag or has one of its own for that."""
    names = names_of(written)
    if names is None or [name for name in names if name in READ] != list(READ):
        return None
    fields = "".join(f' {name}="{_OF_BOX.get(name, VALUE)}"' for name in names)
    return re.compile(rf"<box{fields} ?{'/>' if closed else f'>{BLANK}</box>'}{BLANK}(?=<)")


def _written(tag: re.Match[str]) -> tuple[str, ...]:
    """The names of a tag's attributes, as ` name=`."""
    return tuple(tag[1].split('"')[:-1:2])
