"""The version is that of the distribution."""

from __future__ import annotations

from importlib.metadata import version

from labelbeam.pipelines.version import VERSION


def test_the_version_is_the_distribution_s() -> None:
    assert version("labelbeam") == VERSION
