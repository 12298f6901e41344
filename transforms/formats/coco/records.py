"""The records of a COCO file: typed decoding of a whole range at once, and a patient way for the ranges that resist.

Real files hold ids as text, numbers as text, nulls, NaN, and worse. A range is decoded in one call into typed structs;
only when that fails is each of its elements decoded alone, coerced where the meaning is plain, and rejected where not.
"""

from __future__ import annotations

import heapq
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np

from labelbeam.schemas.neutral import RAW_LIMIT
from labelbeam.schemas.packed import Packed
from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.columns.arrays import Floats
from labelbeam.transforms.formats.coco.other_names import (
    OF_ANNOTATIONS,
    OF_CATEGORIES,
    OF_IMAGES,
    other_name,
    with_usual_names,
)
from labelbeam.transforms.formats.coco.scan import TARGET, as_list, split_elements
from labelbeam.transforms.formats.coco.segmentations import segmentation_of
from labelbeam.transforms.formats.coco.values import (
    EXACT,
    Id,
    Quad,
    RecordError,
    Rle,
    bbox_of,
    crowd_of,
    id_of,
    label_of,
    optional_id,
    side_of,
    text_of,
    unexpected,
)
from labelbeam.transforms.formats.json_objects import check_json_room


class CocoImage(msgspec.Struct, gc=False):
    """An element of `images`."""

    id: Id
    file_name: str
    width: int | None = None
    height: int | None = None


class CocoCategory(msgspec.Struct, gc=False):
    """An element of `categories`."""

    id: Id
    name: str
    supercategory: Any = None


class LabelOnly(msgspec.Struct, gc=False):
    """An element of `annotations`, for classification."""

    image_id: Id
    category_id: Id
    id: Id | None = None


class Boxed(LabelOnly, gc=False):
    """An element of `annotations`, for detection; the segmentation is not even parsed."""

    bbox: Quad | None = None
    iscrowd: int | None = 0
    ignore: Any = None
    area: Any = None
    attributes: Any = None
    rotation: Any = None

    @property
    def angle(self) -> float:
        """Degrees by which the box is turned clockwise about its centre, as labelling tools write it; 0 where none is told."""
        given = self.attributes.get("rotation") if isinstance(self.attributes, dict) else None
        angle = _float_of(self.rotation if given is None else given)
        return math.remainder(angle, 360.0) if math.isfinite(angle) else 0.0

    @property
    def ignored(self) -> bool:
        """Tell whether it is marked as a region to be left out of training and evaluation."""
        return bool(crowd_of(self.ignore, set()))


class Outlined(Boxed, gc=False):
    """An element of `annotations` with its outline."""

    segmentation: list[list[float]] | Rle | None = None


Record = TypeVar("Record", bound=msgspec.Struct)


def _float_of(value: Any) -> float:
    """A number that serves as evidence only; NaN where it is none."""
    try:
        return math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def areas_of(records: Sequence[Boxed]) -> Floats:
    """The `area` of each record, (n,); NaN where it tells none."""
    areas = list(map(attrgetter("area"), records))
    if set(map(type, areas)) <= {float, int}:
        with suppress(OverflowError):
            return np.fromiter(areas, np.float64, len(areas))
    return np.fromiter(map(_float_of, areas), np.float64, len(areas))


@dataclass(frozen=True, slots=True)
class BadElement:
    """An element that no record could be made of: where it lies in its range, why, and an excerpt."""

    offset: int
    code: Rejected
    message: str
    raw: str
    known: dict[str, Any]
    """Those of the fields `id`, `image_id` and `file_name` that could be read after all."""


@dataclass(slots=True)
class Decoded(Generic[Record]):
    """The records of one range and what could not be read, both in order; `adjusted` counts records by what was done.

    `renamed` counts records by a field and the other name under which it stands.
    """

    records: list[Record]
    bad: Packed[BadElement] = field(default_factory=Packed)
    adjusted: dict[Adjusted, int] = field(default_factory=dict)
    renamed: Counter[tuple[str, str]] = field(default_factory=Counter)


