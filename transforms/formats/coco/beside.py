"""Fields of annotations beside those that are read, where what they say would change what is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.beside import FLAG, is_flag, is_score
from labelbeam.transforms.formats.coco.brackets import BracketScanner
from labelbeam.transforms.formats.coco.records import elements
from labelbeam.transforms.formats.coco.scan import as_list
from labelbeam.transforms.formats.coco.values import crowd_of
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.plans import HEAD
from labelbeam.transforms.formats.turned import FURTHER, folded, may_turn, turned_beside, turns
from labelbeam.transforms.formats.verdicts import speaks_against

_READ = frozenset({"iscrowd", "ignore"})
"""Flags that are read where they are called so to the letter, and stand right in the annotation."""

_READ_ANGLE = frozenset({"rotation"})

_FORMAT = re.compile(r"(?:bbox|box)(?:mode|format|type)")
_CORNERS = frozenset({0, 2, "0", "2"})
"""detectron2's BoxMode of two corners: XYXY_ABS and XYXY_REL."""


def _takes_out(key: str, value: Any) -> bool:
    """Tell whether a flag is set, or one that says that a record is of use is not."""
    if FLAG.fullmatch(folded(key)) is not None:
        return _is_set(value)
    return isinstance(value, str | int) and speaks_against(key, str(value))


def _is_set(value: Any) -> bool:
    if isinstance(value, str) and value.strip().lower() in ("yes", "y", "on"):
        return True
    return not isinstance(value, list | dict) and bool(crowd_of(value, set()))


def _flagged(key: str, value: Any) -> bool:
    """Tell whether a flag is set that is not read: by another name, or in a field that holds further ones."""
    if isinstance(value, list):
        return folded(key) in FURTHER and any(isinstance(item, str) and is_flag(item) for item in value)
    if isinstance(value, dict):
        return folded(key) in FURTHER and any(
            is_flag(inner) and _takes_out(inner, item) for inner, item in value.items()
        )
    return is_flag(key) and key not in _READ and _takes_out(key, value)


def _angled(key: str, value: Any) -> bool:
    """Tell whether a field that is not read says that a box is turned: what is read is `rotation`, there and in `attributes`."""
    if key == "attributes" and isinstance(value, dict):
        return turned_beside(value, _READ_ANGLE)
    return key != "rotation" and turns(key, value)


def _as_corners(key: str, value: Any) -> bool:
    if _FORMAT.fullmatch(folded(key)) is None or isinstance(value, bool | list | dict):
        return False
    return (
        value in _CORNERS or re.search(r"(?i)xyxy|corners|x1y1|xmin_?ymin_?xmax|pascal|\bvoc\b", str(value)) is not None
    )


def _scored(key: str, value: Any) -> bool:
    return is_score(key) and isinstance(value, float | int) and not isinstance(value, bool) and 0 < value < 1


_TALLIES: tuple[tuple[str, Callable[[str, Any], bool]], ...] = (
    ("flagged_beside", _flagged),
    ("corners_by_mode", _as_corners),
    ("scored", _scored),
    ("angled", _angled),
)


def _may_tell(key: str) -> bool:
    name = folded(key)
    if name in FURTHER or (is_flag(key) and key not in _READ):
        return True
    return may_turn(key) or is_score(key) or _FORMAT.fullmatch(name) is not None


def turned_images(block: bytes) -> list[str]:
    """The ids, for people, of images of a range that a field says are turned."""
    if not any(may_turn(key) for fields in _first_records(block) for key in fields):
        return []
    return [f"images id={fields.get('id')!r}" for fields in elements(block) if turned_beside(fields)]


