"""Objects of one bucket, beside their images: sorted, under the build's labels, and in pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.label_map import LabelMap
from labelbeam.schemas.reasons import Skipped
from labelbeam.transforms.columns.arrays import Floats, Integers, ranges
from labelbeam.transforms.columns.objects import AS_DRAWN, Objects
from labelbeam.transforms.formats.frames import PIXELS, SCALES, Frame
from labelbeam.transforms.write.rename import rename
from labelbeam.transforms.write.settle import Settled, in_images_left


@dataclass(slots=True)
class PlacedObjects:
    """n objects in pixels, sorted by image and then as in the source.

    at: (n,) each object's image, as a row. names: the labels, which the objects' labels are indices into. sizes: (n, 2) width and
    height of each object's image, 1 where they are unknown. frames: (n,) the number of its source's frame, from 1 on, or 0 for
    pixels. renamed: (n,) mask of objects whose label has another name now. found: how many objects there were before some were left
    out. left_out: how many were, by reason. dropped: (images,) how many each image lost for their label.
    """

    objects: Objects
    at: Integers
    names: Sequence[str]
    sizes: Floats
    frames: Integers
    renamed: npt.NDArray[np.bool_]
    found: int
    left_out: Counter[Skipped]
    dropped: Integers


def place_objects(
    objects: Objects,
    names: Sequence[str],
    settled: Settled,
    frames: Mapping[str, Frame],
    labels: LabelMap | None,
    rare: frozenset[str],
    distinct: bool,
) -> PlacedObjects:
    """Sort objects by their images, leave out those of images and labels that are left out, and bring the others into pixels.

    Args:
        names: the labels, which the objects' labels are indices into.
        frames: the frames of those sources whose coordinates are not in pixels.
        rare: labels of the build that too few objects have.
        distinct: an image has each label once: what classification asks for.

    Raises:
        LabelBeamError: an object came without its image.
    """
    at = _image_of(objects, settled)
    order = np.lexsort((objects.order, objects.image, at))
    objects, at = objects.take(order), at[order]
    if distinct:
        objects, at = _distinct_labels(objects, at)
    found = len(objects)
    left_out: Counter[Skipped] = Counter()
    if settled.skips:
        inside, outside = in_images_left(at, settled)
        left_out.update(outside)
        objects, at = objects.alone(inside), at[inside]
    dropped = np.zeros(len(settled.images), np.int64)
    changed = np.zeros(len(objects), bool)
    if labels is not None:
        renamed = rename(objects, at, names, labels, rare, distinct)
        dropped = np.bincount(at[~renamed.kept], minlength=len(settled.images))
        left_out.update(renamed.left_out)
        objects, at, names, changed = objects.alone(renamed.rows), at[renamed.rows], renamed.names, renamed.changed
    sizes = np.maximum(settled.sizes, 1).astype(np.float64)[at]
    numbers = np.zeros(len(objects), np.int64)
    if frames:
        numbers = _frame_numbers(objects, settled, at, frames)
        _to_pixels(objects, numbers, sizes, frames)
    return PlacedObjects(objects, at, names, sizes, numbers, changed, found, left_out, dropped)


def are_lent(objects: Objects, keys: Iterable[int]) -> npt.NDArray[np.bool_]:
    """Mask of objects that came with one of these image records."""
    return np.isin(objects.image, np.fromiter(keys, np.int64))


def are_oriented(objects: Objects, numbers: Integers, frames: Mapping[str, Frame]) -> npt.NDArray[np.bool_]:
    """Mask of objects whose four corners are those of a turned box, by their frames."""
    oriented = np.array([False, *(frame.oriented for frame in frames.values())])[numbers]
    outlined = np.flatnonzero(oriented & (objects.ring_count == 1) & np.isnan(objects.bbox).all(axis=1))
    corners = np.diff(objects.rings.offsets)[objects.ring_start[outlined]]
    found = np.zeros(len(objects), bool)
    found[outlined[corners == 4]] = True
    return found


def _image_of(objects: Objects, settled: Settled) -> Integers:
    """The row of each object's image."""
    keys = np.concatenate([settled.images.keys, *(np.array(keys, np.int64) for keys in settled.lent.values())])
    rows = np.concatenate([np.arange(len(settled.images)), *(np.full(len(k), row) for row, k in settled.lent.items())])
    if not len(objects):
        return np.empty(0, np.int64)
    order = np.argsort(keys)
    at = np.minimum(np.searchsorted(keys[order], objects.image), len(keys) - 1)
    if not len(keys) or (keys[order][at] != objects.image).any():
        raise LabelBeamError(
            "annotations have reached a writer without the image that they are of: the runner lost some of what was read; "
            "nothing was published. Run again, on the in-process runner if it happens twice, and report it"
        )
    found: Integers = rows[order][at].astype(np.int64)
    return found


def _distinct_labels(objects: Objects, at: Integers) -> tuple[Objects, Integers]:
    """One object a label and image, in the order of labels: what an object is for classification."""
    _, first = np.unique(np.stack([at, objects.label]), axis=1, return_index=True)
    return objects.take(first), at[first]


def _frame_numbers(objects: Objects, settled: Settled, at: Integers, frames: Mapping[str, Frame]) -> Integers:
    """The frame of each object's source: its number among `frames`, from 1 on, or 0 for pixels."""
    number_of = {source: number for number, source in enumerate(frames, 1)}
    numbers: Integers = np.array([number_of.get(source, 0) for source in settled.images.sources], np.int64)[at]
    for lender in set(settled.sources.values()):
        lent = are_lent(objects, (key for key, source in settled.sources.items() if source == lender))
        numbers[lent] = number_of.get(lender, 0)
    return numbers


def _to_pixels(objects: Objects, numbers: Integers, sizes: Floats, frames: Mapping[str, Frame]) -> None:
    """Bring the objects of sources in other frames into pixels, as opposite corners; masks are in pixels always."""
    known = [PIXELS, *frames.values()]
    as_corners = np.array([frame.corners for frame in known])[numbers]
    boxes, outlines = (
        np.where(scales[:, None] > 0, sizes * scales[:, None], 1.0)
        for scales in (
            np.array([SCALES.get(frame.boxes, 0.0) for frame in known])[numbers],
            np.array([SCALES.get(frame.outlines, 0.0) for frame in known])[numbers],
        )
    )
    with np.errstate(over="ignore", invalid="ignore"):
        objects.bbox[as_corners, 2:] -= objects.bbox[as_corners, :2]
        objects.bbox = objects.bbox * np.tile(boxes, 2)
    # What unit an area is of, nothing tells where boxes are fractions.
    objects.area = np.where(np.array([frame.boxes != "pixels" for frame in known])[numbers], np.nan, objects.area)
    drawn = (objects.mask_size == 0).all(axis=1) | (objects.mask_size == AS_DRAWN).all(axis=1)
    factors = np.ones((len(objects.rings), 2))
    rings = ranges(objects.ring_start[drawn], objects.ring_count[drawn])
    factors[rings] = np.repeat(outlines[drawn], objects.ring_count[drawn], axis=0)
    with np.errstate(over="ignore", invalid="ignore"):
        objects.rings.corners = objects.rings.corners * np.repeat(factors, np.diff(objects.rings.offsets), axis=0)
