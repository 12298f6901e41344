"""Settle the images of one bucket, one by one: which records are of the same image, what its file says, its copy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from labelbeam.schemas.manifest import CopiedImage
from labelbeam.schemas.neutral import Rejection, Rejections
from labelbeam.schemas.packed import Packed
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from labelbeam.transforms.columns.arrays import Integers
from labelbeam.transforms.columns.hashes import identity_of, sample_hash
from labelbeam.transforms.columns.images import Images
from labelbeam.transforms.geometry.boxes import OK, Codes, code_of
from labelbeam.transforms.images.facts import (
    SCHEMA_FORMATS,
    CopyTo,
    ImageError,
    LookAt,
    Picture,
    frame_remark,
    settle_format,
    settle_size,
)
from labelbeam.transforms.images.names import LONGEST_PATH, another_picture, too_long
from labelbeam.transforms.images.transcode import Transcode, format_of, stays
from labelbeam.transforms.images.urls import below_root
from labelbeam.transforms.stores.paths import leads_out, url_leads_out
from labelbeam.transforms.write.twins import Twins


@dataclass(slots=True)
class Settled:
    """The images of a bucket, one a path, and what was found out about them.

    sizes: (n, 2) width and height in pixels. codes: (n,) `OK` or why the image is rejected. messages: by row, where it is
    rejected. skips: by row, where it is left out. lent: the keys of records whose path another record has, by the row of
    that one. sources: where each of these came from. strangers: those of them that declare another size, so that their
    objects lie in another frame and cannot be lent; apart: those that may be another picture. remarks: by row, what the trainer may make of an image: `DEEP`, `FRAMES`, or by the
    frame of its record `TURNED` or `UNTURNED`. pictures: by row, what is known of images that were looked at, to transcode them.
    written: by row, what an image was transcoded to.
    """

    images: Images
    sizes: npt.NDArray[np.int32]
    formats: list[str]
    codes: Codes
    messages: dict[int, str] = field(default_factory=dict)
    skips: dict[int, Skipped] = field(default_factory=dict)
    adjusted: dict[int, list[Adjusted]] = field(default_factory=dict)
    lent: dict[int, list[int]] = field(default_factory=dict)
    sources: dict[int, str] = field(default_factory=dict)
    strangers: list[int] = field(default_factory=list)
    apart: list[int] = field(default_factory=list)
    pictures: dict[int, Picture] = field(default_factory=dict)
    written: dict[int, CopiedImage] = field(default_factory=dict)
    remarks: dict[int, str] = field(default_factory=dict)

    def reject(self, row: int, code: Rejected, message: str) -> None:
        """Reject an image."""
        self.codes[row] = code_of(code)
        self.messages[row] = message

    def skip(self, row: int, reason: Skipped) -> None:
        """Leave an image out, whatever else is known of it."""
        self.codes[row] = OK
        self.messages.pop(row, None)
        self.skips[row] = reason


def without_left_out(rows: Images) -> tuple[Images, Counter[Skipped]]:
    """The images that were read, and how many were not, by reason: these take no path from any other."""
    left_out = {row: note.left_out for row, note in rows.notes.items() if note.left_out is not None}
    if not left_out:
        return rows, Counter()
    return rows.take([row for row in range(len(rows)) if row not in left_out]), Counter(left_out.values())


def fold_duplicates(rows: Images, rejections: Rejections, unseen: frozenset[str] = frozenset()) -> Settled:
    """One image a path, sorted by path: the first record is kept, the later ones are rejected and lend it their objects.

    Records of two sources one of which is `unseen` need not mean one picture: all of them are rejected.
    """
    paths = rows.paths = _one_spelling(rows.paths)
    order = sorted(range(len(rows)), key=paths.__getitem__)
    firsts: list[int] = []
    lent: dict[int, list[int]] = {}
    sources: dict[int, str] = {}
    strangers: list[int] = []
    apart: list[int] = []
    ambiguous: dict[int, str] = {}
    previous: str | None = None
    distinct = len(set(paths)) == len(paths)
    if not distinct:
        # Those that are called as their file is come first: nothing speaks against these.
        called = [rows.notes[row].named if row in rows.notes else "" for row in range(len(rows))]
        order.sort(key=lambda row: (paths[row], bool(called[row]), rows.sources[row], int(rows.keys[row])))
    for row in () if distinct else order:
        if paths[row] != previous:
            previous = paths[row]
            firsts.append(row)
            continue
        first = firsts[-1]
        message = f"{rows.locators[first]} in {rows.sources[first]} has the same path, which is written once"
        if rows.splits[first] != rows.splits[row]:
            message += f", in {rows.splits[first]}"
        code = Rejected.DUPLICATE_IMAGE
        if unseen and rows.sources[first] != rows.sources[row] and unseen & {rows.sources[first], rows.sources[row]}:
            code = Rejected.AMBIGUOUS_IMAGE
            message = (
                f"{rows.sources[first]} and {rows.sources[row]} have an image of the same name, and their images were not "
                "found, so they may be two; name the directory that both are relative to with --images"
            )
            ambiguous.setdefault(len(firsts) - 1, message)
        elif called[row] and another_picture(called[first] or paths[first], called[row]):
            code = Rejected.AMBIGUOUS_IMAGE
            message = (
                f"{called[first] or paths[first]!r} and {called[row]!r} lead to this file, and may mean two pictures"
            )
            if called[first]:
                ambiguous.setdefault(len(firsts) - 1, message)
            apart.append(int(rows.keys[row]))
        rejections.append(Rejection(rows.sources[row], rows.locators[row], paths[row], "image", code, message))
        lent.setdefault(len(firsts) - 1, []).append(int(rows.keys[row]))
        sources[int(rows.keys[row])] = rows.sources[row]
        if not rows.sizes[first].all():
            rows.sizes[first] = rows.sizes[row]
        elif rows.sizes[row].all() and (rows.sizes[row] != rows.sizes[first]).any():
            strangers.append(int(rows.keys[row]))
    images = rows.take(order if distinct else firsts)
    settled = Settled(images, images.sizes, [""] * len(images), np.full(len(images), OK, np.int8))
    settled.lent, settled.sources, settled.strangers, settled.apart = lent, sources, strangers, apart
    for row, message in ambiguous.items():
        settled.reject(row, Rejected.AMBIGUOUS_IMAGE, message)
    settled.adjusted = {row: list(note.adjusted) for row, note in images.notes.items()}
    return settled


OBJECTS_OF = {
    Skipped.NOT_SAMPLED: Skipped.IMAGE_NOT_SAMPLED,
    Skipped.SAME_CONTENT: Skipped.IMAGE_OF_SAME_CONTENT,
    Skipped.SIMILAR_CONTENT: Skipped.IMAGE_OF_SIMILAR_CONTENT,
}
"""What the objects of images are skipped as that are left out before anybody looks at them."""


def in_images_left(at: Integers, settled: Settled) -> tuple[Integers, Counter[Skipped]]:
    """The objects, by the rows `at` of their images, whose images are not left out; and how many are of those that are, by reason."""
    counts = np.bincount(at, minlength=len(settled.images)).tolist()
    skipped: Counter[Skipped] = Counter()
    for row, reason in settled.skips.items():
        skipped[OBJECTS_OF[reason]] += counts[row]
    return np.flatnonzero(~np.isin(at, list(settled.skips))), skipped


def leave_out_twins(settled: Settled, twins: Twins) -> None:
    """Skip the images that have the same bytes as one whose path sorts before theirs, or look like it."""
    for row, path in enumerate(settled.images.paths):
        for first, reason in ((twins.first, Skipped.SAME_CONTENT), (twins.like, Skipped.SIMILAR_CONTENT)):
            if row not in settled.skips and first.get(path, path) != path:
                settled.skip(row, reason)


def leave_out_unsampled(
    settled: Settled, rejections: Sequence[Rejection], below: int
) -> tuple[Packed[Rejection], Counter[str]]:
    """Skip the images whose hash is not `below`. The rejections of what is in the sample, and how many are not, by kind.

    What is of no certain image is in every sample.
    """
    outside: Counter[str] = Counter()
    left: Packed[Rejection] = Packed()
    for item in rejections:
        if item.image is not None and sample_hash(item.image) >= below:
            outside[item.kind] += 1
        else:
            left.append(item)
    for row, path in enumerate(settled.images.paths):
        if sample_hash(path) >= below:
            settled.skip(row, Skipped.NOT_SAMPLED)
    return left, outside


def _one_spelling(paths: list[str]) -> list[str]:
    """Paths, those of them that are URLs of one image in the same spelling: the one that sorts first."""
    together = "".join(paths)
    if "%" not in together or "://" not in together:
        return paths
    first: dict[str, str] = {}
    for path in sorted(set(paths)):
        first.setdefault(identity_of(path), path)
    return [first[identity_of(path)] for path in paths]


def settle(
    settled: Settled, look_at: LookAt, look_at_all: bool, transcode: Transcode | None = None, upright: bool = False
) -> None:
    """Settle size and format of each image, by its declaration and, where it was looked at, by its file.

    With `transcode` the format is that which the image is written in. `upright`: it has no objects that lie in a frame.
    """
    images = settled.images
    known: npt.NDArray[np.bool_] = np.asarray(settled.sizes.all(axis=1))
    rows: Sequence[int] = range(len(images))
    if not look_at_all and (formats := _formats_by_names(images)) is not None:
        # Nothing is to be found out of those whose size is known, and these are nearly all.
        settled.formats = formats
        rows = np.flatnonzero(~known).tolist()
    refused = {row: error for row in rows if (error := _refused(images.paths[row])) is not None}
    wanted = [
        row for row in rows if (look_at_all or not known[row]) and row not in refused and row not in settled.skips
    ]
    looked = dict(zip(wanted, look_at(images.rows(wanted)), strict=True)) if wanted else {}
    for row in rows:
        if settled.codes[row] != OK or row in settled.skips:
            continue
        path = images.paths[row]
        facts = looked.get(row)
        try:
            if row in refused:
                raise refused[row]
            if isinstance(facts, ImageError):
                raise facts
            declared_format = images.notes[row].format if facts is None and row in images.notes else ""
            renamed = None
            if declared_format:
                settled.formats[row] = declared_format
            elif transcode is not None and facts is not None:
                settled.formats[row] = format_of(facts, transcode)
            else:
                settled.formats[row], renamed = settle_format(path, facts)
            if renamed:
                settled.adjusted.setdefault(row, []).append(renamed)
            if facts is not None:
                declared = (int(settled.sizes[row, 0]), int(settled.sizes[row, 1])) if known[row] else None
                frame = settle_size(declared, facts)
                settled.sizes[row] = (frame.width, frame.height)
                settled.adjusted.setdefault(row, []).extend(frame.adjusted)
                settled.pictures[row] = Picture(path, facts, upright or Adjusted.ROTATED_FRAME in frame.adjusted)
                remark = facts.beyond or frame_remark(facts, frame)
                if remark and (
                    transcode is None or stays(facts, transcode)
                ):  # Else it is written as the trainer reads it.
                    settled.remarks[row] = remark
            elif not known[row]:
                message = "no width and height in the annotations; --check-images header reads them from the image"
                if "://" in path:
                    message = (
                        "no width and height in the annotations, and an image that is named by a URL is not looked at; name the "
                        "directory of the images with --images where the format can tell which is which"
                    )
                raise ImageError(Rejected.MISSING_SIZE, message)
        except ImageError as error:
            settled.reject(row, error.code, str(error))


def _formats_by_names(images: Images) -> list[str] | None:
    """The formats that the names of images say; None where one of them needs a look of its own."""
    together = "".join(images.paths)
    if images.notes or "%" in together or "://" in together or max(map(len, images.paths), default=0) > LONGEST_PATH:
        return None
    formats = [path.rpartition(".")[2] for path in images.paths]
    return formats if set(formats) <= set(SCHEMA_FORMATS) else None


def _refused(path: str) -> ImageError | None:
    """Reason why an image is not looked at under its name; None for nearly all."""
    if url_leads_out(path) or below_root(path) is None if "://" in path else leads_out(path):
        return ImageError(Rejected.UNSAFE_PATH, f"{path}: {Rejected.UNSAFE_PATH.doc}, once a server decodes it")
    if too_long(path):
        message = f"the image's name has {len(path):,} characters, expected at most {LONGEST_PATH:,}"
        return ImageError(Rejected.UNSAFE_PATH, message)
    return None


def copy(settled: Settled, left: npt.NDArray[np.bool_], copy_to: CopyTo) -> list[CopiedImage]:
    """Copy the images that are left; those that cannot be are rejected, and left no more."""
    rows = np.flatnonzero(left).tolist()
    copied: list[CopiedImage] = []
    pictures = [settled.pictures.get(row) or Picture(settled.images.paths[row]) for row in rows]
    for row, result in zip(rows, copy_to(pictures), strict=True):
        if isinstance(result, ImageError):
            settled.reject(row, result.code, str(result))
            left[row] = False
        elif result is not None:
            copied.append(result)
            if result.transcoded is not None:
                settled.written[row] = result
    return sorted(copied, key=lambda image: image.path)
