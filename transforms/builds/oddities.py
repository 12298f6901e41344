"""Doubts that all objects and labels of a build leave, of whatever format they were read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.manifest import Oddity, Receipt
from labelbeam.transforms.formats.labels import says_nothing, says_there_is_none, unescaped
from labelbeam.transforms.images.facts import DEEP, FRAMES, TURNED, UNTURNED
from labelbeam.transforms.messages.words import counted, listed
from labelbeam.transforms.write.oddities import (
    ALIGNED,
    BACKWARDS,
    COPIED,
    CORNER,
    CROWDS,
    EXCHANGED,
    HUNDREDTH,
    LEAVING,
    LEAVING_AS_SIZES,
    MISREAD,
    TINY,
    TWICE,
)
from labelbeam.transforms.write.percent import DECIMAL, DOWN, ODDS, PERCENT, RIGHT, WHOLE

BACKGROUND_LABEL = "--bg--"
"""The trainer's own label for background; most of its models take it to sort first."""

_ONE_IN = {LEAVING: 10, CROWDS: 2, TWICE: 1000, TINY: 10, CORNER: 1}
"""An oddity of fewer than one object in so many is told by nobody: COCO itself has crowds, and an object twice here and there."""

_FEWEST, _SHOWN = 2, 5

_MANY_BACKWARDS = 5
"""One box in so many that ends before it begins was not drawn from the other side."""

_NEARLY_ALL = 0.95

_OF_SIZES = frozenset({"coco", "huggingface", "webdataset", "boxtable"})
"""Formats whose boxes are a corner and a size, unless an option says otherwise."""

_FEWEST_IN_A_CORNER = 20
"""Objects of which by chance not all lie in one quarter of their images."""

_FEWEST_COPIED = 3
"""Boxes of which by chance not all have one number for two sides."""

_TOLD_ALREADY = frozenset(
    {
        Doubted.BOXES_LEAVE_IMAGES,
        Doubted.CORNERS_OR_SIZES,
        Doubted.FIXED_GRID,
        Doubted.FRAMES_DISAGREE,
        Doubted.VOC_ORIGIN,
        Doubted.DECLARED_SIZE_DIFFERS,
    }
)
"""Doubts that say more closely why boxes leave their images."""


def unit_given(config: ConvertConfig) -> bool:
    """Tell whether an option says of which unit the source's boxes are, such as --coco-boxes pixels."""
    return any(name.endswith("_boxes") for name in config.flat())


def corners_option(source_format: str, config: ConvertConfig) -> str:
    """The option that reads the sizes of a format's boxes as corners; "" where it has none, or where it is given."""
    return "--coco-corners" if source_format in _OF_SIZES and "coco_corners" not in config.flat() else ""


def object_doubts(
    receipts: Iterable[Receipt], told: Iterable[Doubt], unit_known: bool = False, as_corners: str = ""
) -> Iterator[Doubt]:
    """Doubts of oddities that are frequent over all receipts.

    Args:
        told: the doubts that reading has left; an oddity that one of them explains is not told again.
        unit_known: an option gives the unit of boxes.
        as_corners: the option that reads sizes as corners, "" where there is none to suggest.
    """
    codes = {item.code for item in told}
    oddities: dict[str, Oddity] = {}
    for receipt in receipts:
        for name, part in receipt.oddities.items():
            oddities.setdefault(name, Oddity()).add(part)
    yield from _of_images(oddities)
    if _TOLD_ALREADY.isdisjoint(codes):
        yield from _leaving(oddities, as_corners)
    if not unit_known and codes.isdisjoint({Doubted.FIXED_GRID, Doubted.FRAMES_DISAGREE}):
        yield from _unit(oddities)
    yield from _copied(oddities)
    if Doubted.CORNERS_OR_SIZES not in codes:
        yield from _backwards(oddities)
    yield from _crowds(oddities)
    yield from _twice(oddities)


def _frequent(oddities: Mapping[str, Oddity], name: str, fewest: int = 1) -> Oddity | None:
    """The oddity, if at least `fewest` objects and one in `_ONE_IN` have it."""
    odd = oddities.get(name)
    return odd if odd and odd.count >= fewest and odd.count * _ONE_IN[name] >= odd.of else None


