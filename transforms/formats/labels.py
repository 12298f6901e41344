"""Labels as they are written: without what no eye can see."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence
from urllib.parse import unquote


def normalized(label: str) -> str:
    """A label without white space around it, its letters composed (Unicode NFC).

    >>> normalized(" cafe\u0301 ") == "caf\u00e9"
    True
    """
    label = label.strip()
    return label if label.isascii() else unicodedata.normalize("NFC", label)


_NONE = (
    frozenset({"empty", "background", "none", "nothing", "blank", "no object", "no objects", "bg", "negative"})
    | frozenset(
        f"no {what}{plural}"
        for what in ("animal", "annotation", "defect", "detection", "instance", "target")
        for plural in ("", "s")
    )
    | frozenset({"empty image", "empty frame", "false trigger", "misfire", "negative sample", "nothing here"})
)

_NOTHING = frozenset(
    {
        "nan",
        "null",
        "undefined",
        "n/a",
        "na",
        "?",
        "unlabeled",
        "unlabelled",
        "not labeled",
        "unsorted",
        "todo",
        "to do",
    }
    | {
        "ignore",
        "ignored",
        "ignored region",
        "ignored regions",
        "ignore region",
        "dontcare",
        "discard",
        "discarded",
        "deleted",
        "to delete",
        "trash",
        "skip",
        "skipped",
        "to review",
        "needs review",
        "unsure",
        "not sure",
        "duplicate",
        "duplicates",
        "don't care",
        "dont care",
        "void",
    }
)

_MARKS = re.compile(r"[\s_-]+")


def _folded(label: str) -> str:
    return _MARKS.sub(" ", label).strip().casefold()


def says_there_is_none(label: str) -> bool:
    """Tell whether a label says that there is no object, as camera traps have them.

    >>> says_there_is_none("__background__"), says_there_is_none("No_Object"), says_there_is_none("cat")
    (True, True, False)
    """
    return _folded(label) in _NONE


def says_nothing(label: str) -> bool:
    """Tell whether a label says that nobody has said what it is, or that it does not matter.

    >>> says_nothing("DontCare"), says_nothing("nan"), says_nothing("Nancy")
    (True, True, False)
    """
    return _folded(label) in _NOTHING


_USUAL = ("label", "class", "category", "name", "type", "object", "object_name", "class_name", "label_name")


def likely_label(names: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    """Of fields that a tool's user has named, the one that is called like a label, else the first; and the others.

    >>> likely_label(["colour", "Class"]), likely_label(["colour", "size"]), likely_label([])
    (('Class', ('colour',)), ('colour', ('size',)), (None, ()))
    """
    keys = {name: name.strip().lower().replace(" ", "_") for name in names}
    usual = sorted((name for name in names if keys[name] in _USUAL), key=lambda name: _USUAL.index(keys[name]))
    chosen = next(iter(usual or names), None)
    return chosen, tuple(name for name in names if name != chosen)


_ENTITY = re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]{1,30}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});")
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}")
_BACKSLASH = re.compile(r"\\u([0-9a-fA-F]{4})")


def unescaped(label: str) -> str | None:
    """A label as it seems to have been before an exporter escaped it, or wrote its letters in another charset; None where it is as it
    should be.

    >>> unescaped("R&amp;D"), unescaped("hex%20bolt"), unescaped("caf\u00c3\u00a9") == "caf\u00e9", unescaped("50 % off")
    ('R&D', 'hex bolt', True, None)
    """
    if _ENTITY.search(label) and (plain := html.unescape(label)) != label:
        return plain
    if _PERCENT.search(label) and "\ufffd" not in (plain := unquote(label)):
        return plain
    if _BACKSLASH.search(label):
        return _BACKSLASH.sub(lambda code: chr(int(code[1], 16)), label)
    if label.isascii():
        return None
    for charset in ("cp1252", "latin-1"):
        try:
            return label.encode(charset).decode("utf-8")
        except UnicodeError:
            continue
    return label.replace("\ufffd", "") if "\ufffd" in label else None
