"""The neutral form that every raw format is read into and that every task is written from.

Coordinates are continuous pixels: the image's top-left corner is (0, 0), its bottom-right corner (width, height), and
the pixel in column c and row r covers [c, c+1] × [r, r+1]. A format with another convention converts on reading.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from labelbeam.schemas.packed import Packed
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped

Box: TypeAlias = tuple[float, float, float, float]
"""(left, top, right, bottom) in pixels; right and bottom are the edges, not the last pixel."""

Ring: TypeAlias = npt.NDArray[np.float64]
"""A closed ring, shape (corners, 2), x before y, the first corner not repeated. Rings combine by XOR (even-odd)."""


class SourceObject(msgspec.Struct):
    """One annotated object, or one label, of one image.

    `rings` is None where the source has no outline. `from_mask` says that the rings were traced from a pixel mask:
    they are disjoint by construction. `by_xor` says that they combine by XOR as they stand, even where they overlap, as in
    training records; those of an annotation tool are united. `locator` says where in the source the object stands, for people.
    """

    label: str
    locator: str
    bbox: Box | None = None
    rings: list[Ring] | None = None
    crowd: bool = False
    from_mask: bool = False
    by_xor: bool = False


class Rejection(msgspec.Struct, frozen=True, order=True):
    """An image or object that was found and is not written; one line of `rejected/*.jsonl`.

    `kind` is "image" or "object": what the counts count it as. `raw` is an excerpt, at most `RAW_LIMIT` characters.
    """

    source: str
    locator: str
    image: str | None
    kind: str
    code: Rejected
    message: str
    raw: str = ""


RAW_LIMIT = 500

Rejections: TypeAlias = list[Rejection] | Packed[Rejection]
"""Rejections to be added to; packed where a source decides how many there are."""


class SourceImage(msgspec.Struct):
    """One image with what is known of it.

    `path` is its identity: relative to the images' root, `/`-separated, as the store spells it (or an absolute URL,
    where the source names one). `width` and `height` are those that the annotations declare, in pixels, or None.
    `split` is the source's own, or None. `objects` are those that could be read; `rejected` are those that could not,
    `skipped` those that are left out on purpose, and all count as found. An image without any is background.
    `left_out` says why the image as a whole is left out, unread. `format` is what the source declares, as an extension, where
    the name has another one; it counts where nobody looks at the image. `group` is what the column holds that --split-group names.
    `named` is what the source calls the image where it was found under another path: two images of one path may be two pictures then.
    `turned_beside`, `flagged_beside` and `scored_beside` count objects beside which a field that is not read says that they are turned,
    not to be trained on, or a model's; `flagged` says that one of the image says that it is not to be trained on, `labelled` holds labels of the image
    as a whole that are not read.
    """

    path: str
    source: str
    locator: str
    width: int | None = None
    height: int | None = None
    split: str | None = None
    objects: list[SourceObject] = []
    rejected: Rejections = msgspec.field(default_factory=Packed)
    skipped: list[Skipped] = []
    adjusted: list[Adjusted] = []
    left_out: Skipped | None = None
    format: str = ""
    group: str = ""
    named: str = ""
    turned_beside: int = 0
    flagged_beside: int = 0
    scored_beside: int = 0
    flagged: bool = False
    labelled: tuple[str, ...] = ()
