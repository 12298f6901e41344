"""Recognise the format of a source: by what is there, said in words, and never by guessing between two."""

from __future__ import annotations

import posixpath

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.formats.coco.format import coco_files
from labelbeam.transforms.formats.folder.format import table_source
from labelbeam.transforms.formats.folder.layout import NAMED_TABLES, TABLE_EXTENSIONS, table_candidates
from labelbeam.transforms.formats.format import Recognised
from labelbeam.transforms.formats.inputs import list_dataset
from labelbeam.transforms.formats.voc.format import XMLS_LOOKED_AT, holds_voc
from labelbeam.transforms.images.names import IMAGE_FORMATS, OTHER_IMAGE_FORMATS, extension, hidden
from labelbeam.transforms.stores.errors import MissingFileError
from labelbeam.transforms.stores.files import kind
from labelbeam.transforms.stores.globs import expand
from labelbeam.transforms.stores.listing import Listing
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.threads import in_threads


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
        return table_source(files[0], reason if config.format == "folder" else None)
    if config.format == "coco":
        for folder in [location for location in locations if location not in files]:
            listing = list_dataset(folder, config, options)
            below, what = coco_files(folder, listing)
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


def _by_listing(root: Location, config: ConvertConfig, listing: Listing) -> Recognised:
    visible = [file for file in listing.files if not hidden(file.path)]
    names = [file.path for file in visible]
    doubts = "".join(f"; {warning}" for warning in listing.warnings)
    if not names:
        raise LabelBeamError(f"{root.shown}: the directory is empty, expected a dataset{doubts}")
    xmls = [file for file in visible if extension(file.path) == "xml"]
    xmls.sort(key=lambda file: "annotations/" not in file.path.lower())
    images = sum(extension(name) in IMAGE_FORMATS or extension(name) in OTHER_IMAGE_FORMATS for name in names)
    tables = table_candidates(names)
    named = [name for name in tables if posixpath.basename(name).lower() in NAMED_TABLES]
    coco, why_coco = coco_files(root, listing)
    found: dict[str, tuple[str, list[Location]]] = {}
    if coco:
        found["coco"] = (why_coco, coco)
    if holds_voc(root, xmls[:XMLS_LOOKED_AT]):
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
