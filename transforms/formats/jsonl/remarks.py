"""Doubts of what the trainer would make of JSON Lines as they stand, by the evidence of all of their records."""

from __future__ import annotations

from collections.abc import Iterator

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.beside import doubts_beside
from labelbeam.transforms.formats.declared_sizes import doubts_of_sizes
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.messages.redact import redact

_FEWEST, _MANY = 2, 10
"""Boxes that end before they begin, and their share of all, from which on they are no slip of the hand."""


def refuse_pixels(source: str, evidence: Evidence) -> None:
    """Refuse a file whose coordinates are not fractions of the image.

    Raises:
        UsageError: most of its objects lie far outside of [0, 1].
    """
    beyond, objects = evidence.count("coordinates_beyond_2"), evidence.count("objects")
    if beyond * 2 > objects:
        raise UsageError(
            f"{redact(source)}: {beyond} of {objects} objects have coordinates beyond 2, such as that of "
            f"{evidence.example('coordinates_beyond_2')}, so they seem to be pixels; expected fractions of the image from 0 to 1: "
            "divide x by its width and y by its height"
        )


def doubts_of(source: str, evidence: Evidence) -> Iterator[Doubt]:
    """Doubts about one file."""
    shown = redact(source)
    backwards, objects = evidence.count("ending_before_they_begin"), evidence.count("objects")
    if backwards >= _FEWEST and backwards * _MANY >= objects:
        example = evidence.example("ending_before_they_begin")
        fits = not evidence.count("leaving_as_sizes")
        words = "; all fit if bottomX and bottomY are a width and a height" if fits else ""
        yield Doubt(
            Doubted.CORNERS_OR_SIZES,
            f"{shown}: {backwards} of {objects} boxes end before they begin, such as {redact(example)}{words}; they are read as two "
            "corners in the wrong order",
            backwards,
            example,
        )
    yield from doubts_of_sizes(shown, evidence)
    yield from doubts_beside(shown, evidence)
    for name, code, message, option in _DOUBTS:
        if count := evidence.count(name):
            example = redact(evidence.example(name))
            yield Doubt(code, f"{shown}: {message.format(count=count)}, such as {example}", count, example, option)


_DOUBTS = (
    (
        "dropped_by_trainer",
        Doubted.DROPPED_BY_TRAINER,
        "{count} objects would be dropped by the trainer without a word as the file stands, or cost their image; the build cuts "
        "them at the border, or rejects them with a reason",
        "",
    ),
    (
        "coordinates_beyond_2",
        Doubted.FRAMES_DISAGREE,
        "{count} objects have coordinates beyond 2 and may be in pixels, unlike all others; they are read as fractions",
        "",
    ),
    (
        "crowd_unknown",
        Doubted.CROWD_UNKNOWN,
        "{count} objects have an isCrowd that is none of 0, 1, true and false; the trainer takes it as 0, and so does the build",
        "",
    ),
    (
        "confidences_below_one",
        Doubted.CONFIDENCES_BELOW_ONE,
        "{count} records have a label_confidence below 1; their labels were read like all others",
        "",
    ),
    (
        "lists_as_text",
        Doubted.LISTS_AS_TEXT,
        "{count} records have a list of labels that is written as text, which the trainer takes for a name; it is read as the list",
        "",
    ),
    (
        "urls_of_v1",
        Doubted.IMAGE_URL_NOT_READ,
        "{count} image URLs start with AmlDatastore://, as SDK v1 wrote them, and mltable.load makes null of each; --image-url says how "
        "they should start",
        "--image-url",
    ),
    (
        "urls_elsewhere",
        Doubted.URLS_ELSEWHERE,
        "{count} image URLs have another prefix than the others, and are unchanged",
        "--source-image-url",
    ),
)
