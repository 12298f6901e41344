"""Evidence of what the numbers of VOC files mean: their unit, their origin, corners or sizes, and the declared sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.columns.arrays import Floats
from labelbeam.transforms.formats.frames import FRACTIONS, Evidence, Frame
from labelbeam.transforms.formats.voc.read import OVERSHOOT, VocImage
from labelbeam.transforms.messages.redact import redact

_STRAY = 0.01
"""The share of boxes in another frame that a dataset may have, and be read all the same."""

_FAR = 85.0
"""Percent that some box of a file reaches."""

_FEWEST, _SOME = 3, 20
"""So many files whose boxes seem to be percent, and one in so many, are no chance."""

_PERCENT = 101.0
"""What percentages may reach; and images must be twice as large for it to mean anything."""


def add_evidence(evidence: Evidence, read: Sequence[VocImage]) -> None:
    """Tally the boxes and outlines of a batch of annotation files."""
    counts = [len(item.boxes) for item in read]
    boxes = [box for item in read for box in item.boxes]
    numbers = np.array([box.numbers for box in boxes], np.float64).reshape(-1, 4)
    sizes = np.repeat([(item.image.width or 0, item.image.height or 0) for item in read], counts, axis=0).reshape(-1, 2)
    corners = np.array([box.kind == "corners" for box in boxes], bool)
    decimal = np.array([box.decimal for box in boxes], bool)
    names = np.repeat([item.image.locator for item in read], counts)

    def add(name: str, where: npt.NDArray[np.bool_]) -> None:
        found = np.flatnonzero(where)
        if len(found):
            evidence.add(name, len(found), str(min(names[found].tolist())))

    with np.errstate(over="ignore", invalid="ignore"):
        lower, upper = np.minimum(numbers[:, :2], numbers[:, 2:]), np.maximum(numbers[:, :2], numbers[:, 2:])
        below = _within(numbers, 1 + OVERSHOOT)
        add("boxes", np.ones(len(boxes), bool))
        add("boxes_below_a_pixel", below)
        add("boxes_with_fraction", below & ((numbers > 0) & (numbers < 1)).any(1))
        add("boxes_above_a_pixel", ~below)
        in_hundred = _within(numbers, _PERCENT) & (sizes > 2 * _PERCENT).all(1) & ~below
        add("boxes_in_a_hundred", in_hundred)
        add("boxes_in_a_hundred_decimal", in_hundred & decimal)
        add("boxes_in_a_hundred_from_the_border", in_hundred & (lower <= 1).any(1))
        _add_percent_files(evidence, names, in_hundred, below, (upper >= _FAR).any(1) & (decimal | (lower > 1).all(1)))
        swapped = corners & (numbers[:, 2:] < numbers[:, :2]).any(1)
        add("swapped", swapped)
        space = np.where(below[:, None], 1 + 1e-6, np.where(sizes > 0, sizes + 1, np.nan))
        centred = np.concatenate([numbers[:, :2] - numbers[:, 2:] / 2, space - numbers[:, :2] - numbers[:, 2:] / 2], 1)
        add("fit_as_centre", corners & (centred >= -1e-6).all(1) & (numbers[:, 2:] > 0).all(1))
        add("fit_as_size", corners & (numbers[:, :2] + numbers[:, 2:] <= space).all(1) & (numbers[:, 2:] > 0).all(1))
        known = (sizes > 0).all(1) & corners & ~below
        add("from_0", corners & ~below & (lower == 0).any(1))
        add("from_1", corners & ~below & (lower == 1).any(1))
        add("to_the_border", known & (upper == sizes).any(1))
        add("to_one_past_the_border", known & (upper == sizes + 1).any(1))
        outside = known & (upper > sizes + 1).any(1) & (upper <= sizes[:, ::-1] + 1).all(1)
        add("inside_if_turned", outside)
    evidence.add("files", len(read))
    evidence.add("files_from_0", len(set(names[corners & ~below & (lower == 0).any(1)].tolist())))
    _add_outlines(evidence, read)
    for item in read:
        evidence.add("without_outline", item.without_outline, item.image.locator)
        evidence.add("far_turned", item.far_turned, item.image.locator)
        evidence.add("turned", sum(box.angle != 0 for box in item.boxes))


def _add_percent_files(
    evidence: Evidence,
    names: npt.NDArray[np.str_],
    in_hundred: npt.NDArray[np.bool_],
    below: npt.NDArray[np.bool_],
    reaching: npt.NDArray[np.bool_],
) -> None:
    """Tally files none of whose boxes is larger than percent, of which one is as large as percent get."""
    found = set(names[in_hundred & reaching].tolist()) - set(names[~in_hundred & ~below].tolist())
    if found:
        evidence.add("files_in_a_hundred", len(found), min(found))


def _add_outlines(evidence: Evidence, read: Sequence[VocImage]) -> None:
    rings = [ring for item in read for ring in item.corners]
    extents = np.array([[*ring.min(axis=0), *ring.max(axis=0)] for ring in rings], np.float64).reshape(-1, 4)
    below = _within(extents, 1 + OVERSHOOT)
    evidence.add("outlines", len(rings))
    evidence.add("outlines_below_a_pixel", int(below.sum()))
    evidence.add("outlines_with_fraction", int((below & ((extents > 0) & (extents < 1)).any(1)).sum()))


def _within(numbers: Floats, most: float) -> npt.NDArray[np.bool_]:
    within: npt.NDArray[np.bool_] = np.logical_and.reduce((numbers >= -OVERSHOOT) & (numbers <= most), axis=1)
    return within


def frames_of(evidence: Mapping[str, Evidence]) -> dict[str, Frame]:
    """The frames of those roots that are not in pixels.

    Raises:
        UsageError: the boxes of a root contradict each other, or are no corners.
    """
    frames = {}
    for source, item in evidence.items():
        name = "boxes" if item.count("boxes") else "outlines"
        if _in_fractions(source, item, name):
            frames[source] = FRACTIONS
        _check_percent(source, item)
        _check_corners(source, item, source in frames)
    return frames


def _in_fractions(source: str, item: Evidence, name: str) -> bool:
    """Tell whether a root is in fractions: where nearly all boxes lie in the first pixel, and one has a fraction."""
    count, below = item.count(name), item.count(f"{name}_below_a_pixel")
    fractions = item.count(f"{name}_with_fraction")
    if not below or not fractions or count == 0:
        return False
    if count - below <= _STRAY * count:
        return True
    if fractions > _STRAY * count:
        raise UsageError(
            f"{redact(source)}: {fractions:,} of {count:,} {name} lie in the first pixel as fractions of the image do, such as in "
            f"{item.example(f'{name}_with_fraction') or 'some file'}, and {count - below:,} do not, such as in "
            f"{item.example(f'{name}_above_a_pixel') or 'another'}; bring them into one frame, or say which one it is with "
            "--voc-boxes pixels or --voc-boxes relative"
        )
    return False


def _check_percent(source: str, item: Evidence) -> None:
    count, inside = item.count("boxes"), item.count("boxes_in_a_hundred")
    decimal = item.count("boxes_in_a_hundred_decimal") > 0
    from_border = item.count("boxes_in_a_hundred_from_the_border") > 0
    if inside and inside >= (1 - _STRAY) * count and (decimal or (count > 1 and not from_border)):
        raise UsageError(
            f"{redact(source)}: all {count:,} boxes end before 101, in images of more than twice that, such as in "
            f"{item.example('boxes_in_a_hundred')}: they look like percent of the image (relative coordinates), which VOC files are not "
            "read in; divide them by 100 and build with --voc-boxes relative, or say that they are pixels with --voc-boxes pixels"
        )


def _check_corners(source: str, item: Evidence, in_fractions: bool) -> None:
    """Corners in the wrong order are mended one by one; where they are many and all fit as sizes, they are no corners."""
    count, swapped = item.count("boxes"), item.count("swapped")
    if swapped < (1 if in_fractions else 2) or swapped < count / 5:
        return
    for name, words in (("fit_as_centre", "a centre and a size"), ("fit_as_size", "a corner and a size")):
        if item.count(name) >= (1 - _STRAY) * count:
            raise UsageError(
                f"{redact(source)}: {swapped:,} of {count:,} boxes end before they begin, such as in {item.example('swapped')}, and all fit "
                f"into their images as {words}; write xmin, ymin, xmax and ymax, or say that they are corners, in pixels or as fractions, "
                "with --voc-boxes pixels or --voc-boxes relative"
            )


def remarks_on(evidence: Mapping[str, Evidence], frames: Mapping[str, Frame], origin: int) -> list[Doubt]:
    """Doubts that follow from the evidence."""
    doubts: list[Doubt] = []
    for source, item in sorted(evidence.items()):
        name = redact(source)
        if source in frames:
            doubts.append(_fractions(name, item))
        else:
            doubts += _strays(name, item) + _origin(name, item, origin) + _turned(name, item)
        doubts += _others(name, item)
    return doubts


def _fractions(name: str, item: Evidence) -> Doubt:
    count = item.count("boxes") or item.count("outlines")
    strays = item.count("boxes_above_a_pixel")
    message = f"{name}: coordinates are read as fractions of the image (relative), by all of {count:,}"
    if strays:
        message = f"{name}: coordinates are read as fractions of the image (relative), though {strays:,} of {count:,} boxes are none"
    code = Doubted.FRAMES_DISAGREE if strays else Doubted.RELATIVE_COORDINATES
    return Doubt(code, message, strays or count, item.example("boxes_above_a_pixel"), "--voc-boxes relative")


def _strays(name: str, item: Evidence) -> list[Doubt]:
    doubts: list[Doubt] = []
    if strays := item.count("boxes_with_fraction"):
        message = f"{name}: {strays:,} of {item.count('boxes'):,} boxes are smaller than a pixel, as fractions of the image are"
        example = item.example("boxes_with_fraction")
        doubts.append(Doubt(Doubted.FRAMES_DISAGREE, message, strays, example, "--voc-boxes pixels"))
    percent, files = item.count("files_in_a_hundred"), item.count("files")
    if _FEWEST <= percent < files and percent * _SOME >= files:
        example = item.example("files_in_a_hundred")
        message = (
            f"{name}: in {percent:,} of {files:,} files no box ends beyond 101, in images of more than twice that, such as in "
            f"{example}, as if they were percent of the image; all are taken as pixels"
        )
        doubts.append(Doubt(Doubted.FRAMES_DISAGREE, message, percent, example, "--voc-boxes pixels"))
    return doubts


def _origin(name: str, item: Evidence, origin: int) -> list[Doubt]:
    zero, past = item.count("from_0"), item.count("to_one_past_the_border")
    figures = (
        f"{zero:,} of {item.count('boxes'):,} objects, in {item.count('files_from_0'):,} of {item.count('files'):,} files, have a coordinate "
        f"of 0, {item.count('from_1'):,} begin at 1, {item.count('to_the_border'):,} end at the width or height, {past:,} one past it"
    )
    if origin == 1 and zero:
        message = f"{name}: {figures}; so this data may count pixels from 0: if it was made with labelImg or the like, build with --voc-origin 0"
        return [Doubt(Doubted.VOC_ORIGIN, message, zero, item.example("from_0"), "--voc-origin 0")]
    if past:
        message = f"{name}: {figures}; so the last pixel may be counted otherwise than --voc-origin {origin} says"
        return [Doubt(Doubted.VOC_ORIGIN, message, past, item.example("to_one_past_the_border"), "--voc-origin 1")]
    return []


def _turned(name: str, item: Evidence) -> list[Doubt]:
    turned = item.count("inside_if_turned")
    if not turned:
        return []
    message = (
        f"{name}: {turned:,} boxes lie outside of the declared size, and inside where width and height are swapped; "
        "--check-images header compares the sizes with those of the images"
    )
    return [
        Doubt(Doubted.BOXES_LEAVE_IMAGES, message, turned, item.example("inside_if_turned"), "--check-images header")
    ]


def _others(name: str, item: Evidence) -> list[Doubt]:
    doubts: list[Doubt] = []
    if differ := item.count("size_differs"):
        message = (
            f"{name}: {differ:,} of {item.count('looked_at'):,} images that were looked at are of another width and height than declared; "
            "--check-images header looks at all, and rejects these as size_mismatch"
        )
        doubts.append(
            Doubt(Doubted.DECLARED_SIZE_DIFFERS, message, differ, item.example("size_differs"), "--check-images header")
        )
    if far := item.count("far_turned"):
        message = (
            f"{name}: {far:,} of {item.count('turned'):,} rotated boxes (robndbox) have an angle of more than a whole turn and are "
            "rejected; if angles are in degrees, the others are wrong: bring all into radians"
        )
        doubts.append(Doubt(Doubted.VOC_ANGLES, message, far, item.example("far_turned")))
    if without := item.count("without_outline"):
        message = (
            f"{name}: {without:,} objects have neither a mask in SegmentationObject nor an outline, and are rejected"
        )
        doubts.append(Doubt(Doubted.VOC_WITHOUT_OUTLINE, message, without, item.example("without_outline")))
    return doubts
