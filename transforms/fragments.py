"""What is shuffled: a batch of images and objects as columns, encoded to bytes.

One fragment holds what one work unit found for one bucket. Objects are columns, not records, because there are many: a
ring of corners is a slice of one array, and the next stage works on all of them at once. Images are few and stay records.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.neutral import Rejection, SourceImage
from schemas.reasons import Adjusted, Rejected, Skipped

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ObjectId = int | str | None


class ImageRow(NamedTuple):
    """An image as it was found; its fields are those of `SourceImage`. `key` joins it with its objects.

    A tuple because it is pickled, and there is one for every image.
    """

    key: int
    path: str
    source: str
    locator: str
    width: int | None
    height: int | None
    split: str | None
    skipped: tuple[Skipped, ...] = ()
    adjusted: tuple[Adjusted, ...] = ()
    left_out: Skipped | None = None


@dataclass(slots=True)
class Objects:
    """n objects as columns. Coordinates are pixels, or fractions where the source's frame is relative.

    image: (n,) key of the image. order: (n,) position in the source, for a stable order. label: (n,) index into the
    fragment's labels. crowd: (n,) 0 or 1. bbox: (n, 4) left, top, right, bottom; NaN where the source has none.
    mask_size: (n, 2) height and width of the mask that the rings were traced from; 0 where they were no mask, -1 where
    the reader has compared the size already.
    rings_of: (n + 1,) object i has the rings rings_of[i] to rings_of[i + 1]. corners_of: (rings + 1,) ring j has the
    corners corners_of[j] to corners_of[j + 1]. corners: (m, 2). ids: the source's own, for people.
    """

    image: Integers
    order: Integers
    label: Integers
    crowd: npt.NDArray[np.uint8]
    bbox: Floats
    mask_size: npt.NDArray[np.int32]
    rings_of: Integers
    corners_of: Integers
    corners: Floats
    ids: Sequence[ObjectId]

    def __len__(self) -> int:
        return len(self.image)

    def take(self, rows: Integers) -> Objects:
        """The objects at `rows`, in that order."""
        rings, rings_of = ranges(self.rings_of, rows)
        corners, corners_of = ranges(self.corners_of, rings)
        ids = self.ids
        return Objects(
            self.image[rows],
            self.order[rows],
            self.label[rows],
            self.crowd[rows],
            self.bbox[rows],
            self.mask_size[rows],
            rings_of,
            corners_of,
            self.corners[corners],
            ids[rows] if isinstance(ids, np.ndarray) else [ids[row] for row in rows.tolist()],
        )

    def rings(self, row: int) -> list[Floats]:
        """The rings of one object, each (corners, 2)."""
        first, last = self.rings_of[row], self.rings_of[row + 1]
        bounds = self.corners_of[first : last + 1].tolist()
        return [self.corners[start:end] for start, end in pairwise(bounds)]


def ranges(offsets: Integers, rows: Integers) -> tuple[Integers, Integers]:
    """Indices of the items in the ranges offsets[row] to offsets[row + 1], row by row, and the new offsets.

    >>> ranges(np.array([0, 2, 2, 5]), np.array([2, 0]))
    (array([2, 3, 4, 0, 1]), array([0, 3, 5]))
    """
    starts = offsets[rows]
    counts = offsets[rows + 1] - starts
    new = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(counts, out=new[1:])
    return np.repeat(starts - new[:-1], counts) + np.arange(new[-1]), new


def no_objects() -> Objects:
    """Columns without a row."""
    return Objects(
        image=np.empty(0, np.int64),
        order=np.empty(0, np.int64),
        label=np.empty(0, np.int64),
        crowd=np.empty(0, np.uint8),
        bbox=np.empty((0, 4)),
        mask_size=np.empty((0, 2), np.int32),
        rings_of=np.zeros(1, np.int64),
        corners_of=np.zeros(1, np.int64),
        corners=np.empty((0, 2)),
        ids=[],
    )


def concatenate(parts: Sequence[Objects]) -> Objects:
    """All rows of `parts`, in that order. Labels must already mean the same in all of them."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return no_objects()
    return Objects(
        image=np.concatenate([part.image for part in parts]),
        order=np.concatenate([part.order for part in parts]),
        label=np.concatenate([part.label for part in parts]),
        crowd=np.concatenate([part.crowd for part in parts]),
        bbox=np.concatenate([part.bbox for part in parts]),
        mask_size=np.concatenate([part.mask_size for part in parts]),
        rings_of=_join_offsets([part.rings_of for part in parts]),
        corners_of=_join_offsets([part.corners_of for part in parts]),
        corners=np.concatenate([part.corners for part in parts]),
        ids=[identity for part in parts for identity in _as_list(part.ids)],
    )


