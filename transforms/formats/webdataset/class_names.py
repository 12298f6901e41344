"""Names of classes, in a file beside the shards: a JSON list or mapping, or a name a line."""

from __future__ import annotations

import posixpath
from typing import Any

from labelbeam.transforms.formats.drawn import JsonError, decode_json

FILES = (
    *("labels.json", "classes.json", "classnames.json", "class_names.json"),
    *("classnames.txt", "class_names.txt", "classes.txt", "labels.txt", "names.txt"),
)
"""What such files are called; `labels.json` is that of our own exports, `classnames.txt` that of CLIP benchmark's datasets."""

LARGEST = 4 * 2**20
"""Bytes of such a file."""

_MOST_DIGITS = 9


def is_names_file(path: str) -> bool:
    """Tell whether a file may hold the names of classes."""
    return posixpath.basename(path).lower() in FILES


def names_in(path: str, data: bytes) -> dict[int, str]:
    """Names by number; none where the file holds something else.

    >>> names_in("labels.json", b'["cat", "dog"]'), names_in("classes.json", b'{"cat": 1}'), names_in("classes.txt", b"cat\\ndog\\n")
    ({0: 'cat', 1: 'dog'}, {1: 'cat'}, {0: 'cat', 1: 'dog'})
    """
    if path.lower().endswith(".json"):
        try:
            return _of_json(decode_json(data))
        except JsonError:
            return {}
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return {}
    while lines and not lines[-1].strip():
        lines.pop()
    return {number: line.strip() for number, line in enumerate(lines)}


def _of_json(content: Any) -> dict[int, str]:
    if isinstance(content, list):
        return dict(enumerate(content)) if all(isinstance(name, str) for name in content) else {}
    if not isinstance(content, dict) or not content:
        return {}
    if all(isinstance(name, str) and _is_number(number) for number, name in content.items()):
        return {int(number): name for number, name in content.items()}
    if all(isinstance(number, int) and not isinstance(number, bool) for number in content.values()):
        found = {number: name for name, number in content.items() if 0 <= number < 10**_MOST_DIGITS}
        return found if len(found) == len(content) else {}
    return {}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
