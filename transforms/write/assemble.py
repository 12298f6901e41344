"""Join one bucket's images with their objects, judge them, and sort what is left by path.

Everything of an image meets here and nowhere else: its record, its objects, its file. So this is where duplicates are found,
images are looked at, sizes are settled, and it is decided what is written, rejected or skipped; after that only bytes follow.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.label_map import LONGEST_LABEL
from labelbeam.schemas.manifest import CopiedImage, Oddity, Twin
from labelbeam.schemas.neutral import RAW_LIMIT, Rejection
from labelbeam.schemas.packed import Packed, sorted_packed
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from labelbeam.transforms.columns.arrays import Floats, Integers, ranges
from labelbeam.transforms.columns.fragments import Fragment
from labelbeam.transforms.columns.images import NO_NOTE, join_images
from labelbeam.transforms.columns.objects import AS_DRAWN, Objects, join_objects, no_objects
from labelbeam.transforms.formats.frames import PIXELS, SCALES, Frame
from labelbeam.transforms.geometry.boxes import OK, REASONS, code_of
from labelbeam.transforms.images.facts import CopyTo, LookAt
from labelbeam.transforms.images.urls import image_urls
from labelbeam.transforms.messages.words import encode_json, is_utf8
from labelbeam.transforms.tasks.records import SplitRecords
from labelbeam.transforms.tasks.registry import TASKS
from labelbeam.transforms.tasks.task import Judged, Labels, Task
from labelbeam.transforms.write import oddities
from labelbeam.transforms.write.options import AssembleOptions
from labelbeam.transforms.write.rejections import in_order, readable
from labelbeam.transforms.write.rename import Renamed, rename
from labelbeam.transforms.write.settle import (
    Settled,
    copy,
    fold_duplicates,
    in_images_left,
    leave_out_twins,
    leave_out_unsampled,
    settle,
    without_left_out,
)
from labelbeam.transforms.write.splits import draw_splits
from labelbeam.transforms.write.twins import Twins, not_compared, twins_of
from labelbeam.transforms.write.whole import NOTHING_OF_ALL, Whole


@dataclass(slots=True)
class Assembled:
    """One bucket, ready to be written. `objects_found` is by the task's meaning of an object.

    `records_in` counts images, annotations and rejections as they arrived, to be compared with what the readers counted.
    """

    splits: dict[str, SplitRecords]
    rejections: Sequence[Rejection]
    images_found: int
    objects_found: int
    skipped_images: int
    skipped_objects: int
    skipped: Counter[Skipped]
    adjusted: Counter[Adjusted]
    records_in: int
    copied: list[CopiedImage] = field(default_factory=list)
    """The images of the records as they were copied, sorted by path, without those that are named by a URL."""
    oddities: dict[str, Oddity] = field(default_factory=dict)
    """What stands out in its objects."""
    twins: list[Twin] = field(default_factory=list)
    """Images that have the same bytes as others."""
    similar: list[Twin] = field(default_factory=list)
    """Images that look like others."""


def assemble(
    fragments: Iterable[Fragment],
    options: AssembleOptions,
    frames: Mapping[str, Frame],
    look_at: LookAt,
    copy_to: CopyTo | None = None,
    whole: Whole = NOTHING_OF_ALL,
) -> Assembled:
    """Make the records of one bucket.

    Args:
        fragments: all fragments of the bucket, in any order.
        frames: the frames of those sources whose coordinates are not in pixels.
        look_at: looks at the images' files, as far as the build asks for it.
        copy_to: copies the images that are left; None where none are to be copied. One that cannot be is rejected.
        whole: what is known of the whole source.

    The result depends on what the fragments hold, not on how work was cut into them.
    """
    fragments = list(fragments)
    rejections = Packed(rejection for fragment in fragments for rejection in fragment.rejections)
    rejected_of: Counter[int] = Counter()
    adjusted: Counter[Adjusted] = Counter()
    for fragment in fragments:
        rejected_of.update(fragment.rejected_of)
        adjusted.update(fragment.adjusted)
    objects, names = _join_objects(fragments)
    records_in = sum(len(fragment.images) for fragment in fragments) + len(objects) + len(rejections)
    rows, left_out = without_left_out(join_images([fragment.images for fragment in fragments]))
    skipped_objects = Counter(reason for note in rows.notes.values() for reason in note.skipped)
    for fragment in fragments:
        skipped_objects.update(fragment.skipped)
    settled = fold_duplicates(rows, rejections, options.unseen)
    if whole.sampled is not None:
        rejections, outside = leave_out_unsampled(settled, rejections, whole.sampled)
        left_out[Skipped.NOT_SAMPLED] += outside["image"]
        skipped_objects[Skipped.IMAGE_NOT_SAMPLED] += outside["object"]
    if whole.twins is not None and options.drop_twins:
        leave_out_twins(settled, whole.twins)
    skipped_before = skipped_objects.total()
    rejected_before = Counter(item.kind for item in rejections)
    settle(settled, look_at, options.look_at_all, options.transcode, options.task.startswith("image_classification"))

    at = _image_of(objects, settled)
    order = np.lexsort((objects.order, objects.image, at))
    objects, at = objects.take(order), at[order]
    classified = options.task.startswith("image_classification")
    if classified:
        objects, at = _distinct_labels(objects, at)
    found = len(objects)
    if settled.skips:
        inside, outside_of = in_images_left(at, settled)
        skipped_objects.update(outside_of)
        objects, at = objects.alone(inside), at[inside]
    emptied = np.zeros(len(settled.images), np.int64)
    renamed: Renamed | None = None
    if options.labels is not None:
        renamed = rename(objects, at, names, options.labels, whole.rare, classified)
        emptied = np.bincount(at[~renamed.kept], minlength=len(settled.images))
        skipped_objects.update(renamed.left_out)
        objects, at, names = objects.alone(renamed.rows), at[renamed.rows], renamed.names
    sizes = np.maximum(settled.sizes, 1).astype(np.float64)[at]
    numbers = _frame_numbers(objects, settled, at, frames) if frames else np.zeros(len(objects), np.int64)
    if frames:
        _to_pixels(objects, numbers, sizes, frames)

    task = TASKS[options.task]
    judged = task.judge(objects, sizes, options.clip, options.max_polygon_points)
    if any(frame.oriented for frame in frames.values()):
        judged.codes[_are_oriented(objects, numbers, frames)] = code_of(Rejected.ORIENTED_BOX)
    judged.codes[np.isin(objects.image, settled.strangers) & (judged.codes == OK)] = code_of(Rejected.DUPLICATE_IMAGE)
    judged.codes[np.isin(objects.image, settled.apart) & (judged.codes == OK)] = code_of(Rejected.AMBIGUOUS_IMAGE)
    # Without a size nothing can be said of an object's coordinates.
    judged.codes[(settled.sizes[at] == 0).any(axis=1)] = code_of(Rejected.IMAGE_REJECTED)
    unfit = [number for number, name in enumerate(names) if len(name) > LONGEST_LABEL or not is_utf8(name)]
    judged.codes[np.isin(objects.label, unfit) & (judged.codes == OK)] = code_of(Rejected.INVALID_LABEL)
    _decide(settled, at, judged, rejected_of, task, options, emptied)

    left = settled.codes == OK
    left[list(settled.skips)] = False
    copied = copy(settled, left, copy_to) if copy_to is not None else []
    judged.codes[(judged.codes == OK) & ~left[at]] = code_of(Rejected.IMAGE_REJECTED)
    valid = judged.codes == OK
    rejections += _rejected_objects(objects, at, settled, judged, names)
    rejections += _rejected_images(settled)
    for reason, where in judged.adjusted.items():
        adjusted[reason] += int((where & valid).sum())
    if renamed is not None:
        adjusted[Adjusted.LABEL_RENAMED] += int((renamed.changed & valid).sum())
    adjusted[Adjusted.OBJECT_OF_DUPLICATE_IMAGE] += int((_is_lent(objects, settled.sources) & valid).sum())
    adjusted.update(reason for row, reasons in settled.adjusted.items() if left[row] for reason in reasons)
    twins = whole.twins or Twins()
    written = np.flatnonzero(left).tolist()
    drawn = draw_splits(settled.images, written, options.split, whole.strata)
    splits = _by_split(settled, drawn.members, objects, at, judged, names, options.image_url)
    return Assembled(
        splits=splits,
        rejections=sorted_packed(map(readable, rejections), key=in_order),
        images_found=len(settled.images) + rejected_before["image"] + left_out.total(),
        objects_found=found + rejected_before["object"] + skipped_before,
        skipped_images=len(settled.skips) + left_out.total(),
        skipped_objects=skipped_objects.total(),
        skipped=Counter(settled.skips.values()) + left_out + skipped_objects,
        adjusted=+adjusted,
        records_in=records_in,
        copied=copied,
        oddities={
            **oddities.of_places(objects, sizes, at, settled.images.paths, numbers == 0),
            **oddities.of_records(splits.values()),
            **oddities.of_images(
                splits.values(), {settled.images.paths[row]: what for row, what in settled.remarks.items()}
            ),
            **drawn.oddities,
            **({} if whole.twins is None else not_compared(settled.images, written, twins)),
        },
        twins=twins_of(settled.images, drawn.members, twins.first),
        similar=twins_of(settled.images, drawn.members, twins.like),
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
            fragment.objects = no_objects()  # What is joined is not held twice.
    return join_objects(parts), names


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


def _is_lent(objects: Objects, keys: Iterable[int]) -> npt.NDArray[np.bool_]:
    """Mask of objects that came with one of these image records."""
    return np.isin(objects.image, np.fromiter(keys, np.int64))


def _frame_numbers(objects: Objects, settled: Settled, at: Integers, frames: Mapping[str, Frame]) -> Integers:
    """The frame of each object's source: its number among `frames`, from 1 on, or 0 for pixels."""
    number_of = {source: number for number, source in enumerate(frames, 1)}
    numbers: Integers = np.array([number_of.get(source, 0) for source in settled.images.sources], np.int64)[at]
    for lender in set(settled.sources.values()):
        lent = _is_lent(objects, (key for key, source in settled.sources.items() if source == lender))
        numbers[lent] = number_of.get(lender, 0)
    return numbers


