"""Join one bucket's images with their objects, judge them, and sort what is left by path.

Everything of an image meets here and nowhere else: its record, its objects, its file. So this is where duplicates are found,
images are looked at, sizes are settled, and it is decided what is written, rejected or skipped; after that only bytes follow.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from schemas.neutral import RAW_LIMIT, Rejection
from schemas.reasons import Adjusted, Rejected, Skipped
from transforms.fragments import Floats, Fragment, ImageRow, Integers, Objects, concatenate, stable_hash
from transforms.geometry.boxes import OK, REASONS, code_of
from transforms.images import ImageError, ImageFacts, settle_format, settle_size
from transforms.tasks import TASKS, Judged, Labels

LookAt = Callable[[Sequence[ImageRow]], Sequence[ImageFacts | ImageError | None]]
"""Looks at the files of images: facts, an error, or None where an image was not looked at."""


@dataclass(frozen=True, slots=True)
class AssembleOptions:
    """What decides about records: the options of a build, resolved."""

    task: str
    image_url: str
    clip: bool = True
    keep_background: bool = True
    max_polygon_points: int | None = None
    split: dict[str, float] | None = None
    px: bool = False


@dataclass(slots=True)
class ImageOut:
    """An image that is written."""

    url: str
    format: str
    width: int
    height: int


@dataclass(slots=True)
class SplitRecords:
    """The records of one split of one bucket, sorted by path."""

    images: list[ImageOut]
    labels: Labels


@dataclass(slots=True)
class Assembled:
    """One bucket, ready to be written. `objects_found` is by the task's meaning of an object."""

    splits: dict[str, SplitRecords]
    rejections: list[Rejection]
    images_found: int
    objects_found: int
    skipped_images: int
    skipped_objects: int
    skipped: Counter[Skipped]
    adjusted: Counter[Adjusted]
    records_in: int


@dataclass(slots=True)
class _Image:
    """An image on its way: its row and what was found out about it. `code` is set once it is rejected."""

    row: ImageRow
    width: int = 0
    height: int = 0
    format: str = ""
    code: Rejected | None = None
    message: str = ""
    adjusted: list[Adjusted] = field(default_factory=list)
    skip: Skipped | None = None


def assemble(
    fragments: Iterable[Fragment], options: AssembleOptions, relative_sources: frozenset[str], look_at: LookAt
) -> Assembled:
    """Make the records of one bucket.

    Args:
        fragments: all fragments of the bucket, in any order.
        relative_sources: the sources whose coordinates are fractions of the image rather than pixels.
        look_at: looks at the images' files, as far as the build asks for it.

    The result depends on what the fragments hold, not on how work was cut into them.
    """
    fragments = list(fragments)
    rejections = [rejection for fragment in fragments for rejection in fragment.rejections]
    rejected_of: Counter[int] = Counter()
    adjusted: Counter[Adjusted] = Counter()
    for fragment in fragments:
        rejected_of.update(fragment.rejected_of)
        adjusted.update(fragment.adjusted)
    rows = sorted(
        (row for fragment in fragments for row in fragment.images), key=lambda row: (row.path, row.source, row.key)
    )
    objects, names = _join_objects(fragments)
    records_in = len(rows) + len(objects) + len(rejections)

    images, home, late, strangers = _fold_duplicates(rows, rejections)
    rejected_before = Counter(item.kind for item in rejections)
    _settle(images, look_at)

    at = _image_of(objects, rows, home)
    order = np.lexsort((objects.order, objects.image, at))
    objects, at = objects.take(order), at[order]
    if options.task.startswith("image_classification"):
        objects, at = _distinct_labels(objects, at)
    sizes = np.array([(image.width, image.height) for image in images], np.float64).reshape(-1, 2)[at]
    _to_pixels(objects, images, at, sizes, relative_sources)

    task = TASKS[options.task]
    judged = task.judge(objects, np.maximum(sizes, 1), options.clip, options.max_polygon_points)
    stranger = np.isin(objects.image, list(strangers))
    judged.codes[stranger & (judged.codes == OK)] = code_of(Rejected.DUPLICATE_IMAGE)
    rejected_here = np.bincount(at[judged.codes != OK], minlength=len(images))
    valid_here = np.bincount(at[judged.codes == OK], minlength=len(images))
    for number, image in enumerate(images):
        keys = late.get(image.row.key, (image.row.key,)) if rejected_of else ()
        gone = int(rejected_here[number]) + sum(rejected_of[key] for key in keys)
        _decide(image, int(valid_here[number]), gone, task.single_label, task.needs_object, options.keep_background)

    left = np.array([image.code is None and image.skip is None for image in images], bool)
    judged.codes[(judged.codes == OK) & ~left[at]] = code_of(Rejected.IMAGE_REJECTED)
    rejections += _rejected_objects(objects, at, images, judged, names)
    rejections += [
        Rejection(image.row.source, image.row.locator, image.row.path, "image", image.code, image.message)
        for image in images
        if image.code is not None
    ]
    moved = np.isin(objects.image, [key for keys in late.values() for key in keys[1:]])
    for reason, where in {**judged.adjusted, Adjusted.OBJECT_OF_DUPLICATE_IMAGE: moved}.items():
        adjusted[reason] += int((where & (judged.codes == OK)).sum())
    skipped: Counter[Skipped] = Counter()
    for image, written in zip(images, left.tolist(), strict=True):
        skipped.update([image.skip] if image.skip else [])
        skipped.update(image.row.skipped)
        if written:
            adjusted.update(image.adjusted)
    skipped_objects = sum(len(image.row.skipped) for image in images)
    return Assembled(
        splits=_by_split(images, left, objects, at, judged, names, options),
        rejections=sorted(
            rejections, key=lambda item: (item.source, item.locator, item.kind, item.code, item.message, item.raw)
        ),
        images_found=len(images) + rejected_before["image"],
        objects_found=len(objects) + rejected_before["object"] + skipped_objects,
        skipped_images=sum(image.skip is not None for image in images),
        skipped_objects=skipped_objects,
        skipped=skipped,
        adjusted=+adjusted,
        records_in=records_in,
    )


