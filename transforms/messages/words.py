"""Words of messages: lists, suggestions, and text that a terminal may show."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


def printable(text: str) -> str:
    """Text that can be encoded: bytes that were no UTF-8, and lone surrogates, become `\\udcXX` escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def is_utf8(text: str) -> bool:
    """Whether text can be encoded: it holds no lone surrogate, which stands for a byte that was no UTF-8."""
    return text.isascii() or printable(text) == text


def listed(names: Iterable[str]) -> str:
    """At most twenty names for a message, each cut at forty characters."""
    names = list(names)
    shown = ", ".join(repr(printable(name[:40])) for name in names[:20])
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown or "none"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the known one that it resembles, or nothing.

    >>> did_you_mean("--tsak", ["--task", "--split"]), did_you_mean("--nonsense", ["--task"])
    ('; did you mean --task?', '')
    """
    close = difflib.get_close_matches(name, list(known), 1, 0.7)
    return f"; did you mean {close[0]}?" if close else ""


def plain(text: str) -> str:
    r"""Text of a dataset made harmless for a terminal: control and bidirectional characters become escapes.

    >>> print(plain("a\x1b[31mb\u202e"))
    a\x1b[31mb\u202e
    """
    return _CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
