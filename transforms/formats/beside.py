"""Fields beside an object or an image that say something else of it than is read: that it is left out, predicted, or turned."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.neutral import SourceImage
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.labelled import doubts_of_labelled, tally_labels
from labelbeam.transforms.formats.labels import says_there_is_none
from labelbeam.transforms.formats.turned import (
    FURTHER,
    TURNED_BESIDE,
    doubts_of_turned,
    folded,
    may_turn,
    pair_of,
    turned_beside,
)
from labelbeam.transforms.formats.verdicts import is_verdict, speaks_against

FLAG = re.compile(
    r"(?:is|to)?(?:crowd|groupof|ignored?|deleted?|discarded?|rejected|excluded?|difficult|dontcare)(?:flag)?"
)
"""What a flag is called that is set where its record is not to be trained on as others are, without joining marks and letter case."""
_SCORE = re.compile(r"scores?|confidences?|conf|probability|prob")
_SET = frozenset({"1", "1.0", "true", "t", "yes", "y", "on", "x"})

FLAGGED_BESIDE, SCORED_BESIDE, IMAGES_FLAGGED = "flagged_beside", "scored_beside", "images_flagged"
"""The tallies of objects with such fields, and of images."""


@lru_cache(4096)
def is_flag(key: str) -> bool:
    """Tell whether a field is called like a flag that takes its object or image out of what is trained on.

    >>> is_flag("isCrowd"), is_flag("IsGroupOf"), is_flag("is_deleted"), is_flag("is_valid"), is_flag("occluded")
    (True, True, True, True, False)
    """
    return FLAG.fullmatch(folded(key)) is not None or is_verdict(key)


@lru_cache(4096)
def is_score(key: str) -> bool:
    """Tell whether a field is called like the confidence of a model.

    >>> is_score("Score"), is_score("confidence"), is_score("label_confidence_set")
    (True, True, False)
    """
    return _SCORE.fullmatch(folded(key)) is not None


def takes_out(key: str, value: Any) -> bool:
    """Tell whether a field says that its record is not to be trained on as others are; options that are chosen say it by their names.

    >>> takes_out("difficult", True), takes_out("ignore", "1"), takes_out("approved", False), takes_out("status", "rejected")
    (True, True, True, True)
    >>> takes_out("difficult", 0), takes_out("approved", None), takes_out("quality", {"bad": True}), takes_out("flags", {"ignore": True})
    (False, False, True, True)
    """
    if isinstance(value, dict) and folded(key) in FURTHER:
        return any(takes_out(str(inner), item) for inner, item in value.items())
    if isinstance(value, list) and folded(key) in FURTHER:
        return any(_takes_out_by_name(item) for item in value)
    if isinstance(value, dict):
        return is_flag(key) and any(
            speaks_against(key, str(option)) for option, chosen in value.items() if chosen is True
        )
    if value is None or not isinstance(value, str | int | float):
        return False
    if FLAG.fullmatch(folded(key)) is not None:
        return str(value).strip().lower() in _SET
    return speaks_against(key, str(value))


def _takes_out_by_name(item: Any) -> bool:
    """Tell whether an item of a list of flags or tags says so: by its name alone, or by its name and value."""
    if isinstance(item, str):
        return is_flag(item) and takes_out(item, True)
    pair = pair_of(item)
    if pair is None:
        return False
    return takes_out(pair[0], True if pair[1] is None else pair[1])


def scored(key: str, value: Any) -> bool:
    """Tell whether a field holds a confidence between 0 and 1.

    >>> scored("score", 0.9), scored("confidence", "0.35"), scored("score", 1), scored("score", None), scored("attributes", {"score": 0.5})
    (True, True, False, False, True)
    """
    if isinstance(value, dict) and folded(key) in FURTHER:
        return any(scored(str(inner), item) for inner, item in value.items())
    if isinstance(value, list) and folded(key) in FURTHER:
        return any(scored(*pair) for item in value if (pair := pair_of(item)) is not None)
    if not is_score(key) or isinstance(value, bool) or not isinstance(value, str | int | float):
        return False
    try:
        return 0 < float(value) < 1
    except ValueError:
        return False


@lru_cache(4096)
def may_tell(key: str) -> bool:
    """Tell whether a field is called so that what it holds may say something else than is read.

    >>> may_tell("difficult"), may_tell("score"), may_tell("angle"), may_tell("attributes"), may_tell("points")
    (True, True, True, True, False)
    """
    return folded(key) in FURTHER or is_flag(key) or is_score(key) or may_turn(key)


def telling(fields: Mapping[Any, Any], read: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The fields that may tell something, without those that are `read`."""
    return {str(key): value for key, value in fields.items() if may_tell(str(key)) and key not in read}


