"""Files of class names that may count their classes otherwise than a name a line, from 0."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.yolo.description import Names, differing
from labelbeam.transforms.messages.words import counted
from labelbeam.transforms.stores.errors import StoreError

_NUMBERED = re.compile(r"(\d{1,6})\s*[:.,=)\t -]\s*\S.*")
_COMMENT = re.compile(r"#(?:[\s#]|$)|//")
_HEADING = re.compile(r"(?i)(?:class(?:es)?|names?|labels?|categories|class[ _]?names?)\s*:?")


def doubts_of_names(path: str, names: Names) -> list[Doubt]:
    """A doubt where the lines of a file of class names say more than names, so that a line's number may not be its class.

    >>> names = Names({0: "1: cat", 1: "2: dog"})
    >>> [doubt.example for doubt in doubts_of_names("classes.txt", names)], doubts_of_names("a.names", Names({0: "3 series"}))
    (['1: cat'], [])
    """
    lines = [line for line in names.by_number.values() if line]
    numbers = sorted(int(found[1]) for line in lines if (found := _NUMBERED.fullmatch(line)))
    count = len(lines)
    odd: tuple[str, str] | None = None
    if count and numbers in (list(range(count)), list(range(1, count + 1))):
        odd = lines[0], "every line begins with a number, which is taken for a part of the name"
    elif comments := [line for line in lines if _COMMENT.match(line)]:
        odd = comments[0], "a line looks like a comment, and is taken for a class"
    elif count > 1 and _HEADING.fullmatch(lines[0]):
        odd = lines[0], "the first line looks like a heading, and is taken for class 0"
    elif count == 1 and ("," in lines[0] or ";" in lines[0]):
        odd = lines[0], "its only line looks like several names, and is taken for one"
    if odd is None:
        return []
    message = (
        f"{path}: {odd[1]}, such as {odd[0]!r:.60}; a file of class names holds a name a line, the first of which is 0"
    )
    return [Doubt(Doubted.CLASS_NAMES_DIFFER, message, count, odd[0][:60], "--yolo-data")]


def doubts_of_notes(files: Sequence[str], tables: Mapping[str, Names], read: Callable[[str], bytes]) -> list[Doubt]:
    """A doubt where a labelling tool's notes.json beside a file of class names numbers its classes otherwise."""
    doubts: list[Doubt] = []
    there = set(files)
    for path, names in sorted(tables.items()):
        folder = path[: path.rfind("/") + 1]
        notes = f"{folder}notes.json"
        others = _names_of_notes(notes, read) if notes in there else None
        numbers = list(differing(names, others)) if others is not None else []
        if others is not None and numbers:
            first = numbers[0]
            message = (
                f"{notes} has other names than {path} for {counted(len(numbers), 'class', 'classes')}, such as "
                f"{others.by_number.get(first)!r:.60} and {names.by_number.get(first)!r:.60} for {first}; those of {path} are taken"
            )
            doubts.append(Doubt(Doubted.CLASS_NAMES_DIFFER, message, len(numbers), notes, "--yolo-data"))
    return doubts


def _names_of_notes(path: str, read: Callable[[str], bytes]) -> Names | None:
    """The names by number in a file of notes, where it holds such."""
    try:
        categories = json.loads(read(path))["categories"]
        return Names({int(each["id"]): str(each["name"]).strip() for each in categories})
    except (StoreError, ValueError, KeyError, TypeError, RecursionError):
        return None  # A file of another kind, of which nothing is asked.
