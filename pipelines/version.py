"""The version, which is part of a build's identity."""

VERSION = "0.1.0"
