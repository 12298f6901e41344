"""Fragments for the shuffle: a batch of images and objects as columns, encoded to bytes.

One fragment holds what one work unit found for one bucket. It holds columns, not records: there are many objects, and the next
stage works on all of them at once. Corners of polygons, most of all bytes, are stored as small integers where that is exact.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from labelbeam.schemas.manifest import CopiedImage
from labelbeam.schemas.neutral import Rejection, Rejections, SourceImage, SourceObject
from labelbeam.schemas.packed import Packed
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from labelbeam.transforms.columns.arrays import Floats, ranges
from labelbeam.transforms.columns.hashes import bucket_of, buckets_of
from labelbeam.transforms.columns.images import ImageNote, Images, no_images
from labelbeam.transforms.columns.listed import Listed
from labelbeam.transforms.columns.objects import AS_DRAWN, Objects, Rings, make_rings, no_objects

if TYPE_CHECKING:
    from labelbeam.transforms.images.facts import ImageError, ImageFacts


@dataclass(slots=True)
class Fragment:
    """Findings of one work unit for one bucket."""

    images: Images = field(default_factory=no_images)
    objects: Objects = field(default_factory=no_objects)
    labels: list[str] = field(default_factory=list)
    rejections: Rejections = field(default_factory=Packed)
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
    looked: dict[str, ImageFacts | ImageError | None] = field(default_factory=dict)
    """What a look at image files has found, by path, where the reader has looked already."""

    @property
    def records(self) -> int:
        """Number of images and objects that it accounts for."""
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


class BoxColumns(NamedTuple):
    """Boxes of n images, those of one after those of the other: how many each image has, (n,), their labels, (m,), their sides in pixels,
    (m, 4), and where each stands in the source.
    """

    counts: Sequence[int]
    labels: Sequence[str]
    bbox: Floats
    locators: Sequence[str]


def fragments_of_boxes(
    images: Sequence[SourceImage], boxes: BoxColumns, buckets: int, first_key: int
) -> Iterator[tuple[int, Fragment]]:
    """Fragments as `fragments_of` makes them of images that hold these boxes and nothing else; nothing of them is rejected."""
    counts = np.array(boxes.counts, np.int64)
    starts = np.cumsum(counts) - counts
    bucket_of_each = buckets_of([image.path for image in images], buckets)
    for bucket in np.unique(bucket_of_each).tolist():
        rows = np.flatnonzero(bucket_of_each == bucket)
        members = [(first_key + row, images[row]) for row in rows.tolist()]
        picked = ranges(starts[rows], counts[rows])
        chosen = picked.tolist()
        texts = [boxes.labels[number] for number in chosen]
        labels = sorted(set(texts))
        index = {label: number for number, label in enumerate(labels)}
        none = np.zeros(len(picked), np.int64)
        objects = Objects(
            image=np.repeat(rows + first_key, counts[rows]),
            order=np.arange(len(picked)),
            label=np.fromiter(map(index.__getitem__, texts), np.int64, len(texts)),
            crowd=np.zeros(len(picked), np.uint8),
            bbox=boxes.bbox[picked],
            mask_size=np.zeros((len(picked), 2), np.int32),
            ring_start=none,
            ring_count=none,
            rings=make_rings([]),
            ids=[boxes.locators[number] for number in chosen],
            area=np.full(len(picked), np.nan),
        )
        yield bucket, Fragment(_image_columns(members), objects, labels)


def _fragment(members: list[tuple[int, SourceImage]]) -> Fragment:
    rejections = Packed(rejection for _, image in members for rejection in image.rejected)
    skipped: Counter[Skipped] = Counter()
    kept: list[tuple[int, SourceImage]] = []
    for key, image in members:
        if any(rejection.kind == "image" for rejection in image.rejected):
            # An image that its reader rejected takes its objects along: they were found, and have nowhere to go.
            why = "its image was rejected"
            rejections += (
                Rejection(image.source, place, image.path, "object", Rejected.IMAGE_REJECTED, why)
                for place in _locators(image)
            )
            skipped.update(image.skipped)
        else:
            kept.append((key, image))
    labels = sorted({item.label for _, image in kept for item in image.objects})
    rejected_of = {key: len(image.rejected) for key, image in kept if image.rejected}
    objects = _object_columns(kept, labels)
    return Fragment(_image_columns(kept), objects, labels, rejections, rejected_of, skipped=dict(skipped))


def _image_columns(members: list[tuple[int, SourceImage]]) -> Images:
    notes = {
        row: ImageNote(
            tuple(image.skipped), tuple(image.adjusted), image.left_out, image.format, image.group, image.named
        )
        for row, (_, image) in enumerate(members)
        if image.skipped or image.adjusted or image.left_out or image.format or image.group or image.named
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
    objects = [item for _, image in members for item in image.objects]
    rings = [item.rings or () for item in objects]
    counts = np.fromiter(map(len, rings), np.int64, len(objects))
    missing = (np.nan,) * 4
    sides = chain.from_iterable([item.bbox or missing for item in objects])
    return Objects(
        image=np.array([key for key, image in members for _ in image.objects], np.int64),
        order=np.arange(len(objects)),
        label=np.array([index[item.label] for item in objects], np.int64),
        crowd=np.array([item.crowd for item in objects], np.uint8),
        bbox=np.fromiter(sides, np.float64, 4 * len(objects)).reshape(-1, 4),
        mask_size=_mask_sizes(objects),
        ring_start=np.cumsum(counts) - counts,
        ring_count=counts,
        rings=make_rings(list(chain.from_iterable(rings))),
        ids=[place for _, image in members for place in _locators(image)],
        area=np.full(len(objects), np.nan),
    )


def _mask_sizes(objects: Sequence[SourceObject]) -> npt.NDArray[np.int32]:
    sizes = np.zeros((len(objects), 2), np.int32)
    sizes[[item.by_xor for item in objects]] = AS_DRAWN
    sizes[[item.from_mask for item in objects]] = -1
    return sizes


def _locators(image: SourceImage) -> list[str]:
    """Locators of an image's objects: in its own file, unless one names that, or another line of the same table."""
    own, file = image.locator, image.locator.partition(" ")[0]
    places = [item.locator for item in image.objects]
    return [place if place.partition(" ")[0] == file else f"{own} {place}" for place in places]
