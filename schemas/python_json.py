"""JSON as Python's `json` writes it, which holds what is none: numbers such as NaN, and halves of surrogate pairs in text."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import msgspec

WORDS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*"?|\b(?:None|nan|NaN|inf|Infinity)\b', re.DOTALL)
"""A JSON string, or a word of Python's or JavaScript's outside of one."""

_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escape in a JSON string, or the two of a surrogate pair; or half of such a pair."""


def replaced(pattern: re.Pattern[bytes], body: bytes, new: Callable[[re.Match[bytes]], bytes | None]) -> bytes:
    r"""The body with `new` of each match, where that is not None; the body itself where there is none such.

    Unlike `re.sub` it takes no memory for matches that stay, which in hostile text are as many as there are bytes.

    >>> replaced(WORDS, b'["None", None]', lambda word: b"null" if word[0] == b"None" else None)
    b'["None", null]'
    """
    mended, last = bytearray(), 0
    for match in pattern.finditer(body):
        if (other := new(match)) is not None:
            mended += body[last : match.start()] + other
            last = match.end()
    return bytes(mended + body[last:]) if last else body


class Oddity(NamedTuple):
    """What keeps text from being JSON, in words, and whether it stands in place of a number; else it is in text."""

    words: str
    is_number: bool


def oddity(body: bytes) -> Oddity | None:
    r"""What keeps `body` from being JSON, where that is no more than what Python's `json` writes; None where more is wrong, or nothing.

    >>> oddity(b'{"score": NaN}')
    Oddity(words='found NaN at byte 10, which JSON does not have', is_number=True)
    >>> oddity(rb'{"label": "\ud800"}')
    Oddity(words='found \\ud800 at byte 11, half of a surrogate pair, which is no character', is_number=False)
    """
    number = next((word for word in WORDS.finditer(body) if not word[0].startswith(b'"')), None)
    half = next((escape for escape in _ESCAPES.finditer(body) if escape["half"]), None)
    if number is None and half is None:
        return None
    mended = replaced(WORDS, body, lambda word: None if word[0].startswith(b'"') else b"0")
    mended = replaced(_ESCAPES, mended, lambda escape: rb"\ufffd" if escape["half"] else None)
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        msgspec.json.decode(mended)
        if number is not None:
            return Oddity(
                f"found {number[0].decode()} at byte {number.start()}, which JSON does not have",
                True,
            )
        if half is not None:
            found = f"found {half[0].decode()} at byte {half.start()}, half of a surrogate pair"
            return Oddity(f"{found}, which is no character", False)
    return None