def _leaving(oddities: Mapping[str, Oddity], as_corners: str) -> Iterator[Doubt]:
    """The most specific doubt of boxes that leave their images."""
    specific = _corners(oddities, as_corners) or _exchanged(oddities)
    if specific is not None:
        yield specific
    elif (odd := _frequent(oddities, LEAVING, _FEWEST)) is not None:
        yield Doubt(
            Doubted.BOXES_LEAVE_IMAGES,
            f"{odd.count:,} of {odd.of:,} boxes leave their image by more than drawing explains, such as in {odd.example}; they are cut at "
            "its border or rejected; their numbers may mean something else, or be of another size of the image",
            odd.count,
            odd.example,
        )


def _unit(oddities: Mapping[str, Oddity]) -> Iterator[Doubt]:
    """The most specific doubt of the unit of boxes: all of them small, or in one corner."""
    hundredth = oddities.get(HUNDREDTH, Oddity())
    if hundredth.count and hundredth.count == hundredth.of:
        yield Doubt(
            Doubted.SMALLER_THAN_A_PIXEL,
            f"all {hundredth.of:,} objects lie in the first hundredth of their images, such as in {hundredth.example}; their numbers may be "
            "fractions of the image where pixels or percent are expected, or divided twice",
            hundredth.count,
            hundredth.example,
        )
    elif (odd := _frequent(oddities, TINY, _FEWEST)) is not None:
        yield Doubt(
            Doubted.SMALLER_THAN_A_PIXEL,
            f"{odd.count:,} of {odd.of:,} objects are smaller than a pixel both ways, such as in {odd.example}; their numbers may be "
            "fractions of the image where pixels are expected, or divided twice",
            odd.count,
            odd.example,
        )
    elif (odd := _frequent(oddities, CORNER, _FEWEST_IN_A_CORNER)) is not None:
        yield Doubt(
            Doubted.ALL_IN_A_CORNER,
            f"all {odd.of:,} objects lie in the upper left quarter of their images, such as in {odd.example}; their numbers may be "
            "percent, or of a smaller copy of the images than these",
            odd.count,
            odd.example,
        )
    else:
        yield from _percent(oddities)


def _copied(oddities: Mapping[str, Oddity]) -> Iterator[Doubt]:
    """A doubt where one side of nearly every box repeats another."""
    copied, aligned = oddities.get(COPIED, Oddity()), oddities.get(ALIGNED, Oddity())
    if copied.count >= max(_FEWEST_COPIED, aligned.count) and copied.count + aligned.count >= _NEARLY_ALL * copied.of:
        yield Doubt(
            Doubted.SIDES_COPIED,
            f"{copied.count:,} of {copied.of:,} boxes end below at the number at which they begin on the left, or on the right at that of their top, "
            f"such as in {copied.example}, as where an exporter wrote one side in place of another; they are read as they stand",
            copied.count,
            copied.example,
        )


def _backwards(oddities: Mapping[str, Oddity]) -> Iterator[Doubt]:
    """A doubt where many boxes end before they begin."""
    odd = oddities.get(BACKWARDS, Oddity())
    if odd.count >= _FEWEST and odd.count * _MANY_BACKWARDS >= odd.of:
        yield Doubt(
            Doubted.CORNERS_OR_SIZES,
            f"{odd.count:,} of {odd.of:,} boxes end before they begin, such as in {odd.example}; they are read as corners in the "
            "wrong order, and their numbers may be sizes, or stand in another order",
            odd.count,
            odd.example,
        )


def _crowds(oddities: Mapping[str, Oddity]) -> Iterator[Doubt]:
    """A doubt where most objects are crowds."""
    odd = oddities.get(CROWDS, Oddity())
    if odd.count * _ONE_IN[CROWDS] > odd.of:
        yield Doubt(
            Doubted.MOSTLY_CROWDS,
            f"{odd.count:,} of {odd.of:,} objects have isCrowd 1, such as in {odd.example}, as what is no single object has; metrics leave "
            "these out; where a tool writes it for every mask, set it to 0",
            odd.count,
            odd.example,
        )


def _twice(oddities: Mapping[str, Oddity]) -> Iterator[Doubt]:
    """A doubt where many objects repeat another one of their image."""
    if (odd := _frequent(oddities, TWICE)) is not None:
        yield Doubt(
            Doubted.OBJECTS_TWICE,
            f"{odd.count:,} of {odd.of:,} objects have the same label and place as another of their image, such as in {odd.example}; "
            "all are written; remove those that were exported twice",
            odd.count,
            odd.example,
        )


