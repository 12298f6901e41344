"""Cells of CSV files that hold lists, as JSON or as Python writes them."""

from __future__ import annotations

import ast
import warnings
from typing import Any

import msgspec

LONGEST_LITERAL = 2**20
"""Characters of a list as Python writes it: Python's own parser takes several hundred times their memory."""


def literal(cell: str, column: str) -> Any:
    """A list or an object, as JSON or Python writes it; `column` is what it is of, for messages.

    Raises:
        ValueError: it is none, or too long for Python's parser.
    """
    try:
        return msgspec.json.decode(cell)
    except (msgspec.DecodeError, RecursionError):
        pass
    if len(cell) > LONGEST_LITERAL:
        raise ValueError(
            f"{column} has {len(cell)} characters and is no JSON; lists as Python writes them are read up to {LONGEST_LITERAL}"
        )
    try:
        with warnings.catch_warnings(action="ignore"):  # Of odd escapes in text, as if it were a program.
            return ast.literal_eval(cell.strip())
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise ValueError(f"{column} is {cell[:80]!r}; expected a list, as JSON or Python writes it") from None
