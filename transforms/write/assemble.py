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

from labelbeam.schemas.label_map import LONGEST_LABEL
from labelbeam.schemas.manifest import CopiedImage, Oddity, Twin
from labelbeam.schemas.neutral import RAW_LIMIT, Rejection
from labelbeam.schemas.packed import Packed, sorted_packed
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from labelbeam.transforms.columns.arrays import Integers, ranges
from labelbeam.transforms.columns.fragments import Fragment
from labelbeam.transforms.columns.images import NO_NOTE, Images, join_images
from labelbeam.transforms.columns.objects import Objects, join_objects, no_objects
from labelbeam.transforms.formats.frames import Frame
from labelbeam.transforms.geometry.boxes import OK, REASONS, code_of
from labelbeam.transforms.images.facts import CopyTo, LookAt
from labelbeam.transforms.images.urls import image_urls
from labelbeam.transforms.messages.words import encode_json, is_utf8
from labelbeam.transforms.tasks.records import SplitRecords
from labelbeam.transforms.tasks.registry import TASKS
from labelbeam.transforms.tasks.task import Judged, Labels, Task
from labelbeam.transforms.write import oddities
from labelbeam.transforms.write.objects import PlacedObjects, are_lent, are_oriented, place_objects
from labelbeam.transforms.write.options import AssembleOptions
from labelbeam.transforms.write.rejections import in_order, readable
from labelbeam.transforms.write.settle import (
    Settled,
    copy,
    fold_duplicates,
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
    classified = options.task.startswith("image_classification")
    task = TASKS[options.task]
    fragments = list(fragments)
    joined = _join(fragments)
    settled, left_out = _settle_images(joined, options, look_at, whole, classified)
    # The joined objects are passed on without a name here, so that they are freed once they are sorted.
    placed = place_objects(
        _join_objects(fragments, joined.names), joined.names, settled, frames, options.labels, whole.rare, classified
    )
    at = placed.at
    judged = _judge(placed, settled, task, options, frames)
    _decide(settled, at, judged, joined.rejected_of, task, options, placed.dropped)
    left = settled.codes == OK
    left[list(settled.skips)] = False
    copied = copy(settled, left, copy_to) if copy_to is not None else []
    judged.codes[(judged.codes == OK) & ~left[at]] = code_of(Rejected.IMAGE_REJECTED)
    rejected_before = Counter(item.kind for item in joined.rejections)
    rejections = joined.rejections
    rejections += _rejected_objects(placed, settled, judged)
    rejections += _rejected_images(settled)
    written = np.flatnonzero(left).tolist()
    drawn = draw_splits(settled.images, written, options.split, whole.strata)
    splits = _by_split(settled, drawn.members, placed, judged, options.image_url)
    twins = whole.twins or Twins()
    return Assembled(
        splits=splits,
        rejections=sorted_packed(map(readable, rejections), key=in_order),
        images_found=len(settled.images) + rejected_before["image"] + left_out.total(),
        objects_found=placed.found + rejected_before["object"] + joined.skipped.total(),
        skipped_images=len(settled.skips) + left_out.total(),
        skipped_objects=joined.skipped.total() + placed.left_out.total(),
        skipped=Counter(settled.skips.values()) + left_out + joined.skipped + placed.left_out,
        adjusted=+(joined.adjusted + _adjusted(placed, settled, judged, left)),
        records_in=joined.records,
        copied=copied,
        oddities={
            **oddities.of_places(placed.objects, placed.sizes, at, settled.images.paths, placed.frames == 0),
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


@dataclass(slots=True)
class _Joined:
    """The fragments of one bucket together, without their objects.

    names: the labels of the objects, sorted. rejected_of: how many objects of an image were rejected by
    its reader, by the image's key. skipped: objects that were not read, by reason. records: images, annotations and rejections.
    """

    images: Images
    names: list[str]
    rejections: Packed[Rejection]
    rejected_of: Counter[int]
    skipped: Counter[Skipped]
    adjusted: Counter[Adjusted]
    records: int


def _join(fragments: Sequence[Fragment]) -> _Joined:
    rejections = Packed(rejection for fragment in fragments for rejection in fragment.rejections)
    rejected_of: Counter[int] = Counter()
    skipped: Counter[Skipped] = Counter()
    adjusted: Counter[Adjusted] = Counter()
    for fragment in fragments:
        rejected_of.update(fragment.rejected_of)
        skipped.update(fragment.skipped)
        adjusted.update(fragment.adjusted)
    names = sorted({name for fragment in fragments for name in fragment.labels})
    records = sum(len(fragment.images) + len(fragment.objects) for fragment in fragments) + len(rejections)
    images = join_images([fragment.images for fragment in fragments])
    return _Joined(images, names, rejections, rejected_of, skipped, adjusted, records)


def _join_objects(fragments: Sequence[Fragment], names: Sequence[str]) -> Objects:
    """Take the objects out of their fragments, with labels as indices into one list of names."""
    index = {name: number for number, name in enumerate(names)}
    parts: list[Objects] = []
    for fragment in fragments:
        if len(fragment.objects):
            mapping = np.array([index[name] for name in fragment.labels], np.int64)
            fragment.objects.label = mapping[fragment.objects.label]
            parts.append(fragment.objects)
            fragment.objects = no_objects()  # What is joined is not held twice.
    return join_objects(parts)


def _settle_images(
    joined: _Joined, options: AssembleOptions, look_at: LookAt, whole: Whole, upright: bool
) -> tuple[Settled, Counter[Skipped]]:
    """Settle the images, one a path; what belongs to images outside of the sample leaves `joined`.

    Returns also how many images were left out before that, by reason.
    """
    images, left_out = without_left_out(joined.images)
    joined.skipped.update(reason for note in images.notes.values() for reason in note.skipped)
    settled = fold_duplicates(images, joined.rejections, options.unseen)
    if whole.sampled is not None:
        joined.rejections, outside = leave_out_unsampled(settled, joined.rejections, whole.sampled)
        left_out[Skipped.NOT_SAMPLED] += outside["image"]
        joined.skipped[Skipped.IMAGE_NOT_SAMPLED] += outside["object"]
    if whole.twins is not None and options.drop_twins:
        leave_out_twins(settled, whole.twins)
    settle(settled, look_at, options.look_at_all, options.transcode, upright)
    return settled, left_out


def _judge(
    placed: PlacedObjects, settled: Settled, task: Task, options: AssembleOptions, frames: Mapping[str, Frame]
) -> Judged:
    """Judge each object by its task, and by its frame, its image and its label."""
    objects, at = placed.objects, placed.at
    judged = task.judge(objects, placed.sizes, options.clip, options.max_polygon_points)
    if any(frame.oriented for frame in frames.values()):
        judged.codes[are_oriented(objects, placed.frames, frames)] = code_of(Rejected.ORIENTED_BOX)
    judged.codes[np.isin(objects.image, settled.strangers) & (judged.codes == OK)] = code_of(Rejected.DUPLICATE_IMAGE)
    judged.codes[np.isin(objects.image, settled.apart) & (judged.codes == OK)] = code_of(Rejected.AMBIGUOUS_IMAGE)
    # Without a size nothing can be said of an object's coordinates.
    judged.codes[(settled.sizes[at] == 0).any(axis=1)] = code_of(Rejected.IMAGE_REJECTED)
    unfit = [number for number, name in enumerate(placed.names) if len(name) > LONGEST_LABEL or not is_utf8(name)]
    judged.codes[np.isin(objects.label, unfit) & (judged.codes == OK)] = code_of(Rejected.INVALID_LABEL)
    return judged


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


def _adjusted(
    placed: PlacedObjects, settled: Settled, judged: Judged, left: npt.NDArray[np.bool_]
) -> Counter[Adjusted]:
    """What was adjusted in the images and objects that are written; `left`: (images,) mask of these images."""
    valid = judged.codes == OK
    adjusted = Counter(reason for row, reasons in settled.adjusted.items() if left[row] for reason in reasons)
    for reason, where in judged.adjusted.items():
        adjusted[reason] += int((where & valid).sum())
    adjusted[Adjusted.LABEL_RENAMED] += int((placed.renamed & valid).sum())
    adjusted[Adjusted.OBJECT_OF_DUPLICATE_IMAGE] += int((are_lent(placed.objects, settled.sources) & valid).sum())
    return adjusted


def _rejected_images(settled: Settled) -> Iterator[Rejection]:
    images = settled.images
    for row, message in settled.messages.items():
        code = REASONS[settled.codes[row]]
        yield Rejection(images.sources[row], images.locators[row], images.paths[row], "image", code, message)


def _rejected_objects(placed: PlacedObjects, settled: Settled, judged: Judged) -> Iterator[Rejection]:
    images, objects = settled.images, placed.objects
    for number in np.flatnonzero(judged.codes != OK).tolist():
        row, code = int(placed.at[number]), REASONS[judged.codes[number]]
        identity = objects.ids[number]
        bbox = objects.bbox[number].tolist()
        raw: dict[str, Any] = {"label": placed.names[int(objects.label[number])][:RAW_LIMIT]}
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
    placed: PlacedObjects,
    judged: Judged,
    prefix: str,
) -> dict[str, SplitRecords]:
    """The records of each split, in the order of the images, which is that of their paths."""
    images = settled.images
    # Objects are sorted by image, so the valid ones of one image are a range of all valid ones.
    valid = np.flatnonzero(judged.codes == OK)
    bounds = np.searchsorted(placed.at[valid], np.arange(len(images) + 1))
    splits: dict[str, SplitRecords] = {}
    for split, rows in sorted(members.items()):
        picked = np.array(rows, np.int64)
        counts = bounds[picked + 1] - bounds[picked]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        labels = Labels(valid[ranges(bounds[picked], counts)], offsets, placed.objects, placed.names, judged)
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