def _corners(oddities: Mapping[str, Oddity], option: str) -> Doubt | None:
    """A doubt where many boxes leave their image, and nearly all of these would not if their sizes were their other corner."""
    leaving, sized = _frequent(oddities, LEAVING, _FEWEST), oddities.get(LEAVING_AS_SIZES, Oddity())
    if not option or leaving is None or sized.count < _NEARLY_ALL * leaving.count:
        return None
    message = (
        f"{leaving.count:,} of {leaving.of:,} boxes leave their image, such as in {leaving.example}, and {sized.count:,} of these would not if "
        "they were two corners, x1, y1, x2, y2; they are read as x, y, width, height, and cut at the border or rejected"
    )
    return Doubt(Doubted.CORNERS_OR_SIZES, message, leaving.count, leaving.example, option)


def _exchanged(oddities: Mapping[str, Oddity]) -> Doubt | None:
    """A doubt where more boxes leave their image as they stand than would if x and y were exchanged."""
    leaving, exchanged = oddities.get(LEAVING), oddities.get(EXCHANGED)
    if leaving is None or exchanged is None or leaving.count <= exchanged.count:
        return None
    message = (
        f"{leaving.count:,} of {leaving.of:,} boxes leave their image, such as in {leaving.example}, and {exchanged.count:,} would if x and y were "
        "exchanged, or the image's width and height; they are cut at its border or rejected"
    )
    return Doubt(Doubted.BOXES_LEAVE_IMAGES, message, leaving.count, leaving.example, "--check-images header")


_ODD_ENOUGH, _OF_DECIMALS = 65, 20
"""Tenths of powers of two: the odds against a chance from which on boxes are doubted, and what it counts that all have decimals, which
percent have and few annotators of pixels write."""

_RARELY = 0.05


def _percent(oddities: Mapping[str, Oddity]) -> Iterator[Doubt]:
    """Doubts where boxes in pixels may be percent: all of them, or those with decimals among whole numbers."""
    within, right, down, odds, decimal, whole = (
        oddities.get(name, Oddity()) for name in (PERCENT, RIGHT, DOWN, ODDS, DECIMAL, WHOLE)
    )
    if not within.count:
        return
    with_decimals = decimal.count == within.count
    tenths = odds.count + (_OF_DECIMALS if with_decimals else 0)
    if within.count == within.of and right.count and down.count and tenths >= _ODD_ENOUGH:
        what = ", with decimals," if with_decimals else ""
        message = (
            f"all {within.of:,} boxes{what} lie in the first hundred pixels of images that are more than twice as large, such as in {within.example}, "
            "so that their numbers may be percent of the image; they are read as pixels"
        )
        yield Doubt(Doubted.ALL_IN_A_CORNER, message, within.count, within.example)
        return
    few = decimal.count == decimal.of > 0 and whole.of >= 10 * decimal.of
    if few and (whole.count / whole.of) ** decimal.of < _RARELY:
        message = (
            f"{decimal.count:,} of {within.of:,} boxes have decimals, such as in {decimal.example}, and lie in the first hundred pixels of larger "
            "images, and all others are in whole pixels, so that these may be percent or of another unit; all are read as pixels"
        )
        yield Doubt(Doubted.FRAMES_DISAGREE, message, decimal.count, decimal.example)


_REMARKS = {
    DEEP: (
        Doubted.DECODED_OTHERWISE,
        "hold greys of more than 8 bits, which all models but yolov5 cut off at 255, so that nearly all becomes white; --transcode png writes copies "
        "with 8 bits",
    ),
    FRAMES: (
        Doubted.DECODED_OTHERWISE,
        "hold several frames or pages, of which the trainer decodes the first alone; save those that are labelled one by one",
    ),
    TURNED: (
        Doubted.BOXES_TURNED,
        "have an EXIF rotation, and their objects are annotated on the rotated image: yolov5 applies the rotation; all other models train on "
        "the stored image, where these objects are misplaced; --transcode writes rotated copies",
    ),
    UNTURNED: (
        Doubted.BOXES_UNTURNED,
        "have an EXIF rotation, and their objects are annotated on the stored image: yolov5 applies the rotation, which misplaces these "
        "objects; all other models train on the stored image; --transcode writes copies without the rotation",
    ),
}


