"""What is shuffled: a batch of images and objects as columns, encoded to bytes.

One fragment holds what one work unit found for one bucket. It holds columns, not records: there are many objects, and the next
stage works on all of them at once. Corners of polygons, most of all bytes, are stored as small integers where that is exact.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.manifest import CopiedImage
from schemas.neutral import Rejection, Ring, SourceImage
from schemas.reasons import Adjusted, Rejected, Skipped
from transforms.hashes import bucket_of
from transforms.listed import Listed

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ObjectId = int | str | None


class ImageNote(NamedTuple):
    """What is special about an image; most images have no note."""

    skipped: tuple[Skipped, ...] = ()
    adjusted: tuple[Adjusted, ...] = ()
    left_out: Skipped | None = None


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
        width, height = self.sizes[row].tolist()
        return ImageRow(
            int(self.keys[row]), self.paths[row], self.sources[row], self.locators[row], width or None, height or None
        )


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


@dataclass(slots=True)
class Rings:
    """Rings one after the other: ring j has the corners offsets[j] to offsets[j + 1], each (x, y)."""

    offsets: Integers
    corners: Floats

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def ring(self, number: int) -> Ring:
        """The corners of one ring, (corners, 2)."""
        return self.corners[self.offsets[number] : self.offsets[number + 1]]


def make_rings(rings: Sequence[Ring]) -> Rings:
    """Lay rings one after the other."""
    offsets = np.cumsum([0, *map(len, rings)], dtype=np.int64)
    return Rings(offsets, np.concatenate(rings) if rings else np.empty((0, 2)))


def join_rings(parts: Sequence[Rings]) -> Rings:
    """All rings of `parts`, in that order."""
    shifts = np.cumsum([0, *(part.offsets[-1] for part in parts)], dtype=np.int64)
    offsets = [part.offsets[1:] + shift for part, shift in zip(parts, shifts, strict=False)]
    corners = [part.corners for part in parts]
    return Rings(np.concatenate([shifts[:1], *offsets]), np.concatenate([np.empty((0, 2)), *corners]))


@dataclass(slots=True)
class Objects:
    """n objects as columns. Coordinates are pixels, or fractions where the source's frame is relative.

    image: (n,) key of the image. order: (n,) position in the source, for a stable order. label: (n,) index into the
    fragment's labels. crowd: (n,) 0 or 1. bbox: (n, 4) left, top, right, bottom; NaN where the source has none.
    mask_size: (n, 2) height and width of the mask that the rings were traced from; 0 where they were no mask, -1 where
    the reader has compared the size already. ids: (n,) the source's own names, for people. Object i has `ring_count[i]`
    rings of `rings`, from `ring_start[i]` on: so objects are put in another order without moving a corner.
    """

    image: Integers
    order: Integers
    label: Integers
    crowd: npt.NDArray[np.uint8]
    bbox: Floats
    mask_size: npt.NDArray[np.int32]
    ring_start: Integers
    ring_count: Integers
    rings: Rings
    ids: Sequence[ObjectId]

    def __len__(self) -> int:
        return len(self.image)

    def take(self, rows: Integers) -> Objects:
        """The objects at `rows`, in that order, over the same rings."""
        ids = self.ids
        return Objects(
            self.image[rows],
            self.order[rows],
            self.label[rows],
            self.crowd[rows],
            self.bbox[rows],
            self.mask_size[rows],
            self.ring_start[rows],
            self.ring_count[rows],
            self.rings,
            ids[rows] if isinstance(ids, np.ndarray) else [ids[row] for row in rows.tolist()],
        )

    def slice(self, start: int, end: int) -> Objects:
        """The objects `start` to `end`, with their rings alone; only where rings lie in the order of their objects."""
        used = self.ring_count[start:end]
        first = int(self.ring_count[:start].sum())
        offsets = self.rings.offsets[first : first + int(used.sum()) + 1]
        return Objects(
            self.image[start:end],
            self.order[start:end],
            self.label[start:end],
            self.crowd[start:end],
            self.bbox[start:end],
            self.mask_size[start:end],
            np.cumsum(used) - used,
            used,
            Rings(offsets - offsets[0], self.rings.corners[offsets[0] : offsets[-1]]),
            self.ids[start:end],
        )

    def rings_of(self, row: int) -> list[Ring]:
        """The rings of one object."""
        start = int(self.ring_start[row])
        return [self.rings.ring(number) for number in range(start, start + int(self.ring_count[row]))]


def no_objects() -> Objects:
    """Columns without a row."""
    empty = np.empty(0, np.int64)
    return Objects(
        image=empty,
        order=empty,
        label=empty,
        crowd=np.empty(0, np.uint8),
        bbox=np.empty((0, 4)),
        mask_size=np.empty((0, 2), np.int32),
        ring_start=empty,
        ring_count=empty,
        rings=make_rings([]),
        ids=[],
    )


def join_objects(parts: Sequence[Objects]) -> Objects:
    """All objects of `parts`, in that order. Labels must already mean the same in all of them."""
    if len(parts) < 2:
        return parts[0] if parts else no_objects()
    shifts = np.cumsum([0, *(len(part.rings) for part in parts)])
    return Objects(
        image=np.concatenate([part.image for part in parts]),
        order=np.concatenate([part.order for part in parts]),
        label=np.concatenate([part.label for part in parts]),
        crowd=np.concatenate([part.crowd for part in parts]),
        bbox=np.concatenate([part.bbox for part in parts]),
        mask_size=np.concatenate([part.mask_size for part in parts]),
        ring_start=np.concatenate([part.ring_start + shift for part, shift in zip(parts, shifts, strict=False)]),
        ring_count=np.concatenate([part.ring_count for part in parts]),
        rings=join_rings([part.rings for part in parts]),
        ids=_join_ids([part.ids for part in parts]),
    )


def _join_ids(parts: Sequence[Sequence[ObjectId]]) -> Sequence[ObjectId]:
    if all(isinstance(part, np.ndarray) for part in parts):
        joined: Sequence[ObjectId] = np.concatenate(parts)  # type: ignore[arg-type,assignment]
        return joined
    return list(chain.from_iterable(part.tolist() if isinstance(part, np.ndarray) else part for part in parts))


def ranges(starts: Integers, counts: Integers) -> Integers:
    """The numbers of the ranges that begin at `starts` and hold `counts` each, one range after the other.

    >>> ranges(np.array([5, 0]), np.array([2, 3]))
    array([5, 6, 0, 1, 2])
    """
    ends = np.cumsum(counts)
    return np.repeat(starts - (ends - counts), counts) + np.arange(ends[-1] if len(ends) else 0)


@dataclass(slots=True)
class Fragment:
    """What one work unit found for one bucket."""

    images: Images = field(default_factory=no_images)
    objects: Objects = field(default_factory=no_objects)
    labels: list[str] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    rejected_of: dict[int, int] = field(default_factory=dict)
    """Objects rejected already, by image key: an image that has some, and no others, is no background."""
    adjusted: dict[Adjusted, int] = field(default_factory=dict)
    skipped: dict[Skipped, int] = field(default_factory=dict)
    """What was left out on purpose of images that are not among `images`."""
    listed: Listed | None = None
    """What the listing of the images' root says of images of the bucket; no records, and counted by nobody."""
    listed_copies: Listed | None = None
    """What the listing of the place that images are copied to says of the same paths."""
    copied: list[CopiedImage] = field(default_factory=list)
    """What the build before has copied."""

    @property
    def records(self) -> int:
        """How many images and objects it accounts for."""
        return len(self.images) + len(self.objects) + len(self.rejections)

    def encode(self) -> bytes:
        """The bytes that are passed on; pickle keeps arrays as they lie in memory."""
        rings = self.objects.rings
        packed = replace(self.objects, rings=Rings(rings.offsets, np.empty((0, 2))))
        return pickle.dumps((replace(self, objects=packed), _pack(rings.corners)), protocol=5)


