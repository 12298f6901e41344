"""Listings of many files, in columns of 24 bytes a file.

A listing of a million images as paths would be too much to hand to every worker. So it goes through the shuffle like everything
else: each bucket gets what the listing says of its own images, by the hash that the bucket was drawn by.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from labelbeam.transforms.columns.hashes import stable_hash, stable_hashes
from labelbeam.transforms.stores.files import StoredFile

Hashes = npt.NDArray[np.uint64]


def token_hash(token: str) -> int:
    """64 bits of a file's token; a store may quote an ETag in one answer and not in another."""
    return stable_hash(token.strip('"'))


class ListedFile(NamedTuple):
    """Entry of a listing: its size in bytes, 0 where it may be unknown, and the hash of its token."""

    size: int
    token: int


def _no_hashes() -> Hashes:
    return np.empty(0, np.uint64)


@dataclass(slots=True, eq=False)
class Listed:
    """n files as columns, each (n,): `stable_hash` of the path, size in bytes, `token_hash` of the token; sorted by hash."""

    hashes: Hashes = field(default_factory=_no_hashes)
    sizes: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    tokens: Hashes = field(default_factory=_no_hashes)

    def __len__(self) -> int:
        return len(self.hashes)

    def __eq__(self, other: object) -> bool:
        """Tell whether both say the same of the same files."""
        return isinstance(other, Listed) and all(
            np.array_equal(mine, theirs)
            for mine, theirs in (
                (self.hashes, other.hashes),
                (self.sizes, other.sizes),
                (self.tokens, other.tokens),
            )
        )

    def find(self, path: str) -> ListedFile | None:
        """Entry of the file at `path`; None where it is not listed."""
        wanted = np.uint64(stable_hash(path))
        row = int(np.searchsorted(self.hashes, wanted))
        if row == len(self.hashes) or self.hashes[row] != wanted:
            return None
        return ListedFile(int(self.sizes[row]), int(self.tokens[row]))

    def find_all(self, paths: Sequence[str]) -> list[ListedFile | None]:
        """Entry of the file at each path, as `find` gives it, at a fraction of its cost."""
        rows, there = self._rows_of(paths)
        entries = map(ListedFile, self.sizes[rows].tolist(), self.tokens[rows].tolist())
        found: list[ListedFile | None] = [None] * len(paths)
        for place, entry in zip(np.flatnonzero(there).tolist(), entries, strict=True):
            found[place] = entry
        return found

    def _rows_of(self, paths: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """The rows of those paths that are listed, and which ones these are."""
        wanted = stable_hashes(paths)
        rows = np.searchsorted(self.hashes, wanted)
        there = rows < len(self)
        there[there] = self.hashes[rows[there]] == wanted[there]
        return rows[there], there

    def take(self, rows: npt.NDArray[np.int64] | slice) -> Listed:
        """The files at `rows`, which keep their order."""
        return Listed(self.hashes[rows], self.sizes[rows], self.tokens[rows])


def listed_files(files: Iterable[StoredFile], prefix: str = "") -> Listed:
    """The columns of a listing; `prefix` is what leads from the build's images root to the listed directory."""
    rows = list(files)
    return join_listed(
        [
            Listed(
                stable_hashes(f"{prefix}{file.path}" for file in rows),
                np.array([file.size for file in rows], np.int64),
                stable_hashes(file.token.strip('"') for file in rows),
            )
        ]
    )


def join_listed(parts: Sequence[Listed]) -> Listed:
    """All files of `parts`, each once."""
    parts = [Listed(), *parts]
    hashes, first = np.unique(np.concatenate([part.hashes for part in parts]), return_index=True)
    return Listed(
        hashes,
        np.concatenate([part.sizes for part in parts])[first],
        np.concatenate([part.tokens for part in parts])[first],
    )


def by_bucket(hashes: Hashes, buckets: int) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """The rows of each bucket that has any, in order; buckets are drawn as `bucket_of` draws them."""
    drawn = (hashes % np.uint64(buckets)).astype(np.int64)
    for bucket in np.unique(drawn).tolist():
        yield bucket, np.flatnonzero(drawn == bucket)
