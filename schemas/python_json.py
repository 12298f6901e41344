"""JSON as Python's `json` writes it, which holds what is none: numbers such as NaN, and halves of surrogate pairs in text."""

from __future__ import annotations

import re
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
    mended = WORDS.sub(lambda word: word[0] if word[0].startswith(b'"') else b"0", body)
    mended = _ESCAPES.sub(lambda escape: rb"\ufffd" if escape["half"] else escape[0], mended)
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
