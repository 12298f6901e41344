"""Rejections as they are written: of bounded length, of text that can be encoded, and in one order."""

from __future__ import annotations

import msgspec

from labelbeam.schemas.neutral import RAW_LIMIT, Rejection
from labelbeam.transforms.images.names import LONGEST_URL
from labelbeam.transforms.messages.words import is_utf8, printable

_LIMITS = {"locator": RAW_LIMIT, "image": LONGEST_URL, "message": LONGEST_URL}
_TEXTS = (*_LIMITS, "source", "raw")


def readable(item: Rejection) -> Rejection:
    """A rejection none of whose texts is longer than people read, or no Unicode: an image's name stands in that of each of its objects."""
    changed: dict[str, str] = {}
    for name in _TEXTS:
        text = getattr(item, name) or ""
        if len(text) > _LIMITS.get(name, len(text)):
            text = changed[name] = f"{text[:RAW_LIMIT]}…"
        if not is_utf8(text):
            changed[name] = printable(text)
    return msgspec.structs.replace(item, **changed) if changed else item


def in_order(item: Rejection) -> tuple[str, ...]:
    """What rejections are sorted by."""
    return item.source, item.locator, item.kind, item.code, item.message, item.raw, item.image or ""
