"""One Pascal VOC annotation file: its bytes read into what it says, nothing interpreted yet.

lxml is the only parser, and it only ever sees UTF-8: the charset is resolved first, so that the search for a DTD and
the repair of bare `&` see the characters that the parser will see, whatever the file was written in.
"""

from __future__ import annotations

import codecs
import math
import re
import reprlib
from collections.abc import Iterable

import msgspec
from lxml import etree

from labelbeam.schemas.reasons import Adjusted, Rejected

LARGEST_XML = 16 * 2**20
"""Bytes of the largest annotation file that is read: about 50,000 objects, 0.5 GB once parsed."""

Corners = tuple[float, float, float, float]


class XmlError(ValueError):
    """An annotation file that cannot be used; `code` is the reason to reject it, the message what was found."""

    def __init__(self, code: Rejected, message: str) -> None:
        """Keep `code` beside the message."""
        super().__init__(message)
        self.code = code


class VocObject(msgspec.Struct, frozen=True):
    """An `<object>`: what its direct children say.

    `position` counts from 1. `name` is "" where it is missing or empty. `corners` are xmin, ymin, xmax, ymax as they
    are written: pixel indices of whatever origin, in whatever order; None where there is no usable `<bndbox>`, and then
    `bbox_error` says what stands there instead, or is "" where there is none at all.
    """

    position: int
    name: str
    corners: Corners | None
    bbox_error: str = ""
    difficult: bool = False
    truncated: bool = False
    occluded: bool = False
    pose: str = ""


class Annotation(msgspec.Struct, frozen=True):
    """An `<annotation>`: one image.

    `filename` is "" where it is missing or empty. `width` and `height` are None where they are missing or are no
    positive whole number, as in the files of tools that never opened the image and wrote 0.
    """

    filename: str
    width: int | None
    height: int | None
    objects: tuple[VocObject, ...]
    adjusted: tuple[Adjusted, ...] = ()


def parse_annotation(data: bytes) -> Annotation:
    """Parse an annotation file in any common charset.

    Raises XmlError: UNSAFE_XML where `<!DOCTYPE` or `<!ENTITY` stands anywhere, before anything is expanded;
    INVALID_XML where the file is not well-formed, nested over 256 deep, larger than `LARGEST_XML`, not in the charset
    that it declares, or has another root than `<annotation>`.
    """
    if len(data) > LARGEST_XML:
        raise _invalid(f"the file has {len(data):,} bytes, expected at most {LARGEST_XML:,}")
    data = _as_utf8(data)
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise XmlError(Rejected.UNSAFE_XML, "the file holds <!DOCTYPE or <!ENTITY; remove it: VOC needs neither")
    root, repaired = _parse(data)
    if root.tag != "annotation":
        raise _invalid(f"the root element is <{reprlib.repr(root.tag)[1:-1]}>, expected <annotation>")

    filename, width, height = None, None, None
    objects: list[VocObject] = []
    for child in root:
        if child.tag == "object":
            objects.append(_object(child, len(objects) + 1))
        elif child.tag == "filename" and filename is None:
            filename = _text(child)
        elif child.tag == "size":
            size = _children(child)
            width, height = _side(size.get("width")), _side(size.get("height"))
    return Annotation(filename or "", width, height, tuple(objects), (Adjusted.XML_REPAIRED,) if repaired else ())


# Charsets. ----------------------------------------------------------------------------------------------------------

