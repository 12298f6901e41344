"""Pages of the documentation as tests look at them: their text, their blocks and their tables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]


def page(name: str) -> str:
    return ROOT.joinpath(name).read_text(encoding="utf-8")


class Block(NamedTuple):
    """A fenced block and the comment in front of it, which says what it is for."""

    mark: str
    language: str
    text: str


def blocks(name: str) -> list[Block]:
    found = re.findall(r"(?:<!-- (.*?) -->\n+)?^```(\w*)\n(.*?)^```", page(name), re.MULTILINE | re.DOTALL)
    return [Block(*parts) for parts in found]


def the_block(mark: str) -> str:
    (text,) = (block.text for block in blocks("README.md") if block.mark == mark)
    return text


def table_after(name: str, line: str) -> list[str]:
    """The rows of the first table behind a line, without its head."""
    rest = page(name).split(f"\n{line}\n", 1)[1]
    table = re.search(r"(?:^\|.*\n)+", rest, re.MULTILINE)
    assert table is not None
    return table[0].splitlines()[2:]