def _are_oriented(objects: Objects, numbers: Integers, frames: Mapping[str, Frame]) -> npt.NDArray[np.bool_]:
    """Mask of objects whose four corners are those of a turned box, by their frames."""
    oriented = np.array([False, *(frame.oriented for frame in frames.values())])[numbers]
    outlined = np.flatnonzero(oriented & (objects.ring_count == 1) & np.isnan(objects.bbox).all(axis=1))
    corners = np.diff(objects.rings.offsets)[objects.ring_start[outlined]]
    found = np.zeros(len(objects), bool)
    found[outlined[corners == 4]] = True
    return found


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


_OF_NO_OBJECT = frozenset({Skipped.DELETED, Skipped.EMPTY_LABEL})


def _decide(
    settled: Settled,
    at: Integers,
    judged: Judged,
    rejected_of: Counter[int],
    task: Task,
    options: AssembleOptions,
    emptied: Integers,
) -> None:
    """Decide on each image by the numbers of its valid and invalid objects, and of those that --labels has dropped, (images,)."""
    count = len(settled.images)
    valid = np.bincount(at[judged.codes == OK], minlength=count)
    gone = np.bincount(at[judged.codes != OK], minlength=count)
    if rejected_of:
        for row, key in enumerate(settled.images.keys.tolist()):
            gone[row] += sum(rejected_of[each] for each in (key, *settled.lent.get(row, ())))
    doubtful = (valid == 0) | (task.single_label & (valid > 1))
    doubtful[list(settled.skips)] = False
    for row in np.flatnonzero(doubtful & (settled.codes == OK)).tolist():
        # What was deleted is as if it had never been drawn, and a label of emptiness says that there is nothing: background.
        skipped = [why for why in settled.images.notes.get(row, NO_NOTE).skipped if why not in _OF_NO_OBJECT]
        if valid[row]:
            message = (
                f"found {valid[row]} different labels, expected one; image_classification_multilabel takes them all"
            )
            settled.reject(row, Rejected.SEVERAL_LABELS, message)
        elif gone[row]:
            settled.reject(row, Rejected.NO_VALID_OBJECT, f"all {gone[row]} of its objects were rejected")
        elif emptied[row] and not (options.keep_emptied and not task.needs_object):
            settled.skips[row] = Skipped.ONLY_DROPPED_LABELS
        elif skipped:
            settled.skips[row] = skipped[0]
        elif not options.keep_background:
            settled.skips[row] = Skipped.BACKGROUND
        elif task.needs_object:
            settled.reject(row, Rejected.NO_LABEL, "no label was found, expected at least one")


