"""Decide from a COCO file's evidence what its numbers mean, and tell what contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.coco.beside import doubts_beside
from labelbeam.transforms.formats.coco.layout import doubts_of_layout
from labelbeam.transforms.formats.coco.other_names import OF_ANNOTATIONS, doubts_of_names
from labelbeam.transforms.formats.frames import PIXELS, Evidence, Frame, Unit
from labelbeam.transforms.messages.redact import redact

Asked = Literal["detect", "pixels", "relative", "percent"]
_UNITS: dict[Asked, Unit] = {"pixels": "pixels", "relative": "fractions", "percent": "percent"}
_FEWEST = 3
"""Boxes of percent that tell: one or two may lie in a corner by chance."""


_SOME = 20
"""One image in so many, whose boxes seem to be percent, is no chance."""


class Decision(NamedTuple):
    """The unit of boxes, or of outlines; `clear` where nothing contradicts it."""

    unit: Unit
    clear: bool = True


def frames_of(evidence: Mapping[str, Evidence], asked: Asked, corners: bool) -> dict[str, Frame]:
    """The frames of those sources that are not in pixels, each by what was asked for, else by its own evidence; see `frame_of`."""
    found = {source: frame_of(source, item, asked, corners) for source, item in evidence.items()}
    return {source: frame for source, frame in found.items() if frame != PIXELS}


def doubts_of_boxes(
    evidence: Mapping[str, Evidence], frames: Mapping[str, Frame], asked: Asked, corners: bool
) -> list[Doubt]:
    """Doubts of all sources, in these `frames` where they are not in pixels."""
    return [
        doubt
        for source, item in sorted(evidence.items())
        for doubt in doubts_of(source, item, frames.get(source, PIXELS), asked, corners)
    ]


def frame_of(source: str, evidence: Evidence, asked: Asked, corners: bool) -> Frame:
    """The frame of one file; what was asked for goes before evidence.

    Raises:
        UsageError: some of its records are in one frame and some in another.
    """
    boxes, outlines = _decide(evidence, "boxes"), _decide(evidence, "outlines")
    if asked != "detect":
        unit = _UNITS[asked]
        apart = boxes and outlines and boxes.clear and outlines.clear and boxes.unit != outlines.unit
        return Frame(unit, outlines.unit if apart and outlines else unit, corners)
    if boxes is None and evidence.count("boxes"):
        raise UsageError(_two_frames(source, evidence, "boxes"))
    if outlines is None and evidence.count("outlines"):
        raise UsageError(_two_frames(source, evidence, "outlines"))
    if boxes and boxes.unit == "pixels" and _is_percent(evidence):
        if evidence.count("areas_of_percent") < evidence.count("boxes_in_large_images"):
            raise UsageError(
                f"{redact(source)}: all {evidence.count('boxes_in_large_images')} boxes lie within the first 100 pixels of "
                f"large images, such as {evidence.example('boxes_reaching_right')}, so they may be "
                "percent of the image; say which with --coco-boxes percent or --coco-boxes pixels"
            )
        boxes = Decision("percent")
        outlines = outlines if outlines and outlines.unit == "fractions" else boxes
    known = boxes or outlines or Decision("pixels")
    return Frame((boxes or known).unit, (outlines or known).unit, corners)


def _decide(evidence: Evidence, name: str) -> Decision | None:
    """The unit that boxes or outlines tell; None where there are none, or two units."""
    small, beyond = evidence.count(f"{name}_under_a_pixel"), evidence.count(f"{name}_beyond_1")
    far = evidence.count(f"{name}_far_beyond_1")
    if not evidence.count(name):
        return None
    if not small:
        return Decision("pixels")
    if far * 100 <= small and (beyond - far) * 10 <= small:
        return Decision("fractions", not beyond)
    return Decision("pixels", False) if small * 100 < beyond else None


def _is_percent(evidence: Evidence) -> bool:
    return evidence.count("boxes_in_large_images") >= _FEWEST and _lie_in_percent(evidence)


def _lie_in_percent(evidence: Evidence) -> bool:
    """Tell whether no box leaves the first hundred pixels of large images, although some reach both of its far sides."""
    found = evidence.count("boxes_in_large_images")
    return (
        found == evidence.count("boxes")
        and not evidence.count("boxes_beyond_100")
        and evidence.count("boxes_reaching_right") > 0
        and evidence.count("boxes_reaching_down") > 0
        and (evidence.count("boxes_with_decimals") > 0 or evidence.count("areas_of_percent") == found)
    )


def _two_frames(source: str, evidence: Evidence, name: str) -> str:
    small, beyond = f"{name}_under_a_pixel", f"{name}_beyond_1"
    return (
        f"{redact(source)}: {evidence.count(small)} of {evidence.count(name)} {name} are fractions of the image, such as "
        f"{evidence.example(small)}, and {evidence.count(beyond)} are not, such as {evidence.example(beyond)}; one file has to "
        "be in one frame: build the parts on their own, or say what all are with --coco-boxes pixels or --coco-boxes relative"
    )


def doubts_of(source: str, evidence: Evidence, frame: Frame, asked: Asked, corners: bool) -> Iterator[Doubt]:
    """Doubts that a file's evidence leaves, with what was decided."""
    shown = redact(source)
    renamed = {
        (field, evidence.example(f"renamed_{field}")): evidence.count(f"renamed_{field}")
        for field in sorted(OF_ANNOTATIONS)
    }
    yield from doubts_of_names(shown, {key: count for key, count in renamed.items() if count})
    yield from _of_references(shown, evidence)
    yield from doubts_beside(shown, evidence, corners)
    yield from _of_units(shown, evidence, frame, asked)
    if not corners:
        yield from doubts_of_layout(shown, evidence, frame, asked)
    if frame.boxes == frame.outlines == "pixels" and not corners:
        yield from _of_outlines(shown, evidence)
    by_axis = evidence.count("outlines_by_axis")
    if by_axis:
        yield Doubt(
            Doubted.OUTLINES_BY_AXIS,
            f"{shown}: {by_axis} outlines hold all x in one list and all y in another, such as "
            f"{evidence.example('outlines_by_axis')}, as their boxes prove; they are read so",
            by_axis,
            evidence.example("outlines_by_axis"),
        )
    without = evidence.count("objects_without_box")
    if without:
        label = evidence.example("objects_without_box")
        yield Doubt(
            Doubted.OBJECTS_WITHOUT_BOX,
            f"{shown}: {without} annotations have neither a box nor an outline, such as those of the category {label!r}, and are rejected; "
            "if the category says that an image shows nothing, or something of the whole image, leave its annotations out",
            without,
            label,
        )
    by_rows, masks = evidence.count("masks_by_rows"), evidence.count("masks")
    if by_rows * 2 >= masks and by_rows:
        yield Doubt(
            Doubted.MASKS_BY_ROWS,
            f"{shown}: the run lengths of {by_rows} of {masks} masks, such as {evidence.example('masks_by_rows')}, make one piece only "
            "if they go along rows; they are read down columns, as COCO has them; encode the masks again, in Fortran order",
            by_rows,
            evidence.example("masks_by_rows"),
        )
    turned = evidence.count("turned_boxes")
    if turned:
        small = evidence.count("turned_below_a_turn") == turned
        yield Doubt(
            Doubted.ROTATED_BOXES,
            f"{shown}: {turned} boxes are rotated by an angle that stands beside them, such as "
            f"{evidence.example('turned_boxes')}; each is written as the box around the rectangle turned about its centre, in "
            f"degrees{'; all angles are below 6.3, and may be radians' if small else ''}",
            turned,
            evidence.example("turned_boxes"),
        )


