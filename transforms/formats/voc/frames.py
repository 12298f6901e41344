"""Decide from the evidence of a VOC tree what its numbers mean, and tell what contradicts itself."""

from __future__ import annotations

from collections.abc import Mapping

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.frames import FRACTIONS, Evidence, Frame
from labelbeam.transforms.formats.turned import doubts_of_turned
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.messages.words import counted

_STRAY = 0.01
"""The share of boxes in another frame that a dataset may have, and be read all the same."""

_FEWEST, _SOME = 3, 20
"""So many files whose boxes seem to be percent, and one in so many, are no chance."""

_SURE, _LIKELY = 20, 5
"""Powers of two: the odds against boxes in pixels that keep to the grid by chance, though some reach each of its ends."""

_MANY = 10
"""One box in so many that leaves its image is no slip of a hand."""


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
        _check_grid(source, item)
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


def _check_grid(source: str, item: Evidence) -> None:
    if _grid(item) == "sure":
        raise UsageError(
            f"{redact(source)}: {_grid_words(item)}: they look like a grid of the image (coordinates normalised to it), which VOC "
            "files are not read in; divide them by it and build with --voc-boxes relative, or say that they are pixels with "
            "--voc-boxes pixels"
        )


def _grid(item: Evidence) -> str:
    """The degree to which it is sure that boxes are on a grid of 0 to 1000, or to 1024, whatever the size of their images; "" where nothing says so.

    They leave images that are smaller, and never reach into what larger ones have beyond it.
    """
    placed, inside = item.count("boxes_placed"), item.count("boxes_on_grid")
    if not inside or inside < (1 - _STRAY) * placed:
        return ""
    leaving, odds = item.count("boxes_on_grid_leaving"), item.count("grid_odds")
    right, bottom = item.count("boxes_to_grid_right"), item.count("boxes_to_grid_bottom")
    filled = right and bottom and item.count("boxes_to_grid_left") and item.count("boxes_to_grid_top")
    if filled and (odds >= _SURE or (leaving > 1 and leaving * 5 >= placed)):
        return "sure"
    leaves = leaving * _MANY >= placed and leaving > 0 and right + bottom > 0
    return "likely" if leaves or odds >= (_LIKELY if filled else 2 * _SURE) else ""


def _grid_words(item: Evidence) -> str:
    end = 1024 if item.count("boxes_beyond_1000") else 1000
    leaving, count = item.count("boxes_on_grid_leaving"), item.count("boxes_on_grid")
    message = f"none of {counted(count, 'box', 'boxes')} ends beyond {end}"
    if leaving:
        example = item.example("boxes_on_grid_leaving")
        leave = counted(leaving, "leaves an image that is", "leave images that are")
        message += f", and {leave} smaller than that, such as in {example}"
    if item.count("grid_odds"):
        message += f", in images that are larger, such as that of {item.example('grid_odds')}"
    return message


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


def remarks_on(
    evidence: Mapping[str, Evidence], frames: Mapping[str, Frame], origin: int, looked_at: bool = False
) -> list[Doubt]:
    """Doubts that follow from the evidence; `looked_at` says that the build looks at all images."""
    doubts: list[Doubt] = []
    for source, item in sorted(evidence.items()):
        name = redact(source)
        if source in frames:
            doubts.append(_fractions(name, item))
        else:
            doubts += _strays(name, item) + _origin(name, item, origin) + _grid_like(name, item)
            doubts += _leaving(name, item, "" if looked_at else "--check-images header")
        doubts += _sizes(name, item) + _outlines(name, item) + _names(name, item) + _others(name, item)
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
    elif (count := item.count("boxes")) and count == item.count("boxes_below_a_pixel"):
        message = (
            f"{name}: none of {counted(count, 'box', 'boxes')} is larger than the first pixel, as where all are whole images in fractions "
            "(relative); they are read as pixels"
        )
        doubts.append(
            Doubt(Doubted.FRAMES_DISAGREE, message, count, item.example("boxes_below_a_pixel"), "--voc-boxes relative")
        )
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
    zero, past, between = item.count("from_0"), item.count("to_one_past_the_border"), item.count("between_pixels")
    count = item.count("boxes")
    figures = (
        f"{zero:,} of {count:,} objects, in {item.count('files_from_0'):,} of {item.count('files'):,} files, have a coordinate "
        f"below 1, {item.count('from_1'):,} begin at 1, {item.count('to_the_border'):,} end at the width or height, {past:,} one past it, "
        f"{between:,} lie between whole pixels"
    )
    as_edges = between * _MANY >= max(count, 1) and not item.count("files_exported")
    if origin == 1 and (zero or as_edges):
        message = f"{name}: {figures}; so this data may count pixels from 0: if it was made with labelImg, labelme or the like, build with --voc-origin 0"
        example = item.example("from_0") or item.example("between_pixels")
        return [Doubt(Doubted.VOC_ORIGIN, message, zero or between, example, "--voc-origin 0")]
    if past:
        message = f"{name}: {figures}; so the last pixel may be counted otherwise than --voc-origin {origin} says"
        return [Doubt(Doubted.VOC_ORIGIN, message, past, item.example("to_one_past_the_border"), "--voc-origin 1")]
    return []