def _as_list(ids: Sequence[ObjectId]) -> Sequence[ObjectId]:
    return ids.tolist() if isinstance(ids, np.ndarray) else ids


def _join_offsets(parts: list[Integers]) -> Integers:
    shift = np.cumsum([0, *(part[-1] for part in parts)])
    return np.concatenate([[0], *(part[1:] + base for part, base in zip(parts, shift, strict=False))]).astype(np.int64)


@dataclass(slots=True)
class Fragment:
    """What one work unit found for one bucket."""

    images: list[ImageRow] = field(default_factory=list)
    objects: Objects = field(default_factory=no_objects)
    labels: list[str] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    rejected_of: dict[int, int] = field(default_factory=dict)
    """Objects rejected already, by image key: an image that has some, and no others, is no background."""
    adjusted: dict[Adjusted, int] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """How many images and objects it accounts for."""
        return len(self.images) + len(self.objects) + len(self.rejections)

    def encode(self) -> bytes:
        """The bytes that are shuffled; pickle keeps arrays as they lie in memory."""
        return pickle.dumps(self, protocol=5)


def decode(data: bytes) -> Fragment:
    """The inverse of `Fragment.encode`; only ever given bytes that this pipeline wrote."""
    fragment: Fragment = pickle.loads(data)
    return fragment


def stable_hash(text: str) -> int:
    """64 bits of a hash that is the same in every process and version; what shards and splits are drawn by."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def bucket_of(path: str, buckets: int) -> int:
    """The bucket of an image, by its path."""
    return stable_hash(path) % buckets


def fragments_of(images: Iterable[SourceImage], buckets: int, first_key: int) -> Iterator[tuple[int, Fragment]]:
    """Turn records into fragments by bucket; `first_key` and the keys after it must be the images' own in the build."""
    by_bucket: dict[int, list[tuple[int, SourceImage]]] = {}
    for key, image in enumerate(images, first_key):
        by_bucket.setdefault(bucket_of(image.path, buckets), []).append((key, image))
    for bucket, members in sorted(by_bucket.items()):
        yield bucket, _fragment(members)


def _fragment(members: list[tuple[int, SourceImage]]) -> Fragment:
    labels = sorted({item.label for _, image in members for item in image.objects})
    index = {label: number for number, label in enumerate(labels)}
    pairs = [(key, item) for key, image in members for item in image.objects]
    rings = [item.rings or [] for _, item in pairs]
    corners = [ring for parts in rings for ring in parts]
    missing = (np.nan,) * 4
    objects = Objects(
        image=np.array([key for key, _ in pairs], np.int64),
        order=np.arange(len(pairs)),
        label=np.array([index[item.label] for _, item in pairs], np.int64),
        crowd=np.array([item.crowd for _, item in pairs], np.uint8),
        bbox=np.array([item.bbox or missing for _, item in pairs], np.float64).reshape(-1, 4),
        mask_size=np.array([(-1, -1) if item.from_mask else (0, 0) for _, item in pairs], np.int32).reshape(-1, 2),
        rings_of=np.cumsum([0, *map(len, rings)], dtype=np.int64),
        corners_of=np.cumsum([0, *map(len, corners)], dtype=np.int64),
        corners=np.concatenate(corners) if corners else np.empty((0, 2)),
        ids=[item.locator for _, item in pairs],
    )
    rows: list[ImageRow] = []
    rejections: list[Rejection] = []
    for key, image in members:
        rejections += image.rejected
        if any(rejection.kind == "image" for rejection in image.rejected):
            continue
        rows.append(
            ImageRow(
                key,
                image.path,
                image.source,
                image.locator,
                image.width,
                image.height,
                image.split,
                tuple(image.skipped),
                tuple(image.adjusted),
                image.left_out,
            )
        )
    kept = {row.key for row in rows}
    # An image that its reader rejected takes its objects along: they were found, and have nowhere to go.
    orphans = [(image, item) for key, image in members if key not in kept for item in image.objects]
    rejections += [
        Rejection(image.source, item.locator, image.path, "object", Rejected.IMAGE_REJECTED, "its image was rejected")
        for image, item in orphans
    ]
    if orphans:
        objects = objects.take(np.flatnonzero(np.isin(objects.image, list(kept))))
    rejected_of = {key: len(image.rejected) for key, image in members if image.rejected}
    return Fragment(rows, objects, labels, rejections, rejected_of)
