"""Tell where the four numbers of a COCO file's boxes agree with the rest only if they mean something else than x, y, width, height."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.frames import Evidence, Frame

_FEWEST = 2
"""Boxes that tell of themselves: one may have been drawn badly."""

_FEWEST_ON_GRID = 3

_MANY, _SOME = 10, 100
"""One box in so many that leaves its image, and one in so many that leaves it far, is no slip of the hand."""

_FEW = 30
"""One area in so many that is that of two corners is no chance, as it is where an area is that of an outline."""


class _Reading(NamedTuple):
    """Another meaning of four numbers: the tally of boxes that leave their image even so, and what settles that it is not meant."""

    tally: str
    words: str
    code: Doubted
    option: str


_READINGS = (
    _Reading(
        "leaving_as_corners",
        "their numbers were two corners (x1, y1, x2, y2)",
        Doubted.CORNERS_OR_SIZES,
        "--coco-corners",
    ),
    _Reading(
        "leaving_exchanged",
        "width and height, or x and y, were exchanged",
        Doubted.BOXES_LEAVE_IMAGES,
        "--check-images header",
    ),
    _Reading("leaving_as_centres", "their numbers were a centre and a size", Doubted.CORNERS_OR_SIZES, ""),
)


def doubts_of_layout(shown: str, evidence: Evidence, frame: Frame, asked: str) -> Iterator[Doubt]:
    """Doubts of boxes that are read as x, y, width, height, whatever their unit."""
    corners, sizes, areas = (evidence.count(name) for name in ("areas_of_corners", "areas_of_sizes", "areas"))
    if corners and (corners > sizes or (corners >= _FEWEST and corners * _FEW >= areas)):
        yield Doubt(
            Doubted.CORNERS_OR_SIZES,
            f"{shown}: in {corners} of {areas} annotations the area is that of a box of two corners (x1, y1, x2, y2), such as "
            f"{evidence.example('areas_of_corners')}, and in {sizes} that of a corner and a size; all are written as x, y, "
            "width, height",
            corners,
            evidence.example("areas_of_corners"),
            "--coco-corners",
        )
        return
    pairs = evidence.count("areas_of_pairs")
    if pairs >= _FEWEST and pairs > sizes and pairs * 2 > areas:
        yield Doubt(
            Doubted.CORNERS_OR_SIZES,
            f"{shown}: in {pairs} of {areas} annotations the area is that of a box x1, x2, y1, y2, such as "
            f"{evidence.example('areas_of_pairs')}, and in {sizes} that of a corner and a size; all are written as x, y, width, "
            "height",
            pairs,
            evidence.example("areas_of_pairs"),
        )
        return
    if frame.boxes == "fractions":
        yield from _of_shares(shown, evidence, asked)
        yield from _of_readings(shown, evidence, "fractions", evidence.count("boxes_under_a_pixel"))
        return
    if frame.boxes != "pixels":
        return
    on_grid = list(_of_grid(shown, evidence)) if asked == "detect" else []
    yield from on_grid or _of_readings(shown, evidence, "boxes", evidence.count("boxes_in_known_images"))
    beyond = evidence.count("areas_beyond_boxes")
    if beyond * 10 >= areas and beyond:
        yield Doubt(
            Doubted.AREA_CONTRADICTS_BOX,
            f"{shown}: in {beyond} of {areas} annotations the area is larger than the box, such as "
            f"{evidence.example('areas_beyond_boxes')}; it may be in another unit, or the box; area is not used",
            beyond,
            evidence.example("areas_beyond_boxes"),
        )


def _of_shares(shown: str, evidence: Evidence, asked: str) -> Iterator[Doubt]:
    """Doubts where fractions are those of corners, or of the longer side of the image."""
    areas, sizes, corners, longer = map(
        evidence.count,
        ("areas_of_fractions", "areas_of_their_sizes", "areas_of_their_corners", "areas_of_longer_side"),
    )
    if corners >= _FEWEST and corners > sizes:
        yield Doubt(
            Doubted.CORNERS_OR_SIZES,
            f"{shown}: in {corners} of {areas} annotations the area is that of a box of two corners (x1, y1, x2, y2), such as "
            f"{evidence.example('areas_of_their_corners')}, and in {sizes} that of a corner and a size; all are written as x, y, "
            "width, height",
            corners,
            evidence.example("areas_of_their_corners"),
            "--coco-corners",
        )
        return
    if asked != "detect":
        return
    oblong, beyond, reaching = map(
        evidence.count, ("boxes_in_oblong_images", "boxes_beyond_longer_side", "boxes_reaching_longer_side")
    )
    if longer >= _FEWEST and longer > sizes:
        found, example = f"in {longer} of {areas} annotations the area is", evidence.example("areas_of_longer_side")
    elif oblong >= _FEWEST_OBLONG and not beyond and reaching >= _FEWEST and not sizes:
        found, example = (
            f"none of {oblong} boxes ends beyond, and {reaching} end at,",
            evidence.example("boxes_reaching_longer_side"),
        )
    else:
        return
    yield Doubt(
        Doubted.FRAMES_DISAGREE,
        f"{shown}: {found} what it would be if x and y were both shares of the longer side of the image, such as {example}; they are "
        "read as shares of width and height; if they are of the longer side, multiply both by it and build with --coco-boxes pixels",
        longer or reaching,
        example,
        "--coco-boxes relative",
    )


_FEWEST_OBLONG = 5
"""Boxes in images that are not square, of which none ends beyond what the shorter side is of the longer one, from which on that tells."""


def _of_readings(shown: str, evidence: Evidence, name: str, known: int) -> Iterator[Doubt]:
    """A doubt where boxes leave their images: with the other reading in which none does, if there is one."""
    leaving, example = evidence.count(f"{name}_leaving"), evidence.example(f"{name}_leaving")
    if not leaving:
        return
    told = leaving * _MANY >= known and leaving >= _FEWEST
    sized = evidence.count("areas_of_sizes") * _MANY >= known
    for reading in _READINGS:
        # That all boxes end beyond where they begin, as corners do, is no chance where they are several.
        as_corners = reading.tally == "leaving_as_corners"
        proven = as_corners and known > _FEWEST
        possible = not (as_corners and sized) and (name == "boxes" or reading.tally != "leaving_exchanged")
        exchanged = reading.tally == "leaving_exchanged" and evidence.count(f"{name}_leaving_far") * _MANY >= known
        if (told or proven or exchanged) and possible and not evidence.count(f"{name}_{reading.tally}"):
            yield Doubt(
                reading.code,
                f"{shown}: {leaving} of {known} boxes leave an image of the declared width and height, such as {example}, and none "
                f"would if {reading.words}; they are written as declared",
                leaving,
                example,
                reading.option,
            )
            return
    far = evidence.count(f"{name}_leaving_far")
    if told or (far and far * _SOME >= known):
        yield Doubt(
            Doubted.BOXES_LEAVE_IMAGES,
            f"{shown}: {leaving} of {known} boxes leave an image of the declared width and height, such as {example}; they are cut "
            "at its border",
            leaving,
            example,
            "--check-images header",
        )


def _of_grid(shown: str, evidence: Evidence) -> Iterator[Doubt]:
    """A doubt where all boxes lie on 1000 steps, and reach their end, though images are of other sizes."""
    count, across = evidence.count("boxes"), evidence.count("boxes_in_images_beyond_grid")
    reaching = evidence.count("boxes_reaching_right_of_grid"), evidence.count("boxes_reaching_down_grid")
    odd = across + evidence.count("boxes_leaving")
    if count < _FEWEST_ON_GRID or evidence.count("boxes_beyond_grid") or not all(reaching) or odd * 2 < count:
        return
    example = evidence.example("boxes_reaching_right_of_grid")
    yield Doubt(
        Doubted.FIXED_GRID,
        f"{shown}: all {count} boxes end within 1024 and some reach 900, such as {example}, whatever the size of their image, so they may "
        "count on a grid of 1000 steps, as some models do, and not in pixels; all are taken as pixels; if they count on a grid, divide "
        "them by its steps and build with --coco-boxes relative",
        count,
        example,
        "--coco-boxes pixels",
    )
