"""Export format: what it is called, which tasks it takes, and how it writes batches of records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol, TypeAlias

from labelbeam.schemas.manifest import Manifest
from labelbeam.transforms.export.batch import Batch, Image
from labelbeam.transforms.export.files import Files


class Lost(StrEnum):
    """Losses: things that a format cannot hold, or holds otherwise; `LOST_TEXTS` says it in words."""

    BACKGROUND = "background_images"
    CROWDS = "crowds"
    DIFFICULT = "crowds_as_difficult"
    BRIDGED = "parts_bridged"
    RASTERISED = "outlines_as_masks"
    FILLED = "holes_filled"
    WIDENED = "boxes_under_a_pixel"
    HIDDEN = "hidden_names"


LOST_TEXTS = {
    Lost.BACKGROUND: "images without a label have no row, so that the file does not name them",
    Lost.CROWDS: "objects with isCrowd 1 are written like any others: the format has no crowds",
    Lost.DIFFICULT: "objects with isCrowd 1 are written as difficult: the format has no crowds; --difficult-as-crowd reads them back",
    Lost.BRIDGED: "objects of several parts, or with holes, are written as one outline with bridges of no width between its rings",
    Lost.RASTERISED: "outlines with holes, or parts that overlap, are written as masks of whole pixels, as COCO has holes only so",
    Lost.FILLED: "outlines with holes are too large for a mask, and are written as polygons, which COCO unites: the holes are filled",
    Lost.WIDENED: "boxes under a pixel wide or high are written a pixel wide or high: the format counts whole pixels at least",
    Lost.HIDDEN: "images have hidden names, which readers of the format pass over: each `.name` is written as `visible.name`",
}


@dataclass(slots=True)
class Told:
    """Counts of what a format does not hold."""

    counts: Counter[Lost] = field(default_factory=Counter)

    def add(self, lost: Lost, count: int = 1) -> None:
        """Count something."""
        self.counts[lost] += count


class Writer(Protocol):
    """The writing of one export: `begin`, batches, and `end` for each split, and `finish`."""

    def begin(self, split: str) -> None:
        """Begin a split."""

    def add(self, batch: Batch) -> None:
        """Write the records of a shard of the split that was begun."""

    def end(self, split: str) -> None:
        """End a split."""

    def finish(self) -> None:
        """Write what readers begin with."""


Images: TypeAlias = Literal["none", "beside", "always", "inside"]
"""Whether a format has images: never; where --copy-images asks for them, as files beside it; always, as such files, since its readers
open them; always, in files that the writer makes itself."""


ImagePath: TypeAlias = Callable[[str, Image], str]
"""Where a copy of an image of a split is expected, below the destination."""


class Exporter(NamedTuple):
    """An export format."""

    name: str
    text: str
    tasks: Sequence[str]
    images: Images
    writer: Callable[[Manifest, Files, Told, bool], Writer]
    """Makes a writer for a build: of its manifest, the files to write, what is counted, and whether images are copied."""
    image_path: ImagePath | None = None
    """Of formats that have images as files beside them."""
    listed: bool = False
    """Whether its readers find files by listing them, so that a hidden one is lost."""