_MARKS = (
    # UTF-32 first: its little-endian marks begin with those of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
"""First bytes that give the charset away, whatever is declared."""

_DECLARED = re.compile(rb"""<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z][\w.-]*)["']""")
_READ = re.compile(r"ascii|utf-8|(iso8859|koi8|mac)-\w+|cp\d+|(gb|big5|shift_jis|euc_|tis-620|johab)\w*")
_SUPERSETS = {"iso8859-1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949"}
"""What files that declare the one really hold; the same characters wherever both have one. As browsers read them."""


def _as_utf8(data: bytes) -> bytes:
    """Recode to UTF-8, so that wrong charsets are an error and never become wrong letters."""
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return _recode(data, codec, "begins with")
    if data.isascii():
        return data
    match = _DECLARED.match(data)
    if match is None:
        return _recode(data, "utf-8", "declares no charset, which means")
    name = match[1].decode("ascii")
    if name.lower().startswith(("utf-16", "utf-32", "ucs-", "iso-10646-ucs-")):
        # The declaration could be read byte by byte, so it is wrong: .NET's string writers are known for it.
        return _recode(data, "utf-8", f"declares {name}, has one byte a character, and so should be")
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        codec = ""
    if not _READ.fullmatch(codec):
        raise _invalid(f"the file declares the charset {name}, which is not read; save it as UTF-8")
    if codec != "utf-8" and _looks_like_utf8(data, codec):
        raise _invalid(f"the file declares {name}, but its bytes are UTF-8; correct the declaration")
    return _recode(data, _SUPERSETS.get(codec, codec), "declares")


def _recode(data: bytes, codec: str, reason: str) -> bytes:
    try:
        return data.decode(codec).encode()
    except UnicodeError as error:
        at = f"byte {error.start:,}" if isinstance(error, UnicodeDecodeError) else "it"
        raise _invalid(
            f"the file {reason} {codec}, but {at} is not in it; correct the declaration or save it as UTF-8"
        ) from None


def _looks_like_utf8(data: bytes, codec: str) -> bool:
    """Whether text that declares another charset is UTF-8: by chance that does not happen.

    It does to pairs of bytes in the two-byte charsets of East Asia; there only a character of three bytes counts.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    single_byte = codec.startswith(("ascii", "iso", "koi8", "mac", "cp125"))
    return single_byte or max(text) >= "\u0800"


# XML. ---------------------------------------------------------------------------------------------------------------

_PARSER = etree.XMLParser(
    encoding="utf-8",
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    huge_tree=False,
    remove_comments=True,
    remove_pis=True,
)
_AMPERSAND = re.compile(
    # In comments, CDATA and processing instructions `&` is right as it is. An end that never comes is the file's end:
    # with each start looking for it again, a hostile file would take quadratic time.
    rb"<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<\?.*?(?:\?>|\Z)"
    rb"|(&)(?!(?:[A-Za-z_][\w.-]{0,63}|\#[0-9]{1,7}|\#x[0-9A-Fa-f]{1,6});)",
    re.DOTALL,
)


def _parse(data: bytes) -> tuple[etree._Element, bool]:
    """Return the root, and whether bare `&` had to be repaired."""
    try:
        return etree.fromstring(data, _PARSER), False
    except etree.XMLSyntaxError as error:
        _check_memory(error)
        repaired = _AMPERSAND.sub(lambda match: b"&amp;" if match[1] else match[0], data)
        if repaired == data:
            raise _invalid(str(error)) from None
    try:
        return etree.fromstring(repaired, _PARSER), True
    except etree.XMLSyntaxError as error:
        _check_memory(error)
        raise _invalid(str(error)) from None


def _check_memory(error: etree.XMLSyntaxError) -> None:
    """Raise MemoryError where libxml2 has run out of it, which says nothing of the file."""
    if getattr(error, "code", None) == etree.ErrorTypes.ERR_NO_MEMORY:
        raise MemoryError(str(error))


def _children(parent: Iterable[etree._Element]) -> dict[str, etree._Element]:
    """Direct children by tag; the first of each wins."""
    children: dict[str, etree._Element] = {}
    for child in parent:
        children.setdefault(child.tag, child)
    return children


def _text(element: etree._Element | None) -> str:
    return "" if element is None else (element.text or "").strip()


def _object(element: etree._Element, position: int) -> VocObject:
    children = _children(element)
    corners, error = _corners(children.get("bndbox"))
    return VocObject(
        position,
        _text(children.get("name")),
        corners,
        error,
        _flag(children.get("difficult")),
        _flag(children.get("truncated")),
        _flag(children.get("occluded")),
        _text(children.get("pose")),
    )


def _corners(bndbox: etree._Element | None) -> tuple[Corners | None, str]:
    if bndbox is None:
        return None, ""
    children = _children(bndbox)
    numbers = []
    for side in ("xmin", "ymin", "xmax", "ymax"):
        text = _text(children.get(side))
        number = _number(text)
        if number is None:
            return None, f"{side} is {reprlib.repr(text)}, expected a finite number"
        numbers.append(number)
    left, top, right, bottom = numbers
    return (left, top, right, bottom), ""


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in text else None


def _side(element: etree._Element | None) -> int | None:
    number = _number(_text(element))
    return int(number) if number is not None and number.is_integer() and 0 < number < 2**31 else None


def _flag(element: etree._Element | None) -> bool:
    return _text(element).lower() in ("1", "true", "yes")


def _invalid(message: str) -> XmlError:
    return XmlError(Rejected.INVALID_XML, message)