def _of_images(oddities: Mapping[str, Oddity]) -> Iterator[Doubt]:
    """Doubts of images as the trainer reads and decodes them, each of which is told, however few they are."""
    if odd := oddities.get(MISREAD):
        yield Doubt(
            Doubted.IMAGE_URL_MISREAD,
            f"{odd.count:,} image URLs, such as {odd.example}, hold a character that ends their path for the trainer (a `?`, of abfss and "
            "wasbs a `#` too), or a % that encodes nothing: it looks for other images; write them as %3F, %23 and %25, or name the images "
            "by a datastore with --image-url",
            odd.count,
            odd.example,
            "--image-url",
        )
    for name, (code, what) in _REMARKS.items():
        if odd := oddities.get(name):
            yield Doubt(code, f"{odd.count:,} images, such as {odd.example}, {what}", odd.count, odd.example)


_DIGITS, _MOST_DIGITS = frozenset("0123456789"), 8
"""Labels of datasets that show digits, of which so many are no numbers of classes."""

_CODE = re.compile(r"n\d{8}|[0-9a-f]{24}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|/[mg]/[0-9a-z_]+", re.IGNORECASE)
"""What stands for a name elsewhere: WordNet's synsets, ids of databases, Freebase's."""


def _of_ids(names: Sequence[str], told: Collection[str]) -> Iterator[Doubt]:
    """A doubt where labels of objects are no names but numbers, or codes."""
    numbers = bool(names) and all(name.isascii() and name.isdigit() for name in names)
    digits = _DIGITS.issuperset(names) and len(names) >= _MOST_DIGITS
    if numbers and not digits and Doubted.LABELS_ARE_NUMBERS not in told:
        message = (
            f"all labels are numbers, such as {names[0]!r}, as where the names of classes stand elsewhere; they are written as they stand; "
            "--labels gives them names"
        )
        yield Doubt(Doubted.LABELS_ARE_NUMBERS, message, len(names), names[0], "--labels")
    if names and all(map(_CODE.fullmatch, names)) and Doubted.LABELS_ARE_CODES not in told:
        message = f"all labels are codes, such as {names[0]!r}, and no names; they are written as they stand; --labels gives them names"
        yield Doubt(Doubted.LABELS_ARE_CODES, message, len(names), names[0], "--labels")


def label_doubts(counts: Mapping[str, int], task: str, told: Iterable[Doubt] = ()) -> Iterator[Doubt]:
    """Doubts of what labels are called; `counts` are objects by label, `told` the doubts that reading has left."""
    names = sorted(counts)
    if not task.startswith("image_classification"):
        yield from _of_ids(names, {item.code for item in told})
    early = [name for name in names if name < BACKGROUND_LABEL]
    if early:
        message = (
            f"label {early[0]!r} sorts before {BACKGROUND_LABEL!r}, the trainer's background, and shifts its index in most "
            "models; rename it"
        )
        yield Doubt(Doubted.LABEL_BEFORE_BACKGROUND, message, len(early), early[0])
    # A class of images that show none of the others is usual.
    none = [name for name in names if says_there_is_none(name) and not task.startswith("image_classification")]
    if none or BACKGROUND_LABEL in names:
        yield _of_words(none or [BACKGROUND_LABEL], counts, Doubted.LABEL_OF_BACKGROUND, "there is no object")
    escaped = {name: plain for name in names if (plain := unescaped(name)) is not None}
    if escaped:
        shown = ", ".join(f"{name!r:.60} for {plain!r:.60}" for name, plain in list(escaped.items())[:_SHOWN])
        message = f"labels seem to be escaped, or in a wrong charset, as an exporter left them: {shown}; they are written as they stand"
        yield Doubt(Doubted.LABELS_ESCAPED, message, len(escaped), next(iter(escaped)))
    nothing = [name for name in names if says_nothing(name)]
    if nothing:
        yield _of_words(nothing, counts, Doubted.LABEL_SAYS_NOTHING, "nobody has said what it is")


def _of_words(names: Sequence[str], counts: Mapping[str, int], code: Doubted, what: str) -> Doubt:
    count = sum(counts[name] for name in names)
    message = (
        f"{listed(names)}: a label by this name says that {what}, and is trained like any other, with {counted(count, 'object')}; remove "
        "these objects, or rename it"
    )
    return Doubt(code, message, count, names[0])
