"""A line of JSON Lines as an image with its objects: what the documents of the trainer allow, and what is written all the same.

Sizes may be `"499px"`, `image_details` and `isCrowd` may be absent, and `isCrowd` is 1 for what the trainer takes as 1. Exports of
labelling projects give the size as `image_width` and `image_height`, and a `label_confidence` for each label. Labels that went through a
table are lists as text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from labelbeam.schemas.neutral import RAW_LIMIT, Box, Rejection, Ring, SourceImage, SourceObject
from labelbeam.schemas.packed import Packed
from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.formats.beside import tally_object
from labelbeam.transforms.formats.coco.segmentations import parts_of
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.json_objects import check_json_room, json_object, json_room
from labelbeam.transforms.formats.labels import normalized
from labelbeam.transforms.formats.text_values import list_in_text
from labelbeam.transforms.images.facts import SCHEMA_FORMATS
from labelbeam.transforms.images.names import URL_SCHEMES, extension
from labelbeam.transforms.images.urls import path_below
from labelbeam.transforms.messages.words import counted, excerpt, printable
from labelbeam.transforms.stores.paths import safe_relative

CROWD = frozenset({"1", "true", "True"})
_NO_CROWD = frozenset({"0", "false", "False", ""})
_SIDES = ("topX", "topY", "bottomX", "bottomY")
_NOT_TEXT = re.compile("[\ud800-\udfff]")
_NOT_IN_URLS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_SIZE = re.compile(r"\s*([0-9]{1,10})(?:\.0*)?\s*(?:px)?\s*", re.IGNORECASE)
_EDGE = 1.01
"""What a fraction may reach by rounding."""

_LARGEST = 2**31 - 1
_USUAL_FIELDS = 5
"""Fields of a box beside which there may be others: its label and four sides."""
_OF_OUTLINES = 2
_READ = frozenset({"isCrowd"})

MOST_OBJECTS = 250_000
"""Labels of a line: five times as many as any image of a dataset is known to have; each takes a kilobyte while it is read."""

_LARGEST_ROOM = 10**9
"""Bytes that what a line holds may take, decoded: that many only where it holds next to nothing, such as twenty million times `{}`."""


@dataclass(slots=True)
class Lines:
    """The lines of one file as they are read: where they stand, and what was found.

    `prefix` is what the image URLs start with before the image's path, None where each URL is the image's identity, and "" where
    image_url is no URL but a path.
    """

    source: str
    split: str | None
    prefix: str | None
    images: list[SourceImage] = field(default_factory=list)
    rejections: Packed[Rejection] = field(default_factory=Packed)
    evidence: Evidence = field(default_factory=Evidence)
    objects: int = 0
    """Objects of `images`, with those that are rejected."""

    def take(self) -> list[SourceImage]:
        """The images that were read since the last time; who asks now and then holds few at a time."""
        taken, self.images, self.objects = self.images, [], 0
        return taken

    def add(self, line: bytes, locator: str) -> None:
        """Read one line; a blank one says nothing."""
        text = line.strip()
        if not text:
            return
        record = _decoded(text)
        if isinstance(record, dict) and isinstance(written := record.get("label"), str):
            several = list_in_text(written)
            if several is not None:
                self.evidence.add("lists_as_text", 1, locator)
                record["label"] = several
        if isinstance(record, dict) and _count(record.get("label")) > MOST_OBJECTS:
            record = f"it has {counted(_count(record['label']), 'label')}, expected at most {MOST_OBJECTS:,}, and is not read"
        if isinstance(record, str):
            self._reject(locator, None, Rejected.INVALID_RECORD, record, text)
            return
        url = record.get("image_url")
        if not isinstance(url, str) or not url:
            message = f"image_url is {_excerpt(url)}, expected the image's URL"
            self._reject(locator, None, Rejected.INVALID_RECORD, message, text, _count(record.get("label")))
            return
        path, code, message = self._path(url, locator)
        image = SourceImage(path, self.source, locator, split=self.split, objects=[], adjusted=[])
        problem = _read_size(record, image)
        if code is None and problem:
            code, message = Rejected.INVALID_SIZE, problem
        if "label" not in record or record["label"] is None:
            code, message = code or Rejected.INVALID_RECORD, message or "the record has no label"
        if code is not None:
            rejection = Rejection(self.source, locator, printable(path), "image", code, message, _raw(text))
            image.rejected.append(rejection)
        self._read_labels(record, image)
        self.images.append(image)
        self.objects += len(image.objects) + len(image.rejected)

    def _path(self, url: str, locator: str) -> tuple[str, Rejected | None, str]:
        """The identity of an image, and why it cannot be used."""
        if _NOT_IN_URLS.search(url):
            return printable(url), Rejected.UNSAFE_PATH, f"image_url holds a control character: {_excerpt(url)}"
        is_path = "://" not in url and not url.startswith("azureml:")
        below = path_below(self.prefix, url) if self.prefix else url if self.prefix == "" and is_path else None
        if below is not None:
            safe = safe_relative(below)
            if safe is None:
                return printable(url), Rejected.UNSAFE_PATH, f"{printable(url)}: {Rejected.UNSAFE_PATH.doc}"
            return safe, None, ""
        if self.prefix is not None:
            self.evidence.add("urls_elsewhere", 1, f"{locator}: {url}")
        if not url.startswith((*URL_SCHEMES, "file:///")):
            message = (
                f"the trainer does not read the image URL {printable(url)}; --image-url says how it should begin, and "
                "--source-image-url how it begins here"
            )
            return printable(url), Rejected.UNSUPPORTED_URL, message
        if url.startswith("AmlDatastore://"):
            self.evidence.add("urls_of_v1", 1, f"{locator}: {url}")
        return url, None, ""

    def _reject(
        self, locator: str, image: str | None, code: Rejected, message: str, line: bytes, objects: int = 0
    ) -> None:
        """Reject a line of which no image is known, with the objects that it holds."""
        self.rejections.append(Rejection(self.source, locator, image, "image", code, message, _raw(line)))
        self.rejections += (
            Rejection(
                self.source,
                f"{locator} label[{number}]",
                image,
                "object",
                Rejected.IMAGE_REJECTED,
                "its image was rejected",
            )
            for number in range(objects)
        )

    def _read_labels(self, record: dict[str, Any], image: SourceImage) -> None:
        found = record.get("label")
        several = isinstance(found, list)
        confidences = record.get("label_confidence")
        confidences = confidences if isinstance(confidences, list) else [confidences]
        numbers = [_number(each) for each in confidences]
        if any(number is not None and 0 <= number < 1 for number in numbers):
            self.evidence.add("confidences_below_one", 1, image.locator)
        for number, item in enumerate(found if isinstance(found, list) else [found] if found is not None else []):
            locator = f"{image.locator} label[{number}]" if several else image.locator
            if isinstance(item, dict):
                self._read_object(item, image, locator)
            elif (label := _label(item, image)) is not None:
                image.objects.append(SourceObject(label, locator))
            else:
                self._reject_object(image, locator, Rejected.INVALID_LABEL, f"the label is {_excerpt(item)}", item)

    def _read_object(self, item: dict[str, Any], image: SourceImage, locator: str) -> None:
        self.evidence.add("objects", 1)
        label = _label(item.get("label"), image)
        if label is None:
            message = f"the label is {_excerpt(item.get('label'))}, expected text"
            self._reject_object(image, locator, Rejected.INVALID_LABEL, message, item)
            return
        polygon = item.get("polygon")
        box = _box(item, image)
        if isinstance(box, str):
            self._reject_object(image, locator, Rejected.INVALID_BBOX, box, item)
            return
        rings: list[Ring] | None = None
        if polygon is not None:
            read = _rings(polygon)
            if isinstance(read, str):
                self._reject_object(image, locator, Rejected.INVALID_POLYGON, read, item)
                return
            rings, dropped = read
            if dropped:
                image.adjusted.append(Adjusted.POLYGON_PART_DROPPED)
        self._note_what_the_trainer_drops(box, rings, polygon, locator)
        if len(item) > (_USUAL_FIELDS if rings is None else _OF_OUTLINES):
            tally_object(self.evidence, item, locator, upright=not rings, read=_READ)
        crowd = item.get("isCrowd")
        text = str(crowd) if isinstance(crowd, bool | int | str) else "" if crowd is None else "?"
        if text not in CROWD and text not in _NO_CROWD:
            self.evidence.add("crowd_unknown", 1, locator)
        image.objects.append(SourceObject(label, locator, box, rings, text in CROWD, by_xor=True))

    def _note_what_the_trainer_drops(
        self, box: Box | None, rings: list[Ring] | None, polygon: Any, locator: str
    ) -> None:
        """Count objects that the trainer leaves out without a word as they stand, and those that seem to be in pixels."""
        numbers = (
            [float(number) for ring in rings or [] for number in (ring.min(), ring.max())] if rings else list(box or ())
        )
        inside = all(0 <= number <= 1 for number in numbers)
        empty = box is not None and not rings and not (box[0] < box[2] and box[1] < box[3])
        if not numbers or not inside or empty or (rings is not None and polygon and len(rings) < len(polygon)):
            self.evidence.add("dropped_by_trainer", 1, locator)
        if box is not None and not rings:
            left, top, right, bottom = box
            self.evidence.add("ending_before_they_begin", int(right < left or bottom < top), locator)
            self.evidence.add("leaving_as_sizes", int(left + right > _EDGE or top + bottom > _EDGE), locator)
        if any(abs(number) > 2 for number in numbers):
            self.evidence.add("coordinates_beyond_2", 1, locator)

    def _reject_object(self, image: SourceImage, locator: str, code: Rejected, message: str, item: Any) -> None:
        self.evidence.add("dropped_by_trainer", 1, locator)
        try:
            raw = json.dumps(item, ensure_ascii=True)[:RAW_LIMIT]
        except RecursionError:
            raw = ""
        image.rejected.append(Rejection(self.source, locator, printable(image.path), "object", code, message, raw))


def _decoded(text: bytes) -> dict[str, Any] | str:
    """The object that a line holds, or what is wrong with the line."""
    if json_room(text) > _LARGEST_ROOM:
        return f"it would take more than {_LARGEST_ROOM / 1e6:,.0f} MB of memory once it is decoded, and is not read"
    check_json_room(text, "a line of JSON")
    try:
        record = msgspec.json.decode(text, type=dict[str, Any])
        if b"\\" not in text and text.count(b":") == _colons(record):
            return record
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # What it refuses may be NaN in an object, which costs that object alone.
    return json_object(text)


def _colons(value: object) -> int:
    """At most how often `:` stands in the JSON of a value. A text with more of them, of which none is written as an escape, may
    hold a key twice.
    """
    if isinstance(value, dict):
        return sum(1 + key.count(":") + _colons(item) for key, item in value.items())
    if isinstance(value, list) and value and isinstance(value[0], str | dict | list):
        return sum(map(_colons, value))
    return value.count(":") if isinstance(value, str) else 0


def _excerpt(value: object) -> str:
    return "missing" if value is None else excerpt(value)


def _raw(text: bytes) -> str:
    return printable(text[: 4 * RAW_LIMIT].decode("utf-8", "replace")[:RAW_LIMIT])


def _count(label: object) -> int:
    return len(label) if isinstance(label, list) else int(label is not None)


def _read_size(record: dict[str, Any], image: SourceImage) -> str:
    """Take the size and format that a record declares; what is wrong with them, or "" where nothing is."""
    details = record.get("image_details")
    if not isinstance(details, dict):
        details = {}
    sides: list[int | None] = []
    for key, other in (("width", "image_width"), ("height", "image_height")):
        said = (details.get(key), record.get(other), record.get(key))
        value = next((each for each in said if each is not None), None)
        side = _side(value)
        if side == 0:
            return f"{key} is {_excerpt(value)}, expected a positive whole number, or text such as '640px'"
        sides.append(side)
    image.width, image.height = sides
    declared = details.get("format")
    if isinstance(declared, str) and declared.lower() in SCHEMA_FORMATS and declared.lower() != extension(image.path):
        image.format = declared.lower()
    return ""


def _side(value: object) -> int | None:
    """A width or height in pixels; None where there is none, 0 where it is no such number."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        found = _SIZE.fullmatch(value)
        value = int(found[1]) if found else 0
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) > _LARGEST:
        return 0
    return int(value) if value == int(value) and value > 0 else 0


