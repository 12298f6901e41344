"""Images of a CVAT file as elements, one after the other, from the whole file or from a range of its bytes.

A file is read in blocks, and an image is forgotten when it was read, so that memory does not grow with the file. A range has the images
whose tag begins in it. In the files that CVAT writes, `<image` stands for an element only: so a range is well-formed by itself, from
its first image to the next range's. Where a comment, CDATA or anything else could make that wrong, the range says `UnsafeCutError`,
and the file is read whole.

lxml is the only parser. It resolves no entity and reads nothing else, and what declares a DTD is refused before it is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from lxml import etree

from labelbeam.transforms.formats.xml_tags import MOST_ATTRIBUTES, TagWatch
from labelbeam.transforms.workers.budget import check_room

BLOCK = 2**20
"""Bytes that are read and parsed at a time."""

_ELEMENT, _ATTRIBUTE = 128, 256
"""Bytes that an element and an attribute take in libxml2, at most, beside their text."""

_TAG = re.compile(rb"<image(?=[\s/>])")
_LONGEST_TAG = len(b"<image ")
_DECLARATION = re.compile(rb"\s*<\?xml[^>]{0,200}\?>")
_UTF8 = re.compile(rb"""encoding\s*=\s*["'](?i:utf-?8|us-ascii|ascii)["']""")


class UnsafeCutError(Exception):
    """A range of bytes is not what it was taken for: the file has to be read whole."""


class CvatError(ValueError):
    """A file that cannot be read as a whole; the message says why."""


def images_in(read: Callable[[int, int], bytes], start: int, end: int, size: int) -> Iterator[etree._Element]:
    """The `<image>` elements that begin in the bytes [start, end) of a file of `size`, and `<track>` elements between them.

    Each is valid until the next is asked for.

    Args:
        read: gives the bytes of a range.

    Raises:
        UnsafeCutError: these bytes are not the whole file, and cannot be read alone.
        CvatError: the file is no XML in UTF-8, or declares a DTD.
    """
    if (start, end) == (0, size):
        yield from _parsed(_checked(_blocks(read, 0, size), whole=True))
        return
    try:
        yield from _parsed(_checked(_cut(_blocks(read, start, size), start, end, size), whole=False))
    except CvatError as error:
        raise UnsafeCutError(str(error)) from None


def _blocks(read: Callable[[int, int], bytes], start: int, size: int) -> Iterator[bytes]:
    for at in range(start, size, BLOCK):
        yield read(at, min(size, at + BLOCK))


def _cut(blocks: Iterator[bytes], start: int, end: int, size: int) -> Iterator[bytes]:
    """The bytes from the first image's tag at or behind `start` to the first one at or behind `end`, in an element of their own."""
    held, at, begun = b"", start, start == 0
    if not begun:
        yield b"<annotations>"
    for block in blocks:
        held += block
        if not begun:
            if (first := _TAG.search(held)) is None or at + first.start() >= end:
                if at + len(held) >= end + _LONGEST_TAG or first is not None:
                    yield b"</annotations>"
                    return
                keep = min(len(held), _LONGEST_TAG)
                held, at = held[len(held) - keep :], at + len(held) - keep
                continue
            held, at, begun = held[first.start() :], at + first.start(), True
        if at + len(held) > end:
            after = _TAG.search(held, max(0, end - at))
            if after is not None:
                yield held[: after.start()]
                yield b"</annotations>"
                return
        keep = min(len(held), _LONGEST_TAG)
        yield held[: len(held) - keep]
        held, at = held[len(held) - keep :], at + len(held) - keep
    # The end of the file, which closes what was opened; without an image there is nothing to close.
    yield held if begun else b"</annotations>"


def _checked(blocks: Iterator[bytes], whole: bool) -> Iterator[bytes]:
    """The same blocks, without the declaration, once nothing in them is other than elements and text; with a DTD never."""
    before, first = b"", True
    for block in blocks:
        if first:
            block, first = _undeclared(block), False
        seen = before + block
        if b"<!DOCTYPE" in seen or b"<!ENTITY" in seen:
            raise CvatError("it holds <!DOCTYPE or <!ENTITY; remove it: CVAT needs neither")
        if not whole and (b"<!" in seen or b"<?" in seen):
            raise CvatError("it holds comments, CDATA or instructions")
        before = block[-len(b"<!DOCTYP") :]
        yield block


def _undeclared(block: bytes) -> bytes:
    """The beginning of a file without byte order mark and declaration, which have to be those of UTF-8."""
    block = block.removeprefix(b"\xef\xbb\xbf")
    declared = _DECLARATION.match(block)
    if declared is None:
        return block
    if b"encoding" in declared[0] and not _UTF8.search(declared[0]):
        raise CvatError("it declares another charset than UTF-8, which CVAT writes; save it as UTF-8")
    return block[declared.end() :]


def _parsed(blocks: Iterator[bytes]) -> Iterator[etree._Element]:
    parser = etree.XMLPullParser(
        events=("end",),
        tag=("image", "track"),
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    held, tags = 0, TagWatch()
    try:
        for block in blocks:
            if block:
                if tags.exceeded(block):
                    raise CvatError(f"an element has more than {MOST_ATTRIBUTES:,} attributes")
                # Elements that are in no image, or in one without an end, are not forgotten.
                held += _ELEMENT * block.count(b"<") + _ATTRIBUTE * block.count(b"=")
                check_room(held, "an element of a CVAT file")
                parser.feed(block)
            for _, element in parser.read_events():
                assert isinstance(element, etree._Element), "ends are of elements"
                yield element
                _forget(element)
                held = 0
        parser.close()
    except etree.XMLSyntaxError as error:
        if getattr(error, "code", None) == etree.ErrorTypes.ERR_NO_MEMORY:
            raise MemoryError(str(error)) from None
        raise CvatError(f"it is no well-formed XML in UTF-8: {error}") from None


def _forget(element: etree._Element) -> None:
    """Free an element and those before it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and (before := element.getprevious()) is not None:
        parent.remove(before)
