"""The records of a COCO file: typed decoding of a whole range at once, and a patient way for the ranges that resist.

Real files hold ids as text, numbers as text, nulls, NaN, and worse. A range is decoded in one call into typed structs;
only when that fails is each of its elements decoded alone, coerced where the meaning is plain, and rejected where not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, TypeVar

import msgspec

from schemas.neutral import RAW_LIMIT
from schemas.reasons import Adjusted, Rejected
from transforms.sources.coco_split import split_elements

Id = int | str
Quad = tuple[float, float, float, float]


class Rle(msgspec.Struct, gc=False):
    """A mask as run lengths: `size` is [height, width]; `counts` is a list, or text where compressed."""

    size: list[int]
    counts: list[int] | str


class CocoImage(msgspec.Struct, gc=False):
    """An element of `images`."""

    id: Id
    file_name: str
    width: int | None = None
    height: int | None = None
    adjusted: tuple[Adjusted, ...] = ()


class CocoCategory(msgspec.Struct, gc=False):
    """An element of `categories`."""

    id: Id
    name: str
    adjusted: tuple[Adjusted, ...] = ()


class LabelOnly(msgspec.Struct, gc=False):
    """An element of `annotations`, for classification."""

    image_id: Id
    category_id: Id
    id: Id | None = None


class Boxed(LabelOnly, gc=False):
    """An element of `annotations`, for detection; the segmentation is not even parsed."""

    bbox: Quad | None = None
    iscrowd: int | None = 0


class Outlined(Boxed, gc=False):
    """An element of `annotations` with its outline."""

    segmentation: list[list[float]] | Rle | None = None


Record = TypeVar("Record", bound=msgspec.Struct)


class RecordError(ValueError):
    """One element cannot be read as what it should be."""

    def __init__(self, code: Rejected, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class BadElement:
    """An element that no record could be made of: where it lies in its range, why, and an excerpt."""

    offset: int
    code: Rejected
    message: str
    raw: str
    known: dict[str, Any]
    """The fields that could be read after all, such as `image_id`."""


@dataclass(slots=True)
class Decoded(Generic[Record]):
    """The records of one range, in order, and what could not be read."""

    records: list[Record]
    bad: list[BadElement] = field(default_factory=list)
    adjusted: dict[Adjusted, int] = field(default_factory=dict)


@cache
def _list_decoder(record: type[msgspec.Struct]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(list[record])  # type: ignore[valid-type]


@cache
def _decoder(record: type[msgspec.Struct]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(record)


def decode_range(block: bytes, record: type[Record]) -> Decoded[Record]:
    """Decode the elements of a range into records.

    Raises:
        UnsafeSplitError: the range does not hold whole elements only.
    """
    body = block.strip(b" \t\r\n,")
    try:
        return Decoded(_list_decoder(record).decode(b"[%b]" % body))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _decode_each(block, record)


def _decode_each(block: bytes, record: type[Record]) -> Decoded[Record]:
    decoded: Decoded[Record] = Decoded([])
    bounds = split_elements(block)
    decoded.bad += _strays(block, bounds)
    for start, end in bounds:
        element = block[start:end]
        try:
            try:
                item = _decoder(record).decode(element)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                item = coerce(element, record, decoded.adjusted)
            decoded.records.append(item)
        except RecordError as error:
            decoded.bad.append(BadElement(start, error.code, str(error), excerpt(element), _readable(element)))
    return decoded


def _strays(block: bytes, bounds: list[tuple[int, int]]) -> list[BadElement]:
    """What stands between the elements besides commas: numbers, texts, nulls where an object should be."""
    found: list[BadElement] = []
    position = 0
    for start, end in [*bounds, (len(block), len(block))]:
        for piece in block[position:start].split(b","):
            if piece.strip():
                found.append(
                    BadElement(
                        position,
                        Rejected.INVALID_RECORD,
                        "found a bare value, expected an object",
                        excerpt(piece.strip()),
                        {},
                    )
                )
        position = end
    return found


def excerpt(element: bytes) -> str:
    """The beginning of an element as text, for the rejected file."""
    return element[:RAW_LIMIT].decode("utf-8", "replace")


def _load(element: bytes) -> Any:
    try:
        return json.loads(element)
    except RecursionError:
        raise RecordError(Rejected.INVALID_RECORD, "the record is nested too deeply") from None
    except ValueError as error:
        raise RecordError(Rejected.INVALID_RECORD, f"the record is not valid JSON: {error}") from None


def _readable(element: bytes) -> dict[str, Any]:
    try:
        value = _load(element)
    except RecordError:
        return {}
    return {key: value[key] for key in ("id", "image_id", "file_name") if isinstance(value.get(key), int | str)}


def coerce(element: bytes, record: type[Record], adjusted: dict[Adjusted, int]) -> Record:
    """Read one element that is not of the expected types, as far as its meaning is plain.

    Raises:
        RecordError: it is not.
    """
    fields = _load(element)
    if not isinstance(fields, dict):
        raise RecordError(Rejected.INVALID_RECORD, f"found {fields!r:.80}, expected an object")
    values: dict[str, Any] = {}
    for name in record.__struct_fields__:
        if name == "adjusted":
            continue
        convert = _optional_identity if name == "id" and issubclass(record, LabelOnly) else _COERCE[name]
        try:
            values[name] = convert(fields.get(name), adjusted)
        except RecordError as error:
            raise RecordError(error.code, f"{name}: {error}") from None
    return record(**values)


def _tally(adjusted: dict[Adjusted, int], reason: Adjusted) -> None:
    adjusted[reason] = adjusted.get(reason, 0) + 1


def _identity(value: Any, _: dict[Adjusted, int]) -> Id:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int | str) and not isinstance(value, bool):
        return value
    raise RecordError(Rejected.INVALID_RECORD, f"found {value!r:.80}, expected a number or text")


def _optional_identity(value: Any, adjusted: dict[Adjusted, int]) -> Id | None:
    return None if value is None or isinstance(value, list | dict | float | bool) else _identity(value, adjusted)


def _number(value: Any, adjusted: dict[Adjusted, int]) -> float:
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            raise RecordError(Rejected.INVALID_RECORD, f"found {value!r:.80}, expected a number") from None
        _tally(adjusted, Adjusted.NUMBER_FROM_TEXT)
        return number
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RecordError(Rejected.INVALID_RECORD, f"found {value!r:.80}, expected a number")
    return float(value) if abs(value) < 1e300 else math.inf


def _side(value: Any, adjusted: dict[Adjusted, int]) -> int | None:
    if value is None or value == "":
        return None
    try:
        number = _number(value, adjusted)
    except RecordError as error:
        raise RecordError(Rejected.INVALID_SIZE, str(error)) from None
    if not number.is_integer():
        raise RecordError(Rejected.INVALID_SIZE, f"found {value!r:.80}, expected a whole number of pixels")
    return int(number)


def _name(value: Any, _: dict[Adjusted, int]) -> str:
    if not isinstance(value, str):
        raise RecordError(Rejected.INVALID_RECORD, f"found {value!r:.80}, expected text")
    return value


def _label(value: Any, adjusted: dict[Adjusted, int]) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        _tally(adjusted, Adjusted.LABEL_FROM_NUMBER)
        return str(value)
    return _name(value, adjusted)


def _bbox(value: Any, adjusted: dict[Adjusted, int]) -> Quad | None:
    if value is None or value == []:
        return None
    if not isinstance(value, list) or len(value) != 4:
        raise RecordError(Rejected.INVALID_BBOX, f"found {value!r:.80}, expected [x, y, width, height]")
    texts: dict[Adjusted, int] = {}
    try:
        numbers = [_number(item, texts) for item in value]
    except RecordError as error:
        raise RecordError(Rejected.INVALID_BBOX, str(error)) from None
    if not all(map(math.isfinite, numbers)):
        raise RecordError(Rejected.INVALID_BBOX, f"found {value!r:.80}, expected finite numbers")
    if texts:
        _tally(adjusted, Adjusted.NUMBER_FROM_TEXT)
    return (numbers[0], numbers[1], numbers[2], numbers[3])


def _crowd(value: Any, _: dict[Adjusted, int]) -> int:
    if isinstance(value, str):
        return int(value.strip().lower() in ("1", "true"))
    return int(bool(value)) if isinstance(value, int | float) else 0


def _segmentation(value: Any, adjusted: dict[Adjusted, int]) -> list[list[float]] | Rle | None:
    if isinstance(value, dict):
        return Rle(value.get("size"), value.get("counts"))  # type: ignore[arg-type]  # read_rle takes anything
    if not isinstance(value, list):
        return None
    parts = [value] if value and not isinstance(value[0], list) else value
    texts: dict[Adjusted, int] = {}
    read: list[list[float]] = []
    for part in parts:
        try:
            read.append([_number(item, texts) for item in part] if isinstance(part, list) else [])
        except RecordError:
            read.append([])
    if texts:
        _tally(adjusted, Adjusted.NUMBER_FROM_TEXT)
    return read


_COERCE: dict[str, Callable[[Any, dict[Adjusted, int]], Any]] = {
    "id": _identity,
    "image_id": _identity,
    "category_id": _identity,
    "file_name": _name,
    "width": _side,
    "height": _side,
    "name": _label,
    "bbox": _bbox,
    "iscrowd": _crowd,
    "segmentation": _segmentation,
}
