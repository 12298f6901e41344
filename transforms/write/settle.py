"""Settle the images of one bucket, one by one: which records are of the same image, what its file says, its copy."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from labelbeam.schemas.manifest import CopiedImage
from labelbeam.schemas.neutral import Rejection
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from labelbeam.transforms.columns.images import Images
from labelbeam.transforms.geometry.boxes import OK, Codes, code_of
from labelbeam.transforms.images.facts import CopyTo, ImageError, LookAt, settle_format, settle_size
from labelbeam.transforms.images.names import LONGEST_PATH, too_long
from labelbeam.transforms.stores.paths import leads_out, url_leads_out


@dataclass(slots=True)
class Settled:
    """The images of a bucket, one a path, and what was found out about them.

    sizes: (n, 2) width and height in pixels. codes: (n,) `OK` or why the image is rejected. messages: by row, where it is
    rejected. skips: by row, where it is left out. lent: the keys of records whose path another record has, by the row of
    that one. sources: where each of these came from. strangers: those of them that declare another size, so that their
    objects lie in another frame and cannot be lent.
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

    def reject(self, row: int, code: Rejected, message: str) -> None:
        """Reject an image."""
        self.codes[row] = code_of(code)
        self.messages[row] = message


def without_left_out(rows: Images) -> tuple[Images, Counter[Skipped]]:
    """The images that were read, and how many were not, by reason: these take no path from any other."""
    left_out = {row: note.left_out for row, note in rows.notes.items() if note.left_out is not None}
    if not left_out:
        return rows, Counter()
    return rows.take([row for row in range(len(rows)) if row not in left_out]), Counter(left_out.values())


def fold_duplicates(rows: Images, rejections: list[Rejection], unseen: frozenset[str] = frozenset()) -> Settled:
    """One image a path, sorted by path: the first record is kept, the later ones are rejected and lend it their objects.

    Records of two sources one of which is `unseen` need not mean one picture: all of them are rejected.
    """
    paths = rows.paths
    order = sorted(range(len(rows)), key=paths.__getitem__)
    if len(set(paths)) < len(paths):
        order.sort(key=lambda row: (paths[row], rows.sources[row], int(rows.keys[row])))
    firsts: list[int] = []
    lent: dict[int, list[int]] = {}
    sources: dict[int, str] = {}
    strangers: list[int] = []
    ambiguous: dict[int, str] = {}
    previous: str | None = None
    for row in order:
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
        rejections.append(Rejection(rows.sources[row], rows.locators[row], paths[row], "image", code, message))
        lent.setdefault(len(firsts) - 1, []).append(int(rows.keys[row]))
        sources[int(rows.keys[row])] = rows.sources[row]
        if not rows.sizes[first].all():
            rows.sizes[first] = rows.sizes[row]
        elif rows.sizes[row].all() and (rows.sizes[row] != rows.sizes[first]).any():
            strangers.append(int(rows.keys[row]))
    images = rows.take(firsts)
    settled = Settled(images, images.sizes, [""] * len(images), np.full(len(images), OK, np.int8))
    settled.lent, settled.sources, settled.strangers = lent, sources, strangers
    for row, message in ambiguous.items():
        settled.reject(row, Rejected.AMBIGUOUS_IMAGE, message)
    settled.adjusted = {row: list(note.adjusted) for row, note in images.notes.items()}
    return settled


def settle(settled: Settled, look_at: LookAt, look_at_all: bool) -> None:
    """Settle size and format of each image, by its declaration and, where it was looked at, by its file."""
    images = settled.images
    known = [all(size) for size in settled.sizes.tolist()]
    refused = {row: error for row, path in enumerate(images.paths) if (error := _refused(path)) is not None}
    wanted = [row for row in range(len(images)) if row not in refused and (look_at_all or not known[row])]
    looked = dict(zip(wanted, look_at(images.rows(wanted)), strict=True)) if wanted else {}
    for row, path in enumerate(images.paths):
        if settled.codes[row] != OK:
            continue
        facts = looked.get(row)
        try:
            if row in refused:
                raise refused[row]
            if isinstance(facts, ImageError):
                raise facts
            declared_format = images.notes[row].format if facts is None and row in images.notes else ""
            settled.formats[row], renamed = (declared_format, None) if declared_format else settle_format(path, facts)
            if renamed:
                settled.adjusted.setdefault(row, []).append(renamed)
            if facts is not None:
                declared = (int(settled.sizes[row, 0]), int(settled.sizes[row, 1])) if known[row] else None
                frame = settle_size(declared, facts)
                settled.sizes[row] = (frame.width, frame.height)
                settled.adjusted.setdefault(row, []).extend(frame.adjusted)
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


def _refused(path: str) -> ImageError | None:
    """Reason why an image is not looked at under its name; None for nearly all."""
    if url_leads_out(path) if "://" in path else leads_out(path):
        return ImageError(Rejected.UNSAFE_PATH, f"{path}: {Rejected.UNSAFE_PATH.doc}, once a server decodes it")
    if too_long(path):
        message = f"the image's name has {len(path):,} characters, expected at most {LONGEST_PATH:,}"
        return ImageError(Rejected.UNSAFE_PATH, message)
    return None


def copy(settled: Settled, left: npt.NDArray[np.bool_], copy_to: CopyTo) -> list[CopiedImage]:
    """Copy the images that are left; those that cannot be are rejected, and left no more."""
    rows = np.flatnonzero(left).tolist()
    copied: list[CopiedImage] = []
    for row, result in zip(rows, copy_to([settled.images.paths[row] for row in rows]), strict=True):
        if isinstance(result, ImageError):
            settled.reject(row, result.code, str(result))
            left[row] = False
        elif result is not None:
            copied.append(result)
    return copied
