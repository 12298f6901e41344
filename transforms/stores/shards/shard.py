"""A shard as the store that it lies in sees it: a directory of files."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Entry(NamedTuple):
    """Size of a file in bytes, and a token that changes with its content."""

    size: int
    token: str


class Shard(Protocol):
    """One shard. Safe for threads."""

    def doubt(self) -> None:
        """See before the next use whether it is still the same."""

    def entry(self, path: str) -> Entry:
        """Size and token of a file in it.

        Raises:
            FileNotFoundError: it is not there.
            ArchiveError: the shard cannot be read.
        """

    def read(self, path: str, start: int | None, end: int | None) -> bytes:
        """A file, or its bytes [start, end); raises as `entry` does."""
