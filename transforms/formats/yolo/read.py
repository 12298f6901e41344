"""One label file of YOLO, read into the neutral form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from labelbeam.schemas.neutral import RAW_LIMIT, Box, Rejection, Ring, SourceImage, SourceObject
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from labelbeam.transforms.formats.labels import normalized
from labelbeam.transforms.formats.yolo.description import Names
from labelbeam.transforms.formats.yolo.format import YoloOptions
from labelbeam.transforms.formats.yolo.lines import BadLine, Line, parse_labels
from labelbeam.transforms.formats.yolo.tree import YoloItem
from labelbeam.transforms.images.names import image_path

OVERSHOOT = 0.5
"""How far fractions may lie outside of the image; what lies farther is none."""


class YoloImage(NamedTuple):
    """An image that was read, and its numbers as evidence of what they mean.

    `boxes` are its centres and sizes, `outlines` its corners, as they are written. `with_confidence` counts lines with a confidence, `ends`
    those of the number before the first class, of the first, of the last, and of the number behind it.
    """

    image: SourceImage
    boxes: Sequence[tuple[float, ...]] = ()
    outlines: Sequence[Ring] = ()
    with_confidence: int = 0
    ends: tuple[int, int, int, int] = (0, 0, 0, 0)


def read_yolo(
    item: YoloItem,
    data: bytes | None,
    labels: Labels,
    options: YoloOptions,
    *,
    task: str,
    source: str,
    keypoints: int = 0,
) -> YoloImage:
    """Read one label file into the neutral form; `data` is None where the image has none, and is background.

    Boxes and outlines are in the unit of the file, neither clipped nor checked against the image. `labels` are those of its classes. Objects of classification tasks are labels, one a class. A line that cannot be read is a
    rejection of kind "object", with its number as locator.
    """
    image = image_of(item, source)
    if data is None or image.rejected:
        return YoloImage(image)
    found = parse_labels(data, keypoints)
    if "classification" not in task:  # There an object is a label, however often it stands.
        image.skipped = [Skipped.REPEATED_LINE] * found.repeated
    image.adjusted += [Adjusted.COMMAS_IN_NUMBERS] * found.with_commas
    image.rejected.extend(_rejected(image, bad) for bad in found.bad)
    ends = labels.ends(found.lines)
    named = [line for line in found.lines if _is_named(line, labels, image)]
    image.adjusted += [Adjusted.LABEL_NORMALIZED] * sum([labels.known(line.label).changed for line in named])
    if "classification" in task:
        first: dict[str, SourceObject] = {}
        for line in named:
            label = labels.known(line.label).label
            first.setdefault(label, SourceObject(label, f"line {line.number}"))
        image.objects = list(first.values())
        return YoloImage(image, ends=ends)
    boxes = [line.values for line in named if len(line.values) == 4]
    outlines: list[Ring] = []
    for line in named:
        ring = _ring(line)
        if ring is not None:
            outlines.append(ring)
        problem = _problem(line, ring, options)
        if problem is not None:
            image.rejected.append(_rejected(image, BadLine(line.number, *problem, _raw(line))))
            continue
        label, locator = labels.known(line.label).label, f"line {line.number}"
        if ring is None:
            image.objects.append(SourceObject(label, locator, _box(line.values)))
        elif len(ring) == 4 and options.yolo_oriented == "box":
            image.objects.append(SourceObject(label, locator, (*ring.min(axis=0).tolist(), *ring.max(axis=0).tolist())))
            image.adjusted.append(Adjusted.BBOX_TURNED)
        else:
            image.objects.append(SourceObject(label, locator, None, [ring]))
    return YoloImage(image, boxes, outlines, sum(line.with_confidence for line in named), ends)


def image_of(item: YoloItem, source: str) -> SourceImage:
    """An item's image without its objects; rejected where its name or its label file cannot be settled."""
    image = SourceImage(item.image, source, item.labels or item.image, split=item.split, left_out=item.skipped)
    if item.skipped is not None:
        return image
    if item.by_other_name:
        image.adjusted = [Adjusted.IMAGE_BY_OTHER_NAME]
    _, code, _ = image_path(item.image, "")
    if code is not None:
        image.rejected = [rejected_image(image, code, f"{code.doc}: {item.image!r}"[:RAW_LIMIT])]
    elif item.candidates:
        message = f"{len(item.candidates)} label files are called like the image: {', '.join(item.candidates)}"[
            :RAW_LIMIT
        ]
        image.rejected = [rejected_image(image, Rejected.AMBIGUOUS_LABELS, message)]
    return image


