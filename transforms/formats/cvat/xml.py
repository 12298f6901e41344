"""Images of a CVAT file as they are written, one after the other, from the whole file or from a range of its bytes.

A file is read in blocks, and an image is forgotten when it was read, so that memory does not grow with the file. A range has the images
whose tag begins in it. In the files that CVAT writes, `<image` stands for an element only: so a range is well-formed by itself, from
its first image to the next range's. Where a comment, CDATA or anything else could make that wrong, the range says `UnsafeCutError`,
and the file is read whole.

Images that are written as CVAT writes them are taken out of the text (`plain.py`), which is six times as fast as elements are made and walked.
Everything else is lxml's, which resolves no entity and reads nothing else, and what declares a DTD is refused before it is parsed. So whether
the rest is well-formed is lxml's to say; what was taken out of it is an element, whole, between others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lxml import etree

from labelbeam.transforms.formats.cvat.boxes import WrittenBoxes, written_boxes
from labelbeam.transforms.formats.cvat.plain import START, WrittenImage, WrittenShape, plain_image
from labelbeam.transforms.formats.xml_tags import MOST_ATTRIBUTES, SAFE, TagWatch, check_memory
from labelbeam.transforms.workers.budget import check_room

BLOCK = 2**20
"""Bytes that are read and parsed at a time."""

_ELEMENT, _ATTRIBUTE = 128, 256
"""Bytes that an element and an attribute take in libxml2, at most, beside their text."""

_TAG = re.compile(rb"<image(?=[\s/>])")
_LONGEST_TAG = len(b"<image ")
_DECLARATION = re.compile(rb"\s*<\?xml[^>]{0,200}\?>")
_NO_PLAIN = re.compile(rb"<[!?]|xmlns")
_UTF8 = re.compile(rb"""encoding\s*=\s*["'](?i:utf-?8|us-ascii|ascii)["']""")


class UnsafeCutError(Exception):
    """A range of bytes is not what it was taken for: the file has to be read whole."""


class CvatError(ValueError):
    """A file that cannot be read as a whole; the message says why."""


def images_in(
    read: Callable[[int, int], bytes], start: int, end: int, size: int, boxes: bool = False
) -> Iterator[WrittenImage | WrittenBoxes | None]:
    """The images that begin in the bytes [start, end) of a file of `size`, and None for each `<track>` between them.

    Args:
        read: gives the bytes of a range.
        boxes: whether the boxes of an image that has nothing else are given together, not as shapes, and many such images at once.

    Raises:
        UnsafeCutError: these bytes are not the whole file, and cannot be read alone.
        CvatError: the file is no XML in UTF-8, or declares a DTD.
    """
    if (start, end) == (0, size):
        yield from _written(_checked(_blocks(read, 0, size), whole=True), boxes)
        return
    try:
        yield from _written(_checked(_cut(_blocks(read, start, size), start, end, size), whole=False), boxes)
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


def _written(blocks: Iterator[bytes], boxes: bool) -> Iterator[WrittenImage | WrittenBoxes | None]:
    """The images of blocks of XML, plain ones from their text, others from elements."""
    parser, held = _Parser(), b""
    for block in blocks:
        held += block
        # The last image may go on in the next block. One that is longer than a block is not waited for.
        whole = held.rfind(START)
        whole = len(held) if whole < 0 or len(held) - whole > BLOCK else whole
        yield from _images_of(parser, held[:whole], boxes)
        held = held[whole:]
    yield from _images_of(parser, held, boxes)
    parser.close()


def _images_of(parser: _Parser, data: bytes, boxes: bool) -> Iterator[WrittenImage | WrittenBoxes | None]:
    """The images of a part that begins with one, or stands before the first; what is not plain is the parser's."""
    text = data.decode(errors="replace") if parser.takes_plain else ""
    if not text or "\ufffd" in text:
        yield from map(_of_element, parser.elements(data))
        return
    done, tag, tried = 0, START.decode(), False
    at = text.find(tag)
    while at >= 0:
        if not text[done:at].isspace() and done < at:
            yield from map(_of_element, parser.elements(text[done:at].encode()))
            done = at
        found: tuple[WrittenImage | WrittenBoxes, int] | None = None
        if parser.between_images:
            found = (written_boxes(text, at) if boxes and not tried else None) or plain_image(text, at, boxes)
            tried = True
        if found is not None:
            written, done = found
            yield written
        at = text.find(tag, max(done, at + 1))
    if done < len(text):
        yield from map(_of_element, parser.elements(text[done:].encode()))


def _of_element(element: etree._Element) -> WrittenImage | None:
    """An image as it is written, from its element; None for a track."""
    if element.tag == "track":
        return None
    return WrittenImage(
        {str(name): str(value) for name, value in element.items()},
        [
            WrittenShape(
                shape.tag,
                {str(name): str(value) for name, value in shape.items()},
                {str(each.get("name", "")): str(each.text or "") for each in shape.iterchildren("attribute")},
            )
            for shape in element
            if isinstance(shape.tag, str)
        ],
    )


class _Parser:
    """lxml's parser, given a file in parts of any size."""

    def __init__(self) -> None:
        self._parser = etree.XMLPullParser(events=("start", "end"), tag=("annotations", "image", "track"), **SAFE)
        self._held, self._tags = 0, TagWatch()
        self._open = {"annotations": 0, "image": 0, "track": 0}
        self._before = b""
        self.takes_plain = True
        """Whether a tag is an image by its name alone: no namespace was declared, and nothing begun in which a tag is none."""

    @property
    def between_images(self) -> bool:
        """Tell whether what comes next is inside of the file's element, and inside of no image."""
        return self.takes_plain and self._open["annotations"] > 0 and not self._open["image"]

    def elements(self, data: bytes) -> Iterator[etree._Element]:
        """The `<image>` and `<track>` elements that end in the next part, each of which is valid until the next is asked for.

        Raises:
            CvatError: what was given so far is no beginning of well-formed XML.
            ShortageError: there is no memory for an element that does not end.
        """
        if not data:
            return
        if self._tags.exceeded(data):
            raise CvatError(f"an element has more than {MOST_ATTRIBUTES:,} attributes")
        self.takes_plain = self.takes_plain and not _NO_PLAIN.search(self._before + data)
        self._before = data[-len(b"xmln") :]
        # Elements that are in no image, or in one without an end, are not forgotten.
        self._held += _ELEMENT * data.count(b"<") + _ATTRIBUTE * data.count(b"=")
        check_room(self._held, "an element of a CVAT file")
        with _errors_told():
            self._parser.feed(data)
        for event, element in self._parser.read_events():
            assert isinstance(element, etree._Element), "starts and ends are of elements"
            self._open[str(element.tag)] += 1 if event == "start" else -1
            if event == "end" and element.tag != "annotations":
                yield element
                _forget(element)
                self._held = 0

    def close(self) -> None:
        """Come to the end of the file.

        Raises:
            CvatError: what was given is no well-formed XML.
        """
        with _errors_told():
            self._parser.close()


@contextmanager
def _errors_told() -> Iterator[None]:
    try:
        yield
    except etree.XMLSyntaxError as error:
        check_memory(error)
        raise CvatError(f"it is no well-formed XML in UTF-8: {error}") from None


def _forget(element: etree._Element) -> None:
    """Free an element and those before it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and (before := element.getprevious()) is not None:
        parent.remove(before)