def _grid_like(name: str, item: Evidence) -> list[Doubt]:
    if not _grid(item):
        return []
    message = f"{name}: {_grid_words(item)}, as on a grid of the image; all are taken as pixels"
    example = item.example("boxes_on_grid_leaving") or item.example("grid_odds")
    return [Doubt(Doubted.FIXED_GRID, message, item.count("boxes_on_grid"), example, "--voc-boxes pixels")]


def _leaving(name: str, item: Evidence, option: str) -> list[Doubt]:
    look = "; --check-images header compares the sizes with those of the images" if option else ""
    placed, leaving, far = item.count("boxes_placed"), item.count("boxes_leaving"), item.count("boxes_far_out")
    turned, many = item.count("boxes_leaving_turned"), leaving > 1 and leaving * _MANY >= placed
    if leaving > turned and (many or (far and far >= _STRAY * placed)):
        example = item.example("boxes_far_out") or item.example("boxes_leaving")
        swapped = f", {turned:,} would lie inside if width and height were swapped" if turned else ""
        message = (
            f"{name}: {leaving:,} of {placed:,} boxes leave images of the size that they are said to have, {far:,} of them by more than "
            f"a tenth of it, {item.count('boxes_outside'):,} lie outside as a whole{swapped}, such as in {example}: the images may have "
            f"been resized after boxes were drawn, or the size is another image's; boxes are cut at the border, or rejected{look}"
        )
        return [Doubt(Doubted.BOXES_LEAVE_IMAGES, message, leaving, example, option)]
    if inside := item.count("inside_if_turned"):
        what = counted(inside, "box lies", "boxes lie")
        message = f"{name}: {what} outside of the declared size, and inside where width and height are swapped, or x and y of the box{look}"
        return [Doubt(Doubted.BOXES_LEAVE_IMAGES, message, inside, item.example("inside_if_turned"), option)]
    if far:
        example = item.example("boxes_far_out")
        message = f"{name}: {far:,} of {placed:,} boxes end far outside of their image, such as in {example}, and are cut at its border or rejected"
        return [Doubt(Doubted.BOXES_FAR_OUT, message, far, example)]
    return []


def _sizes(name: str, item: Evidence) -> list[Doubt]:
    files, swapped, count = item.count("files_of_sizes"), item.count("swapped"), item.count("boxes")
    if not files and swapped > 1 and swapped * 5 >= count:
        example = item.example("swapped")
        message = (
            f"{name}: {swapped:,} of {count:,} boxes end before they begin, such as in {example}; they are read as corners in the wrong "
            "order; if y counts from the bottom of the image, turn it around"
        )
        return [Doubt(Doubted.CORNERS_OR_SIZES, message, swapped, example, "--voc-boxes pixels")]
    if not files:
        return []
    example = item.example("files_of_sizes")
    message = (
        f"{name}: in {files:,} of {item.count('files'):,} files, such as {example}, boxes end before they begin, and all of the file "
        "would fit into the image as a place and a size (x, y, width, height); they are read as corners in the wrong order"
    )
    return [Doubt(Doubted.CORNERS_OR_SIZES, message, files, example, "--voc-boxes pixels")]


