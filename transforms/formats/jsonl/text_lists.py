"""Lists of labels that were written as text, as pandas does with a table that was read from a CSV file."""

from __future__ import annotations

import ast
import warnings
from typing import Any

import msgspec

from labelbeam.transforms.formats.json_objects import json_room

_LONGEST_LITERAL = 2**16
"""Characters of a list as Python writes it: its own parser takes several hundred times their memory."""

_LARGEST_ROOM = 2**26
"""Bytes that a list may take, decoded."""


def list_in_text(text: str) -> list[Any] | None:
    """The list of texts or of objects that `text` is, as JSON or Python writes it; None where it is a name.

    >>> list_in_text("['can', 'jar']"), list_in_text('[{"label": "can"}]'), list_in_text("[]")
    (['can', 'jar'], [{'label': 'can'}], [])
    >>> list_in_text("[sic]"), list_in_text("[1]"), list_in_text("can")
    (None, None, None)
    """
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return None
    found = _decoded(text)
    if not isinstance(found, list):
        return None
    same = all(isinstance(item, str) for item in found) or all(isinstance(item, dict) for item in found)
    return found if same else None


def _decoded(text: str) -> Any:
    try:
        if json_room(text.encode()) <= _LARGEST_ROOM:
            return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    if len(text) > _LONGEST_LITERAL:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # Of odd escapes in text, as if it were a program.
            return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