_OTHER_BOXES = {
    "corners": "the boxes were two corners",
    "exchanged": "x and y were exchanged",
    "centred": "the boxes began with their centre",
    "flipped": "y of the boxes counted from below",
    "turned": "width and height of the boxes were exchanged",
}
"""What boxes that are not those of their outlines may be, by the tally of those that would be then."""


def _of_outlines(shown: str, evidence: Evidence) -> Iterator[Doubt]:
    """A doubt where outlines lie off their boxes, or are those of boxes of another meaning."""
    elsewhere, outlined = evidence.count("outlines_elsewhere"), evidence.count("outlined_boxes")
    fitting = {name: evidence.count(f"outlines_{name}") for name in _OTHER_BOXES}
    best = max(fitting, key=lambda name: fitting[name])
    count = fitting[best]
    unlike = evidence.count("outlines_unlike")
    told = elsewhere and elsewhere * 100 >= outlined
    half = unlike >= _FEWEST_OUTLINES and unlike * 2 >= outlined
    if not told and not half and (count < _FEWEST_OUTLINES or count * 2 < outlined):
        return
    name, number, what = next(
        (name, number, what)
        for name, number, what, holds in (
            ("outlines_elsewhere", elsewhere, "lie outside of their own box", told),
            (f"outlines_{best}", count, "are not those of their own box", count * 2 >= outlined),
            ("outlines_unlike", unlike, "have less than half in common with their own box", True),
        )
        if holds
    )
    example, found = evidence.example(name), f"{number} of {outlined} outlines {what}"
    why = f"; {count} of them would lie there if {_OTHER_BOXES[best]}" if count else ""
    as_corners = best == "corners" and count * 2 >= outlined
    yield Doubt(
        Doubted.CORNERS_OR_SIZES if as_corners else Doubted.OUTLINES_OFF_BOXES,
        f"{shown}: {found}, such as {example}{why}; both are written as they stand",
        number,
        example,
        "--coco-corners" if as_corners else "",
    )


_FEWEST_OUTLINES = 2
"""Outlines that are those of boxes of another meaning, from which on it is no chance."""


