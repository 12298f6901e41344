"""Recognise the format of a source: by what is there, said in words, and never by guessing between two."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from schemas.config import ConvertConfig
from schemas.errors import LabelBeamError, UsageError
from transforms.images import SCHEMA_FORMATS
from transforms.plan_coco import split_of_name
from transforms.sources.folder import table_candidates
from transforms.stores import (
    Location,
    StorageOptions,
    StoredFile,
    StoreError,
    expand,
    list_files,
    read_range,
    replace_path,
    stat,
)
from transforms.units import HEAD

_COCO_KEY = re.compile(rb'"(?:images|annotations|categories)"\s*:\s*\[')


def recognise(config: ConvertConfig, options: StorageOptions) -> tuple[str, str, list[Location]]:
    """The format of the sources, why, and the files or the directory to read.

    Raises:
        StoreError: a source does not exist or cannot be read.
        UsageError: nothing is recognised, or more than one format is.
    """
    locations = [location for url in config.source for location in expand(url, options)]
    if config.format != "auto":
        reason = f"--format {config.format}"
        if config.format != "coco" or all(location.fs.isfile(location.path) for location in locations):
            return config.format, reason, locations
        return "coco", *_coco_below(locations, reason)
    if all(location.fs.isfile(location.path) for location in locations):
        return _by_files(locations)
    if len(locations) > 1:
        raise UsageError("--source: several sources of which not all are files; say what they are with --format")
    return _by_listing(locations[0])


def _by_files(files: list[Location]) -> tuple[str, str, list[Location]]:
    for file in files:
        head = read_range(file, 0, min(HEAD, stat(file).size))
        if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"["):
            if len(files) == 1 and table_candidates([posixpath.basename(file.path)]):
                folder = replace_path(file, posixpath.dirname(file.path))
                return "folder", f"{file.url} is a table of labels", [folder]
            raise UsageError(
                f"{file.url}: not recognised: it does not begin like JSON; expected a COCO file or a directory"
            )
    return "coco", "the source is JSON", files


def _coco_below(locations: list[Location], reason: str) -> tuple[str, list[Location]]:
    files: list[Location] = []
    for location in locations:
        if location.fs.isfile(location.path):
            files.append(location)
        else:
            files += _coco_files(location, list_files(location))
    if not files:
        raise UsageError(f"--source: no COCO file in {locations[0].url}; name the JSON file itself")
    return f"{reason}, with {', '.join(posixpath.basename(file.path) for file in files)}", files


def _by_listing(root: Location) -> tuple[str, str, list[Location]]:
    if not root.fs.exists(root.path):
        raise StoreError(
            f"{root.url}: it does not exist; expected a COCO file, or the root of a VOC tree or image folder"
        )
    files = list_files(root)
    if not files:
        raise LabelBeamError(f"{root.url}: the directory is empty, expected a dataset")
    xmls = [file.path for file in files if file.path.lower().endswith(".xml")]
    images = sum(file.path.lower().endswith(tuple(f".{suffix}" for suffix in SCHEMA_FORMATS)) for file in files)
    coco = _coco_files(root, files)
    found: dict[str, tuple[str, list[Location]]] = {}
    if coco:
        found["coco"] = (f"found {', '.join(posixpath.basename(file.path) for file in coco)}", coco)
    if xmls and _is_voc(root, files):
        found["voc"] = (f"found {len(xmls)} annotation files, such as {xmls[0]}", [root])
    if not found and (images or table_candidates([file.path for file in files])):
        found["folder"] = (f"found {images} images and neither COCO nor VOC annotations", [root])
    if len(found) == 1:
        ((name, (reason, locations)),) = found.items()
        return name, reason, locations
    if not found:
        raise UsageError(
            f"{root.url}: not recognised: {len(files)} files, none of them an image, a COCO file, or a VOC annotation"
        )
    reasons = "; ".join(f"{name}: {reason}" for name, (reason, _) in found.items())
    raise UsageError(f"{root.url}: more than one format is here ({reasons}); choose with --format")


def _is_voc(root: Location, files: Sequence[StoredFile]) -> bool:
    for file in [file for file in files if file.path.lower().endswith(".xml")][:20]:
        head = read_range(root.below(file.path), 0, min(file.size, 4096)).replace(b"\0", b"")
        if b"<annotation" in head:
            return True
    return False


def _coco_files(root: Location, files: Sequence[StoredFile]) -> list[Location]:
    """The COCO files with objects below a directory.

    Raises:
        UsageError: several of them may hold the same images.
    """
    found: list[str] = []
    for file in files:
        if not file.path.lower().endswith(".json") or file.path.count("/") > 2 or file.size == 0:
            continue
        location = root.below(file.path)
        head = read_range(location, 0, min(file.size, HEAD))
        tail = read_range(location, max(0, file.size - HEAD), file.size)
        if _COCO_KEY.search(head) or _COCO_KEY.search(tail):
            found.append(file.path)
    instances = [path for path in found if posixpath.basename(path).startswith("instances_")]
    found = instances or found
    splits = [split_of_name(path) for path in found]
    if len(found) > 1 and (None in splits or len(set(splits)) < len(splits)):
        raise UsageError(
            f"{root.url}: several COCO files that may describe the same images ({', '.join(found)}); "
            "name those to read with --source, which may be repeated"
        )
    return [root.below(path) for path in found]
