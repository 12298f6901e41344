"""Plan a COCO source: where each file's arrays lie, what split it is, and where its images are."""

from __future__ import annotations

import os.path
import posixpath
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from schemas.config import SPLIT_ALIASES, ConvertConfig
from schemas.errors import LabelBeamError, UsageError
from transforms.sources.coco import URL_SCHEMES, image_path
from transforms.sources.coco_split import (
    ElementRange,
    MalformedJsonError,
    UnsafeSplitError,
    plan_ranges,
    split_elements,
)
from transforms.stores import Location, StorageOptions, list_files, locate, read_range, replace_path, stat
from transforms.units import HEAD, CocoFile, CocoUnit, Plan, bucket_count, fingerprint_of


def plan_coco(config: ConvertConfig, options: StorageOptions, files: list[Location], exact: bool) -> Plan:
    """Plan COCO files; see `transforms.plan.make_plan` for errors."""
    stored = [(file.url, stat(file)) for file in files]
    ranges = [_coco_ranges(file, info.size, exact) for file, (_, info) in zip(files, stored, strict=True)]
    heads = [_coco_sample(file, parts) for file, parts in zip(files, ranges, strict=True)]
    for file, parts, head in zip(files, ranges, heads, strict=True):
        _check_coco(file, parts, head, config.task)
    splits = [split_of_name(file.path) for file in files]
    if config.images is not None:
        root = locate(config.images, options)
        prefixes = [""] * len(files)
    else:
        roots = [
            _images_beside(file, head.get("images"), split)
            for file, head, split in zip(files, heads, splits, strict=True)
        ]
        root, prefixes = _common_root(roots)
    fingerprint, covers = fingerprint_of(stored)
    buckets = bucket_count(config, sum(info.size for _, info in stored))
    plan = Plan("coco", "", root.url, buckets, fingerprint, covers)
    for number, (file, parts) in enumerate(zip(files, ranges, strict=True)):
        plan.coco_files.append(
            CocoFile(
                number,
                file.url,
                prefixes[number],
                splits[number],
                tuple(part for part in parts if part.section in ("images", "categories")),
            )
        )
        plan.units += [CocoUnit(file.url, part) for part in parts if part.section == "annotations"]
    if config.check_images not in (None, "none"):
        listing = list_files(root)
        plan.existing = [image.path for image in listing]
        plan.fingerprint, plan.covers = fingerprint_of(stored + [(root.url, image) for image in listing])
    return plan


def _coco_ranges(file: Location, size: int, exact: bool) -> list[ElementRange]:
    def read(start: int, end: int) -> bytes:
        return read_range(file, start, end)

    if size == 0:
        raise LabelBeamError(f"{file.url}: the file is empty, expected a COCO JSON object")
    if read(0, min(2, size)) in (b"\xff\xfe", b"\xfe\xff"):
        raise LabelBeamError(
            f"{file.url}: the file is UTF-16, expected UTF-8; convert it with: iconv -f UTF-16 -t UTF-8"
        )
    try:
        try:
            return plan_ranges(read, size, exact=exact)
        except UnsafeSplitError:
            return plan_ranges(read, size, exact=True)
    except MalformedJsonError as error:
        raise LabelBeamError(f"{file.url}: not a COCO file: {error}") from None


def _coco_sample(file: Location, ranges: Sequence[ElementRange]) -> dict[str, dict[str, Any]]:
    """The first element of each array, as far as it can be read."""
    sample: dict[str, dict[str, Any]] = {}
    for part in ranges:
        if part.section in sample or part.end <= part.start:
            continue
        block = read_range(file, part.start, min(part.end, part.start + HEAD))
        try:
            end = split_elements(block)[0][1] if part.end - part.start <= HEAD else _first_element(block)
            sample[part.section] = msgspec.json.decode(block[:end].lstrip(), type=dict[str, Any])
        except (UnsafeSplitError, msgspec.DecodeError, RecursionError, IndexError, UnicodeDecodeError):
            sample[part.section] = {}
    return sample


