"""What is fuzzed: every parser of input that others write, with what has to hold for any bytes at all.

A target takes bytes. It lets the errors pass that the parser declares, and raises whatever else goes wrong; beyond that it
holds the parser to a second opinion, where there is one. Each module here has those of its formats in TARGETS, with small files
of each to start from (seeds), and the pieces that their parsers look for (tokens).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A parser to be fuzzed: `run` on inputs that come of `seeds` and `tokens`, guided by the files in `watched`."""

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    tokens: tuple[bytes, ...]
    watched: tuple[str, ...]


SOURCES = ("/transforms/", "/schemas/")
"""What most targets watch: the project's own parsers."""


def writable(text: str) -> None:
    text.encode()
