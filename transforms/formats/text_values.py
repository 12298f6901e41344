"""Lists and objects in text, as JSON or as Python writes them: that is how pandas and CSV writers leave them in tables."""

from __future__ import annotations

import ast
import warnings
from typing import Any

from labelbeam.transforms.formats.drawn import JsonError, decode_json
from labelbeam.transforms.formats.json_objects import json_room
from labelbeam.transforms.workers.budget import check_room

LONGEST_LITERAL = 2**20
"""Characters of a value as Python writes it."""

_LITERAL_ROOM = 550
"""Bytes that Python's parser takes for each of them, measured with `[{},{},…`."""

_LARGEST_ROOM = 10**9
"""Bytes that a value may take, decoded."""


def value_in_text(text: str, what: str) -> Any:
    """Decode a value that was written as text; `what` it is of, for messages.

    Raises:
        ValueError: it is neither JSON nor Python, or too long.
        ShortageError: there is not memory enough for it.
    """
    data = text.encode("utf-8", "surrogatepass")
    if json_room(data) <= _LARGEST_ROOM:
        try:
            return decode_json(data, what)
        except JsonError:
            pass
    if len(text) > LONGEST_LITERAL:
        raise ValueError(
            f"{what} has {len(text)} characters and is no JSON; lists as Python writes them are read up to {LONGEST_LITERAL}"
        )
    check_room(_LITERAL_ROOM * len(text), what)
    try:
        with warnings.catch_warnings(action="ignore"):  # Of odd escapes in text, as if it were a program.
            return ast.literal_eval(text.strip())
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise ValueError(f"{what} is {text[:80]!r}; expected a list, as JSON or Python writes it") from None


def list_in_text(text: str) -> list[Any] | None:
    """The list of texts or of objects that `text` is; None where it is a name.

    >>> list_in_text("['can', 'jar']"), list_in_text('[{"label": "can"}]'), list_in_text("[]")
    (['can', 'jar'], [{'label': 'can'}], [])
    >>> list_in_text("[sic]"), list_in_text("[1]"), list_in_text("can")
    (None, None, None)
    """
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return None
    try:
        found = value_in_text(text, "a list as text")
    except ValueError:
        return None
    if not isinstance(found, list):
        return None
    same = all(isinstance(item, str) for item in found) or all(isinstance(item, dict) for item in found)
    return found if same else None
