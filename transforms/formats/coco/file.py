"""A COCO file before it is read: its lists, its first records, and its kind."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.formats.coco.brackets import BracketScanner
from labelbeam.transforms.formats.coco.cut import plan_ranges
from labelbeam.transforms.formats.coco.names import split_of_name
from labelbeam.transforms.formats.coco.other_names import OF_ANNOTATIONS, folded, other_name
from labelbeam.transforms.formats.coco.scan import SECTIONS, ElementRange, MalformedJsonError
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
    if text.startswith(b"["):
        raise UsageError(f"{location.shown}: the file {_list_of_what(location, stored)}; expected a COCO JSON object")
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


def _list_of_what(location: Location, stored: StoredFile) -> str:
    """Words for a file that is a list: of a COCO object, of images with their objects, or of predictions."""
    block = read_range(location, 0, min(stored.size, HEAD)).removeprefix(b"\xef\xbb\xbf")
    depth: dict[bytes, int] = {}
    at, _, depths = BracketScanner().feed(block)
    for match in _LISTS_OF_COCO.finditer(block):
        before = int(np.searchsorted(at, match.start()))
        depth.setdefault(match[1], int(depths[before - 1]) if before else 0)
    if depth.get(b"images") == 2:
        return "is a list around a COCO object; take it out, with: jq '.[0]'"
    if depth.get(b"annotations") == 2 or depth.get(b"objects") == 2:
        return (
            "is a list of images with their objects in them; put the images into a list `images`, and the objects into a list "
            "`annotations`, whose image_id names the image of each"
        )
    return "is a list, as prediction results are; name the file of the annotations"


_LISTS_OF_COCO = re.compile(rb'"(images|annotations|objects)"\s*:\s*\[')
_WRAPPED = re.compile(
    rb'"((?:[^"\\]|\\.){1,100})"\s*:\s*\[?\s*\{\s*"(?:images|annotations|categories|info|licenses)"\s*:'
)

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
    return isinstance(value, list) and any(isinstance(item, dict) and not _OBJECT.isdisjoint(item) for item in value)


_NO_IMAGES = re.compile(rb'"images"\s*:\s*\[\s*\]')


def lists_no_image(file: KnownFile) -> bool:
    """Tell whether a file's list of images is there and empty, and it has no annotations: an empty split, as exports write it.

    Raises:
        StoreError: it cannot be read.
    """
    if file.images or file.annotation or file.stored.size > HEAD:
        return False
    return _NO_IMAGES.search(read_range(file.location, 0, file.stored.size)) is not None


def check_kind(file: KnownFile, task: str) -> None:
    """Refuse a file whose annotations cannot serve the task.

    Raises:
        UsageError: it holds captions, panoptic segments, or keypoints alone.
        LabelBeamError: it holds no images.
    """
    shown = file.location.shown
    sections = {part.section for part in file.ranges}
    _check_lists(file, sections)
    if "images" not in sections:
        head = read_range(file.location, 0, min(file.stored.size, HEAD))
        if (wrapped := _WRAPPED.search(head)) is not None:
            key = wrapped[1].decode("utf-8", "replace")
            raise UsageError(
                f"{shown}: the COCO object stands inside another one, as {key!r}; take it out, with: jq '.[\"{key}\"]'"
            )
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


def _check_lists(file: KnownFile, sections: set[str]) -> None:
    """Refuse a file one of whose lists is called otherwise than COCO calls it.

    Raises:
        UsageError: it is.
    """
    shown = file.location.shown
    others = sorted(sections.difference(SECTIONS))
    for wanted in SECTIONS:
        named = [
            name for name in others if folded(name).removesuffix("s") == wanted.removesuffix("s").replace("ie", "y")
        ]
        named += [name for name in others if folded(name) == wanted]
        if wanted not in sections and named:
            raise UsageError(
                f"{shown}: found a list {named[0]!r} and none called {wanted!r}, as COCO calls it: rename it"
            )
    if "annotations" in sections or "images" not in sections:
        return
    for name in others:
        if any(
            "image_id" in item and not _OBJECT.isdisjoint(item)
            for item in _first_elements(file.location, file.ranges, name)
        ):
            raise UsageError(
                f"{shown}: the list {name!r} holds objects of images, and there is no list 'annotations', as COCO calls it: rename it"
            )


_OBJECT = frozenset({"bbox", "box", "segmentation", "category_id"})

_EXPECTED_CATEGORIES = (
    'expected a list `categories` of objects such as {"id": 1, "name": "cat"}, whose ids the annotations give'
)


def doubts_of_categories(file: KnownFile) -> list[Doubt]:
    """A doubt where annotations have categories that nothing names: `categories` is missing or empty, or holds names without ids."""
    if not file.annotation:
        return []
    shown = file.location.shown
    part = next((part for part in file.ranges if part.section == "categories"), None)
    if part is None:
        identity = file.annotation.get("category_id")
        key = other_name(file.annotation, "category_id", OF_ANNOTATIONS)
        says = f"category_id is {identity!r:.60}" if key is None else f"{key} is {file.annotation[key]!r:.60}"
        message = f"{shown}: found no categories, and of the first annotation {says}"
        return [Doubt(Doubted.NO_CATEGORIES, f"{message}; {_EXPECTED_CATEGORIES}", example=says)]
    head = read_range(file.location, part.start, min(part.end, part.start + HEAD)).strip(b" \t\r\n,")
    if head and b"{" not in head:
        names = head[:60].decode("utf-8", "replace")
        message = f"{shown}: `categories` holds {names} and no ids, and whether these count from 0 or 1 nobody can tell"
        return [Doubt(Doubted.NO_CATEGORIES, f"{message}; {_EXPECTED_CATEGORIES}", example=names)]
    return []
