"""Builds that several tests look at, each made once."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A directory for the builds of one module."""
    return tmp_path_factory.mktemp(request.module.__name__.rpartition(".")[2])
