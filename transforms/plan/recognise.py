"""Recognise the format of a source: by what is there, said in words, and never by guessing between two."""

from __future__ import annotations

from typing import NamedTuple

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.formats.folder.levels import read_levels
from labelbeam.transforms.formats.format import Claim, Format, Tree
from labelbeam.transforms.formats.registry import FORMATS
from labelbeam.transforms.messages.words import counted
from labelbeam.transforms.plan.unread import Unread, masks_among, name_unread
from labelbeam.transforms.stores.errors import MissingFileError
from labelbeam.transforms.stores.files import kind
from labelbeam.transforms.stores.globs import expand
from labelbeam.transforms.stores.location import StorageOptions
from labelbeam.transforms.stores.threads import in_threads


class Recognised(NamedTuple):
    """The sources, the format that claims them, and why."""

    tree: Tree
    format: Format
    claim: Claim


def recognise(config: ConvertConfig, options: StorageOptions) -> Recognised:
    """Find the one format that claims the sources; with --format, the one that was asked for.

    Raises:
        StoreError: a source does not exist or cannot be read.
        UsageError: nothing is recognised, or more than one format is.
    """
    tree = _tree(config, options)
    if config.format != "auto":
        asked = FORMATS[config.format]
        claim = asked.recognise(tree, asked=True)
        assert claim is not None, "a format that was asked for claims the sources or raises"
        reason = "; ".join(filter(None, (f"--format {config.format}", claim.reason)))
        return Recognised(tree, asked, claim._replace(reason=reason))
    if tree.root is None and len(tree.files) < len(tree.locations):
        raise UsageError("--source: several sources of which not all are files; say what they are with --format")
    if tree.root is not None and not tree.visible:
        raise LabelBeamError(f"{tree.root.shown}: the directory is empty, expected a dataset{_doubts(tree)}")
    claims = {found: claim for found in FORMATS.values() if (claim := found.recognise(tree, asked=False))}
    beaten = {name for claim in claims.values() for name in claim.beats}
    claims = {found: claim for found, claim in claims.items() if found.name not in beaten}
    certain = {found: claim for found, claim in claims.items() if claim.certain} or claims
    shown = tree.locations[0].shown
    if len(certain) == 1:
        ((found, claim),) = certain.items()
        if not claim.certain and tree.root is not None and (unread := _unread_beside_classes(tree)) is not None:
            raise UsageError(f"{shown}: {unread}; or say --format {found.name} if that is wrong")
        return Recognised(tree, found, claim)
    if not certain:
        if (unread := name_unread(tree)) is not None:
            raise UsageError(f"{shown}: {unread}")
        names = [file.path for file in tree.visible]
        raise UsageError(
            f"{shown}: not recognised: {counted(len(names), 'file')}, such as {names[0]}, none of them an image or "
            f"an annotation file of a known format; check --source, or name the format with --format{_doubts(tree)}"
        )
    reasons = "; ".join(f"{found.name}: {claim.reason}" for found, claim in certain.items())
    raise UsageError(f"{shown}: more than one format is here ({reasons}); choose with --format")


def _unread_beside_classes(tree: Tree) -> Unread | None:
    """The format of a directory whose folders would name classes by mistake. Two classes that are no masks are proof enough."""
    if not tree.config.task.startswith("image_classification"):
        return None
    images = [file.path for file in tree.images()]
    levels = read_levels(images)
    classes = {folders[0] for name in images if (folders := levels.locate(name)[1])}
    return masks_among(images) if len(classes) > 1 else name_unread(tree)


def _tree(config: ConvertConfig, options: StorageOptions) -> Tree:
    found = {(location.fs, location.path): location for url in config.source for location in expand(url, options)}
    locations = sorted(found.values(), key=lambda location: location.url)
    kinds = in_threads(kind, locations)
    for location, what in zip(locations, kinds, strict=True):
        if what is None:
            raise MissingFileError(
                f"{location.shown}: it does not exist; expected an annotation file, a table, or the root directory of a dataset; check --source"
            )
    files = [location for location, what in zip(locations, kinds, strict=True) if what == "file"]
    return Tree(config, options, locations, files)


def _doubts(tree: Tree) -> str:
    return "".join(f"; {warning}" for warning in tree.listing_of(tree.root).warnings) if tree.root else ""