def _outlines(name: str, item: Evidence) -> list[Doubt]:
    elsewhere, outlined = item.count("outlines_elsewhere"), item.count("outlined_boxes")
    unlike = item.count("outlines_unlike")
    if not elsewhere or elsewhere < _STRAY * outlined:
        if unlike < 2 or unlike * 2 < outlined:
            return []
        example = item.example("outlines_unlike")
        message = f"{name}: {unlike:,} of {outlined:,} outlines have less than half in common with their own box, such as in {example}"
        return [Doubt(Doubted.OUTLINES_OFF_BOXES, f"{message}; both are taken as they stand", unlike, example)]
    example, exchanged = item.example("outlines_elsewhere"), item.count("outlines_exchanged")
    why = f"; {exchanged:,} of them would lie there if x and y were exchanged" if exchanged else ""
    message = f"{name}: {elsewhere:,} of {outlined:,} outlines lie outside of their own box, such as in {example}{why}"
    return [Doubt(Doubted.OUTLINES_OFF_BOXES, f"{message}; both are taken as they stand", elsewhere, example)]


def _names(name: str, item: Evidence) -> list[Doubt]:
    doubts: list[Doubt] = []
    if other := item.count("named_otherwise"):
        example = item.example("named_otherwise")
        message = (
            f"{name}: at least {other:,} of {item.count('files'):,} files, such as {example}, are called like one image and name another "
            "one in <filename>, and both exist; the objects are written with the image that the file is called like"
        )
        doubts.append(Doubt(Doubted.VOC_FILENAME, message, other, example))
    if shared := item.count("image_shared"):
        example = item.example("image_shared")
        message = (
            f"{name}: {shared:,} of {item.count('files'):,} files, such as {example}, lead by their name or by <filename> to an image that "
            "another file leads to as well; the objects of all of them are written with it"
        )
        doubts.append(Doubt(Doubted.IMAGE_OF_SEVERAL_FILES, message, shared, example))
    return doubts


def _others(name: str, item: Evidence) -> list[Doubt]:
    doubts: list[Doubt] = doubts_of_turned(name, item)
    if differ := item.count("size_differs"):
        message = (
            f"{name}: {differ:,} of {item.count('looked_at'):,} images that were looked at are of another width and height than declared; "
            "--check-images header looks at all, and rejects these as size_mismatch"
        )
        doubts.append(
            Doubt(Doubted.DECLARED_SIZE_DIFFERS, message, differ, item.example("size_differs"), "--check-images header")
        )
    if flagged := item.count("flagged_beside"):
        example = item.example("flagged_beside")
        message = (
            f"{name}: {counted(flagged, 'object or image', 'objects or images')}, such as in {example}, {'has' if flagged == 1 else 'have'} a field such as a "
            "status of rejected, which is not read: they are trained on like all others; remove them if they are not to be"
        )
        doubts.append(Doubt(Doubted.FLAGS_NOT_READ, message, flagged, example))
    if scored := item.count("scored"):
        message = (
            f"{name}: {counted(scored, 'object')} {'has' if scored == 1 else 'have'} a confidence between 0 and 1, such as in "
            f"{item.example('scored')}, as predictions of a model do; they are read as labels"
        )
        doubts.append(Doubt(Doubted.PREDICTED_LABELS, message, scored, item.example("scored")))
    if far := item.count("far_turned"):
        message = (
            f"{name}: {far:,} of {item.count('turned'):,} rotated boxes (robndbox) have an angle of more than a whole turn and are "
            "rejected; if angles are in degrees, the others are wrong: bring all into radians"
        )
        doubts.append(Doubt(Doubted.VOC_ANGLES, message, far, item.example("far_turned")))
    elif (whole := item.count("turned_by_whole_numbers")) and whole == item.count("turned"):
        message = (
            f"{name}: the angles of all {whole:,} rotated boxes (robndbox) are whole numbers, such as in "
            f"{item.example('turned_by_whole_numbers')}, as degrees are; they are read as radians: bring them into radians if they are not"
        )
        doubts.append(Doubt(Doubted.VOC_ANGLES, message, whole, item.example("turned_by_whole_numbers")))
    if without := item.count("without_outline"):
        message = f"{name}: {counted(without, 'object has', 'objects have')} neither a mask in SegmentationObject nor an outline, and are rejected"
        doubts.append(Doubt(Doubted.VOC_WITHOUT_OUTLINE, message, without, item.example("without_outline")))
    return doubts
