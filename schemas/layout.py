"""Names of files and directories below an output."""

from __future__ import annotations

BUILDS = "builds"
"""The directory of builds."""

UNFINISHED = "unfinished"
"""The directory of claims, and of what a build leaves for its continuation; gone when nothing is under way."""

LATEST = "latest.json"
"""The pointer to the build in force."""

MANIFEST = "manifest.json"
"""The manifest of a build, in its directory."""


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
