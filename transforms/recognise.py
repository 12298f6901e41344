"""Recognise the format of a source: by what is there, said in words, and never by guessing between two."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.config import ConvertConfig
from schemas.errors import LabelBeamError, UsageError
from transforms.inputs import list_dataset
from transforms.plan_coco import split_of_name
from transforms.sources.folder import NAMED_TABLES, OTHER_IMAGE_FORMATS, TABLE_EXTENSIONS, table_candidates
from transforms.sources.tables import IMAGE_FORMATS, extension
from transforms.stores.errors import MissingFileError, StoreError
from transforms.stores.files import StoredFile, in_threads, kind, read_range
from transforms.stores.globs import expand
from transforms.stores.listing import Listing
from transforms.stores.locations import Location, StorageOptions
from transforms.units import HEAD


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a source is, and why.

    `locations` are the files of a COCO source, or the one root of the others. `listing` is that of the root, where it was
    made. `table` is the path below the root of a table that was named as the source itself.
    """

    format: str
    reason: str
    locations: list[Location]
    listing: Listing | None = None
    table: str | None = None


def recognise(config: ConvertConfig, options: StorageOptions) -> Recognised:
    """Find out what the sources are.

    Raises:
        StoreError: a source does not exist or cannot be read.
        UsageError: nothing is recognised, or more than one format is.
    """
    found = {(location.fs, location.path): location for url in config.source for location in expand(url, options)}
    locations = sorted(found.values(), key=lambda location: location.url)
    kinds = in_threads(kind, locations)
    for location, what in zip(locations, kinds, strict=True):
        if what is None:
            raise MissingFileError(
                f"{location.shown}: it does not exist; expected a COCO file, or the root of a VOC tree or image folder"
            )
    files = [location for location, what in zip(locations, kinds, strict=True) if what == "file"]
    reason = f"--format {config.format}"
    if (
        config.format in ("auto", "folder")
        and len(files) == len(locations) == 1
        and extension(files[0].path) in TABLE_EXTENSIONS
    ):
        return _table(files[0], reason if config.format == "folder" else None)
    if config.format == "coco":
        for folder in [location for location in locations if location not in files]:
            listing = list_dataset(folder, config, options)
            below, what = _coco_files(folder, listing)
            if not below:
                raise UsageError(f"{folder.shown}: found no COCO file among {len(listing.files)} files; name it itself")
            reason = f"{reason}; {what}"
            files += below
        return Recognised("coco", reason, files)
    if config.format in ("voc", "folder"):
        return Recognised(config.format, reason, locations)
    if len(files) == len(locations):
        return Recognised("coco", "the source is a file, and no table", files)
    if len(locations) > 1:
        raise UsageError("--source: several sources of which not all are files; say what they are with --format")
    return _by_listing(locations[0], config, list_dataset(locations[0], config, options))


def _table(file: Location, reason: str | None) -> Recognised:
    name = posixpath.basename(file.path)
    folder = file.parent
    if folder is None:
        raise UsageError(f"{file.shown}: found a table with no directory around it, expected one that holds its images")
    return Recognised("folder", reason or f"{name} is a table of labels", [folder], table=name)


def _by_listing(root: Location, config: ConvertConfig, listing: Listing) -> Recognised:
    visible = [file for file in listing.files if not _is_hidden(file.path)]
    names = [file.path for file in visible]
    doubts = "".join(f"; {warning}" for warning in listing.warnings)
    if not names:
        raise LabelBeamError(f"{root.shown}: the directory is empty, expected a dataset{doubts}")
    xmls = [file for file in visible if extension(file.path) == "xml"]
    xmls.sort(key=lambda file: "annotations/" not in file.path.lower())
    images = sum(extension(name) in IMAGE_FORMATS or extension(name) in OTHER_IMAGE_FORMATS for name in names)
    tables = table_candidates(names)
    named = [name for name in tables if posixpath.basename(name).lower() in NAMED_TABLES]
    coco, why_coco = _coco_files(root, listing)
    found: dict[str, tuple[str, list[Location]]] = {}
    if coco:
        found["coco"] = (why_coco, coco)
    if _holds_voc(root, xmls[:_XMLS_LOOKED_AT]):
        found["voc"] = (f"found {len(xmls)} annotation files, such as {xmls[0].path}", [root])
    if named and config.task.startswith("image_classification"):
        found["folder"] = (f"found a table of labels, {named[0]}", [root])
    if not found and (images or tables):
        found["folder"] = (f"found {images} images and neither COCO nor VOC annotations", [root])
    if len(found) == 1:
        ((name, (reason, locations)),) = found.items()
        return Recognised(name, reason, locations, listing if name != "coco" else None)
    if not found:
        raise UsageError(
            f"{root.shown}: not recognised: {len(names)} files, such as {names[0]}, none of them an image, a table of "
            f"labels, a COCO file, or a VOC annotation{doubts}"
        )
    reasons = "; ".join(f"{name}: {reason}" for name, (reason, _) in found.items())
    raise UsageError(f"{root.shown}: more than one format is here ({reasons}); choose with --format")


