"""Inputs of a build: listings of a dataset, and their fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from labelbeam.schemas.config import ConvertConfig
from labelbeam.transforms.messages.redact import stable
from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.listing import Listing, list_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.paths import is_below


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
        digest.update(repr((stable(url), *file)).encode())
    covers = {"files": len(files), "bytes": sum(file.size for _, file in files), "by": "path, size, and ETag or time"}
    return digest.hexdigest(), covers
