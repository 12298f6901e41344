"""Places to keep files in."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest


@pytest.fixture
def memory() -> Iterator[str]:
    """The URL of a directory in memory that is gone after the test."""
    name = uuid4().hex
    yield f"memory://{name}"
    with contextlib.suppress(FileNotFoundError):
        fsspec.filesystem("memory").rm(f"/{name}", recursive=True)


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A directory of another user, read-only, for tests that root's rights would defeat."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "closed").mkdir()
        (folder / "closed" / "1.jpg").write_bytes(b"x")
        (folder / "closed").chmod(0)
        folder.chmod(0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(user)
            folder.chmod(0o700)
            (folder / "closed").chmod(0o700)
