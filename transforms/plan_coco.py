"""Plan a COCO source: where each file's lists lie, what split it is, and where its images are."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from schemas.config import SPLIT_ALIASES, ConvertConfig
from schemas.errors import LabelBeamError, UsageError
from transforms.inputs import fingerprint_of, list_dataset
from transforms.listed import Listed, join_listed, listed_files
from transforms.sources.coco_index import image_path
from transforms.sources.coco_split import ElementRange, MalformedJsonError, plan_ranges
from transforms.sources.json_brackets import BracketScanner
from transforms.stores.errors import MissingFileError, StoreError
from transforms.stores.files import StoredFile, in_threads, kind, read_range, stat
from transforms.stores.locations import Location, StorageOptions, locate, within
from transforms.stores.tokens import content_token
from transforms.units import HEAD, CocoFile, CocoUnit, Plan, bucket_count

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _File:
    """A COCO file as far as it is known: `images` are its first images, `annotation` is its first annotation."""

    location: Location
    stored: StoredFile
    ranges: list[ElementRange]
    images: list[Record]
    annotation: Record
    split: str | None


def plan_coco(config: ConvertConfig, options: StorageOptions, locations: Sequence[Location], exact: bool) -> Plan:
    """Plan COCO files; see `transforms.plan.make_plan` for errors. The order of `locations` does not matter."""
    files = [_look_into(location, exact) for location in sorted(locations, key=lambda location: location.url)]
    for file in files:
        _check_kind(file, config.task)
    warnings: list[str] = []
    roots = [_images_root(config, options, file, warnings) for file in files]
    root, prefixes = _common_root(roots)
    warnings += [
        f"{root.below(prefix).shown} is a link out of {root.shown}: --check-images header and decode will not follow it; "
        "build each source on its own"
        for prefix in sorted(set(prefixes))
        if not within(root, prefix)
    ]
    sources = [(file.location.url, file.stored) for file in files]
    fingerprint, covers = fingerprint_of(sources)
    buckets = bucket_count(config, sum(file.stored.size for file in files))
    plan = Plan("coco", "", root.url, buckets, fingerprint, covers, warnings=warnings)
    plan.files = list(sources)
    for number, (file, prefix) in enumerate(zip(files, prefixes, strict=True)):
        index = tuple(part for part in file.ranges if part.section in ("images", "categories"))
        plan.coco_files.append(CocoFile(number, file.location.url, prefix, file.split, index))
        plan.units += [CocoUnit(file.location.url, part) for part in file.ranges if part.section == "annotations"]
    if _depends_on_images(config, files):
        parts: list[Listed] = []
        for images, prefix in _distinct(roots, prefixes):
            try:
                listing = list_dataset(images, config, options)
            except StoreError as error:
                if images.on_the_web:
                    warnings.append(
                        f"{error}; so each image is asked for by itself, and --if-changed always builds anew, as nothing "
                        "tells whether images have changed"
                    )
                    sources.append((images.url, StoredFile("", 0, content_token({}))))
                    continue
                if isinstance(error, MissingFileError):
                    raise MissingFileError(f"{error}; name the directory of the images with --images") from None
                raise
            sources += [(images.url, image) for image in listing.files]
            plan.trees.append(images.url)
            parts.append(listed_files(listing.files, prefix))
            warnings += listing.warnings
        plan.listed = join_listed(parts)
        plan.fingerprint, plan.covers = fingerprint_of(sources)
    return plan


def _depends_on_images(config: ConvertConfig, files: Sequence[_File]) -> bool:
    """Whether the build depends on the image files and not on the annotations alone, so that they are inputs too."""
    if config.check_images is not None and config.check_images != "none":
        return True
    sized = all(image.get("width") and image.get("height") for file in files for image in file.images)
    return config.copy_images is not None or (config.check_images is None and not sized)


# What a file is. ----------------------------------------------------------------------------------------------------

_NOT_JSON = (
    (b"\x1f\x8b", "is compressed with gzip; unpack it first"),
    (b"PK\x03\x04", "is a ZIP archive; name what is in it, as zip://PATH/IN/IT::ARCHIVE"),
    (b"<", "is XML or HTML; of a VOC tree name the root; of a download, see whether it is an error page"),
    (b"\x89PNG", "is an image; name the directory of the dataset"),
    (b"\xff\xd8\xff", "is an image; name the directory of the dataset"),
    (b"[", "is a list, as prediction results are; name the file of the annotations"),
)


def _look_into(location: Location, exact: bool) -> _File:
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
    return _File(location, stored, ranges, first["images"], annotation, split_of_name(location.path))


_SAMPLE = 5


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


def _check_kind(file: _File, task: str) -> None:
    shown = file.location.shown
    sections = {part.section for part in file.ranges}
    if "images" not in sections:
        found = ", ".join(sorted(sections)) or "none that holds anything"
        raise LabelBeamError(
            f"{shown}: found these lists: {found}; expected `images` with at least one image; is this a COCO file?"
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


_SPLIT_WORD = re.compile(r"(?<![a-z])(train|training|val|valid|validation|dev|test|testing)(?![a-z])")
_ANNOTATION_FOLDERS = ("annotations", "annotation", "labels")


def split_of_name(path: str) -> str | None:
    """The split that a COCO file's name, or else its directory's, stands for.

    >>> split_of_name("annotations/instances_val2017.json"), split_of_name("valid/_annotations.coco.json")
    ('validation', 'validation')
    >>> split_of_name("image_info_test-dev2017.json"), split_of_name("minival2014.json")
    ('test', None)
    """
    directory, name = posixpath.split(path)
    words = _SPLIT_WORD.findall(posixpath.splitext(name)[0].lower().replace("test-dev", "test"))
    if len(found := {SPLIT_ALIASES[word] for word in words}) == 1:
        return found.pop()
    above, folder = posixpath.split(directory)
    if folder.lower() in _ANNOTATION_FOLDERS:
        folder = posixpath.basename(above)
    return SPLIT_ALIASES.get(folder.lower())


# Where the images are. ----------------------------------------------------------------------------------------------

_COCO_YEAR = re.compile(r"(train|val|test)\d{4}")
_IMAGE_FOLDERS = ("images", "Images", "img", "imgs", "JPEGImages", "data")


def _images_root(config: ConvertConfig, options: StorageOptions, file: _File, warnings: list[str]) -> Location:
    """Where the images of a COCO file lie: --images, or the first of the usual places that holds one of its first images."""
    named = [image["file_name"] for image in file.images if isinstance(image.get("file_name"), str)]
    names = [path for name in named if "://" not in name and (path := image_path(name, "")[0])]
    places = _usual_places(file) if config.images is None else [locate(config.images, options)]
    for name in names:
        there = in_threads(_is_there, [place.below(name) for place in places])
        if any(there):
            return places[there.index(True)]
    year = _COCO_YEAR.search(posixpath.basename(file.location.path))
    root = places[0]
    above = root.parent
    if config.images is None and year and above and posixpath.basename(root.path) in _ANNOTATION_FOLDERS:
        root = above.below(year[0])
    if names and config.image_url is None:
        where = f"below {root.shown}" if config.images else f"in any of the usual places around {file.location.shown}"
        warnings.append(
            f"the image {names[0]!r} was not found {where}; image_url says {root.shown}: see whether they are there, or "
            "name their directory with --images, or where the trainer finds them with --image-url"
        )
    return root


def _usual_places(file: _File) -> list[Location]:
    """The directories where images lie by the conventions of the format, the likeliest first."""
    year = _COCO_YEAR.search(posixpath.basename(file.location.path))
    own = [year[0]] if year else []
    own += [alias for alias, split in SPLIT_ALIASES.items() if split == file.split]
    names = [*own, *(f"images/{name}" for name in own), *_IMAGE_FOLDERS]
    here = file.location.parent
    if here is None:
        raise UsageError(f"{file.location.shown}: has no directory around it; name that of the images with --images")
    places = [here, *(here.below(name) for name in names)]
    if (above := here.parent) is not None:
        places += [*(above.below(name) for name in names), above]
    return places


def _is_there(file: Location) -> bool:
    try:
        return kind(file) == "file"
    except StoreError:
        return False  # A place that cannot be looked at is not where the images are.


def _common_root(roots: Sequence[Location]) -> tuple[Location, list[str]]:
    """The deepest directory above all roots, and what leads from it to each, as a prefix of paths.

    Raises:
        UsageError: there is none.
    """
    common: Location | None = roots[0]
    while common is not None and not all(common.holds(root) for root in roots):
        common = common.parent
    if common is None:
        shown = ", ".join(sorted({root.shown for root in roots}))
        raise UsageError(
            f"--source: the images lie in {shown}, which no one directory holds; name it with --images, or build each "
            "source on its own"
        )
    prefixes = [root.path[len(common.path) :].strip("/") for root in roots]
    return common, [f"{prefix}/" if prefix else "" for prefix in prefixes]


def _distinct(roots: Sequence[Location], prefixes: Sequence[str]) -> list[tuple[Location, str]]:
    """The roots without those that lie in another one, so that each directory is listed once."""
    by_path = {root.path: (root, prefix) for root, prefix in zip(roots, prefixes, strict=True)}
    return [
        (root, prefix)
        for root, prefix in by_path.values()
        if not any(other.path != root.path and other.holds(root) for other, _ in by_path.values())
    ]