def decode(data: bytes) -> Fragment:
    """The inverse of `Fragment.encode`; only ever given bytes that this pipeline wrote."""
    fragment: Fragment
    fragment, (scale, numbers) = pickle.loads(data)
    fragment.objects.rings.corners = numbers / scale if scale else numbers
    return fragment


def _pack(corners: Floats) -> tuple[float, npt.NDArray[np.generic]]:
    """Corners as whole numbers of 32 bits where dividing by the scale gives every bit back; scale 0 where it does not.

    COCO's polygons have two decimals, traced masks none.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        for scale in (1.0, 100.0):
            # A sample first: most of what fails, fails at once.
            if (np.rint(corners[:64] * scale) / scale == corners[:64]).all():
                scaled = np.rint(corners * scale)
                if (np.abs(scaled) < 2**31).all() and (scaled / scale == corners).all():
                    return scale, scaled.astype(np.int32)
    return 0.0, corners


def fragments_of(images: Iterable[SourceImage], buckets: int, first_key: int) -> Iterator[tuple[int, Fragment]]:
    """Turn records into fragments by bucket; `first_key` and the keys after it must be the images' own in the build."""
    by_bucket: dict[int, list[tuple[int, SourceImage]]] = {}
    for key, image in enumerate(images, first_key):
        by_bucket.setdefault(bucket_of(image.path, buckets), []).append((key, image))
    for bucket, members in sorted(by_bucket.items()):
        yield bucket, _fragment(members)