def flagged_images(block: bytes) -> list[str]:
    """The ids, for people, of images of a range that a flag says are deleted or to be ignored."""
    named = any(part in block for part in _PARTS_OF_FLAGS) and any(flag in block for flag in _FLAGS_OF_IMAGES)
    if not named and not any(is_flag(key) for fields in _first_records(block) for key in fields):
        return []
    return [
        f"images id={fields.get('id')!r}"
        for fields in elements(block)
        if any(is_flag(key) and _takes_out(key, value) for key, value in fields.items())
    ]


class ImagesBeside:
    """Images of a file beside which a field that is not read says something else than what is, by their ids for people."""

    def __init__(self) -> None:
        """Know of none."""
        self.flagged: list[str] = []
        self.turned: list[str] = []

    def add(self, block: bytes) -> None:
        """Take in a range of `images`."""
        self.flagged += flagged_images(block)
        self.turned += turned_images(block)

    def doubts(self, shown: str, count: int) -> Iterator[Doubt]:
        """Doubts of a file that has `count` images."""
        for images, code, what in (
            (
                self.flagged,
                Doubted.FLAGS_NOT_READ,
                "have a flag that says that they are deleted or to be ignored; it is not read, and they are written like all others: "
                "remove them",
            ),
            (
                self.turned,
                Doubted.ROTATED_BOXES,
                "have a field that says that they are turned; it is not read, and boxes are written as they stand: turn the images, or "
                "their boxes, so that these lie on each other",
            ),
        ):
            if images:
                message = f"{shown}: {len(images)} of {count} images, such as {images[0]}, {what}"
                yield Doubt(code, message, len(images), images[0])


_FLAGS_OF_IMAGES = (b'eleted"', b'gnore"', b'gnored"', b'iscarded"', b'ejected"')
"""What stands in a range, wherever, that has a flag of an image which only such images have."""

_PARTS_OF_FLAGS = (b'ted"', b'ded"', b"gnore")
"""One of these stands in each of them: they are looked for first, as each look takes as long as half of all decoding."""


def add_fields_beside(block: bytes, evidence: Evidence, boxed: bool) -> None:
    """Tally what fields beside those that are read say of the annotations of a range.

    Files have the same fields throughout, so those of the first records of the range tell which of all are looked at. `boxed`
    says that the task needs boxes.
    """
    keys = tuple(sorted(filter(_may_tell, {key for fields in _first_records(block) for key in fields})))
    if not keys:
        return
    for identity, left_out, values in _values(block, keys):
        for name, holds in _TALLIES:
            told = (holds is _flagged and left_out) or (holds in (_as_corners, _angled) and not boxed)
            if not told and any(
                holds(key, value) for key, value in zip(keys, values, strict=True) if value is not None
            ):
                evidence.add(name, 1, f"annotations id={identity!r}")


_NAMES = frozenset({"categoryname", "classname", "labelname", "catname"})
"""Fields of annotations, folded, that hold the name of the category which `category_id` numbers."""


def add_names_beside(block: bytes, evidence: Evidence, labels: Sequence[str], label_of: Mapping[Any, int]) -> None:
    """Tally annotations of a range that name one category, where their `category_id` leads to another.

    A name that no category has is no contradiction: it may be another word for the same. `labels` are those of the file, by the indexes
    that `label_of` gives for ids.
    """
    keys = tuple(
        sorted(key for key in {key for fields in _first_records(block) for key in fields} if folded(key) in _NAMES)
    )
    if not keys:
        return
    known = {label.strip().casefold() for label in labels}
    for identity, _, (category, *names) in _values(block, ("category_id", *keys)):
        at = label_of.get(category, -1) if isinstance(category, int | str) else -1
        said = [name for name in names if isinstance(name, str) and name.strip().casefold() in known]
        if at >= 0 and said and all(name.strip().casefold() != labels[at].strip().casefold() for name in said):
            example = f"annotations id={identity!r}, which is {said[0]!r:.60} by name and {labels[at]!r:.60} by id"
            evidence.add("named_otherwise", 1, example)


