"""What the ids of annotations lead to: an image's row and a category's label, also where the two sides write ids otherwise."""

from __future__ import annotations

import re
import sys
from functools import cached_property
from typing import Any

from labelbeam.transforms.formats.coco.index import CocoIndex
from labelbeam.transforms.formats.coco.values import Id
from labelbeam.transforms.formats.labels import normalized

_MOST_DIGITS = sys.int_info.default_max_str_digits
"""Python makes no number of text with more digits."""

_FLOAT = re.compile(r"[0-9]+\.0+")
"""A whole number that became a float on its way, and then text."""


def lookup(table: dict[Id, Any], identity: Any, default: Any) -> Any:
    """Find an id, also where one side writes it as a number and the other as text.

    >>> lookup({1: "a", "2": "b"}, "1", None), lookup({1: "a", "2": "b"}, 2, None), lookup({1: "a"}, "1.0", None)
    ('a', 'b', 'a')
    """
    found = table.get(identity)
    if found is None and isinstance(identity, str) and _FLOAT.fullmatch(identity):
        identity = identity.partition(".")[0]
        found = table.get(identity)
    if found is None and isinstance(identity, int):
        found = table.get(str(identity))
    if found is None and isinstance(identity, str) and identity.isdecimal() and len(identity) < _MOST_DIGITS:
        found = table.get(int(identity))
    return default if found is None else found


class References:
    """The rows of images and the labels of categories by ids that the index does not hold to the letter."""

    def __init__(self, index: CocoIndex) -> None:
        self._index = index

    def row(self, image: Id) -> tuple[int, bool]:
        """The row of an image, -1 where there is none; and whether its name stood for its id."""
        found: int = lookup(self._index.rows, image, -1)
        if found >= 0 or lookup(self._index.refused, image, None) is not None:
            return found, False
        if isinstance(image, int):
            return self._padded.get(image, -1), False
        named = self._rows_of_names.get(image, -1)
        return named, named >= 0

    def label(self, category: Id) -> tuple[int, bool]:
        """The label that a category is of, as an index, -1 where it is of none; and whether its name stood for its id."""
        found: int = lookup(self._index.label_of, category, -1)
        if (
            found >= 0
            or not isinstance(category, str)
            or lookup(self._index.refused_labels, category, None) is not None
        ):
            return found, False
        named = self._named.get(normalized(category), -1)
        return named, named >= 0

    @cached_property
    def _padded(self) -> dict[int, int]:
        """Rows of images whose id is text with zeros before its number, by that number; -1 where two ids are of one."""
        found: dict[int, int] = {}
        for identity, row in self._index.rows.items():
            padded = isinstance(identity, str) and identity[:1] == "0" and identity.isdecimal()
            if padded and len(str(identity)) < _MOST_DIGITS:
                number = int(identity)
                found[number] = -1 if number in found else row
        return found

    @cached_property
    def _rows_of_names(self) -> dict[str, int]:
        """Rows by path, by the last part of it, and by that without its extension; -1 where two images are called so."""
        found: dict[str, int] = {}
        for row in self._index.rows.values():
            path = self._index.paths[row]
            last = path.rpartition("/")[2]
            for name in {path, last, last.rpartition(".")[0]}:
                found[name] = -1 if name in found else row
        return found

    @cached_property
    def _named(self) -> dict[str, int]:
        used = set(self._index.label_of.values())
        return {name: number for number, name in enumerate(self._index.labels) if number in used}
