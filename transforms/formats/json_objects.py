"""JSON objects that say each thing once: of a key that occurs twice, readers keep the first value, the last, or none."""

from __future__ import annotations

import json
from typing import Any

from labelbeam.transforms.messages.words import excerpt


class RepeatedKeyError(ValueError):
    """An object holds a key twice."""


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs, as `object_pairs_hook` of `json.loads`.

    Raises:
        RepeatedKeyError: a key occurs twice.
    """
    record: dict[str, Any] = {}
    for key, value in pairs:
        if key in record:
            raise RepeatedKeyError(f"the key {excerpt(key)} occurs twice")
        record[key] = value
    return record


_SMALL = 2**20
"""Bytes of JSON that fit, whatever they hold."""


def check_json_room(data: bytes, what: str, small: int = _SMALL) -> None:
    """Make sure that there is memory for what a JSON text holds, before it is decoded; up to `small` bytes there is.

    Raises:
        ShortageError: there is not.
    """
    if len(data) > small:
        # Whoever only parses options needs none of what that loads.
        from labelbeam.transforms.workers.budget import check_room

        check_room(json_room(data), what)


def json_room(data: bytes) -> int:
    """Bytes that a JSON text takes once it is decoded, at most: `[[],[],…` takes thirty times its own, and compresses to nothing.

    Text is held as it is; an object, an array, a number and a text have heads of their own.
    """
    return len(data) + 232 * data.count(b"{") + 88 * data.count(b"[") + 36 * data.count(b",") + 25 * data.count(b'"')


def json_object(text: str | bytes) -> dict[str, Any] | str:
    """The object that a text holds, or what is wrong with it."""
    try:
        # msgspec refuses NaN, which pandas writes, and which costs no more than the value where it stands.
        record = json.loads(text, object_pairs_hook=unique)
    except RecursionError:
        return "it is nested too deeply"
    except ValueError as error:
        return f"it cannot be read as JSON: {error}"
    return record if isinstance(record, dict) else f"it is {excerpt(record)}, expected a JSON object"