@cache
def _list_decoder(record: type[msgspec.Struct]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(list[record])  # type: ignore[valid-type]


@cache
def _fields(record: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(record)


@cache
def _decoder(record: type[msgspec.Struct]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(record)


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for JSON that it does not take, or that is of other types."""

_BARE = re.compile(rb'"(?:[^"\\]|\\.)*"|[^\s,"][^,"]*')


def decode_range(block: bytes, record: type[Record], patient: bool = False) -> Decoded[Record]:
    """Decode the elements of a range, the bytes `{…},{…}`, into records.

    What a strict decoder refuses is read element by element as far as its meaning is plain: NaN and Infinity where they
    do not matter, ids as integral floats, numbers as text, null or nothing for what may be missing, control characters
    in text. Of a key that occurs twice the last value counts. Polygons keep finite numbers only: a part with another
    is empty.

    `patient` says that each element is read so, also one that the strict decoder would take without a field that it may lack.

    Raises:
        UnsafeSplitError: the range does not hold whole elements only.
        ShortageError: an element is so large that there is no memory for what it holds.
    """
    check_json_room(block, "an element of a COCO file", 2 * TARGET)
    if not patient:
        try:
            return Decoded(_list_decoder(record).decode(as_list(block)))
        except UNREADABLE:
            pass
    return _decode_each(block, record, patient)


def elements(block: bytes) -> Iterator[dict[str, Any]]:
    """The elements of a range with all their fields, without those that cannot be read."""
    for start, end in split_elements(block):
        try:
            fields = _load(block[start:end])
        except RecordError:
            continue
        if isinstance(fields, dict):
            yield fields


def _decode_each(block: bytes, record: type[Record], patient: bool) -> Decoded[Record]:
    decoded: Decoded[Record] = Decoded([])
    tally: Counter[Adjusted] = Counter()
    bounds = split_elements(block)
    unread = _read_each(block, bounds, None if patient else _decoder(record), record, decoded, tally)
    bare = _bare_values(block, bounds)
    decoded.bad.extend(heapq.merge(unread, bare, key=attrgetter("offset")))
    decoded.adjusted = dict(tally)
    return decoded


def _read_each(
    block: bytes,
    bounds: Iterable[tuple[int, int]],
    decoder: msgspec.json.Decoder[Any] | None,
    record: type[Record],
    decoded: Decoded[Record],
    tally: Counter[Adjusted],
) -> Iterator[BadElement]:
    """Add the elements that can be read to `decoded` and `tally`, and give out the others."""
    for start, end in bounds:
        element = block[start:end]
        if decoder is not None:
            try:
                decoded.records.append(decoder.decode(element))
                continue
            except UNREADABLE:
                pass
        fields: Any = None
        adjusted: set[Adjusted] = set()
        try:
            fields = _load(element)
            fields, renamed = _usual(fields, record)
            decoded.records.append(_coerce(fields, record, adjusted))
            decoded.renamed.update(renamed.items())
            tally.update(adjusted)
        except RecordError as error:
            yield BadElement(start, error.code, str(error), _excerpt(element), _known(fields))


def _bare_values(block: bytes, bounds: Iterable[tuple[int, int]]) -> Iterator[BadElement]:
    """Values between the elements besides commas: numbers, texts, nulls where an object should be."""
    position = 0
    for start, end in chain(bounds, [(len(block), len(block))]):
        for value in _BARE.finditer(block, position, start):
            message = "found a bare value, expected an object"
            yield BadElement(value.start(), Rejected.INVALID_RECORD, message, _excerpt(value[0].rstrip()), {})
        position = end


def _excerpt(element: bytes) -> str:
    """The beginning of an element as text, for the rejected file."""
    return element[: 4 * RAW_LIMIT].decode("utf-8", "replace")[:RAW_LIMIT]


def _load(element: bytes) -> Any:
    try:
        # Lone surrogates pass, raw or escaped: where one matters is decided by who uses the text.
        text = element.decode("utf-8", "surrogatepass")
        try:
            return _JSON.decode(text)
        except json.JSONDecodeError:
            raise
        except ValueError:
            return _JSON_OF_HUGE_NUMBERS.decode(text)
    except RecursionError:
        raise RecordError(Rejected.INVALID_RECORD, "the record is nested too deeply") from None
    except ValueError as error:
        raise RecordError(Rejected.INVALID_RECORD, f"the record is not valid JSON: {error}") from None


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < sys.int_info.default_max_str_digits else float(digits)


def _float(text: str) -> int | float:
    """A number with a point or exponent; beyond 2^53, where floats skip whole numbers, the exact one: an id may be one of them."""
    number = float(text)
    if not EXACT <= abs(number) <= _LARGEST_ID:
        return number
    exact = Decimal(text)
    return int(exact) if exact == exact.to_integral_value() else number


_LARGEST_ID = 1e30

_JSON = json.JSONDecoder(strict=False, parse_float=_float)
_JSON_OF_HUGE_NUMBERS = json.JSONDecoder(strict=False, parse_int=_integer, parse_float=_float)
"""Python refuses whole numbers of over 4,300 digits with a ValueError; as a float they are infinite."""


def _known(fields: Any) -> dict[str, Any]:
    if not isinstance(fields, dict):
        return {}
    known: dict[str, Any] = {}
    for name in ("id", "image_id"):
        identity = optional_id(fields.get(name))
        if identity is not None:
            known[name] = identity
    if isinstance(fields.get("file_name"), str):
        known["file_name"] = fields["file_name"]
    return known


# Coercion: of a value as JSON has it to what a field wants. ---------------------------------------------------------


def _coerce(fields: Any, record: type[Record], adjusted: set[Adjusted]) -> Record:
    """Make a record of an element that is not of the expected types, as far as its meaning is plain.

    Raises:
        RecordError: it is not.
    """
    values: dict[str, Any] = {}
    for item in _fields(record):
        name = item.name
        if name not in fields and not item.required:
            continue
        value = fields.get(name)
        try:
            if name in _AS_THEY_ARE:
                values[name] = value
            elif name == "id" and not item.required:
                values[name] = optional_id(value)
            else:
                values[name] = _COERCE[name](value, adjusted)
        except RecordError as error:
            found = f"{name}: {error}" if name in fields else f"it has no {name}"
            raise RecordError(error.code, found) from None
    return record(**values)


def _usual(fields: Any, record: type[msgspec.Struct]) -> tuple[dict[str, Any], dict[str, str]]:
    """An element with COCO's names for its fields, and the other names that it has for them.

    Raises:
        RecordError: it is no object.
    """
    if not isinstance(fields, dict):
        raise unexpected(fields, "an object")
    if record is CocoImage:
        fields, renamed = with_usual_names(fields, ("id", "file_name"), OF_IMAGES)
        file_name = image_name(fields)
        return (fields if file_name is None else fields | {"file_name": file_name}), renamed
    others = OF_CATEGORIES if record is CocoCategory else OF_ANNOTATIONS
    wanted = (item.name for item in _fields(record) if item.name in others)
    return with_usual_names(fields, wanted, others)


_AS_THEY_ARE = frozenset({"ignore", "area", "attributes", "rotation", "supercategory"})
"""Fields that no record is rejected for: who reads one makes of it what it can."""


def image_name(fields: dict[str, Any]) -> Any:
    """The `file_name` of an image's record, or what it is called else; without one, as in LVIS, the last folder and the name in `coco_url`.

    >>> image_name({"coco_url": "http://images.cocodataset.org/val2017/000000397133.jpg"}), image_name({"filename": "a.jpg"})
    ('val2017/000000397133.jpg', 'a.jpg')
    """
    name = fields.get("file_name")
    if not name and (key := other_name(fields, "file_name", OF_IMAGES)) is not None:
        name = fields[key]
    return name or name_of_url(fields) or name


def name_of_url(fields: dict[str, Any]) -> str | None:
    """The last folder and the name in an image's `coco_url`; None where it has none."""
    url = fields.get("coco_url")
    if not isinstance(url, str) or "://" not in url:
        return None
    path = url.partition("://")[2].partition("?")[0].partition("/")[2]
    return "/".join(path.split("/")[-2:]) or None


_COERCE: dict[str, Callable[[Any, set[Adjusted]], Any]] = {
    "id": id_of,
    "image_id": id_of,
    "category_id": id_of,
    "file_name": text_of,
    "width": side_of,
    "height": side_of,
    "name": label_of,
    "bbox": bbox_of,
    "iscrowd": crowd_of,
    "segmentation": segmentation_of,
}
