"""The version, which is part of a build's identity."""

from __future__ import annotations

VERSION = "0.2.0"