def _first_element(block: bytes) -> int:
    depth = 0
    in_string = escaped = False
    for position, byte in enumerate(block):
        if in_string:
            in_string = escaped or byte != 0x22
            escaped = byte == 0x5C and not escaped
        elif byte == 0x22:
            in_string = True
        elif byte in b"{[":
            depth += 1
        elif byte in b"}]":
            depth -= 1
            if depth == 0:
                return position + 1
    return len(block)


_OTHER_COCO = {
    "segments_info": "panoptic segmentation, whose masks stand in PNG files; use the instances_*.json file of the same data",
    "caption": "captions, which say nothing of objects; use the instances_*.json file of the same data",
}


def _check_coco(file: Location, ranges: Sequence[ElementRange], sample: dict[str, dict[str, Any]], task: str) -> None:
    sections = {part.section for part in ranges}
    if "images" not in sections:
        found = ", ".join(sorted(sections)) or "no array"
        raise LabelBeamError(
            f"{file.url}: found {found}, expected a list `images` with at least one image; is this a COCO file?"
        )
    annotation = sample.get("annotations", {})
    for key, what in _OTHER_COCO.items():
        if key in annotation:
            raise UsageError(f"{file.url}: its annotations are {what}")
    if "keypoints" in annotation and not {"bbox", "segmentation"} & annotation.keys():
        raise UsageError(f"{file.url}: its annotations are keypoints alone, which none of the tasks takes")


_SPLIT_WORD = re.compile(r"(?<![a-z])(train|training|val|valid|validation|dev|test|testing)(?![a-z])")


def split_of_name(path: str) -> str | None:
    """The split that a COCO file's name, or else its directory's, stands for.

    >>> split_of_name("annotations/instances_val2017.json"), split_of_name("valid/_annotations.coco.json")
    ('validation', 'validation')
    >>> split_of_name("minival2014.json") is None
    True
    """
    directory, name = posixpath.split(path)
    found = _SPLIT_WORD.findall(posixpath.splitext(name)[0].lower())
    if len(found) == 1:
        return SPLIT_ALIASES[found[0]]
    return SPLIT_ALIASES.get(posixpath.basename(directory).lower())


_COCO_YEAR = re.compile(r"(train|val|test)\d{4}")


def _images_beside(file: Location, image: dict[str, Any] | None, split: str | None) -> Location:
    """Where the images of a COCO file lie: the first of the usual places that holds its first image."""
    here = replace_path(file, posixpath.dirname(file.path))
    above = replace_path(here, posixpath.dirname(here.path))
    names = ["images", "Images", "img", "JPEGImages", "data"]
    year = _COCO_YEAR.search(posixpath.basename(file.path))
    if year:
        names.insert(0, year[0])
    if split:
        names += [alias for alias, name in SPLIT_ALIASES.items() if name == split]
    places = [here, *(here.below(name) for name in names), *(above.below(name) for name in names), above]
    name = (image or {}).get("file_name")
    path = image_path(name, "")[0] if isinstance(name, str) and not name.startswith(URL_SCHEMES) else None
    for place in places if path is not None else []:
        try:
            if place.fs.exists(place.below(path or "").path):
                return place
        except OSError:
            continue
    if posixpath.basename(here.path) == "annotations" and year:
        return above.below(year[0])
    return here


def _common_root(roots: Sequence[Location]) -> tuple[Location, list[str]]:
    """The deepest directory above all roots, and what leads from it to each, as a prefix of paths."""
    paths = [root.path for root in roots]
    common = os.path.commonpath(paths) if len(set(paths)) > 1 else paths[0]
    prefixes = [path[len(common) :].strip("/") for path in paths]
    return replace_path(roots[0], common), [f"{prefix}/" if prefix else "" for prefix in prefixes]
