"""A COCO file before it is read: its lists, its first records, and its kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.formats.coco.brackets import BracketScanner
from labelbeam.transforms.formats.coco.cut import plan_ranges
from labelbeam.transforms.formats.coco.names import split_of_name
from labelbeam.transforms.formats.coco.scan import ElementRange, MalformedJsonError
from labelbeam.transforms.formats.plans import HEAD
from labelbeam.transforms.stores.files import StoredFile, stat
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import read_range

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A COCO file as far as it is known: `images` are its first images, `annotation` is its first annotation."""

    location: Location
    stored: StoredFile
    ranges: list[ElementRange]
    images: list[Record]
    annotation: Record
    split: str | None


# What a file is. ----------------------------------------------------------------------------------------------------

_NOT_JSON = (
    (b"\x1f\x8b", "is compressed with gzip; unpack it first"),
    (b"PK\x03\x04", "is a ZIP archive; name what is in it, as zip://PATH/IN/IT::ARCHIVE"),
    (b"<", "is XML or HTML; of a VOC tree name the root; of a download, see whether it is an error page"),
    (b"\x89PNG", "is an image; name the directory of the dataset"),
    (b"\xff\xd8\xff", "is an image; name the directory of the dataset"),
    (b"[", "is a list, as prediction results are; name the file of the annotations"),
)


def look_into(location: Location, exact: bool) -> KnownFile:
    """Find the lists of a COCO file and its first records; with `exact`, by scanning all of it.

    Raises:
        UsageError: the file is of another kind.
        LabelBeamError: the file is empty or malformed.
        StoreError: it cannot be read.
    """
    stored = stat(location)
    head = read_range(location, 0, min(stored.size, 64))
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not stored.size:
        raise LabelBeamError(f"{location.shown}: the file is empty, expected a COCO JSON object; fetch it again")
    for start, what in _NOT_JSON:
        if text.startswith(start):
            raise UsageError(f"{location.shown}: the file {what}; expected a COCO JSON object")
    if b"\0" in head[:8] or head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise LabelBeamError(
            f"{location.shown}: the file is UTF-16 or UTF-32, or no text at all, expected UTF-8; "
            "convert it with: iconv -f UTF-16 -t UTF-8"
        )
    if text and not text.startswith(b"{"):
        raise UsageError(
            f"{location.shown}: the file begins with {text[:30].decode('utf-8', 'replace')!r}, expected a COCO JSON "
            "object, a table of labels (.csv, .tsv, .jsonl), or a directory"
        )
    try:
        ranges = plan_ranges(lambda start, end: read_range(location, start, end), stored.size, exact=exact)
    except MalformedJsonError as error:
        raise LabelBeamError(f"{location.shown}: not a COCO file: {error}") from None
    first = {section: _first_elements(location, ranges, section) for section in ("images", "annotations")}
    annotation = first["annotations"][0] if first["annotations"] else {}
    return KnownFile(location, stored, ranges, first["images"], annotation, split_of_name(location.path))


_SAMPLE = 20


def _first_elements(file: Location, ranges: Sequence[ElementRange], section: str) -> list[Record]:
    """The first few elements of a list, without those that cannot be read or are long."""
    part = next((part for part in ranges if part.section == section), None)
    if part is None:
        return []
    block = read_range(file, part.start, min(part.end, part.start + HEAD))
    at, opening, depth = BracketScanner().feed(block)
    starts, ends = at[opening & (depth == 1)].tolist(), at[~opening & (depth == 0)].tolist()
    elements: list[Record] = []
    for start, end in zip(starts[:_SAMPLE], ends, strict=False):
        try:
            elements.append(msgspec.json.decode(block[start : end + 1], type=Record))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            continue  # Whoever reads the list rejects it.
    return elements


_OTHER_KINDS = {
    "segments_info": "panoptic segmentation, whose masks stand in PNG files",
    "caption": "captions, which say nothing of objects",
}


def _holds_boxes(value: object) -> bool:
    """Tell whether a field of an image holds objects with boxes or outlines."""
    return isinstance(value, list) and any(
        isinstance(item, dict) and not {"bbox", "box", "segmentation", "category_id"}.isdisjoint(item) for item in value
    )


def check_kind(file: KnownFile, task: str) -> None:
    """Refuse a file whose annotations cannot serve the task.

    Raises:
        UsageError: it holds captions, panoptic segments, or keypoints alone.
        LabelBeamError: it holds no images.
    """
    shown = file.location.shown
    sections = {part.section for part in file.ranges}
    if "images" not in sections:
        found = ", ".join(sorted(sections)) or "none that holds anything"
        raise LabelBeamError(
            f"{shown}: found these lists: {found}; expected `images` with at least one image; is this a COCO file?"
        )
    inside = [key for image in file.images for key, value in image.items() if _holds_boxes(value)]
    if inside and not file.annotation:
        raise UsageError(
            f"{shown}: the objects of an image stand inside it, in {inside[0]!r}, and `annotations` holds none; expected a list "
            "`annotations` beside `images`, whose image_id names the image of each: move them there"
        )
    advice = "use the instances_*.json file of the same data"
    for key, what in _OTHER_KINDS.items():
        if key in file.annotation:
            raise UsageError(f"{shown}: its annotations are {what}; {advice}")
    keypoints = "keypoints" in file.annotation and not {"bbox", "segmentation"} & file.annotation.keys()
    if keypoints and not task.startswith("image_classification"):
        raise UsageError(
            f"{shown}: its annotations are keypoints without boxes or outlines, which {task} needs; {advice}"
        )
