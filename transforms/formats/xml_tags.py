"""XML of others: how it may be parsed, and its tags before that, since libxml2 compares each attribute of an element with all others, and
takes hours for a million.
"""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

SAFE: dict[str, Any] = {
    "encoding": "utf-8",
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}
"""Switches of a parser that expands, follows and loads nothing."""

MOST_ATTRIBUTES = 1000
"""Attributes of an element; annotation files have a dozen."""

_LONG = re.compile(rb"<[^<!?][^<]{%d,}" % (5 * MOST_ATTRIBUTES))
"""A tag that may have more, since an attribute takes five bytes, with the text behind it."""

_VALUE_OR_END = re.compile(rb""""[^"]*"|'[^']*'|["'>]""")
"""A value, or the end of a tag, or of what is known of it: a value whose end has not come."""


def check_memory(error: etree.XMLSyntaxError) -> None:
    """Raise MemoryError where libxml2 has run out of it, which says nothing of the file."""
    if getattr(error, "code", None) == etree.ErrorTypes.ERR_NO_MEMORY:
        raise MemoryError(str(error)) from None


def has_too_many_attributes(data: bytes) -> bool:
    """Tell whether an element in this XML, or in this part of one, has more than `MOST_ATTRIBUTES`.

    >>> has_too_many_attributes(b"<a b='1'>" + b"c='>' " * 2000), has_too_many_attributes(b"<a " + b"b='>' " * 2000)
    (False, True)
    """
    return any(_attributes(found[0]) > MOST_ATTRIBUTES for found in _LONG.finditer(data))


def _attributes(tag: bytes) -> int:
    count = 0
    for found in _VALUE_OR_END.finditer(tag):
        if len(found[0]) == 1 or count > MOST_ATTRIBUTES:
            break
        count += 1
    return count


class TagWatch:
    """The same for a text that comes in blocks."""

    def __init__(self) -> None:
        self._open = b""

    def exceeded(self, block: bytes) -> bool:
        """Tell whether a tag that begins or goes on in the next block has too many."""
        seen = self._open + block
        self._open = seen[max(0, seen.rfind(b"<")) :]
        return has_too_many_attributes(seen)
