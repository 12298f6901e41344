"""Names of files and directories below an output."""

from __future__ import annotations

BUILDS = "builds"


UNFINISHED = "unfinished"
"""The directory below an output for claims, and for what a build leaves for its continuation; gone when nothing is under way."""
