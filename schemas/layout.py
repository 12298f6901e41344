"""Names of files and directories below an output."""

from __future__ import annotations

import re

BUILDS = "builds"
"""The directory of builds."""

UNFINISHED = "unfinished"
"""The directory of claims, and of what a build leaves for its continuation; gone when nothing is under way."""

LATEST = "latest.json"
"""The pointer to the current build."""

MANIFEST = "manifest.json"
"""The manifest of a build, in its directory."""

LABELS = "labels.json"
"""The labels of a build, in its directory."""

CROISSANT = "croissant.json"
"""The description of a build for loaders of datasets, in its directory."""

BUILD_NAME = re.compile(r"\d{8}T\d{12}Z-[0-9a-f]{8}", re.ASCII)
"""The names that builds get: when they began, in microseconds, and the beginning of the hash of what they are made from."""

BUILD_FILE = re.compile(
    r"(?:manifest|labels|croissant)\.json|report\.html|[a-z]+/MLTable|[a-z]+/[a-z]+-\d{5}-of-\d{5}\.(?:jsonl|ndjson|parquet)",
    re.ASCII,
)
"""The paths of the files that a build consists of, below it."""

KEPT_FILE = re.compile(
    r"begun\.json|report\.json|receipt-\d{5}-of-\d{5}\.json|scored-\d{5}-of-\d{5}-\d{4}\.jsonl|units-\d{5}|index-\d{5}|images",
    re.ASCII,
)
"""The names of what is kept of a build while it is under way, below `unfinished/BUILD`."""

CLAIM = re.compile(r"lock-.+\.json")
"""The names of claims, below `unfinished`."""

FENCE = re.compile(r"(?P<claim>lock-\d{8}T\d{12}Z-[0-9a-f]{8})\.(?:pointer|next)", re.ASCII)
"""The names of pointers that are about to be made current on a disk, and of claims that are about to be put anew, below `unfinished`."""


def is_of_a_claim(path: str) -> bool:
    """Tell whether a path below an output, or below the destination of an export, is that of a claim or of what a run puts by way of it.

    >>> is_of_a_claim("unfinished/lock-1.json"), is_of_a_claim("unfinished/1.json")
    (True, False)
    """
    folder, _, name = path.partition("/")
    return folder == UNFINISHED and bool(CLAIM.fullmatch(name) or FENCE.fullmatch(name))


def build_folder(build: str) -> str:
    """The directory of a build, below its output.

    >>> build_folder("20260101T000000000000Z-0a1b2c3d")
    'builds/20260101T000000000000Z-0a1b2c3d'
    """
    return f"{BUILDS}/{build}"


def unfinished_folder(build: str) -> str:
    """The directory of what a build leaves while it is under way, below its output."""
    return f"{UNFINISHED}/{build}"


def manifest_path(build: str) -> str:
    """The manifest of a build, below its output."""
    return f"{build_folder(build)}/{MANIFEST}"