def _join_objects(fragments: Sequence[Fragment]) -> tuple[Objects, list[str]]:
    """All objects, with labels as indices into one sorted list of names."""
    names = sorted({name for fragment in fragments for name in fragment.labels})
    index = {name: number for number, name in enumerate(names)}
    parts: list[Objects] = []
    for fragment in fragments:
        if len(fragment.objects):
            mapping = np.array([index[name] for name in fragment.labels], np.int64)
            fragment.objects.label = mapping[fragment.objects.label]
            parts.append(fragment.objects)
    return concatenate(parts), names


def _fold_duplicates(
    rows: Sequence[ImageRow], rejections: list[Rejection]
) -> tuple[list[_Image], dict[int, int], dict[int, list[int]], set[int]]:
    """One image a path: the first record is kept, the later ones are rejected and lend it their objects.

    Returns the images, the image that each key's objects go to, for images with duplicates all of their keys, and the
    keys of duplicates that declare another size: their objects lie in another frame and cannot be lent.
    """
    images: list[_Image] = []
    strangers: set[int] = set()
    home: dict[int, int] = {}
    keys: dict[int, list[int]] = {}
    for row in rows:
        first = images[-1].row if images else None
        if first is None or first.path != row.path:
            images.append(_Image(row, adjusted=list(row.adjusted), skip=row.left_out))
        else:
            message = f"{first.locator} in {first.source} has the same path, which is written once"
            if first.split != row.split:
                message += f", in {first.split}"
            rejections.append(Rejection(row.source, row.locator, row.path, "image", Rejected.DUPLICATE_IMAGE, message))
            keys.setdefault(first.key, [first.key]).append(row.key)
            if first.width is None or first.height is None:
                images[-1].row = first._replace(width=row.width, height=row.height)
            elif row.width and row.height and (row.width, row.height) != (first.width, first.height):
                strangers.add(row.key)
        home[row.key] = len(images) - 1
    return images, home, keys, strangers


def _image_of(objects: Objects, rows: Sequence[ImageRow], home: dict[int, int]) -> Integers:
    """The position of each object's image among the images."""
    keys = np.array(sorted(home), np.int64)
    places = np.array([home[key] for key in keys.tolist()], np.int64)
    found = np.searchsorted(keys, objects.image)
    return places[found] if len(keys) else np.empty(0, np.int64)


def _settle(images: Sequence[_Image], look_at: LookAt) -> None:
    """Settle size and format of each image, by its declaration and, where it was looked at, by its file."""
    images = [image for image in images if image.skip is None]
    for image, facts in zip(images, look_at([image.row for image in images]), strict=True):
        row = image.row
        try:
            if isinstance(facts, ImageError):
                raise facts
            image.format, renamed = settle_format(row.path, facts)
            image.adjusted += [renamed] if renamed else []
            declared = (row.width, row.height) if row.width and row.height else None
            if facts is not None:
                frame = settle_size(declared, facts)
                image.width, image.height = frame.width, frame.height
                image.adjusted += frame.adjusted
            elif declared is not None:
                image.width, image.height = declared
            else:
                message = (
                    "no width and height in the annotations; run with --check-images header to read them from the image"
                )
                raise ImageError(Rejected.MISSING_SIZE, message)
        except ImageError as error:
            image.code, image.message = error.code, str(error)


def _distinct_labels(objects: Objects, at: Integers) -> tuple[Objects, Integers]:
    """One object a label and image, in the order of labels: what an object is for classification."""
    _, first = np.unique(np.stack([at, objects.label]), axis=1, return_index=True)
    return objects.take(first), at[first]