def rejected_image(image: SourceImage, code: Rejected, message: str) -> Rejection:
    """The rejection of a whole image."""
    return Rejection(image.source, image.locator, image.path, "image", code, message)


class _Label(NamedTuple):
    """The label of a class, whether it is written otherwise than its name, and why it has none."""

    label: str
    changed: bool = False
    problem: tuple[Rejected, str] | None = None


class Labels:
    """Labels by class number, for any number of files: `names` name the classes, None where nothing does."""

    def __init__(self, names: Names | None) -> None:
        self._names = names
        self._known: dict[int, _Label] = {}
        by_number = names.by_number if names is not None else {}
        self._ends = (min(by_number), max(by_number)) if by_number else None

    def known(self, number: int) -> _Label:
        """The label of a class."""
        found = self._known.get(number)
        if found is None:
            found = self._find(number)
            if len(self._known) < _MOST_KNOWN:
                self._known[number] = found
        return found

    def _find(self, number: int) -> _Label:
        problem = self._problem(number)
        if problem is not None:
            return _Label("", problem=problem)
        if self._names is None:
            return _Label(str(number))
        name = self._names.by_number[number]
        return _Label(normalized(name), normalized(name) != name)

    def _problem(self, number: int) -> tuple[Rejected, str] | None:
        if self._names is None:
            return (Rejected.UNKNOWN_CATEGORY, f"the class is {number}, expected 0 or more") if number < 0 else None
        if number in self._names.twice:
            return Rejected.AMBIGUOUS_CATEGORY_ID, f"the class {number} has two names"
        if number not in self._names.by_number:
            known = len(self._names.by_number)
            last = max(self._names.by_number, default=-1)
            return (
                Rejected.UNKNOWN_CATEGORY,
                f"the class is {number}, and names has {known}, the last of which is {last}",
            )
        if not normalized(self._names.by_number[number]):
            return Rejected.INVALID_LABEL, f"the name of class {number} is empty"
        return None

    def ends(self, lines: Sequence[Line]) -> tuple[int, int, int, int]:
        """Lines of the number before the first class, of the first, of the last, and of the number behind it."""
        if self._ends is None:
            return 0, 0, 0, 0
        first, last = self._ends
        numbers = [line.label for line in lines]
        before = numbers.count(first - 1) if first else 0  # -1 is no class, but what is left out.
        return before, numbers.count(first), numbers.count(last), numbers.count(last + 1)


_MOST_KNOWN = 10_000
"""Classes that are kept: a hostile file has a number a line."""


def _is_named(line: Line, labels: Labels, image: SourceImage) -> bool:
    """Tell whether a line's class has a name; reject the line where it has none."""
    problem = labels.known(line.label).problem
    if problem is not None:
        image.rejected.append(_rejected(image, BadLine(line.number, *problem, _raw(line))))
    return problem is None


def _problem(line: Line, ring: Ring | None, options: YoloOptions) -> tuple[Rejected, str] | None:
    """Reason why an object is not read."""
    if ring is not None and len(ring) == 4 and options.yolo_oriented == "reject":
        return Rejected.ORIENTED_BOX, "four corners, and --yolo-oriented is reject"
    if options.yolo_boxes != "pixels" and not _in_reach(line.values):
        farthest = max(line.values, key=lambda value: abs(value - 0.5))
        code = Rejected.INVALID_BBOX if ring is None else Rejected.INVALID_POLYGON
        return code, f"{farthest:g} is no fraction of the image's width or height"
    return None


def _in_reach(values: Sequence[float]) -> bool:
    return min(values) >= -OVERSHOOT and max(values) <= 1 + OVERSHOOT


def _box(values: Sequence[float]) -> Box:
    """Edges of a box by its centre and size."""
    x, y, width, height = values
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _ring(line: Line) -> Ring | None:
    """Corners of a line, without the last one where it repeats the first; None where it holds a box."""
    if len(line.values) == 4:
        return None
    ring = np.array(line.values, np.float64).reshape(-1, 2)
    return ring[:-1] if len(ring) > 3 and (ring[0] == ring[-1]).all() else ring


def _raw(line: Line) -> str:
    return " ".join(f"{value:g}" for value in (line.label, *line.values[: RAW_LIMIT // 8]))


def _rejected(image: SourceImage, bad: BadLine) -> Rejection:
    locator = f"{image.locator} line {bad.number}"
    return Rejection(image.source, locator, image.path, "object", bad.code, bad.message, bad.raw.strip()[:RAW_LIMIT])