def _fragment(members: list[tuple[int, SourceImage]]) -> Fragment:
    rejections = [rejection for _, image in members for rejection in image.rejected]
    skipped: Counter[Skipped] = Counter()
    kept: list[tuple[int, SourceImage]] = []
    for key, image in members:
        if any(rejection.kind == "image" for rejection in image.rejected):
            # An image that its reader rejected takes its objects along: they were found, and have nowhere to go.
            why = "its image was rejected"
            rejections += [
                Rejection(
                    image.source, _locator(image, item.locator), image.path, "object", Rejected.IMAGE_REJECTED, why
                )
                for item in image.objects
            ]
            skipped.update(image.skipped)
        else:
            kept.append((key, image))
    labels = sorted({item.label for _, image in kept for item in image.objects})
    rejected_of = {key: len(image.rejected) for key, image in kept if image.rejected}
    objects = _object_columns(kept, labels)
    return Fragment(_image_columns(kept), objects, labels, rejections, rejected_of, skipped=dict(skipped))


def _image_columns(members: list[tuple[int, SourceImage]]) -> Images:
    notes = {
        row: ImageNote(tuple(image.skipped), tuple(image.adjusted), image.left_out)
        for row, (_, image) in enumerate(members)
        if image.skipped or image.adjusted or image.left_out
    }
    return Images(
        np.array([key for key, _ in members], np.int64),
        np.array([(image.width or 0, image.height or 0) for _, image in members], np.int32).reshape(-1, 2),
        [image.path for _, image in members],
        [image.source for _, image in members],
        [image.locator for _, image in members],
        [image.split for _, image in members],
        notes,
    )


def _object_columns(members: list[tuple[int, SourceImage]], labels: list[str]) -> Objects:
    index = {label: number for number, label in enumerate(labels)}
    pairs = [(key, image, item) for key, image in members for item in image.objects]
    rings = [item.rings or [] for _, _, item in pairs]
    counts = np.array([len(parts) for parts in rings], np.int64)
    missing = (np.nan,) * 4
    return Objects(
        image=np.array([key for key, _, _ in pairs], np.int64),
        order=np.arange(len(pairs)),
        label=np.array([index[item.label] for _, _, item in pairs], np.int64),
        crowd=np.array([item.crowd for _, _, item in pairs], np.uint8),
        bbox=np.array([item.bbox or missing for _, _, item in pairs], np.float64).reshape(-1, 4),
        mask_size=np.array([(-1, -1) if item.from_mask else (0, 0) for _, _, item in pairs], np.int32).reshape(-1, 2),
        ring_start=np.cumsum(counts) - counts,
        ring_count=counts,
        rings=make_rings(list(chain.from_iterable(rings))),
        ids=[_locator(image, item.locator) for _, image, item in pairs],
    )


def _locator(image: SourceImage, locator: str) -> str:
    """Where an object stands: in its image's own file, unless the locator names that, or another line of the same table."""
    same = locator.partition(" ")[0] == image.locator.partition(" ")[0]
    return locator if same else f"{image.locator} {locator}"