def _rejected_images(settled: Settled) -> Iterator[Rejection]:
    images = settled.images
    for row, message in settled.messages.items():
        code = REASONS[settled.codes[row]]
        yield Rejection(images.sources[row], images.locators[row], images.paths[row], "image", code, message)


def _rejected_objects(
    objects: Objects, at: Integers, settled: Settled, judged: Judged, names: Sequence[str]
) -> Iterator[Rejection]:
    images = settled.images
    for number in np.flatnonzero(judged.codes != OK).tolist():
        row, code = int(at[number]), REASONS[judged.codes[number]]
        identity = objects.ids[number]
        bbox = objects.bbox[number].tolist()
        raw: dict[str, Any] = {"label": names[int(objects.label[number])][:RAW_LIMIT]}
        if not any(map(math.isnan, bbox)):
            raw["bbox"] = [bbox[0], bbox[1], bbox[2] - bbox[0], bbox[3] - bbox[1]]
        message = f"{code.doc}; the image is {settled.sizes[row, 0]}×{settled.sizes[row, 1]}"
        if code is Rejected.IMAGE_REJECTED:
            message = f"its image was rejected as {REASONS[settled.codes[row]]}"
        excerpt = encode_json(raw).decode()[:RAW_LIMIT]
        locator = identity if isinstance(identity, str) else f"annotations id={identity}"
        source = settled.sources.get(int(objects.image[number]), images.sources[row])
        yield Rejection(source, locator, images.paths[row], "object", code, message, excerpt)