def _first_records(block: bytes) -> Iterable[dict[str, Any]]:
    head = block[:HEAD]
    if len(head) < len(block):
        at, opening, depth = BracketScanner().feed(head)
        ends = at[~opening & (depth == 0)]
        head = head[: int(ends[-1]) + 1] if len(ends) else b""
    try:
        return _RECORDS.decode(as_list(head))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return elements(head)


_RECORDS = msgspec.json.Decoder(list[dict[str, Any]])


def _values(block: bytes, keys: tuple[str, ...]) -> Iterator[tuple[Any, bool, Sequence[Any]]]:
    """The id of each record, whether a flag that is read leaves it out, and what its fields hold; None where it lacks one."""
    try:
        records = _decoder(keys).decode(as_list(block))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        for fields in elements(block):
            left_out = any(_is_set(fields.get(key)) for key in _READ)
            yield fields.get("id"), left_out, [fields.get(key) for key in keys]
        return
    for record in records:
        identity, iscrowd, ignore, *values = msgspec.structs.astuple(record)
        yield identity, _is_set(iscrowd) or _is_set(ignore), values


@cache
def _decoder(keys: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    """A decoder of lists of records with an id and these fields, whatever they are called."""
    names = {f"field_{number}": key for number, key in enumerate(keys)}
    fields: list[tuple[str, Any, Any]] = [(name, Any, None) for name in ("id", "iscrowd", "ignore", *names)]
    record = msgspec.defstruct("Beside", fields, rename=names)
    return msgspec.json.Decoder(list[record])  # type: ignore[valid-type]


def doubts_beside(shown: str, evidence: Evidence, corners: bool) -> Iterator[Doubt]:
    """Doubts where fields that are not read say something else than what is."""
    flagged, by_mode, scored = map(evidence.count, ("flagged_beside", "corners_by_mode", "scored"))
    all_ = evidence.count("annotations")
    if flagged and all_:  # Formats that share COCO's evidence on boxes tell of their flags themselves.
        yield Doubt(
            Doubted.FLAGS_NOT_READ,
            f"{shown}: {flagged} of {all_} annotations, such as {evidence.example('flagged_beside')}, have a flag such as deleted, "
            "ignore, difficult or not valid by another name than `iscrowd` and `ignore`, or inside another field; it is not read, and they are "
            "trained on like all others: name it so, or remove them",
            flagged,
            evidence.example("flagged_beside"),
        )
    if by_mode and not corners:
        yield Doubt(
            Doubted.CORNERS_OR_SIZES,
            f"{shown}: a field beside the box of {by_mode} of {all_} annotations, such as {evidence.example('corners_by_mode')}, "
            "says that it is two corners; all are read as x, y, width, height; --coco-corners reads corners",
            by_mode,
            evidence.example("corners_by_mode"),
            "--coco-corners",
        )
    if angled := evidence.count("angled"):
        yield Doubt(
            Doubted.ROTATED_BOXES,
            f"{shown}: {angled} of {all_} annotations, such as {evidence.example('angled')}, have an angle, or a turned box, in a field that is not read, "
            "as nobody knows its unit and what it turns; boxes are written as they stand: name it `rotation`, in degrees clockwise about "
            "the centre of the box",
            angled,
            evidence.example("angled"),
        )
    if otherwise := evidence.count("named_otherwise"):
        yield Doubt(
            Doubted.CLASS_NAMES_DIFFER,
            f"{shown}: {otherwise} of {all_} annotations name another category than their category_id leads to, such as "
            f"{evidence.example('named_otherwise')}; the ids count: see whether they count from where the categories do",
            otherwise,
            evidence.example("named_otherwise"),
        )
    if scored:
        yield Doubt(
            Doubted.PREDICTED_LABELS,
            f"{shown}: {scored} of {all_} annotations have a score between 0 and 1, such as {evidence.example('scored')}, as "
            "predictions of a model do; they are read as labels",
            scored,
            evidence.example("scored"),
        )
