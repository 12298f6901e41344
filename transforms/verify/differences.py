"""Differences that `verify` found, a bounded number of each kind."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

import msgspec

MOST_OF_A_KIND = 20
"""How many differences of one kind are told; a damaged shard can hold as many as it has lines."""

MOST_CHARACTERS = 200
"""How much of what stands in a build is repeated in one difference."""


class Kind(StrEnum):
    """The subject of a difference."""

    POINTER = "pointer"
    MANIFEST = "manifest"
    MISSING_FILE = "missing file"
    UNLISTED_FILE = "unlisted file"
    CONTENT = "size or hash"
    NUMBERING = "shard numbering"
    MLTABLE = "MLTable"
    COUNT = "count"
    RECORD = "record"
    ORDER = "order of records"
    DUPLICATE_IMAGE = "duplicate image"
    PARQUET = "Parquet"
    REJECTED = "rejected record"
    COPY = "copied image"


class Difference(msgspec.Struct, frozen=True):
    """One thing that is not as it was published; `file` is relative to the build, `latest.json` to the output."""

    file: str
    found: str
    expected: str


class Differences:
    """Differences as they were found: of each kind the first `MOST_OF_A_KIND`, and how many more there are."""

    def __init__(self) -> None:
        self._told: list[tuple[Kind, Difference]] = []
        self._of_kind: Counter[Kind] = Counter()

    def __len__(self) -> int:
        return self._of_kind.total()

    @property
    def told(self) -> list[Difference]:
        """Those that were kept."""
        return [difference for _, difference in self._told]

    @property
    def further(self) -> dict[str, int]:
        """The number of further ones of each kind."""
        more = self._of_kind - Counter(kind for kind, _ in self._told)
        return {str(kind): count for kind, count in more.items()}

    def add(self, kind: Kind, file: str, found: str, expected: str) -> None:
        """Note one; what cannot be printed in it is escaped, what is long is cut."""
        if self._of_kind[kind] < MOST_OF_A_KIND:
            self._told.append((kind, Difference(_plain(file), _plain(found), _plain(expected))))
        self._of_kind[kind] += 1

    def merge(self, other: Differences) -> None:
        """Note those of another part of the build."""
        for kind, difference in other._told:
            if sum(kind is known for known, _ in self._told) < MOST_OF_A_KIND:
                self._told.append((kind, difference))
        self._of_kind.update(other._of_kind)


def _plain(text: str) -> str:
    line = " ".join(text[: 10 * MOST_CHARACTERS].split())
    line = line if line.isprintable() else repr(line)[1:-1]
    return line if len(line) <= MOST_CHARACTERS else f"{line[: MOST_CHARACTERS - 1]}…"
