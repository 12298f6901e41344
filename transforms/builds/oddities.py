"""Doubts that all objects and labels of a build leave, of whatever format they were read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.manifest import Oddity, Receipt
from labelbeam.transforms.formats.labels import says_nothing, says_there_is_none, unescaped
from labelbeam.transforms.images.facts import DEEP, FRAMES, TURNED, UNTURNED
from labelbeam.transforms.messages.words import listed
from labelbeam.transforms.write.oddities import CORNER, CROWDS, LEAVING, MISREAD, TINY, TWICE

BACKGROUND_LABEL = "--bg--"
"""The trainer's own label for background; most of its models take it to sort first."""

_ONE_IN = {LEAVING: 10, CROWDS: 2, TWICE: 1000, TINY: 10, CORNER: 1}
"""An oddity of fewer than one object in so many is told by nobody: COCO itself has crowds, and an object twice here and there."""

_FEWEST, _SHOWN = 2, 5

_FEWEST_IN_A_CORNER = 20
"""Objects of which by chance not all lie in one quarter of their images."""

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


def object_doubts(receipts: Iterable[Receipt], told: Iterable[Doubt]) -> Iterator[Doubt]:
    """Doubts of oddities that are many; `told` are the doubts that reading has left."""
    oddities: dict[str, Oddity] = {}
    for receipt in receipts:
        for name, part in receipt.oddities.items():
            oddities.setdefault(name, Oddity()).add(part)
    yield from _of_images(oddities)
    many = {
        name for name, one in _ONE_IN.items() if (odd := oddities.get(name)) and odd.count and odd.count * one >= odd.of
    }
    if LEAVING in many and oddities[LEAVING].count >= _FEWEST and _TOLD_ALREADY.isdisjoint(item.code for item in told):
        odd = oddities[LEAVING]
        yield Doubt(
            Doubted.BOXES_LEAVE_IMAGES,
            f"{odd.count:,} of {odd.of:,} boxes leave their image by more than drawing explains, such as in {odd.example}; they are cut at "
            "its border or rejected; their numbers may mean something else, or be of another size of the image",
            odd.count,
            odd.example,
        )
    unit_told = not {Doubted.FIXED_GRID, Doubted.FRAMES_DISAGREE}.isdisjoint(item.code for item in told)
    if TINY in many and oddities[TINY].count >= _FEWEST and not unit_told:
        odd = oddities[TINY]
        yield Doubt(
            Doubted.SMALLER_THAN_A_PIXEL,
            f"{odd.count:,} of {odd.of:,} objects are smaller than a pixel both ways, such as in {odd.example}; their numbers may be "
            "fractions of the image where pixels are expected, or divided twice",
            odd.count,
            odd.example,
        )
    elif CORNER in many and oddities[CORNER].count >= _FEWEST_IN_A_CORNER and not unit_told:
        odd = oddities[CORNER]
        yield Doubt(
            Doubted.ALL_IN_A_CORNER,
            f"all {odd.of:,} objects lie in the upper left quarter of their images, such as in {odd.example}; their numbers may be "
            "percent, or of a smaller copy of the images than these",
            odd.count,
            odd.example,
        )
    if CROWDS in many and oddities[CROWDS].count * _ONE_IN[CROWDS] > oddities[CROWDS].of:
        odd = oddities[CROWDS]
        yield Doubt(
            Doubted.MOSTLY_CROWDS,
            f"{odd.count:,} of {odd.of:,} objects have isCrowd 1, such as in {odd.example}, as what is no single object has; metrics leave "
            "these out; where a tool writes it for every mask, set it to 0",
            odd.count,
            odd.example,
        )
    if TWICE in many:
        odd = oddities[TWICE]
        yield Doubt(
            Doubted.OBJECTS_TWICE,
            f"{odd.count:,} of {odd.of:,} objects have the same label and place as another of their image, such as in {odd.example}; "
            "all are written; remove those that were exported twice",
            odd.count,
            odd.example,
        )


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
        "are turned by their EXIF orientation, and their objects lie where that shows them: yolov5 trains on them so, and all other models "
        "on the images as they are stored, where these objects are elsewhere; --transcode writes copies that are turned",
    ),
    UNTURNED: (
        Doubted.BOXES_UNTURNED,
        "are turned by their EXIF orientation, and their objects lie where they are in the images as these are stored: yolov5 trains on the "
        "images turned, where these objects are elsewhere, and all other models as they are stored; --transcode writes copies without the orientation",
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


def label_doubts(counts: Mapping[str, int], task: str) -> Iterator[Doubt]:
    """Doubts of what labels are called; `counts` are objects by label."""
    names = sorted(counts)
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
        f"{listed(names)}: a label by this name says that {what}, and is trained like any other, with {count:,} objects; remove "
        "these objects, or rename it"
    )
    return Doubt(code, message, count, names[0])
