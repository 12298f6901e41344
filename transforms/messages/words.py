"""Words of messages: lists, suggestions, and text that a terminal may show."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

import msgspec


def printable(text: str) -> str:
    """Text that can be encoded: bytes that were no UTF-8, and lone surrogates, become `\\udcXX` escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def excerpt(value: object) -> str:
    """A value of a dataset that is not what was expected, for a message.

    >>> excerpt([1, 2]), excerpt("a"), len(excerpt("a" * 1000))
    ('a list of 2', "'a'", 80)
    """
    if isinstance(value, list | dict):
        return f"a {type(value).__name__} of {len(value)}"
    return printable(repr(value)[:80])


def is_utf8(text: str) -> bool:
    """Tell whether text can be encoded: it holds no lone surrogate, which stands for a byte that was no UTF-8."""
    return text.isascii() or printable(text) == text


def encode_json(value: Any) -> bytes:
    r"""JSON of a document that may hold text of a dataset, or names of files, that cannot be encoded: it becomes escapes.

    >>> encode_json({"\ud800": ["a"]})
    b'{"\\\\ud800":["a"]}'
    """
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_encodable(msgspec.to_builtins(value)))


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    return [_encodable(item) for item in value] if isinstance(value, list | tuple) else value


def plain(text: str, kept: str = "") -> str:
    r"""Text of a dataset, a store or a server made harmless for a terminal: control and bidirectional characters become escapes.

    `kept` are those that stay, such as the end of a line where text is made of lines.

    >>> print(plain("a\x1b[31mb\u202e"))
    a\x1b[31mb\u202e
    """
    return _CONTROLS.sub(lambda match: match[0] if match[0] in kept else _escaped(match[0]), text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def counted(count: int, one: str, several: str = "") -> str:
    """A count with its noun, and what follows of the sentence as far as it depends on the count.

    >>> counted(1, "file"), counted(2_000, "box lies", "boxes lie")
    ('1 file', '2,000 boxes lie')
    """
    return f"{count:,} {agreeing(count, one, several)}"


def agreeing(count: int, one: str, several: str = "") -> str:
    """A word of a sentence as it agrees with a count.

    >>> agreeing(1, "has", "have"), agreeing(2, "file")
    ('has', 'files')
    """
    return one if count == 1 else several or f"{one}s"


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