def _is_hidden(path: str) -> bool:
    """Whether it is none of the dataset's, as `._1.xml` in archives made on macOS and `.ipynb_checkpoints/1.json`."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.split("/"))


_ANNOTATION = re.compile(rb"<(?:\w+:)?annotation\b")
_XMLS_LOOKED_AT = 20


def _holds_voc(root: Location, xmls: Sequence[StoredFile]) -> bool:
    """Whether one of them is an annotation file. One that cannot be read is left to who reads them all, if another can."""

    def look(file: StoredFile) -> bool | StoreError:
        try:
            head = read_range(root.below(file.path), 0, min(file.size, 4096))
        except StoreError as error:
            return error
        # As in `_is_coco`.
        return _ANNOTATION.search(head.replace(b"\0", b"")) is not None

    # Nearly always the first one tells.
    looked = [look(file) for file in xmls[:1]]
    if True not in looked:
        looked += in_threads(look, xmls[1:])
    if True in looked:
        return True
    for result in looked:
        if isinstance(result, StoreError):
            raise result
    return False


_LIST_OF_OBJECTS = re.compile(rb'"(images|annotations|categories)"\s*:\s*\[\s*[{\]]')
_COCO_NAME = re.compile(r"(instances_.*|.*\.coco)\.json", re.IGNORECASE)
_BATCH = 64
_DEEPEST = 3
"""Directories above a COCO file, below the source's root, that are looked into: `coco/annotations/v1/x.json`."""


def _coco_files(root: Location, listing: Listing) -> tuple[list[Location], str]:
    """The COCO files with objects below a directory, and what was found in words.

    Per-image JSON may lie there by the thousand. Files are looked at from the largest down, and no further once a whole
    batch holds no COCO: a file that describes a dataset is among the largest of its kind. Names that only COCO has count
    whatever the file holds, so that a damaged one is not passed over.

    Raises:
        UsageError: several of them may hold the same images.
    """
    sizes = {
        file.path: file.size
        for file in listing.files
        if extension(file.path) == "json" and file.path.count("/") <= _DEEPEST and not _is_hidden(file.path)
    }
    found = [path for path in sizes if _COCO_NAME.fullmatch(posixpath.basename(path))]
    by_size = sorted(sizes.keys() - set(found), key=lambda path: (-sizes[path], path))
    for start in range(0, len(by_size), _BATCH):
        batch = by_size[start : start + _BATCH]
        are_coco = in_threads(lambda path: _is_coco(root.below(path), sizes[path]), batch)
        found += [path for path, is_coco in zip(batch, are_coco, strict=True) if is_coco]
        if not any(are_coco):
            break
    chosen = sorted(_most_telling(found))
    splits = [split_of_name(root.below(path).path) for path in chosen]
    if len(chosen) > 1 and (None in splits or len(set(splits)) < len(splits)):
        raise UsageError(
            f"{root.shown}: several COCO files that may describe the same images ({', '.join(chosen)}); "
            "name those to read with --source, which may be repeated"
        )
    left = sorted(set(found) - set(chosen))
    reason = f"found {', '.join(chosen)}" + (f", which leaves {', '.join(left)} alone" if left else "")
    return [root.below(path) for path in chosen], reason


def _is_coco(file: Location, size: int) -> bool:
    """Whether its first and last bytes hold the lists of a COCO file, as far as they can be seen there."""
    parts = [
        read_range(file, 0, min(size, HEAD)),
        read_range(file, max(HEAD, size - HEAD), size) if size > HEAD else b"",
    ]
    # Without zeros, UTF-16 reads like ASCII here.
    keys = {match[1] for part in parts for match in _LIST_OF_OBJECTS.finditer(part.replace(b"\0", b""))}
    # What lies between in a longer file may hold the others.
    return b"images" in keys and len(keys) > 1 if size <= 2 * HEAD else bool(keys)


def _most_telling(paths: Sequence[str]) -> Sequence[str]:
    """Of files that describe the same images in different ways, as COCO's own do, those with outlines."""
    for beginning in ("instances_", "person_keypoints_"):
        if chosen := [path for path in paths if posixpath.basename(path).startswith(beginning)]:
            return chosen
    return paths
