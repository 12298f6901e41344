"""Markup of an annotation file: its bytes read into elements.

lxml is the only parser, and it only ever sees UTF-8: the charset is resolved first, so that the search for a DTD and
the repair of bare `&` see the characters that the parser will see, whatever the file was written in.
"""

from __future__ import annotations

import re

from lxml import etree

from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.voc.charsets import XmlError, as_utf8, invalid
from labelbeam.transforms.formats.xml_tags import MOST_ATTRIBUTES, SAFE, check_memory, has_too_many_attributes

LARGEST_XML = 16 * 2**20
"""Bytes of the largest annotation file that is read: about 50,000 objects, 0.5 GB once parsed."""

_PARSER = etree.XMLParser(**SAFE)
_AMPERSAND = re.compile(
    # In comments, CDATA and processing instructions `&` is right as it is. An end that never comes is the file's end:
    # with each start looking for it again, a hostile file would take quadratic time.
    rb"<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<\?.*?(?:\?>|\Z)"
    rb"|(&)(?!(?:[A-Za-z_][\w.-]{0,63}|\#[0-9]{1,7}|\#x[0-9A-Fa-f]{1,6});)",
    re.DOTALL,
)


def parse(data: bytes) -> tuple[etree._Element, bool]:
    """The root of a file in any common charset, and whether bare `&` had to be repaired.

    Raises XmlError: UNSAFE_XML where `<!DOCTYPE` or `<!ENTITY` stands anywhere, before anything is expanded;
    INVALID_XML where the file is not well-formed, nested over 256 deep, has an element of over 1,000 attributes, is larger than
    `LARGEST_XML`, or not in the charset that it declares.
    """
    if len(data) > LARGEST_XML:
        raise invalid(f"the file has {len(data):,} bytes, expected at most {LARGEST_XML:,}")
    data = as_utf8(data)
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise XmlError(Rejected.UNSAFE_XML, "the file holds <!DOCTYPE or <!ENTITY; remove it: VOC needs neither")
    if has_too_many_attributes(data):
        raise invalid(f"an element has more than {MOST_ATTRIBUTES:,} attributes")
    try:
        return etree.fromstring(data, _PARSER), False
    except etree.XMLSyntaxError as error:
        check_memory(error)
        repaired = _AMPERSAND.sub(lambda match: b"&amp;" if match[1] else match[0], data)
        if repaired == data:
            raise invalid(str(error)) from None
    try:
        return etree.fromstring(repaired, _PARSER), True
    except etree.XMLSyntaxError as error:
        check_memory(error)
        raise invalid(str(error)) from None
