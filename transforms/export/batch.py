"""Batches: the records of a shard with the names of their images, and their geometry in pixels."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.neutral import Ring
from labelbeam.schemas.records import Box, ClassificationRecord, Mask, MultilabelRecord, Record, check_record, pixels
from labelbeam.transforms.builds.image_places import ImagePlace
from labelbeam.transforms.evaluation.pixels import to_pixels
from labelbeam.transforms.images.urls import below_root
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.stores.errors import MissingFileError, StoreError
from labelbeam.transforms.stores.location import within
from labelbeam.transforms.stores.many import read_many
from labelbeam.transforms.stores.paths import safe_relative


class Image(NamedTuple):
    """An image of a build.

    `name` is its path below what the build's image URLs begin with, or its URL where it lies elsewhere. `path` is a path that
    never leaves the directory that it is put below: the same, or what follows the datastore or host in the URL.
    """

    name: str
    path: str
    width: int
    height: int
    record: Record


class PixelBox(NamedTuple):
    """A labelled box, in pixels."""

    label: str
    left: float
    top: float
    right: float
    bottom: float
    crowd: int


class PixelMask(NamedTuple):
    """A labelled outline: rings of (m, 2) corners in pixels, which combine by XOR."""

    label: str
    rings: list[Ring]
    crowd: int


def with_advice(error: StoreError) -> StoreError:
    """The error of an image that cannot be read, with what to do where it is not there."""
    if not isinstance(error, MissingFileError):
        return error
    return MissingFileError(
        f"{error}, and a record names it; build again with --check-images exists, which rejects images that are not there"
    )


class Batch(NamedTuple):
    """The images of a shard, in the order of its records; their files lie at `place`."""

    split: str
    images: list[Image]
    place: ImagePlace

    def origins(self) -> list[str]:
        """Paths of the images' files below the root of their place.

        Raises:
            LabelBeamError: an image lies elsewhere, or a link leads out of there.
        """
        root = self.place.root
        if root is None:
            raise LabelBeamError(f"the images are {self.place.why}")
        paths = []
        for image in self.images:
            path = self.place.path(image.record.image_url)
            if path is None:
                raise LabelBeamError(
                    f"{image.name}: lies elsewhere than the other images, below {self.place.prefix}, and is not copied; nothing was "
                    "exported. Export to a format without images"
                )
            if not within(root, path):
                raise LabelBeamError(
                    f"{root.below(path).shown} is a link out of {root.shown}, which is not followed; nothing was exported"
                )
            paths.append(path)
        return paths

    def contents(self) -> Generator[tuple[Image, bytes], None, None]:
        """Each image with the bytes of its file.

        Raises:
            LabelBeamError: one lies elsewhere.
            StoreError: one cannot be read.
        """
        paths = self.origins()
        assert self.place.root is not None
        with closing(read_many(self.place.root, paths)) as contents:
            for image, data in zip(self.images, contents, strict=True):
                if isinstance(data, StoreError):
                    raise with_advice(data)
                yield image, data

    def names(self) -> Iterator[str]:
        """The labels of all images, each as often as it is there."""
        for image in self.images:
            label = image.record.label
            for item in [label] if isinstance(label, str) else label:
                yield item if isinstance(item, str) else item.label

    def labels(self) -> Iterator[tuple[Image, list[str]]]:
        """Each image with its labels, for classification."""
        for image in self.images:
            record = image.record
            if isinstance(record, ClassificationRecord):
                yield image, [record.label]
            elif isinstance(record, MultilabelRecord):
                yield image, record.label

    def boxes(self) -> Iterator[tuple[Image, list[PixelBox]]]:
        """Each image with its boxes."""
        found = [[box for box in image.record.label if isinstance(box, Box)] for image in self.images]
        corners = [(box.topX, box.topY, box.bottomX, box.bottomY) for boxes in found for box in boxes]
        sides = [(image.width, image.height) for image, boxes in zip(self.images, found, strict=True) for _ in boxes]
        pixels = iter(
            _pixels(np.array(corners).reshape(-1, 2), np.repeat(_pairs(sides), 2, axis=0)).reshape(-1, 4).tolist()
        )
        for image, boxes in zip(self.images, found, strict=True):
            yield image, [_box(box, next(pixels)) for box in boxes]

    def masks(self) -> Iterator[tuple[Image, list[PixelMask]]]:
        """Each image with its outlines."""
        found = [[mask for mask in image.record.label if isinstance(mask, Mask)] for image in self.images]
        rings = [ring for masks in found for mask in masks for ring in mask.polygon]
        sides = [
            (image.width, image.height)
            for image, masks in zip(self.images, found, strict=True)
            for mask in masks
            for _ in mask.polygon
        ]
        lengths = [len(ring) // 2 for ring in rings]
        flat = np.array([number for ring in rings for number in ring]).reshape(-1, 2)
        pixels = _pixels(flat, np.repeat(_pairs(sides), lengths, axis=0))
        parts = iter(np.split(pixels, np.cumsum(lengths)[:-1]) if lengths else [])
        for image, masks in zip(self.images, found, strict=True):
            yield image, [PixelMask(mask.label, [next(parts) for _ in mask.polygon], mask.isCrowd) for mask in masks]


def _box(box: Box, edges: Sequence[float]) -> PixelBox:
    left, top, right, bottom = edges
    return PixelBox(box.label, left, top, right, bottom, box.isCrowd)


def _pairs(sides: Sequence[tuple[int, int]]) -> npt.NDArray[np.float64]:
    return np.array(sides, np.float64).reshape(-1, 2)


def _pixels(fractions: npt.NDArray[np.float64], sides: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return to_pixels(fractions, sides) if len(fractions) else fractions


def image_of(record: Record, place: ImagePlace) -> Image:
    """The image of a record.

    Raises:
        LabelBeamError: its URL names no file, or leads out of the directory that it seems to lie in; or the trainer would not take it.
    """
    url, details = record.image_url, record.image_details
    name = place.path(url)
    path = safe_relative(name) if name is not None else below_root(url)
    name = url if name is None else name
    if path is None:
        raise LabelBeamError(
            f"the build's record of {redact(url)!r}: expected the URL of an image below a directory, a container or a host, "
            "without `..` or control characters; nothing was exported"
        )
    try:
        if (breach := next(check_record(record), None)) is not None:
            raise ValueError(breach)
        return Image(name, path, pixels(details.width), pixels(details.height), record)
    except ValueError as error:
        raise LabelBeamError(f"the build's record of {redact(url)!r}: {error}; nothing was exported") from None


def text_of(number: float) -> str:
    """A number as decimals, as few as it has, and never with an exponent.

    >>> text_of(12.0), text_of(0.1), text_of(1e-06)
    ('12', '0.1', '0.000001')
    """
    text = repr(number)
    if "e" in text:
        text = np.format_float_positional(number, trim="-")
    return text.removesuffix(".0")