def _label(value: object, image: SourceImage) -> str | None:
    """A label as text; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if not isinstance(value, str):
        if isinstance(value, float) and not value.is_integer():
            return None
        image.adjusted.append(Adjusted.LABEL_FROM_NUMBER)
        return str(int(value))
    label = normalized(value)
    if not label or _NOT_TEXT.search(label):
        return None
    if label != value:
        image.adjusted.append(Adjusted.LABEL_NORMALIZED)
    return label


def _box(item: dict[str, Any], image: SourceImage) -> Box | str | None:
    """The box of an object; None where it has none, a sentence where it has a part of one."""
    values = [item.get(side) for side in _SIDES]
    if all(value is None for value in values):
        return None
    numbers: list[float] = []
    from_text = False
    for side, value in zip(_SIDES, values, strict=True):
        number = _number(value)
        if number is None:
            return f"{side} is {_excerpt(value)}, expected a number from 0 to 1"
        from_text |= isinstance(value, str)
        numbers.append(number)
    if from_text:
        image.adjusted.append(Adjusted.NUMBER_FROM_TEXT)
    left, top, right, bottom = numbers
    return left, top, right, bottom


def _number(value: object) -> float | None:
    if type(value) is float:
        return value if math.isfinite(value) else None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _rings(polygon: object) -> tuple[list[Ring], bool] | str:
    """The rings of a polygon, and whether parts are no rings; or a sentence where none is one."""
    if not isinstance(polygon, list) or not polygon:
        return f"polygon is {_excerpt(polygon)}, expected a list of lists of x, y, x, y, …"
    polygon = parts_of(polygon)
    rings = [ring for part in polygon if (ring := _ring(part)) is not None]
    if not rings:
        return f"of {len(polygon)} parts of polygon none is a list of three or more pairs of numbers"
    return rings, len(rings) < len(polygon)


def _ring(part: object) -> Ring | None:
    if not isinstance(part, list) or len(part) < 6 or len(part) % 2:
        return None
    numbers: Sequence[float | None] = (
        part if all(type(value) is float for value in part) else [_number(value) for value in part]
    )
    if None in numbers:
        return None
    ring = np.array(numbers, np.float64).reshape(-1, 2)
    return ring if np.isfinite(ring).all() else None
