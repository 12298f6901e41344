"""Images in columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from labelbeam.schemas.reasons import Adjusted, Skipped
from labelbeam.transforms.columns.arrays import Integers


class ImageNote(NamedTuple):
    """Note on an image; most images have no note."""

    skipped: tuple[Skipped, ...] = ()
    adjusted: tuple[Adjusted, ...] = ()
    left_out: Skipped | None = None
    format: str = ""
    """The format that the source declares, where the image's name says another."""
    group: str = ""
    """What the column holds that --split-group names."""
    named: str = ""
    """What the source calls the image, where it was found under another path."""


NO_NOTE = ImageNote()


class ImageRow(NamedTuple):
    """One image of `Images` as a record: what is looked at, and what a message names."""

    key: int
    path: str
    source: str
    locator: str
    width: int | None
    height: int | None


@dataclass(slots=True)
class Images:
    """n images as columns.

    keys: (n,) joins images with their objects, unique in a build. sizes: (n, 2) declared width and height, 0 where there
    is none. paths, sources, locators, splits: lists of n; notes: by row, where there is something to note.
    """

    keys: Integers
    sizes: npt.NDArray[np.int32]
    paths: list[str]
    sources: list[str]
    locators: list[str]
    splits: list[str | None]
    notes: dict[int, ImageNote] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.paths)

    def read_paths(self) -> list[str]:
        """The paths of those that are not left out as a whole."""
        return [path for row, path in enumerate(self.paths) if row not in self.notes or not self.notes[row].left_out]

    def take(self, rows: Sequence[int]) -> Images:
        """The images at `rows`, in that order."""
        place = {row: number for number, row in enumerate(rows) if row in self.notes} if self.notes else {}
        return Images(
            self.keys[rows],
            self.sizes[rows],
            [self.paths[row] for row in rows],
            [self.sources[row] for row in rows],
            [self.locators[row] for row in rows],
            [self.splits[row] for row in rows],
            {number: self.notes[row] for row, number in place.items()},
        )

    def row(self, row: int) -> ImageRow:
        """One image."""
        return self.rows([row])[0]

    def rows(self, rows: Sequence[int]) -> list[ImageRow]:
        """Several images."""
        return [
            ImageRow(key, self.paths[row], self.sources[row], self.locators[row], width or None, height or None)
            for row, key, (width, height) in zip(rows, self.keys[rows].tolist(), self.sizes[rows].tolist(), strict=True)
        ]


def join_images(parts: Sequence[Images]) -> Images:
    """All images of `parts`, in that order."""
    notes: dict[int, ImageNote] = {}
    start = 0
    for part in parts:
        notes |= {start + row: note for row, note in part.notes.items()}
        start += len(part)
    return Images(
        np.concatenate([np.empty(0, np.int64), *(part.keys for part in parts)]),
        np.concatenate([np.empty((0, 2), np.int32), *(part.sizes for part in parts)]),
        list(chain.from_iterable(part.paths for part in parts)),
        list(chain.from_iterable(part.sources for part in parts)),
        list(chain.from_iterable(part.locators for part in parts)),
        list(chain.from_iterable(part.splits for part in parts)),
        notes,
    )


def no_images() -> Images:
    """Columns without a row."""
    return join_images([])
