"""Words of messages: lists, suggestions, and text that a terminal may show."""

from __future__ import annotations

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
