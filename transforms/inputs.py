"""What a build is made from, and whether that is what an earlier one was made from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from schemas.config import ConvertConfig
from schemas.errors import LabelBeamError, UsageError
from schemas.manifest import Source
from transforms.stores.errors import StoreError
from transforms.stores.files import StoredFile, stat
from transforms.stores.globs import expand
from transforms.stores.listing import Listing, list_files
from transforms.stores.locations import Location, StorageOptions, is_below, locate
from transforms.stores.redact import redact
from transforms.stores.tokens import may_be_same
from transforms.units import Plan


def list_dataset(root: Location, config: ConvertConfig, options: StorageOptions) -> Listing:
    """The files below `root` without those that this configuration's own builds put there.

    Raises:
        StoreError: it cannot be listed.
    """
    listing = list_files(root)
    output = locate(config.output, options)
    ours = [output.below("builds"), output.below("latest.json")]
    ours += [locate(config.copy_images, options)] if config.copy_images else []
    inside = [place.path[len(root.path) :].lstrip("/") for place in ours if root.holds(place)]
    if not inside:
        return listing
    files = [file for file in listing.files if not any(place and is_below(file.path, place) for place in inside)]
    return Listing(files, listing.warnings)


def fingerprint_of(files: Iterable[tuple[str, StoredFile]]) -> tuple[str, dict[str, Any]]:
    """A hash over URL, size and token of every input file, in any order and however often it is named; what it covers."""
    digest = hashlib.sha256()
    files = sorted(set(files))
    for url, file in files:
        # Names cannot forge this, whatever they hold; and a signature in a URL that is made anew each day is no change.
        digest.update(repr((redact(url), *file)).encode())
    covers = {"files": len(files), "bytes": sum(file.size for _, file in files), "by": "path, size, and ETag or time"}
    return digest.hexdigest(), covers


def check_unmodified(plan: Plan, options: StorageOptions) -> None:
    """Make sure, after reading, that no file that was read in parts has changed since it was planned.

    Raises:
        LabelBeamError: one has.
        StoreError: one cannot be looked at.
    """
    for url, planned in plan.files:
        location = locate(url, options)
        found = stat(location)
        if found.size != planned.size or not may_be_same(planned.token, found.token):
            raise LabelBeamError(
                f"{location.shown}: the file changed while it was read, so that parts of two versions were; nothing was "
                "published. Run again when it is complete"
            )


def same_inputs(source: Source, config: ConvertConfig, options: StorageOptions) -> bool:
    """Whether all that a build was made from is as it was, by a look at each file and a listing of each tree, no more.

    False where this cannot be told so, because another look is needed to find the inputs: a plan tells then.

    Raises:
        UnavailableError: a store does not answer.
    """
    try:
        given = {redact(found.url): found for url in config.source for found in expand(url, options)}
        named = [*source.files, *source.trees]
        if not given.keys() <= set(named) or not set(source.files) <= given.keys():
            return False
        if config.images is not None:
            images = locate(config.images, options)
            given[redact(images.url)] = images
        places = {url: given[url] if url in given else locate(url, options) for url in named}
        if any(redact(place.url) != url for url, place in places.items()):
            return False
        files = [(url, stat(places[url])) for url in source.files]
        for url in source.trees:
            files += [(url, file) for file in list_dataset(places[url], config, options).files]
    except (StoreError, UsageError):
        return False  # The plan finds out the same, and has better words for it.
    return fingerprint_of(files)[0] == source.fingerprint