def tell_beside(
    image: SourceImage, fields: Mapping[str, Any], *, upright: bool, read: frozenset[str] = frozenset()
) -> None:
    """Count, for an object of `image`, what its `fields` say beside those that are `read`.

    `upright` says that it is a box and nothing else, so that a field that turns it would change what is read.
    """
    if rest := telling(fields, read):
        image.turned_beside += upright and turned_beside(rest)
        image.flagged_beside += any(takes_out(key, value) for key, value in rest.items())
        image.scored_beside += any(scored(key, value) for key, value in rest.items())


def tell_labels(image: SourceImage, names: Iterable[Any]) -> None:
    """Keep what the labels or tags of `image` as a whole say, where objects are read: that it is left out, or that it shows something."""
    known = [name for name in names if isinstance(name, str) and name.strip()]
    image.flagged = image.flagged or takes_out("tags", known)
    image.labelled = tuple(name for name in known if not is_flag(name) and not says_there_is_none(name))


def tally_object(
    evidence: Evidence, fields: Mapping[str, Any], locator: str, *, upright: bool, read: frozenset[str] = frozenset()
) -> None:
    """Tally what `fields` say of an object that is found at `locator`; for the rest see `tell_beside`."""
    image = SourceImage("", "", locator)
    tell_beside(image, fields, upright=upright, read=read)
    tally_beside(evidence, [image])


def tally_beside(evidence: Evidence, images: Sequence[SourceImage], elsewhere: Iterable[str] = ()) -> None:
    """Tally what was told of the objects of `images`, and of these; for `elsewhere` see `tally_labels`."""
    for image in images:
        if image.turned_beside:
            evidence.add(TURNED_BESIDE, image.turned_beside, image.locator)
        if image.flagged_beside:
            evidence.add(FLAGGED_BESIDE, image.flagged_beside, image.locator)
        if image.scored_beside:
            evidence.add(SCORED_BESIDE, image.scored_beside, image.locator)
        if image.flagged:
            evidence.add(IMAGES_FLAGGED, 1, image.locator)
    tally_labels(evidence, images, elsewhere)


_SAID = (
    (
        *(IMAGES_FLAGGED, Doubted.FLAGS_NOT_READ, "images, such as"),
        "have a flag or a tag that says that they are not to be trained on, such as skip, deleted or rejected; it is not read, and they are "
        "written like all others: remove them",
    ),
    (
        *(FLAGGED_BESIDE, Doubted.FLAGS_NOT_READ, "objects, such as in"),
        "have a flag such as difficult, ignore, deleted or not approved; it is not read, and they are trained on like all others: remove them "
        "where they are not to be",
    ),
    (
        *(SCORED_BESIDE, Doubted.PREDICTED_LABELS, "objects, such as in"),
        "have a confidence between 0 and 1, as predictions of a model do; they are read as labels",
    ),
)
"""Tallies, the doubts that follow from them, what is counted, and what is said of it."""


def doubts_beside(shown: str, evidence: Evidence) -> list[Doubt]:
    """The doubts that follow for the source that is `shown`."""
    doubts = [*doubts_of_turned(shown, evidence), *doubts_of_labelled(shown, evidence)]
    for name, code, counted, words in _SAID:
        if count := evidence.count(name):
            example = evidence.example(name)
            doubts.append(Doubt(code, f"{shown}: {count:,} {counted} {example}, {words}", count, example))
    return doubts