def _to_pixels(
    objects: Objects, images: Sequence[_Image], at: Integers, sizes: Floats, relative_sources: frozenset[str]
) -> None:
    """Scale the objects of sources whose frame is relative; masks are in pixels always."""
    if not relative_sources:
        return
    relative = np.array([image.row.source in relative_sources for image in images], bool)[at]
    objects.bbox = np.where(relative[:, None], objects.bbox * np.tile(sizes, 2), objects.bbox)
    scaled = relative & (objects.mask_size == 0).all(axis=1)
    per_object = np.diff(objects.corners_of[objects.rings_of])
    factors = np.where(scaled[:, None], sizes, 1.0)
    objects.corners = objects.corners * np.repeat(factors, per_object, axis=0)


def _decide(image: _Image, valid: int, gone: int, single: bool, needs_object: bool, keep_background: bool) -> None:
    """What becomes of an image with `valid` objects left and `gone` rejected."""
    if image.code is not None or image.skip is not None:
        return
    bare = not valid and not gone and not image.row.skipped
    if bare and not keep_background:
        image.skip = Skipped.BACKGROUND
    elif not valid and gone:
        image.code = Rejected.NO_VALID_OBJECT
        image.message = f"all {gone} of its objects were rejected"
    elif not valid and image.row.skipped:
        image.skip = image.row.skipped[0]
    elif not valid and needs_object:
        image.code, image.message = Rejected.NO_LABEL, "no label was found, expected at least one"
    elif single and valid > 1:
        image.code = Rejected.SEVERAL_LABELS
        image.message = (
            f"found {valid} different labels, expected one; use image_classification_multilabel to keep them"
        )


def _rejected_objects(
    objects: Objects, at: Integers, images: Sequence[_Image], judged: Judged, names: Sequence[str]
) -> Iterable[Rejection]:
    for number in np.flatnonzero(judged.codes != OK).tolist():
        image, code = images[int(at[number])], REASONS[judged.codes[number]]
        identity = objects.ids[number]
        identity = int(identity) if isinstance(identity, np.integer) else identity
        bbox = objects.bbox[number].tolist()
        raw: dict[str, Any] = {"label": names[int(objects.label[number])]}
        if not any(map(math.isnan, bbox)):
            raw["bbox"] = [bbox[0], bbox[1], bbox[2] - bbox[0], bbox[3] - bbox[1]]
        locator = identity if isinstance(identity, str) and "[" in identity else f"annotations id={identity!r}"
        message = code.doc
        if code is Rejected.IMAGE_REJECTED:
            message = f"its image was rejected as {image.code}"
        elif image.width:
            message = f"{code.doc}; the image is {image.width}×{image.height}"
        yield Rejection(
            image.row.source,
            locator,
            image.row.path,
            "object",
            code,
            message,
            msgspec.json.encode(raw).decode()[:RAW_LIMIT],
        )


def draw_split(path: str, shares: dict[str, float]) -> str:
    """The split of an image by the hash of its path: the same in every build, whatever else is in the dataset."""
    draw = stable_hash(f"split {path}") / 2**64
    for split, share in shares.items():
        draw -= share
        if draw < 0:
            return split
    return next(reversed(shares))


def _by_split(
    images: Sequence[_Image],
    left: Any,
    objects: Objects,
    at: Integers,
    judged: Judged,
    names: Sequence[str],
    options: AssembleOptions,
) -> dict[str, SplitRecords]:
    """The records of each split, in the order of the images, which is that of their paths."""
    members: dict[str, list[int]] = {}
    for number in np.flatnonzero(left).tolist():
        row = images[number].row
        split = draw_split(row.path, options.split) if options.split else row.split or "train"
        members.setdefault(split, []).append(number)
    # Objects are sorted by image, so those of image i are a range; the valid ones of it are one too.
    valid = np.flatnonzero(judged.codes == OK)
    bounds = np.searchsorted(at[valid], np.arange(len(images) + 1))
    splits: dict[str, SplitRecords] = {}
    for split, numbers in sorted(members.items()):
        picked = np.array(numbers, np.int64)
        counts = bounds[picked + 1] - bounds[picked]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        inside = np.repeat(bounds[picked] - offsets[:-1], counts) + np.arange(offsets[-1])
        outs = [_image_out(images[number], options.image_url) for number in numbers]
        splits[split] = SplitRecords(outs, Labels(valid[inside], offsets, objects, names, judged))
    return splits


def _image_out(image: _Image, prefix: str) -> ImageOut:
    path = image.row.path
    # The trainer decodes %XX and ends the path at a `?`; all other characters stand as they are.
    url = path if "://" in path else prefix + path.replace("%", "%25").replace("?", "%3F")
    return ImageOut(url, image.format, image.width, image.height)