def _by_split(
    settled: Settled,
    members: Mapping[str, Sequence[int]],
    objects: Objects,
    at: Integers,
    judged: Judged,
    names: Sequence[str],
    prefix: str,
) -> dict[str, SplitRecords]:
    """The records of each split, in the order of the images, which is that of their paths."""
    images = settled.images
    # Objects are sorted by image, so the valid ones of one image are a range of all valid ones.
    valid = np.flatnonzero(judged.codes == OK)
    bounds = np.searchsorted(at[valid], np.arange(len(images) + 1))
    splits: dict[str, SplitRecords] = {}
    for split, rows in sorted(members.items()):
        picked = np.array(rows, np.int64)
        counts = bounds[picked + 1] - bounds[picked]
        labels = Labels(
            valid[ranges(bounds[picked], counts)], np.concatenate([[0], np.cumsum(counts)]), objects, names, judged
        )
        paths = [images.paths[row] for row in rows]
        splits[split] = SplitRecords(paths, *_as_written(settled, rows, prefix), labels)
    return splits


def _as_written(
    settled: Settled, rows: Sequence[int], prefix: str
) -> tuple[list[str], list[str], npt.NDArray[np.int32]]:
    """URLs, formats and sizes of images, as they were copied where that was not as they are."""
    paths = [settled.images.paths[row] for row in rows]
    formats = [settled.formats[row] for row in rows]
    sizes = settled.sizes[np.array(rows, np.int64)]
    for number, row in enumerate(rows) if settled.written else ():
        written = settled.written.get(row)
        if written is not None and (made := written.transcoded) is not None:
            paths[number], formats[number], sizes[number] = written.path, made.format, (made.width, made.height)
    return image_urls(prefix, paths), formats, sizes
