"""Wording that messages share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the known one that it resembles, or nothing.

    >>> did_you_mean("--tsak", ["--task", "--split"]), did_you_mean("--nonsense", ["--task"])
    ('; did you mean --task?', '')
    """
    close = difflib.get_close_matches(name, list(known), 1, 0.7)
    return f"; did you mean {close[0]}?" if close else ""