def _of_references(shown: str, evidence: Evidence) -> Iterator[Doubt]:
    """Doubts where ids lead nowhere, or may lead to the neighbour of what is meant."""
    before, last = evidence.count("of_category_before_first"), evidence.count("of_last_category")
    if before and not last:
        yield Doubt(
            Doubted.CATEGORIES_SHIFTED,
            f"{shown}: {before} annotations, such as {evidence.example('of_category_before_first')}, have a category_id that is one "
            "less than the first category's, and none has the last one's: ids may count from 0 there and from 1 here, and then "
            "every label is that of its neighbour; mend the ids of one side",
            before,
            evidence.example("of_category_before_first"),
        )
    after, first = evidence.count("of_category_after_last"), evidence.count("of_first_category")
    if after and not first and not before:
        yield Doubt(
            Doubted.CATEGORIES_SHIFTED,
            f"{shown}: {after} annotations, such as {evidence.example('of_category_after_last')}, have a category_id that is one "
            "more than the last category's, and none has the first one's: ids may count from 1 there and from 0 here, and then "
            "every label is that of its neighbour; mend the ids of one side",
            after,
            evidence.example("of_category_after_last"),
        )
    for tally, what, field in (
        ("categories_by_name", "a category", "category_id"),
        ("images_by_name", "an image", "image_id"),
    ):
        if by_name := evidence.count(tally):
            yield Doubt(
                Doubted.NAMES_FOR_IDS,
                f"{shown}: {by_name} annotations give the name of {what} as {field}, such as {evidence.example(tally)}; they are read "
                "as of that one",
                by_name,
                evidence.example(tally),
            )
    unknown, all_ = evidence.count("of_unknown_image"), evidence.count("annotations")
    if unknown * 10 >= all_ and unknown:
        yield Doubt(
            Doubted.ANNOTATIONS_OF_NO_IMAGE,
            f"{shown}: {unknown} of {all_} annotations, such as {evidence.example('of_unknown_image')}, name an image_id that no "
            "image has, and are rejected; the images that they are of may be written as if they held no object",
            unknown,
            evidence.example("of_unknown_image"),
        )


def _of_units(shown: str, evidence: Evidence, frame: Frame, asked: Asked) -> Iterator[Doubt]:
    if frame.boxes == frame.outlines == "pixels":
        small = evidence.count("boxes_under_a_pixel") or evidence.count("outlines_under_a_pixel")
        if small and asked == "detect":
            name = "boxes" if evidence.count("boxes_under_a_pixel") else "outlines"
            example = evidence.example(f"{name}_under_a_pixel")
            yield Doubt(
                Doubted.FRAMES_DISAGREE,
                f"{shown}: {small} of {evidence.count(name)} {name} are smaller than a pixel, as if they were fractions of the "
                f"image, such as {example}; all are taken as pixels",
                small,
                example,
                "--coco-boxes pixels",
            )
        if asked == "detect" and evidence.count("boxes") == _FEWEST - 1 and _lie_in_percent(evidence):
            yield Doubt(
                Doubted.FRAMES_DISAGREE,
                f"{shown}: all {_FEWEST - 1} boxes lie within the first 100 pixels of large images and reach their end, such as "
                f"{evidence.example('boxes_reaching_right')}, as if they were percent of the image; they are taken as pixels; "
                "--coco-boxes percent reads percent",
                _FEWEST - 1,
                evidence.example("boxes_reaching_right"),
                "--coco-boxes pixels",
            )
        percent, large = evidence.count("images_of_percent"), evidence.count("large_images")
        if asked == "detect" and percent >= _FEWEST and percent * _SOME >= large:
            yield Doubt(
                Doubted.FRAMES_DISAGREE,
                f"{shown}: in {percent} of {large} images no box leaves the first 100 pixels, though some reach their end, such "
                f"as {evidence.example('images_of_percent')}, as if they were percent of the image; all are taken as pixels; "
                "if they are percent, build these images on their own with --coco-boxes percent",
                percent,
                evidence.example("images_of_percent"),
                "--coco-boxes pixels",
            )
        return
    count = evidence.count("boxes") or evidence.count("outlines")
    if frame.boxes == frame.outlines:
        unit = "percent" if frame.boxes == "percent" else "fractions"
        message = f"{shown}: its coordinates are {unit} of the image (relative)"
        past = evidence.count("boxes_past_the_edge")
        message += f"; {past} boxes reach past its edge and are cut" if past and unit == "fractions" else ""
    else:
        words = {
            "pixels": "pixels",
            "fractions": "fractions of the image (relative)",
            "percent": "percent of the image",
        }
        message = f"{shown}: its boxes are {words[frame.boxes]}, its outlines are {words[frame.outlines]}"
    option = f"--coco-boxes {'relative' if frame.boxes == 'fractions' else frame.boxes}"
    yield Doubt(Doubted.RELATIVE_COORDINATES, message, count, "", option)
    beyond = evidence.count("boxes_beyond_1")
    if beyond and frame.boxes == "fractions":
        yield Doubt(
            Doubted.FRAMES_DISAGREE,
            f"{shown}: {beyond} of {evidence.count('boxes')} boxes are no fractions of the image as the others are, such as "
            f"{evidence.example('boxes_beyond_1')}; they are read as such",
            beyond,
            evidence.example("boxes_beyond_1"),
            "--coco-boxes relative",
        )
