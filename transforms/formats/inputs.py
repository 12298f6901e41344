"""Inputs of a build: listings of a dataset, and their fingerprint."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from typing import Any

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.layout import BUILD_NAME, BUILDS, CLAIM, FENCE, LATEST, UNFINISHED
from labelbeam.transforms.messages.redact import stable
from labelbeam.transforms.stores.files import TEMPORARY, StoredFile
from labelbeam.transforms.stores.listing import Listing, list_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.overlap import lies_in


def list_dataset(root: Location, config: ConvertConfig, options: StorageOptions) -> Listing:
    """The files below `root` without those that this configuration's own builds, and those under way, put there.

    Raises:
        StoreError: it cannot be listed.
    """
    listing = list_files(root)
    output = locate(config.output, options)
    if not lies_in(output, root, options):
        return listing
    above = _below(root, output)
    return Listing([file for file in listing.files if not _is_of_a_run(file.path, above)], listing.warnings)


def _below(root: Location, place: Location) -> str:
    """Path from `root` to a place in it, with a slash behind it; links on a disk are no way."""
    if root.local:
        found = os.path.relpath(os.path.realpath(place.path), os.path.realpath(root.path))
        return "" if found == "." else f"{found}/"
    found = place.path[len(root.path) :].lstrip("/")
    return f"{found}/" if found else ""


def _is_of_a_run(path: str, output: str) -> bool:
    """Tell whether a file lies where runs on `output` leave theirs; directories of other names there are the dataset's own."""
    if not path.startswith(output):
        return False
    first, _, rest = path[len(output) :].partition("/")
    name, _, _ = rest.partition("/")
    if first in (BUILDS, UNFINISHED) and rest:
        if TEMPORARY.fullmatch(name) or (BUILD_NAME.fullmatch(name) and name != rest):
            return True
        return first == UNFINISHED and bool(CLAIM.fullmatch(rest) or FENCE.fullmatch(rest))
    return not rest and (first == LATEST or bool(TEMPORARY.fullmatch(first)))


def fingerprint_of(files: Iterable[tuple[str, StoredFile]]) -> tuple[str, dict[str, Any]]:
    """A hash over URL, size and token of every input file, in any order and however often it is named; what it covers."""
    digest = hashlib.sha256()
    # A listing is sorted, which a set would undo.
    files = list(dict.fromkeys(sorted(files)))
    urls = {url: stable(url) for url in {url for url, _ in files}}
    for url, file in files:
        # Names cannot forge this, whatever they hold; and a signature in a URL that is made anew each day is no change.
        digest.update(repr((urls[url], *file)).encode())
    covers = {"files": len(files), "bytes": sum(file.size for _, file in files), "by": "path, size, and ETag or time"}
    return digest.hexdigest(), covers
