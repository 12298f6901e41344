"""Labels as they are written: without what no eye can see."""

from __future__ import annotations

import unicodedata


def normalized(label: str) -> str:
    """A label without white space around it, its letters composed (Unicode NFC).

    >>> normalized(" cafe\u0301 ") == "caf\u00e9"
    True
    """
    label = label.strip()
    return label if label.isascii() else unicodedata.normalize("NFC", label)
