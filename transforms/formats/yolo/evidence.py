"""Evidence of what the numbers of YOLO's label files mean: fractions, centres and sizes, outlines or oriented boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.neutral import Ring
from labelbeam.transforms.formats.class_numbers import add_ends, doubts_of_ends
from labelbeam.transforms.formats.frames import FRACTIONS, PIXELS, Evidence, Frame
from labelbeam.transforms.formats.yolo.format import YoloOptions
from labelbeam.transforms.formats.yolo.read import OVERSHOOT, YoloImage
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.messages.words import counted

_EDGE = 0.01
"""How far a box may leave its image by rounding; Ultralytics allows as much."""

_MANY = 0.2
"""The share of boxes that leave their images from which on they may be something else than centres and sizes."""

_UPRIGHT = 1e-3

_BOX_AND_MORE = 4
"""Pairs of numbers of a box and two points."""

_FEWEST = 3
"""Outlines from which on it is no chance that each begins with what could be a box around the rest of it."""

_VISIBILITY = frozenset({0.0, 1.0, 2.0})
"""What the third number of each keypoint says: whether it is labelled, and seen."""


def add_evidence(evidence: Evidence, read: Sequence[YoloImage], outlined: bool) -> None:
    """Tally the boxes and outlines of a batch of label files; `outlined` says that the task needs outlines."""
    names = [item.image.locator for item in read for _ in item.boxes]
    numbers = np.array([box for item in read for box in item.boxes], np.float64).reshape(-1, 4)

    def add(name: str, where: npt.NDArray[np.bool_]) -> None:
        found = np.flatnonzero(where)
        if len(found):
            evidence.add(name, len(found), min(names[number] for number in found.tolist()))

    with np.errstate(over="ignore", invalid="ignore"):
        far = np.logical_or.reduce((numbers < -OVERSHOOT) | (numbers > 1 + OVERSHOOT), axis=1)
        half = numbers[:, 2:] / 2
        add("boxes", np.ones(len(numbers), bool))
        add("far", far)
        leaving = ~far & _outside(numbers[:, :2] - half, numbers[:, :2] + half)
        add("boxes_leaving", leaving)
        add("fit_as_corners", ~_outside(numbers[:, :2], numbers[:, 2:]) & (numbers[:, :2] < numbers[:, 2:]).all(axis=1))
        add("fit_as_corner_and_size", ~_outside(numbers[:, :2], numbers[:, :2] + numbers[:, 2:]))
    for item in read:
        locator = item.image.locator
        add_ends(evidence, item.ends, locator)
        evidence.add("with_confidence", item.with_confidence, locator)
        evidence.add("without_outline", len(item.boxes) if outlined else 0, locator)
        if item.outlines:
            _add_outlines(evidence, item.outlines, locator)


def _add_outlines(evidence: Evidence, rings: Sequence[Ring], locator: str) -> None:
    """Tally the outlines of a label file."""
    outlines = [ring for ring in rings if len(ring) >= _BOX_AND_MORE]
    evidence.add("long_outlines", len(outlines), locator)
    begun = [fit for ring in outlines if (fit := _box_before_the_rest(ring)) is not None]
    evidence.add("around_the_rest", len(begun), locator)
    evidence.add("box_of_the_rest", sum(begun), locator)
    quads = [ring for ring in rings if len(ring) == 4]
    evidence.add("outlines", len(rings), locator)
    far = sum(not bool(((ring >= -OVERSHOOT) & (ring <= 1 + OVERSHOOT)).all()) for ring in rings)
    evidence.add("far", far, locator)
    evidence.add("quads", len(quads), locator)
    evidence.add("quads_turned", sum(not _is_upright(ring) for ring in quads), locator)


def _outside(lower: npt.NDArray[np.float64], upper: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    outside: npt.NDArray[np.bool_] = np.logical_or.reduce((lower < -_EDGE) | (upper > 1 + _EDGE), axis=1)
    return outside


def _box_before_the_rest(ring: npt.NDArray[np.float64]) -> bool | None:
    """Tell whether the rest reaches all sides of the box that the first two corners are the centre and the size of, or is made of keypoints in it
    with their visibility; None if it leaves the box.
    """
    x, y, width, height, *rest = ring.ravel().tolist()
    reach_x, reach_y = width / 2 + _EDGE / 2, height / 2 + _EDGE / 2
    if len(rest) % 3 == 0 and _VISIBILITY.issuperset(rest[2::3]):
        points = [(u, v) for u, v in zip(rest[::3], rest[1::3], strict=True) if u or v]
        if points and all(abs(u - x) <= reach_x and abs(v - y) <= reach_y for u, v in points):
            return True
    # Points that nobody sees are 0, 0. Of an outline the third corner already lies elsewhere.
    seen = [(u, v) for u, v in zip(rest[::2], rest[1::2], strict=True) if u or v]
    if not seen or any(abs(u - x) > reach_x or abs(v - y) > reach_y for u, v in seen):
        return None
    close = [(abs(u - x) >= width / 2 - _EDGE / 2, abs(v - y) >= height / 2 - _EDGE / 2) for u, v in seen]
    sides = {
        (axis, u > x if axis == 0 else v > y)
        for (u, v), at in zip(seen, close, strict=True)
        for axis in (0, 1)
        if at[axis]
    }
    return len(seen) > 2 and len(sides) == 4


def _is_upright(ring: npt.NDArray[np.float64]) -> bool:
    """Tell whether four corners are those of an upright rectangle."""
    low, high = ring.min(axis=0), ring.max(axis=0)
    at_low, at_high = np.abs(ring - low) <= _UPRIGHT, np.abs(ring - high) <= _UPRIGHT
    return bool((at_low | at_high).all() and (at_low.sum(axis=0) >= 2).all() and (at_high.sum(axis=0) >= 2).all())


def frames_of(evidence: Mapping[str, Evidence], options: YoloOptions) -> dict[str, Frame]:
    """The frames of all roots.

    Raises:
        UsageError: most of a root's numbers are no fractions.
    """
    frames: dict[str, Frame] = {}
    for source, item in evidence.items():
        if options.yolo_boxes == "detect":
            _check_fractions(source, item)
        frame = PIXELS if options.yolo_boxes == "pixels" else FRACTIONS
        frames[source] = frame._replace(oriented=_is_oriented(item, options))
    return {source: frame for source, frame in frames.items() if frame != PIXELS}


def _check_fractions(source: str, item: Evidence) -> None:
    count, far = item.count("boxes") + item.count("outlines"), item.count("far")
    if 2 * far > count:
        keypoints = ""
        if 2 * item.count("box_of_the_rest") > far:
            keypoints = " they seem to be a box and keypoints: say kpt_shape in data.yaml;"
        raise UsageError(
            f"{redact(source)}: {far:,} of {count:,} objects have coordinates that are no fractions of the image, such as in "
            f"{item.example('far')};{keypoints} if all are pixels, build with --yolo-boxes pixels; if they are percent, divide them by 100; with "
            "--yolo-boxes relative they are rejected one by one"
        )


def _is_oriented(item: Evidence, options: YoloOptions) -> bool:
    """Tell whether the lines of four corners are oriented boxes: where no other outline is there, and they are turned."""
    turned = item.count("quads_turned")
    return options.yolo_oriented == "detect" and turned > 0 and item.count("quads") == item.count("outlines")


def remarks_on(evidence: Mapping[str, Evidence], options: YoloOptions) -> list[Doubt]:
    """Doubts that follow from the evidence."""
    doubts: list[Doubt] = []
    for source, item in sorted(evidence.items()):
        name = redact(source)
        count, far = item.count("boxes") + item.count("outlines"), item.count("far")
        if far and options.yolo_boxes != "pixels":
            message = f"{name}: {far:,} of {count:,} objects have coordinates that are no fractions of the image, and are rejected"
            doubts.append(Doubt(Doubted.FRAMES_DISAGREE, message, far, item.example("far"), "--yolo-boxes relative"))
        if _is_oriented(item, options):
            quads, turned = item.count("quads"), item.count("quads_turned")
            message = (
                f"{name}: all {quads:,} outlines have four corners, and {turned:,} are no upright rectangles: they are taken for oriented "
                "boxes, and rejected; --yolo-oriented box reads the boxes around them, --yolo-oriented polygon outlines"
            )
            doubts.append(
                Doubt(Doubted.ROTATED_BOXES, message, quads, item.example("quads_turned"), "--yolo-oriented box")
            )
        if confident := item.count("with_confidence"):
            message = f"{name}: {confident:,} of {count:,} lines end with a confidence, as predictions of a model do; they are read as labels"
            doubts.append(Doubt(Doubted.PREDICTED_LABELS, message, confident, item.example("with_confidence")))
        doubts += _box_before_outline(name, item) + doubts_of_ends(name, item)
        doubts += _leaving(name, item, options) + _without_outline(name, item)
    return doubts


def _box_before_outline(name: str, item: Evidence) -> list[Doubt]:
    outlines, around, exactly = map(item.count, ("long_outlines", "around_the_rest", "box_of_the_rest"))
    if not outlines or (2 * exactly < outlines and (around < outlines or outlines < _FEWEST)):
        return []
    count, example = (exactly, "box_of_the_rest") if 2 * exactly >= outlines else (around, "around_the_rest")
    message = (
        f"{name}: {count:,} of {outlines:,} lines seem to hold a box and then its outline or keypoints, for their first four numbers "
        "are the centre and the size of a box around the rest, or of keypoints with their visibility; they are read as corners, as YOLO's trainers do: leave the first "
        "four numbers out, or say kpt_shape in data.yaml"
    )
    return [Doubt(Doubted.BOX_BEFORE_OUTLINE, message, count, item.example(example))]


def _leaving(name: str, item: Evidence, options: YoloOptions) -> list[Doubt]:
    leaving, boxes = item.count("boxes_leaving"), item.count("boxes")
    if options.yolo_boxes == "pixels" or leaving < 2 or leaving < _MANY * boxes:
        return []
    message = f"{name}: {leaving:,} of {boxes:,} boxes leave their images, read as a centre and a size"
    for tally, words in (("fit_as_corners", "two corners"), ("fit_as_corner_and_size", "a corner and a size")):
        if item.count(tally) == boxes:
            message += f"; all fit as {words}, which YOLO's trainers do not read: if they are that, convert them"
            return [Doubt(Doubted.CORNERS_OR_SIZES, message, leaving, item.example("boxes_leaving"))]
    return [Doubt(Doubted.BOXES_LEAVE_IMAGES, message, leaving, item.example("boxes_leaving"))]


def _without_outline(name: str, item: Evidence) -> list[Doubt]:
    without = item.count("without_outline")
    if not without:
        return []
    message = f"{name}: {counted(without, 'line holds', 'lines hold')} a box and no outline, and are rejected; for object detection they are read"
    return [Doubt(Doubted.WITHOUT_OUTLINE, message, without, item.example("without_outline"))]
